"""Contracts from YAML files, and what a snapshot's columns hold where a contract asks for it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.parquet_reader import decoded_batches
from airflow_provider_mlops.backends.policy_file import load_checked
from airflow_provider_mlops.core.contract import Contract
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.near import did_you_mean

MOST_VALUES = 2_000
_PLAIN_TYPES = (
    *("null", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("halffloat", "float", "double", "string", "binary", "date32[day]", "time32[ms]"),
)
_TYPE = re.compile(
    "|".join(map(re.escape, _PLAIN_TYPES))
    + r"|time64\[(us|ns)\]|timestamp\[(ms|us|ns)(, tz=.+)?\]|duration\[(s|ms|us|ns)\]|decimal(128|256)\(\d+, -?\d+\)"
    + r"|fixed_size_binary\[\d+\]|(list|map|struct)<.*>",
    re.DOTALL,
)
"""The types that `canonical_types.logical_type` names."""
_MEANT = {
    **dict.fromkeys(("str", "text", "object", "category", "large_string", "varchar"), "string"),
    **dict.fromkeys(("int", "integer", "bigint", "long"), "int64"),
    "float64": "double",
    "float32": "float",
    "float16": "halffloat",
    "boolean": "bool",
    "bytes": "binary",
    **dict.fromkeys(("date", "date32"), "date32[day]"),
    **dict.fromkeys(("timestamp", "datetime", "datetime64", "timestamp[us,tz=utc]"), "timestamp[us, tz=UTC]"),
    "datetime64[ns]": "timestamp[ns]",
    "datetime64[us]": "timestamp[us]",
}
"""What pandas, Arrow and databases call them."""


def load_contract(path: str | Path) -> Contract:
    """Load the schema contract of a dataset.

    :param path: the YAML file.
    :return: the contract.
    :raises BadInput: naming the file, the place in it, the value, and what is allowed there.
    """
    return load_checked(Path(path), "contract.schema.json", _stated)


def _stated(mapping: Mapping[str, Any]) -> Contract:
    """Read a contract that somebody wrote: what no column can be is a slip of the pen, not a difference of the rows."""
    contract = Contract.from_mapping(mapping)
    for column in contract.columns.values():
        if not _TYPE.fullmatch(column.type):
            meant = _MEANT.get(column.type.lower())
            hint = f" Did you mean {meant}?" if meant else did_you_mean(column.type, _PLAIN_TYPES)
            raise BadInput(f"column {column.name!r}: no manifest names a type {column.type!r}.{hint}")
        odd = [value for value in column.categories or () if not isinstance(value, str)]
        if column.type == "string" and odd:
            raise BadInput(f"column {column.name!r} is text, its category {odd[0]!r} is not: write it in quotes.")
    return contract


def distinct_values(files: Sequence[Path], columns: Collection[str]) -> dict[str, tuple[frozenset[Any], bool]]:
    """Read the distinct values of some columns, batch by batch.

    :param files: Parquet files of one schema.
    :param columns: the columns; those that the files lack, and lists and records, are left out.
    :return: by column its values without nulls, at most 2,000, and whether there are more.
    """
    pq, types = load("pyarrow.parquet", "parquet"), load("pyarrow.types", "parquet")
    found: dict[str, set[Any]] = {}
    for file in files:
        schema = pq.read_schema(file)
        wanted = [field.name for field in schema if field.name in columns and not types.is_nested(field.type)]
        for name in wanted:
            found.setdefault(name, set())  # a file without rows has been read too
        for batch in decoded_batches(file, wanted) if wanted else ():
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                known = found[name]
                if len(known) <= MOST_VALUES:
                    known.update(_plain(value) for value in column.unique().drop_null().to_pylist())
    return {name: (frozenset(list(known)[:MOST_VALUES]), len(known) > MOST_VALUES) for name, known in found.items()}


def count_nan(files: Sequence[Path], columns: Collection[str]) -> dict[str, int]:
    """Count the values of some columns that are not a number, batch by batch.

    :param files: Parquet files of one schema.
    :param columns: names of columns of floats.
    :return: how many, by column.
    """
    pc = load("pyarrow.compute", "parquet")
    found = dict.fromkeys(columns, 0)
    for file in files if found else ():
        for batch in decoded_batches(file, list(found)):
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                found[name] += pc.sum(pc.is_nan(column)).as_py() or 0
    return found


def _plain(value: Any) -> Any:
    """Not-a-number equals nothing, itself included, so that it is named."""
    return "NaN" if isinstance(value, float) and value != value else value  # noqa: PLR0124 - not a number
