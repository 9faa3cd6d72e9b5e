"""Frames of a Python function."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_mlops.core.code_identity import code_hash, import_callable
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.source import FunctionSource
from airflow_provider_mlops.hooks.sources.reading import Reading, Where


@contextmanager
def read_function(source: FunctionSource, where: Where) -> Iterator[Reading]:
    """Call the function of a source.

    :param source: the source.
    :param where: the partition that the function gets.
    :return: context manager that gives the reading.
    :raises BadInput: when it cannot be imported, takes other arguments, or gives nothing to iterate over.
    """
    function = import_callable(source.function)
    try:
        inspect.signature(function).bind(where.partition, **source.kwargs)
    except TypeError as err:
        raise BadInput(f"{source.function} cannot be called with a partition and these kwargs: {err}.") from None
    frames = function(where.partition, **source.kwargs)
    if not hasattr(frames, "__iter__") or hasattr(frames, "columns"):
        raise BadInput(f"{source.function} gave a {type(frames).__name__}; it must yield frames.")
    yield Reading(rows=iter(frames), facts={"source_code_hash": code_hash(function)})
