"""What Arrow's types hold as columns that are compared: numbers or categories."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_provider_mlops.statistics.columns import Kind


def kind_of(arrow: pa.DataType, name: str) -> Kind | None:
    """Tell what a type holds.

    :param arrow: type of the column.
    :param name: the column, for the error.
    :return: numbers or categories; None where it holds nothing but nulls.
    :raises BadInput: when values of the type cannot be compared.
    """
    types = load("pyarrow.types", "parquet")
    if types.is_null(arrow):
        return None
    if types.is_nested(arrow):
        raise BadInput(f"Column {name!r} is of type {arrow}, which cannot be compared; leave it out (ignore).")
    numeric = types.is_integer(arrow) or types.is_floating(arrow) or types.is_boolean(arrow) or types.is_decimal(arrow)
    return "numeric" if numeric else "categorical"


def floats_of(array: pa.Array) -> Any:
    """Return numbers or truth values as floats.

    :param array: Arrow values.
    :return: a NumPy array, NaN for null.
    """
    pa = load("pyarrow", "parquet")
    if not pa.types.is_float64(array.type):
        array = array.cast(pa.float64(), safe=False)
    if array.null_count:
        # Not filled with Python's NaN: for that Arrow imports pandas.
        nan = pa.Array.from_buffers(array.type, 1, [None, pa.py_buffer(struct.pack("d", math.nan))])
        array = array.fill_null(nan[0])
    return as_numpy(array)


def nothing(kind: pa.DataType) -> pa.Scalar:
    """Return zero, or the empty text; for Python's own Arrow imports pandas.

    :param kind: a type of whole numbers, of text or of bytes.
    """
    pa = load("pyarrow", "parquet")
    # A number is made of zeros, and a text of bounds that are zeros.
    return pa.Array.from_buffers(kind, 1, [None, *[pa.py_buffer(bytes(16))] * (kind.num_buffers - 1)])[0]


def as_numpy(array: pa.Array) -> Any:
    """Look at numbers as NumPy does, without a copy; Arrow's own way imports pandas.

    :param array: numbers without a null.
    :return: a NumPy array, not to be written to.
    """
    return load("numpy", "parquet").from_dlpack(array)
