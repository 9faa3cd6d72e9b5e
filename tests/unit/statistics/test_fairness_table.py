"""The table of groups."""

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

from airflow_provider_mlops.core.canonical import canonical_json
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.fairness import fairness_table
from airflow_provider_mlops.statistics.fairness_compare import Comparison
from airflow_provider_mlops.statistics.fairness_groups import cells_of, groups_of
from airflow_provider_mlops.statistics.intervals import wilson
from airflow_provider_mlops.statistics.score_table import ScoreTable


def table(n: int = 1_000, seed: int = 1) -> ScoreTable:
    random = np.random.default_rng(seed)
    labels = (random.random(n) < 0.3).astype(float)
    scores = np.clip(0.3 * labels + 0.7 * random.random(n), 0, 1)
    origin = random.choice(np.array(["EWR", "JFK", "LGA"], dtype=object), n, p=[0.3, 0.5, 0.2])
    carrier = random.choice(np.array(["AA", "UA"], dtype=object), n)
    return ScoreTable(labels, scores, None, {"origin": origin, "carrier": carrier})


def test_rates_equal_fairlearn() -> None:
    """Three rates of each group."""
    rows = table()
    frame = MetricFrame(
        metrics={
            "selection_rate": selection_rate,
            "true_positive_rate": true_positive_rate,
            "false_positive_rate": false_positive_rate,
        },
        y_true=rows.labels,
        y_pred=(rows.candidate >= 0.5).astype(float),
        sensitive_features=rows.slices["origin"],
    ).by_group

    for row in fairness_table(rows, ["origin"], 0.5, 0.9):
        for name in frame.columns:
            assert row[name] == pytest.approx(frame.loc[row["group"], name], abs=1e-12)


def test_intervals_are_those_of_the_rules() -> None:
    """Wilson for a group's rate, the score interval for the comparison."""
    rows = table()
    found = {row["group"]: row for row in fairness_table(rows, ["origin"], 0.5, 0.9)}
    own = wilson(round(found["LGA"]["selection_rate"] * found["LGA"]["n"]), found["LGA"]["n"], 0.9)
    cells = cells_of(groups_of({"origin": rows.slices["origin"]}), rows.labels == 1, rows.candidate, 0.5)

    assert (found["LGA"]["selection_rate_low"], found["LGA"]["selection_rate_high"]) == pytest.approx(
        (own.low, own.high)
    )
    for name in ("demographic_parity_ratio", "equal_opportunity_difference", "calibration_gap"):
        bounds = Comparison(name, cells, 1).bounds(0.9)
        assert found["LGA"][f"{name}_low"] == pytest.approx(bounds.low[2], abs=1e-9)


def test_the_largest_group_is_the_reference_unless_another_is_named() -> None:
    """The reference is not compared with itself."""
    rows = table()
    default, named = (fairness_table(rows, ["origin"], 0.5, 0.9, reference=name) for name in (None, "LGA"))

    assert {row["reference"] for row in default} == {"JFK"}
    assert default[1]["demographic_parity_ratio"] is None
    assert named[2]["demographic_parity_ratio"] is None
    assert named[1]["demographic_parity_ratio"] == pytest.approx(1 / default[2]["demographic_parity_ratio"])


def test_what_cannot_be_measured_is_none() -> None:
    """A group without positives, of few rows: JSON-safe nulls, not NaN."""
    rows = table()
    origin = rows.slices["origin"].copy()
    origin[np.flatnonzero(rows.labels == 0)[:5]] = "TEB"
    found = fairness_table(ScoreTable(rows.labels, rows.candidate, None, {"origin": origin}), ["origin"], 0.5, 0.9)
    teb = found[-1]
    canonical_json(found)

    assert (teb["group"], teb["n"], teb["positives"]) == ("TEB", 5, 0)
    assert teb["true_positive_rate"] is teb["calibration"] is teb["equal_opportunity_difference_high"] is None
    assert teb["selection_rate"] is not None


def test_intersections_are_rows_of_their_own() -> None:
    """Two columns, six groups, all rows counted once."""
    found = fairness_table(table(), ["origin", "carrier"], 0.5, 0.9)

    assert found[0]["group"] == "origin=EWR, carrier=AA"
    assert sum(row["n"] for row in found) == 1_000


def test_what_is_no_binary_table_with_that_column_is_refused() -> None:
    """Wrong task, wrong column, wrong reference, NaN."""
    rows = table()
    with pytest.raises(BadInput, match="binary"):
        fairness_table(ScoreTable(rows.labels, rows.candidate, task="regression"), ["origin"], 0.5, 0.9)
    with pytest.raises(BadInput, match="no slice column 'sex'; they have: origin, carrier"):
        fairness_table(rows, ["sex"], 0.5, 0.9)
    with pytest.raises(BadInput, match="no slice column"):
        fairness_table(rows, [], 0.5, 0.9)
    with pytest.raises(BadInput, match="no group 'TEB'"):
        fairness_table(rows, ["origin"], 0.5, 0.9, reference="TEB")
    with pytest.raises(NotMeasurable, match="threshold"):
        fairness_table(rows, ["origin"], float("nan"), 0.9)
    with pytest.raises(NotMeasurable, match="NaN"):
        fairness_table(ScoreTable(rows.labels, rows.candidate * np.nan, None, rows.slices), ["origin"], 0.5, 0.9)


def test_weighted_rows_have_weighted_rates() -> None:
    """Equal weights change nothing; unequal ones give the weighted rate and a wider interval."""
    rows = table()
    same = ScoreTable(rows.labels, rows.candidate, None, rows.slices, weights=np.full(rows.rows, 2.0))
    mass = np.random.default_rng(2).choice([0.2, 3.0], rows.rows)
    weighted = fairness_table(
        ScoreTable(rows.labels, rows.candidate, None, rows.slices, weights=mass), ["origin"], 0.5, 0.9
    )
    plain, mine = fairness_table(rows, ["origin"], 0.5, 0.9), rows.slices["origin"] == "EWR"

    assert fairness_table(same, ["origin"], 0.5, 0.9)[0] == pytest.approx(plain[0])
    assert weighted[0]["selection_rate"] == pytest.approx(np.average(rows.candidate[mine] >= 0.5, weights=mass[mine]))
    assert weighted[0]["n"] == plain[0]["n"]
    width = [row["selection_rate_high"] - row["selection_rate_low"] for row in (plain[0], weighted[0])]
    assert width[1] > 1.2 * width[0]


def test_too_many_groups_are_no_table() -> None:
    """A row id is no group."""
    rows = table()
    ids = ScoreTable(rows.labels, rows.candidate, None, {"id": np.arange(1_000).astype(str)})

    with pytest.raises(NotMeasurable, match="1,000 groups"):
        fairness_table(ids, ["id"], 0.5, 0.9)
