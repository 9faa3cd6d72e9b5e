"""How a column changed: each kind of change is named, with its figures, and an unchanged column says nothing."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from airflow_provider_mlops.statistics.category_changes import FEWEST_ROWS, category_changes
from airflow_provider_mlops.statistics.columns import Categories, ColumnSample, Numbers, Summary
from airflow_provider_mlops.statistics.drift_cause import changes_of, merged
from airflow_provider_mlops.statistics.profile_spec import NEW

RANDOM = np.random.default_rng(3)
MILES, LATER = RANDOM.gamma(2, 500, 4_000), RANDOM.gamma(2, 500, 2_000)
CELSIUS, WARMER = RANDOM.normal(15, 8, 4_000), RANDOM.normal(16, 8, 2_000)
SIGMA, AGAIN = RANDOM.normal(0, 1, 4_000), RANDOM.normal(0, 1, 2_000)
SOME = RANDOM.random(2_000) < 0.25


def numbers(values: Any) -> Numbers:
    return Numbers.of(ColumnSample("numeric", np.asarray(values, dtype=float)))


def counts(**rows: int) -> Categories:
    return Categories(Counter(rows), 0)


def kinds(was: Any, now: Any) -> list[str]:
    return [change.kind for change in changes_of(numbers(was), numbers(now))]


@pytest.mark.parametrize(
    ("was", "now", "units"),
    [
        (MILES, LATER * 1.609344, "miles -> kilometres"),
        (MILES, LATER / 1.609344, "kilometres -> miles"),
        (MILES, LATER * 1000, "thousands -> units"),
        (SIGMA, AGAIN * 2.54, "inches -> centimetres"),
        (MILES, LATER * 25.4, "inches -> millimetres"),
        (CELSIUS, WARMER * 1.8 + 32, "degrees Celsius -> degrees Fahrenheit"),
        (CELSIUS * 1.8 + 32, WARMER, "degrees Fahrenheit -> degrees Celsius"),
        (CELSIUS, WARMER + 273.15, "degrees Celsius -> kelvins"),
        (MILES, -LATER, "sign turned"),
    ],
)
def test_a_known_conversion_is_named(was: Any, now: Any, units: str) -> None:
    """Undone, it explains the difference."""
    (change,) = changes_of(numbers(was), numbers(now))

    assert change.kind == "unit_change"
    assert change.numbers["units"] == units


@pytest.mark.parametrize(
    ("was", "now", "kind"),
    [
        (SIGMA, np.where(SOME, np.nan, AGAIN), "null_rate"),
        (SIGMA, AGAIN + 0.5, "location"),
        (SIGMA, AGAIN * 1.6, "spread"),
        (CELSIUS, WARMER + 10, "location"),
        (MILES, np.minimum(LATER, 1500), "clipping"),
        (MILES, np.where(SOME, 0.0, LATER), "filled_value"),
        (CELSIUS, np.where(SOME, -999.0, WARMER), "filled_value"),
        (CELSIUS, np.round(WARMER), "rounded"),
        (SIGMA, np.ones(100), "constant"),
        (SIGMA, np.where(SOME, np.inf, AGAIN), "infinite"),
        (RANDOM.uniform(-1, 1, 4_000), np.where(SOME, -0.9, 0.3) + AGAIN / 99, "shape"),
    ],
)
def test_other_changes_of_numbers_are_named(was: Any, now: Any, kind: str) -> None:
    """A shift is no unit change, and a filler is no shift."""
    found = kinds(was, now)

    assert kind in found or (kind == "shape" and found)
    assert "unit_change" not in found


def test_an_unchanged_column_says_nothing() -> None:
    """Chance alone is no cause."""
    assert kinds(SIGMA, AGAIN) == []
    assert kinds([], []) == []
    assert kinds([np.nan] * 5, [1.0]) == ["null_rate"]


def test_another_type_is_a_structure() -> None:
    """Words where numbers were."""
    was: Summary = numbers(SIGMA)
    (change,) = changes_of(was, counts(a=5))

    assert change.text == "held numbers and now holds categories"


def test_swapped_renamed_new_and_vanished_categories_are_told_apart() -> None:
    """Each by what happened to the shares."""
    swap = category_changes(counts(a=500, b=300, c=200), counts(a=300, b=505, c=195))
    rename = category_changes(counts(EWR=500, JFK=500), counts(ewr=480, JFK=520))
    new = category_changes(counts(a=900, b=100), counts(a=500, z=500))
    moved = category_changes(counts(a=500, b=500), counts(a=900, b=100))

    assert [change.kind for change in swap] == ["swapped_categories"]
    assert rename[0].numbers["to"] == "ewr"
    assert {change.kind for change in new} >= {"new_category", "vanished_category"}
    assert [change.kind for change in moved] == ["shares"]


def test_categories_that_a_profile_counts_together_have_no_name() -> None:
    """A profile does not name what its reference has never had; a share stands once where there is one."""
    change, *_ = category_changes(counts(a=1000), Categories(Counter({"a": 980, NEW: 20}), 0))

    assert change.text == "new: what the reference has never had (2.0%)"


def test_names_of_few_rows_are_never_shown() -> None:
    """They may be those of persons."""
    rare = {f"person-{number}": FEWEST_ROWS - 1 for number in range(30)}
    text = " ".join(change.text for change in category_changes(counts(a=1000), counts(a=1000, **rare)))

    assert "person" not in text
    assert "30 rare ones" in text


def test_a_season_is_no_change_of_unit() -> None:
    """From winter to May temperatures rise by the factor of a mile, and nobody has measured in kilometres."""
    rng = np.random.default_rng(5)
    winter, may = rng.normal(36, 9, 5000), rng.normal(60, 7, 2000)

    assert "unit_change" not in kinds(winter, may)
    assert "location" in kinds(winter, may)


def test_a_break_between_two_partitions_comes_before_the_season() -> None:
    """Against last winter a temperature is only lower; against last month it is in another unit."""
    winter, april = numbers(CELSIUS * 1.8 + 32), numbers(CELSIUS * 1.8 + 60)
    may = numbers((WARMER * 1.8 + 62 - 32) / 1.8)

    found = merged(changes_of(winter, may), changes_of(april, may))

    assert found[0].kind == "unit_change"
    assert found[0].text.endswith("(from the partition before)")
    assert "location" not in [change.kind for change in found]
