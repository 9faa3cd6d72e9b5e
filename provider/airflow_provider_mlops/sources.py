"""What `SnapshotDatasetOperator` takes a snapshot from, built in a Dag file: small JSON-safe mappings.

Every text in them is templated. They are checked when the task runs, after rendering.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def sql(
    conn_id: str,
    query: str,
    *,
    parameters: Mapping[str, Any] | None = None,
    schema: Mapping[str, str] | None = None,
    order_by: Sequence[str] = (),
) -> dict[str, Any]:
    """Take the rows of a query, through any Airflow connection whose hook is a ``DbApiHook``.

    :param conn_id: id of the connection.
    :param query: one ``SELECT`` with an ``ORDER BY`` over a unique key. ``:start`` and ``:end`` are bound to the bounds
        of the partition (half-open, UTC), ``:key`` to its key, further names to ``parameters``.
    :param parameters: further values by name: text, numbers, booleans, None.
    :param schema: Arrow type by column (``int64``, ``decimal128(12, 2)``, ``timestamp[us, tz=UTC]``), where the
        database does not state it or another is wanted.
    :param order_by: columns to order by, when the query does not.
    :return: the source.
    """
    return _given(
        "sql", conn_id=conn_id, query=query, parameters=parameters, schema=schema, order_by=list(order_by) or None
    )


def files(
    url: str,
    format: str,
    *,
    conn_id: str | None = None,
    schema: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Take the rows of the files that a glob matches, in the order of their names.

    :param url: path or URL that Airflow's ``ObjectStoragePath`` opens, with ``*``, ``?``, ``[...]`` or ``**``, e.g.
        ``s3://bucket/flights/{{ dag_run.partition_key }}/*.parquet``.
    :param format: ``parquet``, ``csv`` or ``jsonl`` (one JSON object a line).
    :param conn_id: id of the Airflow connection of the file system.
    :param schema: Arrow type by column; what is not named is inferred from the first file.
    :param options: of CSV: ``delimiter``, ``quote``, ``encoding``, ``null_values``.
    :return: the source.
    """
    return _given("files", url=url, format=format, conn_id=conn_id, schema=schema, options=options)


def function(path: str, kwargs: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Take the frames that a function yields.

    :param path: import path ``package.module:function`` of a function that takes a ``Partition`` and yields pandas
        frames, Arrow tables or batches of one schema, or sorted Spark data frames, in an order that does not change.
    :param kwargs: further keyword arguments, JSON-safe.
    :return: the source.
    """
    return _given("function", function=path, kwargs=kwargs)


def snapshots(
    dataset: str, *, window: int | None = None, since: str | None = None, include_current: bool = False
) -> dict[str, Any]:
    """Take a window of the accepted snapshots of another dataset, by reference: no row is copied.

    :param dataset: name of the other dataset.
    :param window: how many partitions before the run's (sliding); None for all (expanding).
    :param since: first partition of the window, a key such as ``2013-01``.
    :param include_current: whether the run's own partition belongs to the window.
    :return: the source.
    """
    return _given(
        "snapshots", dataset=dataset, window=window, since=since, include_current=True if include_current else None
    )


def dvc(
    path: str,
    *,
    format: str | None = None,
    schema: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Take the rows of a file that DVC tracks, proved by the MD5 in its ``.dvc`` file.

    :param path: the ``.dvc`` file, relative to the Dag bundle's root, or absolute.
    :param format: ``parquet``, ``csv`` or ``jsonl``; default: by the name of the tracked file.
    :param schema: Arrow type by column.
    :param options: of CSV, as of `files`.
    :return: the source.
    """
    return _given("dvc", path=path, format=format, schema=schema, options=options)


def _given(kind: str, **values: Any) -> dict[str, Any]:
    return {"kind": kind, **{name: value for name, value in values.items() if value is not None}}
