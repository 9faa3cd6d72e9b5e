"""Which checks a file may state, and what they say of counts."""

from typing import Any

import pytest

from airflow_provider_mlops.core import data_check_rules as rules
from airflow_provider_mlops.core.data_checks import (
    DataChecks,
    DuplicatesCheck,
    LabelsCheck,
    OverlapCheck,
    TimeOrderCheck,
)
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.verdict import Outcome

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
DAY = 86_400_000_000


def read(*checks: dict[str, Any]) -> DataChecks:
    """Read checks."""
    return DataChecks.from_mapping({"schema": 1, "name": "c", "checks": list(checks)})


def test_checks_are_read() -> None:
    """Lists become tuples, what is not said has its default."""
    (check,) = read({"name": "a", "kind": "overlap", "key": ["x"]}).checks

    assert check == OverlapCheck(name="a", key=("x",))


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ({"kind": "overlap", "key": ["x"], "column": "y"}, "'a' has the unknown key 'column'"),
        ({"kind": "overlap"}, "'a' of the kind overlap needs key"),
        ({"kind": "labels"}, "'a' of the kind labels needs column"),
        ({"kind": "groups", "column": "g", "reference": {"a": 0.4, "b": 0.4}}, "add up to 0.8, not to 1"),
        ({"kind": "row_count", "partitions": 2, "at_least": 3}, "looks at 2 partitions and needs 3"),
        ({"kind": "labels", "column": "y", "classes": ["a", "a"]}, "names a class twice"),
    ],
)
def test_what_is_wrong_is_named(check: dict[str, Any], words: str) -> None:
    """A key that another kind has is unknown to this one."""
    with pytest.raises(BadInput, match=words):
        read({"name": "a", **check})


def test_names_are_unique() -> None:
    """A verdict names its rules."""
    with pytest.raises(BadInput, match="'a' is there twice"):
        read({"name": "a", "kind": "duplicates"}, {"name": "a", "kind": "duplicates"})


@pytest.mark.parametrize(("different", "share", "outcome"), [(100, 0, PASS), (99, 0, FAIL), (99, 0.01, PASS)])
def test_duplicates(different: int, share: float, outcome: Outcome) -> None:
    """The larger share of the two sides decides; the limit itself is allowed."""
    check = DuplicatesCheck(name="d", max_share=share)

    assert rules.judge_duplicates(check, {"train": (100, 100), "test": (100, different)}).outcome is outcome


@pytest.mark.parametrize(
    ("shared", "missing", "outcome"), [(0, 0, PASS), (1, 0, FAIL), (0, 2, INCONCLUSIVE), (1, 2, FAIL)]
)
def test_overlap(shared: int, missing: int, outcome: Outcome) -> None:
    """Rows without a key may be any: nobody can say that they are not shared."""
    result = rules.judge_overlap(OverlapCheck(name="o", key=("id",)), rows=50, shared=shared, missing=missing)

    assert result.outcome is outcome


@pytest.mark.parametrize(
    ("ends", "starts", "missing", "outcome", "words"),
    [
        (DAY - 1, DAY, 0, PASS, "training ends at 1970-01-01T23:59:59.999999+00:00"),
        (DAY, DAY, 0, FAIL, "time goes back: train ends at 1970-01-02T00:00:00+00:00, test begins at"),
        (DAY - 1, DAY, 3, INCONCLUSIVE, "3 rows have no time"),
        (None, DAY, 0, INCONCLUSIVE, "there are no training rows"),
        (1 << 62, 5, 0, FAIL, "us"),
    ],
)
def test_time_order(ends: int | None, starts: int, missing: int, outcome: Outcome, words: str) -> None:
    """Equal is not before; a time that nobody knows proves nothing."""
    train = rules.Span(name="train", first=0, last=ends, missing=missing)
    test = rules.Span(name="test", first=starts, last=2 * DAY, missing=0)
    result = rules.judge_time_order(TimeOrderCheck(name="t", column="time"), [train], train, test)

    assert result.outcome is outcome
    assert words in result.reason


def test_partitions_in_order() -> None:
    """Partitions that overlap among themselves are told, too."""
    spans = [rules.Span(name=str(n), first=n * DAY, last=(n + 2) * DAY, missing=0) for n in range(3)]
    train = rules.Span(name="train", first=0, last=4 * DAY, missing=0)
    test = rules.Span(name="test", first=9 * DAY, last=9 * DAY, missing=0)

    assert "0 ends at" in rules.judge_time_order(TimeOrderCheck(name="t", column="c"), spans, train, test).reason


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"counts": {0: 90, 1: 5, 2: 5}}, "train has the unknown classes 2"),
        ({"counts": {0: 100}}, "train has 0 rows of class 1, 5 are needed"),
        ({"missing": 60}, "0.4 of the train rows have a label, 0.5 must"),
        ({"repeated_ids": 2}, "2 train rows repeat an annotation (aid)"),
        ({"missing_ids": 3}, "3 labelled train rows have no aid"),
    ],
)
def test_labels(counts: dict[str, Any], words: str) -> None:
    """Each way in which labels are not sane is named with its side."""
    sane: dict[str, Any] = {"rows": 100, "counts": {0: 50, 1: 50}, "missing": 0}
    check = LabelsCheck(name="l", column="y", classes=(0, 1), min_rows=5, min_coverage=0.5, annotation_id="aid")
    sides = {"train": rules.LabelCounts(**{**sane, **counts}), "test": rules.LabelCounts(**sane)}

    result = rules.judge_labels(check, sides)
    assert result.outcome is FAIL
    assert words in result.reason
    assert rules.judge_labels(check, {"test": sides["test"]}).outcome is PASS


def test_labels_that_are_all_missing_fail() -> None:
    """Whatever the coverage that is asked for."""
    none = rules.LabelCounts(rows=10, counts={}, missing=10)

    assert rules.judge_labels(LabelsCheck(name="l", column="y"), {"train": none}).outcome is FAIL


def test_a_warning_passes_and_is_told() -> None:
    """As in a suite."""
    check = OverlapCheck(name="o", key=("id",), severity="warning")
    result = rules.with_severity(rules.judge_overlap(check, rows=50, shared=1, missing=0), check)

    assert result.outcome is PASS
    assert result.reason.startswith("warning: 1 of 50 test rows")


NAN = float("nan")


@pytest.mark.parametrize(
    "check",
    [
        {"kind": "duplicates", "max_share": NAN},
        {"kind": "overlap", "key": ["x"], "max_share": NAN},
        {"kind": "labels", "column": "y", "min_coverage": NAN},
        {"kind": "groups", "column": "g", "max_difference": NAN},
        {"kind": "row_count", "alpha": NAN},
        {"kind": "groups", "column": "g", "reference": {"a": NAN, "b": 1.0}},
        {"kind": "labels", "column": "y", "classes": [0, NAN]},
    ],
)
def test_a_limit_that_is_no_number_is_refused(check: dict[str, Any]) -> None:
    """Nothing is above it and nothing below: every check would pass."""
    with pytest.raises(BadInput, match="nan"):
        read({"name": "a", **check})


@pytest.mark.parametrize(
    ("train", "test", "share", "outcome"),
    [
        ((1, 1), (1, 1), 0, PASS),
        ((2, 1), (1, 1), 0, FAIL),
        ((2, 1), (1, 1), 0.5, PASS),  # the edge itself
        ((3, 1), (1, 1), 0.5, FAIL),
        ((0, 0), (1, 1), 1, FAIL),
        ((1, 1), (0, 0), 1, FAIL),
        ((0, 0), (0, 0), 1, FAIL),
    ],
)
def test_duplicates_at_the_edge(train: tuple[int, int], test: tuple[int, int], share: float, outcome: Outcome) -> None:
    """One row repeats none; no row proves nothing, whatever may repeat."""
    result = rules.judge_duplicates(DuplicatesCheck(name="d", max_share=share), {"train": train, "test": test})

    assert result.outcome is outcome


@pytest.mark.parametrize(
    ("rows", "shared", "missing", "share", "outcome"),
    [
        (1, 0, 0, 0, PASS),
        (1, 1, 0, 0, FAIL),
        (1, 1, 0, 1, PASS),
        (4, 1, 0, 0.25, PASS),  # the edge itself
        (4, 2, 0, 0.25, FAIL),
        (4, 1, 1, 0.25, INCONCLUSIVE),
        (0, 0, 0, 1, FAIL),
        (0, 0, 5, 1, FAIL),
    ],
)
def test_overlap_at_the_edge(rows: int, shared: int, missing: int, share: float, outcome: Outcome) -> None:
    """A row without a key may be any, so that it leaves open what would pass; no test row is never a pass."""
    check = OverlapCheck(name="o", key=("id",), max_share=share)

    assert rules.judge_overlap(check, rows=rows, shared=shared, missing=missing).outcome is outcome


def span(first: int | None, last: int | None, missing: int = 0, name: str = "train") -> rules.Span:
    """The times of some rows."""
    return rules.Span(name=name, first=first, last=last, missing=missing)


@pytest.mark.parametrize(
    ("train", "test", "outcome"),
    [
        (span(0, 0), span(1, 1), PASS),  # one row each, a microsecond apart
        (span(1, 1), span(1, 1), FAIL),
        (span(0, 2), span(1, 3), FAIL),
        (span(None, None), span(1, 1), INCONCLUSIVE),
        (span(0, 0), span(None, None), INCONCLUSIVE),
        (span(None, None), span(None, None), INCONCLUSIVE),
        (span(None, None, 3), span(1, 1), INCONCLUSIVE),
        (span(0, 0), span(1, 1, 1), INCONCLUSIVE),
        (span(2, 2, 1), span(1, 1, 1), FAIL),  # what is known is enough
    ],
)
def test_time_order_at_the_edge(train: rules.Span, test: rules.Span, outcome: Outcome) -> None:
    """Equal is not before; no row and a row without a time leave it open, unless the others break it."""
    result = rules.judge_time_order(TimeOrderCheck(name="t", column="time"), [train], train, test)

    assert result.outcome is outcome


def test_a_partition_without_rows_lies_between_none() -> None:
    """Its neighbours are compared with each other."""
    parts = [span(5, 6, name="a"), span(None, None, name="b"), span(1, 2, name="c")]
    result = rules.judge_time_order(TimeOrderCheck(name="t", column="x"), parts, span(1, 6), span(9, 9))

    assert result.outcome is FAIL
    assert "a ends at" in result.reason


@pytest.mark.parametrize(
    ("counts", "rows", "missing", "outcome"),
    [
        ({0: 1, 1: 1}, 2, 0, PASS),
        ({0: 1}, 1, 0, FAIL),  # one row cannot have both classes
        ({0: 1, 1: 1}, 4, 2, PASS),  # coverage at the edge
        ({0: 1, 1: 1}, 5, 3, FAIL),
        ({}, 0, 0, FAIL),
        ({}, 3, 3, FAIL),
        ({0.0: 1, 1.0: 1}, 2, 0, PASS),
        ({False: 1, True: 1}, 2, 0, PASS),
        ({"0": 1, "1": 1}, 2, 0, FAIL),
    ],
)
def test_labels_at_the_edge(counts: dict[Any, int], rows: int, missing: int, outcome: Outcome) -> None:
    """No row is no sane label; a class is the number that it equals, not the text that looks like it."""
    check = LabelsCheck(name="l", column="y", classes=(0, 1), min_coverage=0.5)
    side = rules.LabelCounts(rows=rows, counts=counts, missing=missing)

    assert rules.judge_labels(check, {"train": side, "test": side}).outcome is outcome
