"""What is proposed from what was seen."""

from typing import Any

import pytest
import yaml

from airflow_provider_mlops.core.column_seen import ColumnSeen, SnapshotSeen, shape_of
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.suite_suggest import Proposal, suggest
from airflow_provider_mlops.core.suite_text import compare_suites, suite_yaml


def column(kind: str = "integer", **facts: Any) -> ColumnSeen:
    """A column of a hundred rows."""
    return ColumnSeen(**{"name": "c", "kind": kind, "type": "int64", "rows": 100, "nulls": 0, **facts})


def seen(*columns: ColumnSeen, partition: str = "2013-01") -> SnapshotSeen:
    """A snapshot of a hundred rows."""
    return SnapshotSeen(f"sha256:{'a' * 64}", partition, 100, columns)


def of(*columns: ColumnSeen, **options: Any) -> dict[str, Proposal]:
    """Proposals by type, from one snapshot per column."""
    snapshots = [seen(one, partition=f"2013-{number:02d}") for number, one in enumerate(columns, start=1)]
    return {item.type.removeprefix("expect_"): item for item in suggest(snapshots, **options)}


def test_a_range_reaches_beyond_what_was_seen() -> None:
    """By a share of its width, over all snapshots; whole numbers stay whole; it is a warning."""
    found = of(column(low=100, high=150), column(low=120, high=200))["column_values_to_be_between"]

    assert found.kwargs == {"column": "c", "min_value": 90, "max_value": 210}
    assert (found.severity, found.seen) == ("warning", "100 to 200")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, (0.0, 1.0)),
        (0.25, 0.75, (0.2, 0.8)),
        (0.0, 40.0, (0.0, 44.0)),
        (-1.0, 1.0, (-1.2, 1.2)),
        (7.0, 7.0, (6.3, 7.7)),
        (0.0, 0.0, (0.0, 0.0)),
        (-1e308, 1e308, (-1e308, 1e308)),
        (5e-324, 1e-323, (5e-324, 1e-323)),
    ],
)
def test_a_range_keeps_its_sign_and_holds_what_was_seen(low: float, high: float, expected: tuple[float, float]) -> None:
    """Never below zero, nor above one where all were shares; rounded outward; never narrower than what was seen."""
    kwargs = of(column("float", type="double", low=low, high=high))["column_values_to_be_between"].kwargs

    assert kwargs["min_value"] <= low
    assert high <= kwargs["max_value"]
    assert (kwargs["min_value"], kwargs["max_value"]) == pytest.approx(expected)


def test_infinity_gets_no_range() -> None:
    """Such a range would hold everything."""
    assert "column_values_to_be_between" not in of(column("float", type="double", low=0.0, high=1.0, infinite=True))


def test_missing_values_are_allowed_by_a_margin() -> None:
    """What was never missing must be there: critical. What was missing may be so a little more often."""
    assert of(column())["column_values_to_not_be_null"].severity == "critical"

    found = of(column(nulls=10), column(nulls=20))["column_values_to_not_be_null"]

    assert (found.kwargs["mostly"], found.severity) == (0.78, "warning")
    assert of(column(nulls=99))["column_values_to_not_be_null"].kwargs["mostly"] == 0.0


def test_a_column_of_nulls_is_left_alone() -> None:
    """Nothing was seen in it."""
    assert [name for name in of(column("other", nulls=100)) if name.startswith("column_")] == []


def test_few_values_are_categories() -> None:
    """Of all snapshots together; too many, or too few rows each, are none."""
    first, second = column("text", values=("b", "a")), column("text", values=("c",))

    assert of(first, second)["column_values_to_be_in_set"].kwargs["value_set"] == ["a", "b", "c"]
    assert "column_values_to_be_in_set" not in of(column("text", values=None))
    assert "column_values_to_be_in_set" not in of(column("text", values=tuple("abcdefghijk")))


def test_whole_numbers_are_amounts_unless_they_are_a_flag() -> None:
    """Three different numbers get a range."""
    assert of(column(values=(0, 1), low=0, high=1))["column_values_to_be_in_set"].kwargs["value_set"] == [0, 1]
    assert "column_values_to_be_between" in of(column(values=(0, 1, 2), low=0, high=2))


def test_what_is_always_different_is_a_key() -> None:
    """Unique in every snapshot and never missing; a key gets no range and no categories."""
    key = column(unique=True, low=1, high=100)
    found = of(key, key)

    assert found["column_values_to_be_unique"].severity == "critical"
    assert "column_values_to_be_between" not in found
    for other in (column(low=1, high=2), column(unique=True, nulls=1), column(unique=True, rows=19)):
        assert "column_values_to_be_unique" not in of(key, other)


def test_patterns_of_codes_are_proposed_on_demand() -> None:
    """Runs of the same kinds, of different length; other shapes give none."""
    shapes = tuple(map(shape_of, ("UA-12", "B-7", "AAL-1234")))
    codes = column("text", shapes=shapes)

    assert of(codes, regex=True)["column_values_to_match_regex"].kwargs["regex"] == r"^[A-Z]{1,3}\-[0-9]{1,4}$"
    assert "column_values_to_match_regex" not in of(codes)
    for other in (column("text", shapes=None), column("text", shapes=(*shapes, shape_of("x1")))):
        assert "column_values_to_match_regex" not in of(other, regex=True)


def test_the_number_of_rows_is_a_band() -> None:
    """At least one row, whatever the margin."""
    assert of(column())["table_row_count_to_be_between"].kwargs == {"min_value": 90, "max_value": 110}
    assert of(column(), margin=5)["table_row_count_to_be_between"].kwargs["min_value"] == 1


@pytest.mark.parametrize("margin", [-0.1, float("nan"), float("inf"), 11])
def test_a_margin_is_a_share(margin: float) -> None:
    """What is none is refused."""
    with pytest.raises(BadInput, match="margin"):
        of(column(), margin=margin)


def test_snapshots_must_be_alike() -> None:
    """Other columns, another type, another order; and there must be one."""
    other, text = column(name="d"), column("text", type="string")
    for columns in ([other], [text], [other, column()]):
        with pytest.raises(BadInput, match="differ in column"):
            suggest([seen(column(), *([other] if len(columns) > 1 else [])), seen(*columns)])
    with pytest.raises(BadInput, match="at least one"):
        suggest([])


def test_the_file_is_yaml_whatever_the_names() -> None:
    """Names are data: line ends, quotes, braces, control and far characters."""
    for name in ("a: b\n- c", '"}{#', "\x7f\x85\u2028\ufeff", "😀 Größe", "null", "`*&!"):
        proposals = suggest([seen(column(name=name, low=1, high=3), partition=name)])
        found = yaml.safe_load(suite_yaml(name, proposals, [seen(column(name=name), partition=name)], 0.1))

        assert found["name"] == name
        assert found["expectations"][0]["kwargs"]["column_set"] == [name]
        assert [item["type"] for item in found["expectations"]] == [item.type for item in proposals]


def test_the_file_is_the_same_every_time() -> None:
    """And says what was seen."""
    snapshots = [seen(column(low=1, high=3))]
    texts = {suite_yaml("s", suggest(snapshots), snapshots, 0.1) for _ in range(3)}

    assert len(texts) == 1
    assert "# seen: 1 to 3" in texts.pop()


def test_suites_are_compared_by_what_they_judge() -> None:
    """Added, removed, changed; notes and the order of others do not count."""

    def expectation(kind: str, column: str, **more: Any) -> dict[str, Any]:
        return {"type": kind, "kwargs": {"column": column, **more}}

    first = {"expectations": [expectation("in", "a", x=1), expectation("in", "a", x=2), expectation("nn", "b")]}
    second = {"expectations": [expectation("nn", "c"), expectation("in", "a", x=1), expectation("in", "a", x=3)]}
    found = [(item.what, item.type, item.column) for item in compare_suites(first, second)]

    assert found == [("changed", "in", "a"), ("removed", "nn", "b"), ("added", "nn", "c")]
    assert compare_suites(first, {"expectations": [{**i, "meta": {"n": 1}} for i in first["expectations"]]}) == []
