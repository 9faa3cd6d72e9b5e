"""Snapshots of no rows: the columns that a partition would have had, and a file that holds none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.arrow_types import arrow_types, check_columns
from airflow_provider_mlops.backends.canonical_types import logical_type, stored_type
from airflow_provider_mlops.backends.column_facts import SnapshotFacts
from airflow_provider_mlops.backends.content_digest import shown
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.snapshot_files import file_facts, part_name, write_manifest
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.snapshot_manifest import seal

if TYPE_CHECKING:
    import pyarrow as pa


def write_empty_snapshot(
    folder: Path, facts: Mapping[str, Any], schema: pa.Schema, time_column: str | None = None
) -> dict[str, Any]:
    """Write a snapshot of no rows: one file of the schema, and the manifest beside it.

    :param folder: an existing, empty folder that nobody reads yet.
    :param facts: JSON-safe facts to keep in the manifest.
    :param schema: the columns.
    :param time_column: timestamp column, which must be among them.
    :return: the manifest, as `write_snapshot` returns it; its id depends on the columns alone.
    :raises BadInput: when the time column is missing, or a type cannot be kept.
    """
    path = folder / part_name(0)
    found = SnapshotFacts(schema, time_column)
    load("pyarrow.parquet", "parquet").write_table(schema.empty_table(), path, compression="zstd")
    manifest = seal({**found.measured(), "files": [{**file_facts(path), "rows": 0}]}, facts)
    write_manifest(folder, manifest)
    return manifest


def says_all(given: pa.Schema | None, stated: Mapping[str, str]) -> bool:
    """Whether a source says by itself which columns a partition without rows has.

    :param given: the columns that it gave, None without any.
    :param stated: type name by column, as it states it.
    """
    types = load("pyarrow.types", "parquet")
    if given is None or not given.names:
        return False
    return all(field.name in stated or not types.is_null(field.type) for field in given)


def empty_schema(given: pa.Schema | None, stated: Mapping[str, str], last: pa.Schema | None) -> pa.Schema:
    """Say which columns a partition without rows has.

    Their names are those that the source gave, else those of the last snapshot, else those that the source's schema
    names. A type is the one that the source's schema names, else the source's own, else the last snapshot's.

    :param given: the columns that the source gave, of type ``null`` where it did not say which; None without any.
    :param stated: type name by column, as the source states it.
    :param last: the columns of the last snapshot, None where there is none.
    :return: the columns, each with a type.
    :raises BadInput: when nothing says the columns, or the type of one of them.
    """
    pa, types = load("pyarrow", "parquet"), load("pyarrow.types", "parquet")
    named = given if given is not None and given.names else last
    names = list(stated) if named is None else named.names
    if not names:
        raise BadInput(
            "Nothing says which columns the empty partition has: the source gave none and there is no snapshot of an "
            "earlier partition. Take a partition with rows first, or name every column in the schema of the source."
        )
    check_columns(names, stated, "The empty partition")
    wanted, fields = arrow_types(stated), []
    for name in names:
        kind = wanted.get(name) or _type_in(given, name)
        if kind is None or (types.is_null(kind) and name not in wanted):
            kind = _type_in(last, name)
        if kind is None:
            raise BadInput(
                f"Column {shown(name)} of the empty partition has no type: neither the source nor the last snapshot "
                f'says one. Name it: schema={{{shown(name)}: "float64"}}, or yield an empty frame with types.'
            )
        fields.append(pa.field(name, stored_type(kind)))
    return pa.schema(fields)


def schema_of(path: Path, manifest: Mapping[str, Any]) -> pa.Schema:
    """Read the columns of a snapshot from one of its files.

    :param path: the file.
    :param manifest: the snapshot's manifest, whose id proves the types.
    :return: the columns.
    :raises EvidenceBroken: when the file has others than the manifest states.
    """
    schema = load("pyarrow.parquet", "parquet").read_schema(path).remove_metadata()
    found = [(field.name, logical_type(field.type)) for field in schema]
    if found != [(item["name"], item["type"]) for item in manifest["columns"]]:
        raise EvidenceBroken(f"{path} has not the columns that its manifest states.")
    return schema


def _type_in(schema: pa.Schema | None, name: str) -> pa.DataType | None:
    return schema.field(name).type if schema is not None and name in schema.names else None
