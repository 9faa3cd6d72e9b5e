"""The page of the metrics says what the registry holds."""

import re
from pathlib import Path

from airflow_provider_mlops.statistics.metrics import METRICS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"


def _row(name: str) -> list[str]:
    (row,) = re.findall(
        rf"^\| `{name}` \| (.* \| (?:binary|multiclass|regression) .*) \|$", PAGE.read_text(), re.MULTILINE
    )
    return [cell.strip() for cell in row.split("|")]


def test_every_metric_stands_there_as_it_is() -> None:
    """Task, direction, threshold and params with their defaults."""
    for name, metric in METRICS.items():
        params = ", ".join(f"`{param}` {value:g}" for param, value in metric.params.items()) or "–"
        direction, threshold = (
            ("higher" if metric.higher_is_better else "lower"),
            ("yes" if metric.thresholded else "–"),
        )
        assert _row(name)[1:] == [metric.task, direction, threshold, params], name


def test_every_metric_has_its_interval_and_minimum_there() -> None:
    """Rows that it needs, of each class or in all."""
    table = PAGE.read_text().partition("## Intervals")[2].partition("\n- Exact")[0]
    needs = {
        name: row.split("|")[2]
        for row in table.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }

    assert set(needs) == set(METRICS)
    for name, metric in METRICS.items():
        least = f"{metric.least_rows} rows" if metric.least_rows > 1 else f"{max(metric.least, 1)} row"
        assert least in needs[name], name
