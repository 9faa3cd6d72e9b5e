"""Contract files, and the values that they ask for."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_mlops.backends.canonical_types import logical_type
from airflow_provider_mlops.backends.contract_file import MOST_VALUES, distinct_values, load_contract
from airflow_provider_mlops.core.errors import BadInput


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("schema: 1\nname: a\nversion: 1", "lacks the key 'columns'"),
        ("schema: 2\nname: a\nversion: 1\ncolumns: {a: {type: string}}", "schema is 2; allowed: 1"),
        ("schema: 1\nname: a\nversion: 1\ncolumns: {a: {typ: string}}", "unknown key 'typ'"),
        ("schema: 1\nname: a\nversion: 0\ncolumns: {a: {type: string}}", "version is 0; it must be at least 1"),
        ("schema: 1\nname: a\nversion: 1\nadditive: yes\ncolumns: {a: {type: string}}", "allowed: allowed, refused"),
        ("schema: 1\nname: a\nversion: 1\ncolumns: {}", "columns"),
        (
            "schema: 1\nname: a\nversion: 1\ncolumns: {a: {type: float64}}",
            "column 'a': no manifest names a type 'float64'. Did you mean double?",
        ),
        ("schema: 1\nname: a\nversion: 1\ncolumns: {a: {type: strings}}", "type 'strings'. Did you mean string?"),
        ("schema: 1\nname: a\nversion: 1\ncolumns: {a: {type: timestamp}}", r"Did you mean timestamp\[us, tz=UTC\]?"),
        (
            "schema: 1\nname: a\nversion: 1\ncolumns: {a: {type: string, categories: [yes, no]}}",
            "column 'a' is text, its category True is not: write it in quotes",
        ),
        ("schema: 1\nname: a\nversion: 1\ncolumns: {a: {type: string}, a: {type: int64}}", "'a' is there twice"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, words: str) -> None:
    """An unknown key is an error, not a shrug."""
    path = tmp_path / "contract.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=words):
        load_contract(path)


def test_every_type_of_a_manifest_can_be_written(tmp_path: Path) -> None:
    """Whatever a snapshot can hold, a contract can ask for."""
    zones = [pa.timestamp("us"), pa.timestamp("ns", "UTC"), pa.timestamp("s", "Europe/Zurich")]
    numbers = [pa.int8(), pa.uint64(), pa.float16(), pa.float32(), pa.float64(), pa.decimal128(5, 2), pa.decimal256(50)]
    times = [pa.date32(), pa.date64(), pa.time32("s"), pa.time64("ns"), pa.duration("s"), pa.duration("ns")]
    others = [
        pa.null(),
        pa.bool_(),
        pa.large_string(),
        pa.binary_view(),
        pa.binary(16),
        pa.dictionary(pa.int8(), "str"),
    ]
    nested = [pa.list_(pa.float64()), pa.struct([("a\nb", pa.int8())]), pa.map_(pa.string(), pa.list_(pa.date32()))]
    names = [logical_type(kind) for kind in (*zones, *numbers, *times, *others, *nested)]
    columns = {f"c{place}": {"type": name} for place, name in enumerate(names)}
    path = tmp_path / "contract.yaml"
    path.write_text(json.dumps({"schema": 1, "name": "a", "version": 1, "columns": columns}))

    assert [column.type for column in load_contract(path).columns.values()] == names


def test_distinct_values_are_bounded(tmp_path: Path) -> None:
    """Nulls are left out, not-a-number is named, a key column does not fill the memory."""
    path = tmp_path / "rows.parquet"
    rows = MOST_VALUES + 10
    pd.DataFrame({"a": ["x", None] * (rows // 2), "key": range(rows), "n": [1.0, 2.0] * (rows // 2)}).to_parquet(path)

    found = distinct_values([path, path], {"a", "key", "n", "missing"})

    assert found["a"] == (frozenset({"x"}), False)
    assert found["n"] == (frozenset({1.0, 2.0}), False)
    assert (len(found["key"][0]), found["key"][1]) == (MOST_VALUES, True)
    assert "missing" not in found


def test_no_row_and_no_category(tmp_path: Path) -> None:
    """Of a file without rows every value was read; lists have no categories."""
    pq.write_table(pa.table({"a": pa.array([], pa.string()), "l": pa.array([], pa.list_(pa.int8()))}), tmp_path / "x")
    assert distinct_values([tmp_path / "x"], {"a", "l"}) == {"a": (frozenset(), False)}
    pq.write_table(pa.table({"l": [[1], [2, None], None]}), tmp_path / "x")
    assert distinct_values([tmp_path / "x"], {"l"}) == {}
