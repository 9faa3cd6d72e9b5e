"""Rows of a driver as Arrow tables: one kind of value in a column, a type for each, the wrong row named."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest

from airflow_provider_mlops.backends.arrow_rows import tables_of
from airflow_provider_mlops.backends.arrow_types import arrow_type
from airflow_provider_mlops.core.errors import BadInput

NAIVE = datetime.fromisoformat("2020-01-01T00:00:00")
AWARE = NAIVE.replace(tzinfo=UTC)
TAG = UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")


def column(*chunks: Sequence[Any], known: str | None = None, digits: tuple[int, int] | None = None) -> pa.Table:
    """Make a table of one column from chunks of its values."""
    rows = [[(value,) for value in chunk] for chunk in chunks]
    types = {"a": arrow_type(known)} if known else {}
    tables = list(tables_of(rows, ["a"], types, {"a": digits} if digits else None))
    return pa.concat_tables(tables, promote_options="default")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "bool"),
        (1, "int64"),
        (1.5, "double"),
        ("x", "string"),
        (b"x", "binary"),
        (memoryview(b"x"), "binary"),
        (NAIVE, "timestamp[us]"),
        (AWARE, "timestamp[us, tz=UTC]"),
        (date(2020, 1, 1), "date32[day]"),
        (time(1, 2), "time64[us]"),
        (timedelta(1), "duration[us]"),
        (TAG, "string"),
        ({"b": [1, "ü"]}, "string"),
    ],
)
def test_each_kind_of_value_has_a_type(value: Any, kind: str) -> None:
    """Found in the first value, however many nulls come before it."""
    table = column([None, None], [None, value], [value])

    assert str(table.schema.field("a").type) == kind
    assert table["a"].null_count == 3


def test_what_has_no_type_is_kept_as_text() -> None:
    """Of a UUID and of JSON."""
    assert column([TAG])["a"].to_pylist() == [str(TAG)]
    assert column([{"b": [1, "ü"]}, [None], "x"])["a"].to_pylist() == ['{"b": [1, "ü"]}', "[null]", "x"]


def test_decimals_need_a_scale() -> None:
    """That of the driver or of the schema; without one a later row could need another."""
    assert str(column([Decimal("1.50")], digits=(10, 2)).schema.field("a").type) == "decimal128(10, 2)"
    assert column([Decimal("1.5"), None], known="decimal128(10, 2)")["a"].to_pylist() == [Decimal("1.50"), None]
    assert column([Decimal("1.5")], known="float64")["a"].to_pylist() == [1.5]
    with pytest.raises(BadInput, match=r"holds decimals and the database states no precision and scale; name them"):
        column([Decimal("1.5")])
    with pytest.raises(BadInput, match=r"rows 2 to 2: a value is no decimal128\(4, 1\)"):
        column([Decimal("1.5")], [Decimal("1.25")], known="decimal128(4, 1)")


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        ([[1, 2], [3, "x"]], r"Column 'a' mixes int and text: row 4 is the first that is no int but text"),
        ([[1, 2.5]], r"mixes float and int: row 2 is the first that is no int but float"),
        ([[True, 1]], r"mixes bool and int"),
        ([[NAIVE], [AWARE]], r"mixes datetime and datetime with time zone: row 2"),
        ([[date(2020, 1, 1), NAIVE]], r"mixes date and datetime"),
        ([[1, 2**70]], r"rows 1 to 2: a value is no int64"),
        ([[object()]], r"holds a object, which has no Arrow type; cast it to text"),
        ([[None], [None]], r"is null in all rows and the database states no type"),
    ],
)
def test_what_has_no_one_type_is_named(chunks: list[list[Any]], words: str) -> None:
    """The column, the kinds, the first row that differs."""
    with pytest.raises(BadInput, match=words):
        column(*chunks)


@pytest.mark.parametrize(
    "name",
    ["int", "INT64", "decimal128(77, 2)", "decimal128(4, 5)", "decimal128(0, 0)", "timestamp", "list<int64>", ""],
)
def test_types_that_are_none(name: str) -> None:
    """Names are those of Arrow, and nothing that nests."""
    with pytest.raises(BadInput, match=r"is unknown; known are|cannot be stored"):
        arrow_type(name)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("decimal(10, 2)", pa.decimal128(10, 2)),
        ("decimal128(40, 2)", pa.decimal256(40, 2)),
        ("timestamp[ns, tz=Europe/Berlin]", pa.timestamp("ns", "Europe/Berlin")),
        ("time32[ms]", pa.time32("ms")),
        ("time[us]", pa.time64("us")),
    ],
)
def test_types_with_arguments(name: str, kind: pa.DataType) -> None:
    """As Arrow writes them."""
    assert arrow_type(name) == kind
