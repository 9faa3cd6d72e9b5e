"""Which types rows may have: the name of each in an id, and the form in which Parquet gives it back.

Writers differ in how they lay out the same values. What is a matter of layout has one name here: text and its large,
view and dictionary forms; lists of any kind; decimals by precision and scale; UTC under any of its names.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

_UTC = frozenset({"utc", "etc/utc", "z", "zulu", "etc/zulu", "gmt", "etc/gmt", "+00:00", "-00:00", "+0000"})
_PLAIN_EXTENSIONS = frozenset({"arrow.uuid", "arrow.json"})
_DECIMAL128_DIGITS = 38


def logical_type(arrow_type: pa.DataType) -> str:
    """Name the logical type of a column: physical variants of the same values are the same type.

    :param arrow_type: Arrow type of a column.
    :return: name such as ``int64``, ``string``, ``timestamp[us, tz=UTC]``, ``list<double>``.
    :raises BadInput: for a type that has no canonical bytes.
    """
    types = load("pyarrow.types", "parquet")
    kind = stored_type(arrow_type)
    if is_text(kind):
        return "string"
    if is_binary(kind):
        return "binary"
    if types.is_dictionary(kind):
        return logical_type(kind.value_type)
    if types.is_map(kind):
        return f"map<{logical_type(kind.key_type)}, {logical_type(kind.item_type)}>"
    if types.is_list(kind):
        return f"list<{logical_type(kind.value_type)}>"
    if types.is_struct(kind):
        return f"struct<{', '.join(f'{field.name}: {logical_type(field.type)}' for field in kind)}>"
    return str(kind)


@functools.lru_cache(maxsize=1024)  # asked for each column of each batch
def stored_type(arrow_type: pa.DataType) -> pa.DataType:
    """Return the type in which a column is stored: what Parquet cannot hold takes the nearest type that loses nothing.

    :param arrow_type: Arrow type of a column.
    :return: the same type, or e.g. milliseconds for seconds, plain lists for all kinds of lists.
    :raises BadInput: for a type that cannot be kept.
    """
    pa, types = load("pyarrow", "parquet"), load("pyarrow.types", "parquet")
    if isinstance(arrow_type, pa.BaseExtensionType):
        if arrow_type.extension_name not in _PLAIN_EXTENSIONS:
            raise BadInput(f"Type {arrow_type} is known to few readers; store a plain type (a time, a number, text).")
        return stored_type(arrow_type.storage_type)
    if types.is_run_end_encoded(arrow_type) or _is_dictionary_of_others(arrow_type):
        return stored_type(arrow_type.value_type)
    if types.is_temporal(arrow_type):
        return _stored_time(arrow_type)
    if types.is_decimal(arrow_type) and arrow_type.precision <= _DECIMAL128_DIGITS:
        return pa.decimal128(arrow_type.precision, arrow_type.scale)
    if types.is_string_view(arrow_type) or types.is_binary_view(arrow_type):
        return pa.string() if is_text(arrow_type) else pa.binary()
    return _stored_nested(arrow_type) if types.is_nested(arrow_type) else arrow_type


def is_text(arrow_type: pa.DataType) -> bool:
    """Whether a type is text, in whichever layout but a dictionary.

    :param arrow_type: the type.
    """
    types = load("pyarrow.types", "parquet")
    return bool(types.is_string(arrow_type) or types.is_large_string(arrow_type) or types.is_string_view(arrow_type))


def is_binary(arrow_type: pa.DataType) -> bool:
    """Whether a type is bytes of varying length, in whichever layout.

    :param arrow_type: the type.
    """
    types = load("pyarrow.types", "parquet")
    return bool(types.is_binary(arrow_type) or types.is_large_binary(arrow_type) or types.is_binary_view(arrow_type))


def plain_array(chunk: pa.Array) -> pa.Array:
    """Return the values of a chunk without dictionary, run ends or extension type.

    :param chunk: the chunk.
    """
    pa, types = load("pyarrow", "parquet"), load("pyarrow.types", "parquet")
    if isinstance(chunk.type, pa.BaseExtensionType):
        chunk = chunk.storage
    if types.is_run_end_encoded(chunk.type):
        chunk = load("pyarrow.compute", "parquet").run_end_decode(chunk)
    if types.is_dictionary(chunk.type):
        chunk = chunk.dictionary_decode()
    target = stored_type(chunk.type)
    return chunk if chunk.type.equals(target) else chunk.cast(target)


def _is_dictionary_of_others(arrow_type: pa.DataType) -> bool:
    """Whether a type is a dictionary of anything but text, which Parquet gives back as plain values."""
    types = load("pyarrow.types", "parquet")
    return bool(types.is_dictionary(arrow_type) and not is_text(arrow_type.value_type))


def _stored_nested(arrow_type: pa.DataType) -> pa.DataType:
    pa, types = load("pyarrow", "parquet"), load("pyarrow.types", "parquet")
    if types.is_map(arrow_type):
        return pa.map_(stored_type(arrow_type.key_type), stored_type(arrow_type.item_type))
    if _is_list(arrow_type):
        return pa.list_(stored_type(arrow_type.value_type))
    if not types.is_struct(arrow_type):
        raise BadInput(f"Type {arrow_type} is a union, which Parquet cannot hold; store it as JSON text.")
    if arrow_type.num_fields == 0:
        raise BadInput("A struct without fields cannot be stored; leave the column out.")
    return pa.struct([(field.name, stored_type(field.type)) for field in arrow_type])


def _is_list(arrow_type: pa.DataType) -> bool:
    types = load("pyarrow.types", "parquet")
    return bool(
        types.is_list(arrow_type)
        or types.is_large_list(arrow_type)
        or types.is_fixed_size_list(arrow_type)
        or types.is_list_view(arrow_type)
        or types.is_large_list_view(arrow_type)
    )


def _stored_time(arrow_type: pa.DataType) -> pa.DataType:
    pa, types = load("pyarrow", "parquet"), load("pyarrow.types", "parquet")
    if types.is_timestamp(arrow_type):
        zone = "UTC" if arrow_type.tz is not None and arrow_type.tz.lower() in _UTC else arrow_type.tz
        return pa.timestamp("ms" if arrow_type.unit == "s" else arrow_type.unit, tz=zone)
    if types.is_date64(arrow_type):
        return pa.date32()
    if types.is_time32(arrow_type):
        return pa.time32("ms")
    if types.is_interval(arrow_type):
        raise BadInput(f"Type {arrow_type} has no fixed length; store a number of days or a duration.")
    return arrow_type
