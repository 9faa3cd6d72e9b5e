"""Bringing batches of several files together: the same values may be a dictionary in one and text in the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_mlops.backends.canonical_types import logical_type
from airflow_provider_mlops.backends.content_digest import shown
from airflow_provider_mlops.backends.optional import load

if TYPE_CHECKING:
    import pyarrow as pa


def laid_out(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Give a batch the layout of a schema with the same logical types.

    :param batch: the batch.
    :param schema: the schema.
    :return: the same values in the schema's layout.
    """
    if batch.schema.equals(schema):
        return batch
    arrays = [_as_type(batch.column(index), field.type) for index, field in enumerate(schema)]
    return load("pyarrow", "parquet").RecordBatch.from_arrays(arrays, schema=schema)


def difference_of(first: pa.Schema, other: pa.Schema) -> str | None:
    """Say in words how the columns of a schema differ from another's, by name and logical type.

    :param first: the schema to compare with.
    :param other: the schema to describe.
    :return: words such as ``column 'x' is double and not int64``, None when they are the same.
    """
    if first.equals(other):
        return None
    for name in first.names:
        if name not in other.names:
            return f"column {shown(name)} is missing"
    for name in other.names:
        if name not in first.names:
            return f"column {shown(name)} is new"
    if first.names != other.names:
        return "the columns stand in another order"
    for ours, theirs in zip(first, other, strict=True):
        if (found := logical_type(theirs.type)) != (expected := logical_type(ours.type)):
            return f"column {shown(ours.name)} is {found} and not {expected}"
    return None


def _as_type(array: pa.Array, kind: pa.DataType) -> pa.Array:
    types = load("pyarrow.types", "parquet")
    if array.type.equals(kind):
        return array
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array.cast(kind.value_type).dictionary_encode().cast(kind) if types.is_dictionary(kind) else array.cast(kind)
