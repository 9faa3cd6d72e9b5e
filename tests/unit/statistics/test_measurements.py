"""What an evaluation records: every metric of every version, and by slices."""

import numpy as np
import pytest

from airflow_provider_mlops.core.canonical import canonical_json
from airflow_provider_mlops.core.dependence import Dependence
from airflow_provider_mlops.statistics.measurements import measure_all, measure_slices
from airflow_provider_mlops.statistics.metrics import METRICS
from airflow_provider_mlops.statistics.score_table import ScoreTable


def table(n: int = 600, *, golden: bool = True) -> ScoreTable:
    random = np.random.default_rng(1)
    labels = (random.random(n) < 0.4).astype(float)
    scores = [np.clip(labels * 0.3 + 0.7 * random.random(n), 0, 1) for _ in range(3)]
    slices = {
        "origin": np.array(["EWR", "JFK"], dtype=object)[random.integers(0, 2, n)],
        "id": np.arange(n).astype(str),
    }
    return ScoreTable(labels, scores[0], scores[1], slices, golden=scores[2] if golden else None)


def test_all_metrics_of_the_task_are_measured() -> None:
    """Without names: what the task has, JSON-safe; a metric of another task is not among them."""
    record = measure_all(table(), None, 0.9)
    canonical_json(record)

    assert set(record) == {name for name, metric in METRICS.items() if metric.task == "binary"}


def test_golden_is_measured_beside_the_champion() -> None:
    """Both differences are the candidate's."""
    record = measure_all(table(), ["accuracy"], 0.9)["accuracy"]

    for other, difference in (("champion", "difference"), ("golden", "golden_difference")):
        gap = record["candidate"]["value"] - record[other]["value"]
        assert record[difference]["value"] == pytest.approx(gap)
    without = measure_all(table(golden=False), ["accuracy"], 0.9)["accuracy"]
    assert without["golden"] is without["golden_difference"] is None


def test_a_part_that_cannot_be_measured_does_not_hide_the_others() -> None:
    """NaN scores of the champion: the candidate is measured all the same."""
    rows = table()
    record = measure_all(
        ScoreTable(rows.labels, rows.candidate, np.full(rows.rows, np.nan), golden=rows.golden), ["roc_auc"], 0.9
    )["roc_auc"]

    assert record["candidate"] is not None
    assert record["golden_difference"] is not None
    assert record["champion"] is record["difference"] is None
    assert "NaN" in record["reason"]


def test_dependence_and_thresholds_are_kept() -> None:
    """Clusters widen the interval, an operating threshold that is missing is said."""
    rows = table()
    together = measure_all(rows, ["accuracy"], 0.9, dependence=Dependence(cluster="id"))["accuracy"]
    missing = measure_all(rows, ["accuracy"], 0.9, dependence=Dependence(cluster="session"))["accuracy"]
    operating = measure_all(rows, ["accuracy", "roc_auc"], 0.9, threshold="operating")

    assert together["candidate"]["method"].startswith("cluster_bootstrap")
    assert missing["candidate"] is None
    assert "no column 'session'" in missing["reason"]
    assert operating["accuracy"]["candidate"] is None
    assert operating["roc_auc"]["candidate"] is not None


def test_slices_are_measured_one_by_one() -> None:
    """The slices' rows add up; each has its value with bounds."""
    found = measure_slices(table(), "accuracy", ["origin"], 0.9)
    canonical_json(found)

    assert [one["value"] for one in found] == ["EWR", "JFK"]
    assert sum(one["n"] for one in found) == 600
    assert all(one["candidate"]["low"] < one["candidate"]["value"] < one["candidate"]["high"] for one in found)


def test_a_column_that_cannot_be_cut_is_said() -> None:
    """Endless values, no such column: one line with the reason."""
    endless, missing = measure_slices(table(), "accuracy", ["id", "carrier"], 0.9)

    assert "600 values" in endless["reason"]
    assert "no slice column 'carrier'" in missing["reason"]
    assert endless["candidate"] is None
