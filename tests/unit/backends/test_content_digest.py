"""The identity of rows."""

import datetime as dt
import decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_mlops.backends.content_digest import ContentDigest
from airflow_provider_mlops.core.errors import BadInput


def digest(table: pa.Table, *cuts: int) -> str:
    """Digest a table, fed in pieces that end at the given rows."""
    found = ContentDigest(table.schema)
    start = 0
    for end in (*cuts, table.num_rows):
        found.update(table.slice(start, end - start))
        start = end
    return found.hexdigest()


@given(
    numbers=st.lists(st.none() | st.floats(), max_size=20),
    texts=st.lists(st.none() | st.text(max_size=5), min_size=20, max_size=20),
    cut=st.integers(0, 20),
)
@settings(max_examples=60, deadline=None)
def test_chunks_do_not_count(numbers: list[float | None], texts: list[str | None], cut: int) -> None:
    """Rows in other pieces are the same rows."""
    table = pa.table({"n": pa.array(numbers, pa.float64()), "t": pa.array(texts[: len(numbers)], pa.string())})
    assert digest(table, min(cut, len(numbers))) == digest(table)


COLUMNS: list[tuple[pa.Array, pa.Array]] = [
    (pa.array([1, 2]), pa.array([2, 1])),
    (pa.array([1, None]), pa.array([1, 0])),
    (pa.array([None, 1]), pa.array([1, None])),
    (pa.array([1, 2], pa.int64()), pa.array([1, 2], pa.int32())),
    (pa.array([1.0, 2.0]), pa.array([1.0, float("nan")])),
    (pa.array([1.0, float("nan")]), pa.array([1.0, None])),
    (pa.array([True, False]), pa.array([False, True])),
    (pa.array(["ab", "c"]), pa.array(["a", "bc"])),
    (pa.array(["", "a"]), pa.array([None, "a"])),
    (pa.array(["a", "b"]), pa.array([b"a", b"b"])),
    (pa.array([decimal.Decimal("1.10")]), pa.array([decimal.Decimal("1.11")])),
    (pa.array([0], pa.timestamp("us")), pa.array([0], pa.timestamp("us", tz="UTC"))),
    (pa.array([0], pa.timestamp("us")), pa.array([0], pa.timestamp("ms"))),
    (pa.array([dt.date(2020, 1, 1)]), pa.array([dt.date(2020, 1, 2)])),
    (pa.array([None, None]), pa.array([None, None], pa.string())),
]


@pytest.mark.parametrize(("one", "other"), COLUMNS)
def test_other_rows_are_other(one: pa.Array, other: pa.Array) -> None:
    """Another value, order, null or type is another identity."""
    assert digest(pa.table({"x": one})) != digest(pa.table({"x": other}))


def test_name_and_order_of_columns_count() -> None:
    """So is another column name, and another order of the columns."""
    x, y = pa.array([1]), pa.array([2])
    digests = {
        digest(pa.table({"x": x, "y": y})),
        digest(pa.table({"y": y, "x": x})),
        digest(pa.table({"x": y, "y": x})),
        digest(pa.table({"x": x, "z": y})),
    }
    assert len(digests) == 4


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["a", None, "a"]).dictionary_encode(),
        pa.array(["a", None, "a"], pa.large_string()),
        pa.array(["a", None, "a"], pa.string_view()),
        pa.array(["x", "a", None, "a"]).slice(1),
    ],
)
def test_encoding_does_not_count(column: pa.Array) -> None:
    """Physical variants of text are the same text."""
    assert digest(pa.table({"x": column})) == digest(pa.table({"x": pa.array(["a", None, "a"])}))


def test_nan_is_one_value() -> None:
    """The payload of a NaN differs between libraries and does not count."""
    odd = np.array([0x7FF8000000000001], dtype="uint64").view("float64")
    assert digest(pa.table({"x": odd})) == digest(pa.table({"x": [float("nan")]}))


def test_value_below_a_null_does_not_count() -> None:
    """What lies under a null in memory is not content."""
    hidden = pa.Array.from_buffers(pa.int64(), 2, [pa.py_buffer(b"\x01"), pa.py_buffer(np.array([1, 99]).tobytes())])
    assert digest(pa.table({"x": hidden})) == digest(pa.table({"x": pa.array([1, None])}))


OLD_IDS = [
    (pa.table({"x": pa.array([1, None, 3])}), "sha256:5fa68da70843899657ee82e"),
    (pa.table({"x": pa.array([1.5, None, float("nan"), -0.0])}), "sha256:f0e3a67e4ec7951ee7a9753"),
    (pa.table({"x": pa.array([decimal.Decimal("1.10"), None, decimal.Decimal(-3)])}), "sha256:1a523201ee915865f20c28e"),
    (pa.table({"x": pa.array(["a", None, "ü"])}), "sha256:98639d65d519a3dce0bda0d"),
    (pa.table({"x": pa.array([True, None, False])}), "sha256:95ed66e7eefe6edcce933c3"),
]


@pytest.mark.parametrize(("table", "old"), OLD_IDS)
def test_ids_of_the_first_version_hold(table: pa.Table, old: str) -> None:
    """The same values have the id that the first version gave them."""
    assert digest(table).startswith(old)


def items(values: list[Any], kind: pa.DataType) -> pa.Table:
    """Return a table of one nested column."""
    return pa.table({"x": pa.array(values, kind)})


NUMBERS = pa.list_(pa.int64())
PAIRS = pa.struct([("a", pa.int64()), ("b", pa.string())])


@pytest.mark.parametrize(
    "table",
    [
        items([[1, 2], None, [], [3, None]], NUMBERS),
        items([[[1], None], [], None, [[2, 3]]], pa.list_(NUMBERS)),
        items([{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}], PAIRS),
        items([[{"a": 1, "b": "x"}], None, []], pa.list_(PAIRS)),
        items([[("k", 1), ("l", None)], None, []], pa.map_(pa.string(), pa.int64())),
        items([b"abc", None, b"def"], pa.binary(3)),
        items([decimal.Decimal("1.1"), None, decimal.Decimal(2)], pa.decimal128(5, 2)),
    ],
)
def test_nested_and_fixed_values_in_pieces(table: pa.Table) -> None:
    """Lists, structs and maps are hashed by their values, row by row or all at once; an empty piece changes nothing."""
    assert digest(table, *range(table.num_rows)) == digest(table, 0, 0, table.num_rows)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (items([[1, 2], [3]], NUMBERS), items([[1], [2, 3]], NUMBERS)),
        (items([[], [1]], NUMBERS), items([None, [1]], NUMBERS)),
        (items([[1]], NUMBERS), items([[1]], pa.list_(pa.int32()))),
        (items([None], PAIRS), items([{"a": None, "b": None}], PAIRS)),
        (items([[("a", 1)]], pa.map_(pa.string(), pa.int64())), items([[("a", 2)]], pa.map_(pa.string(), pa.int64()))),
    ],
)
def test_other_nested_values_are_other(one: pa.Table, other: pa.Table) -> None:
    """Where a list ends, and what is null, counts."""
    assert digest(one) != digest(other)


@pytest.mark.parametrize(
    ("values", "one", "other"),
    [
        ([[1, 2], None], NUMBERS, pa.large_list(pa.int64())),
        ([[1, 2], [3, 4]], NUMBERS, pa.list_(pa.int64(), 2)),
        ([[1, 2], None], NUMBERS, pa.list_(pa.field("other name", pa.int64()))),
        ([[1, 2], None], NUMBERS, pa.list_view(pa.int64())),
        ([decimal.Decimal("1.1")], pa.decimal128(5, 2), pa.decimal256(5, 2)),
        ([decimal.Decimal("1.1")], pa.decimal128(5, 2), pa.decimal32(5, 2)),
        ([0, None], pa.timestamp("us", tz="UTC"), pa.timestamp("us", tz="+00:00")),
        ([0, None], pa.timestamp("ms"), pa.timestamp("s")),
        ([0, None], pa.time32("ms"), pa.time32("s")),
        ([dt.date(2020, 1, 1)], pa.date32(), pa.date64()),
        ([b"a", None], pa.binary(), pa.binary_view()),
    ],
)
def test_layout_does_not_count(values: list[Any], one: pa.DataType, other: pa.DataType) -> None:
    """The same values in another layout of the same logical type are the same."""
    assert digest(items(values, one)) == digest(items(values, other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([0.0], [-0.0]),
        (["\u00e9"], ["e\u0301"]),
        ([decimal.Decimal("1.0")], [decimal.Decimal("1.00")]),
    ],
)
def test_what_looks_the_same_and_is_not(one: list[Any], other: list[Any]) -> None:
    """The sign of a zero, the composition of a letter and the scale of a decimal count."""
    assert digest(pa.table({"x": one})) != digest(pa.table({"x": other}))


def test_run_ends_do_not_count() -> None:
    """Nor does another encoding of repeats."""
    runs = pa.RunEndEncodedArray.from_arrays([2, 3], ["a", "b"])
    assert digest(pa.table({"x": runs})) == digest(pa.table({"x": ["a", "a", "b"]}))


def test_names_are_unique() -> None:
    """A name that stands twice is refused."""
    with pytest.raises(BadInput, match=r"Column names must be unique; 'x' stand more than once"):
        digest(pa.table([pa.array([1]), pa.array([2])], names=["x", "x"]))
