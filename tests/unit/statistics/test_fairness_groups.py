"""Groups of rows, their names, and what is counted in each."""

import numpy as np
import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.fairness_groups import cells_of, group_name, groups_of, sums_of


def column(*values: object) -> np.ndarray:
    return np.array(values, dtype=object)


def test_groups_are_ordered_by_their_values() -> None:
    """Whatever the order of the rows."""
    groups = groups_of({"origin": column("LGA", "EWR", "JFK", "EWR")})

    assert groups.names == ("EWR", "JFK", "LGA")
    assert groups.codes.tolist() == [2, 0, 1, 0]


def test_rows_without_a_value_are_a_group() -> None:
    """None and NaN are one group, not dropped."""
    groups = groups_of({"origin": column("EWR", None, float("nan"))})

    assert groups.names == ("(none)", "EWR")
    assert groups.codes.tolist() == [1, 0, 0]


def test_intersections_that_do_not_occur_are_no_groups() -> None:
    """Two columns, three of their four intersections."""
    groups = groups_of({"origin": column("JFK", "EWR", "JFK"), "carrier": column("AA", "AA", "UA")})

    assert groups.names == ("origin=EWR, carrier=AA", "origin=JFK, carrier=AA", "origin=JFK, carrier=UA")
    assert groups.codes.tolist() == [1, 0, 2]


@pytest.mark.parametrize("values", [np.array([2, 1, 2]), np.array(["b", "a", "b"]), np.array([True, False, True])])
def test_numbers_and_texts_group_alike(values: np.ndarray) -> None:
    """Any kind of column can be one of groups."""
    assert groups_of({"x": values}).codes.tolist() == [1, 0, 1]


def test_row_ids_are_no_groups() -> None:
    """Two columns of ids have more intersections than anyone can want."""
    ids = np.arange(2_000).astype(str)

    with pytest.raises(NotMeasurable, match="too many to be groups"):
        groups_of({"a": ids, "b": ids})


def test_a_reference_has_a_value_per_column() -> None:
    """Else nobody knows which group is meant."""
    with pytest.raises(BadInput, match="one value for each of the columns origin, carrier"):
        group_name(("origin", "carrier"), ("JFK",))


def test_cells_count_labels_and_decisions() -> None:
    """Against a loop over the rows; a score at the threshold is decided for."""
    random = np.random.default_rng(2)
    groups = groups_of({"x": random.integers(0, 3, 500)})
    positive, scores = random.random(500) < 0.3, random.integers(0, 5, 500) / 4
    cells = cells_of(groups, positive, scores, 0.5)
    expected = np.zeros((3, 2, 2))
    for code, label, score in zip(groups.codes, positive, scores, strict=True):
        expected[code, int(label), int(score >= 0.5)] += 1
    gap = scores[groups.codes == 1] - positive[groups.codes == 1]

    assert cells.table.tolist() == expected.tolist()
    assert cells.gaps[1] / cells.rows[1] == pytest.approx(gap.mean())
    assert cells.squares[1] / cells.rows[1] == pytest.approx((gap**2).mean())


def test_sums_of_weights_are_counts_of_repeated_rows() -> None:
    """A weight of two is the row twice."""
    random = np.random.default_rng(3)
    codes, positive, scores = random.integers(0, 2, 60), random.random(60) < 0.5, random.random(60)
    times = random.integers(0, 3, 60)
    groups = groups_of({"x": codes})
    once = sums_of(groups, positive, scores >= 0.5, scores - positive, weights=times.astype(float))
    repeated = cells_of(groups_of({"x": codes.repeat(times)}), positive.repeat(times), scores.repeat(times), 0.5)

    assert once.table.tolist() == repeated.table.tolist()
    assert once.gaps == pytest.approx(repeated.gaps)
