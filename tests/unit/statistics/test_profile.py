"""Profiles: days make weeks in any order, every row is counted once, and what was written is read."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_mlops.core.canonical import canonical_json
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.statistics.columns import Categories, ColumnSample, Numbers
from airflow_provider_mlops.statistics.profile import CategoryProfile, NumberProfile, Profile, merged
from airflow_provider_mlops.statistics.profile_spec import CategorySpec, NumberSpec, ProfileSpec, freeze
from airflow_provider_mlops.statistics.profiling import assembled, empty_profile, tally_of

RANDOM = np.random.default_rng(3)
NUMBERS = Numbers.of(ColumnSample("numeric", RANDOM.normal(size=5_000)))
TEXTS = Categories.of(ColumnSample("categorical", RANDOM.choice(["a", "b", "c"], 5_000).astype(object)))
SPEC = freeze([("x", NUMBERS), ("t", TEXTS)], grid=64)
VALUES = st.floats(allow_nan=True, allow_infinity=True, width=16)
DAYS = st.lists(
    st.lists(st.tuples(VALUES, st.sampled_from(["a", "b", "new", "other new", None])), max_size=25),
    min_size=1,
    max_size=7,
)


def profile(rows: list[tuple[float, Any]]) -> Profile:
    """Count rows of a number and a text."""
    numbers, texts = tally_of(SPEC.columns["x"]), tally_of(SPEC.columns["t"])
    numbers.add(np.array([value for value, _ in rows], dtype=float))
    counts: dict[str | None, int] = {}
    for _, text in rows:
        counts[text] = counts.get(text, 0) + 1
    texts.add(counts)
    return assembled(SPEC, len(rows), {"x": numbers.result(), "t": texts.result()}, {})


def counts_of(found: Profile) -> dict[str, Any]:
    """Everything of a profile that is exact."""
    content = json.loads(canonical_json(found.to_dict()))
    content["columns"]["x"].pop("moments")
    return content


def numbers_of(found: Profile) -> NumberProfile:
    column = found.columns["x"]
    assert isinstance(column, NumberProfile)
    return column


def categories_of(found: Profile) -> CategoryProfile:
    column = found.columns["t"]
    assert isinstance(column, CategoryProfile)
    return column


@given(DAYS)
def test_days_merge_into_the_week(days: list[list[tuple[float, Any]]]) -> None:
    """Counts to the bit, moments to 1e-12 of their scale; in both orders, in two halves, with the empty profile."""
    each = [profile(day) for day in days]
    week = profile([row for day in days for row in day])
    half = len(each) // 2
    ways = [
        merged(each),
        merged(each[::-1]),
        merged([*each, empty_profile(SPEC)]),
        merged([empty_profile(SPEC), *each]),
    ]
    if half:
        ways.append(merged(each[:half]).merge(merged(each[half:])))
    whole = numbers_of(week).moments
    scale = max(1.0, (whole.m4 / max(1, whole.n)) ** 0.25, abs(whole.mean)) if np.isfinite(whole.m4) else None
    for way in ways:
        assert counts_of(way) == counts_of(week)
        found = numbers_of(way).moments
        if scale is not None:
            for power, name in enumerate(("mean", "m2", "m3", "m4"), 1):
                apart = abs(getattr(found, name) - getattr(whole, name))
                assert apart <= 1e-12 * max(1, whole.n) * scale**power


@given(DAYS)
def test_every_row_is_counted_once(days: list[list[tuple[float, Any]]]) -> None:
    """In a bin, as an infinity or as a null; under a name, as other, as new or as a null."""
    rows = [row for day in days for row in day]
    found = profile(rows)
    numbers, texts = numbers_of(found), categories_of(found)

    assert int(numbers.bins.sum()) + numbers.nulls + numbers.below + numbers.above == len(rows)
    assert int(texts.counts.sum()) + texts.other + texts.new + texts.nulls == len(rows)


def test_a_bin_holds_its_upper_edge() -> None:
    """The convention of the edges, which alone can move Jensen-Shannon by a sixth on tied values."""
    spec = NumberSpec("feature", np.array([1.0, 2.0]), (0, 1))
    tally = tally_of(spec)
    tally.add(np.array([0.5, 1.0, 1.5, 2.0, 2.5, np.inf, -np.inf, np.nan]))
    found = tally.result()

    assert isinstance(found, NumberProfile)
    assert found.bins.tolist() == [2, 2, 1]
    assert (found.below, found.above, found.nulls, found.smallest, found.largest) == (1, 1, 1, 0.5, 2.5)


def test_the_grid_holds_the_coarse_bins() -> None:
    """PSI needs no second histogram."""
    spec = SPEC.columns["x"]
    assert isinstance(spec, NumberSpec)
    assert (
        spec.edges[list(spec.coarse)].tolist()
        == np.quantile(NUMBERS.ordered, np.arange(1, 10) / 10, method="inverted_cdf").tolist()
    )


@pytest.mark.parametrize(("complete", "expected"), [(True, (1, 2)), (False, (3, 0))])
def test_known_and_new_categories_are_told_apart(complete: bool, expected: tuple[int, int]) -> None:
    """What the reference knew and does not list is other; where it had too many to name, nothing is called new."""
    tally = tally_of(CategorySpec("label", ("a",), ("b",), complete))
    tally.add({"a": 5, "b": 1, "z": 2, None: 4})
    found = tally.result()

    assert isinstance(found, CategoryProfile)
    assert (found.counts.tolist(), (found.other, found.new), found.nulls) == ([5], expected, 4)


def test_a_hundred_thousand_categories_stay_bounded() -> None:
    """A thousand are counted one by one; of the new ones twenty are named."""
    many = Categories.of(ColumnSample("categorical", np.array([f"k{i}" for i in range(100_000)], dtype=object)))
    spec = freeze([("t", many)]).columns["t"]
    tally = tally_of(spec)
    tally.add({f"n{i:04}": 1 for i in range(500)} | {"k99999": 7})
    found = tally.result()

    assert isinstance(spec, CategorySpec)
    assert len(spec.listed) == 1_000
    assert isinstance(found, CategoryProfile)
    assert (found.new, found.new_names) == (500, tuple(f"n{i:04}" for i in range(20)))
    assert found.other + int(found.counts.sum()) == 7


@pytest.mark.parametrize("values", [[], [np.nan] * 9, [np.inf] * 9, [3.0] * 9])
def test_a_hopeless_reference_still_has_a_specification(values: list[float]) -> None:
    """Empty, null, infinite and constant columns have few bins or one."""
    spec = freeze([("x", Numbers.of(ColumnSample("numeric", np.array(values, dtype=float))))])
    tally = tally_of(spec.columns["x"])
    tally.add(np.array([1.0, 3.0, 5.0]))
    found = tally.result()

    assert isinstance(found, NumberProfile)
    assert int(found.bins.sum()) == 3
    assert len(found.bins) == (2 if values[:1] == [3.0] else 1)
    assert len(found.at_edges) == len(found.bins) - 1


def test_what_was_written_is_read() -> None:
    """Specification and profile keep their hash through JSON."""
    found = profile([(1.5, "a"), (np.nan, None), (1e300, "new"), (np.inf, "b")])
    spec = ProfileSpec.from_dict(json.loads(canonical_json(SPEC.to_dict())))
    again = Profile.from_dict(json.loads(canonical_json(found.to_dict())))

    assert spec.hash == SPEC.hash == again.spec_hash
    assert again.hash == found.hash


def test_profiles_of_two_specifications_do_not_merge() -> None:
    """Their bins differ."""
    other = freeze([("x", NUMBERS), ("t", TEXTS)], grid=32)
    with pytest.raises(BadInput, match="cannot be merged: their bins differ"):
        profile([]).merge(empty_profile(other))
    with pytest.raises(BadInput, match="no profile to merge"):
        merged([])


@pytest.mark.parametrize(
    "content", [{}, {"schema": 2}, {"schema": 1}, {"schema": 1, "columns": {"x": {"kind": "odd"}}}]
)
def test_what_is_no_profile_is_refused(content: dict[str, Any]) -> None:
    """A broken file is broken evidence."""
    for kind in (Profile, ProfileSpec):
        with pytest.raises(EvidenceBroken):
            kind.from_dict(content)


def test_a_slice_column_needs_few_values() -> None:
    """Every slice is a profile of its own."""
    with pytest.raises(BadInput, match="must have 1 to 50"):
        freeze([("t", TEXTS)], slices={"t": [str(i) for i in range(51)]})
