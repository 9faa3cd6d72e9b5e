"""The identity of rows."""

import datetime as dt
import decimal

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


def test_names_are_unique() -> None:
    """A name that stands twice is refused."""
    with pytest.raises(BadInput, match=r"Column names must be unique; 'x' stand more than once"):
        digest(pa.table([pa.array([1]), pa.array([2])], names=["x", "x"]))
