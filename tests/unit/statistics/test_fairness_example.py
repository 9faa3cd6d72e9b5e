"""What the page on fairness rules shows runs, and says what the page says."""

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from airflow_provider_mlops.statistics.fairness import fairness_table

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"


@pytest.fixture
def example() -> dict[str, Any]:
    """Return the names of the example."""
    return runpy.run_path(str(EXAMPLES / "try_fairness.py"))


def rows() -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    random = np.random.default_rng(3)
    n = 20_000
    origin = random.choice(np.array(["JFK", "LGA", "EWR", "TEB"], dtype=object), n, p=[0.4, 0.3, 0.295, 0.005])
    labels = (random.random(n) < 0.3).astype(float)
    scores = np.clip(0.25 * labels + 0.6 * random.random(n) - 0.08 * (origin == "LGA"), 0, 1)
    carrier = random.choice(np.array(["AA", "UA"], dtype=object), n)
    return labels, scores, {"origin": origin, "carrier": carrier}


def test_the_policy_of_the_page_judges_every_group(example: dict[str, Any]) -> None:
    """A group alike, a group treated worse, a group too small, and the intersections."""
    lines = example["try_fairness"](EXAMPLES / "fairness_policy.yaml", *rows())
    starts = [line.partition(":")[0] for line in lines]

    assert starts[:3] == [
        "PASS alarms_by_origin[EWR]",
        "FAIL alarms_by_origin[LGA]",
        "INCONCLUSIVE alarms_by_origin[TEB]",
    ]
    assert "INCONCLUSIVE odds_by_both[origin=TEB, carrier=UA]" in starts


def test_the_table_and_the_measure_of_the_page(example: dict[str, Any]) -> None:
    """A row per group; the others are decided for less often than JFK."""
    labels, scores, columns = rows()

    assert [row["group"] for row in example["groups"](labels, scores, columns["origin"])] == [
        "EWR",
        "JFK",
        "LGA",
        "TEB",
    ]
    assert 0.7 < example["impact_on_others"](labels, scores, columns["origin"]) < 1
    assert example["fairness_table"] is fairness_table
