"""Taking a snapshot: from an opened source to a published folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends.no_rows import NoRows
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.source import Source, source_hash
from airflow_provider_mlops.hooks.empty_snapshot import write_empty
from airflow_provider_mlops.hooks.snapshot_set import published_manifest
from airflow_provider_mlops.hooks.sources.opened import open_source
from airflow_provider_mlops.hooks.sources.reading import AUTO, Reading, Where
from airflow_provider_mlops.hooks.taking import publish_snapshot

_FACTS = ("query_hash", "source_code_hash", "source_files", "dvc")


def take_snapshot(
    source: Source, where: Where, *, dataset: str, ledger: Ledger, made: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read a source and publish what it gave; content that is there already is found.

    :param source: the source.
    :param where: for which partition, and from where.
    :param dataset: name of the dataset.
    :param ledger: its ledger.
    :param made: who makes it: ``made_by`` and ``bundle``.
    :return: the manifest as it is published, with its ``uri``; and what was read now, which is not what that manifest
        states where the same rows were taken before from elsewhere.
    :raises BadInput: when the source is not what it must be, or gives no rows where there must be some.
    :raises Refused: when it still gives rows that were erased.
    :raises TransientError: when the source cannot be read now, or has changed while it was read.
    """
    started = time.monotonic()
    hashed = source_hash(source)
    where.log.info(
        "Reading partition %s of dataset %s from %s (%s).", where.partition.key, dataset, source.title, hashed
    )
    with open_source(source, where) as reading:
        facts = {
            "source": source.title,
            "source_kind": source.kind,
            "source_hash": hashed,
            **dict.fromkeys(_FACTS),
            **reading.facts,
            **({} if where.engine == AUTO else {"engine": where.engine}),
            **made,
        }
        with where.storage.staging() as folder:
            named = {"dataset": dataset, "partition_keys": [where.partition.key], **facts}
            try:
                written = _written(reading, folder, named, where)
            except NoRows as err:
                if not where.allow_empty:
                    raise BadInput(f"{err} Where a partition may have none, say so: allow_empty=True.") from None
                written, empty = write_empty(
                    err.schema, source, where, dataset=dataset, ledger=ledger, folder=folder, facts=named
                )
                facts |= empty
            uri = publish_snapshot(where.storage, folder, dataset, written["snapshot_id"], ledger)
    # Of two tasks at once the first one's manifest stays, and it is the one to be recorded.
    manifest = published_manifest(where.storage, dataset, written["snapshot_id"])
    size = sum(item["bytes"] for item in manifest["files"])
    where.log.info(
        "%s: %s rows, %.1f MB as Parquet, %.1f s.",
        manifest["snapshot_id"],
        "?" if manifest["rows"] is None else f"{manifest['rows']:,}",
        size / 1e6,
        time.monotonic() - started,
    )
    return {**manifest, "uri": uri}, facts


def _written(reading: Reading, folder: Path, facts: dict[str, Any], where: Where) -> dict[str, Any]:
    from airflow_provider_mlops.backends.parquet import write_snapshot, write_snapshot_files, write_window

    if reading.members:
        rows = sum(member["rows"] for member in reading.members)
        if rows == 0 and not where.allow_empty:
            raise NoRows(facts)
        return write_window(reading.members, folder, facts, cut=reading.cut, rows=rows)
    told = _progress(where.log)
    try:
        if reading.parquet:
            manifest = write_snapshot_files(reading.parquet, folder, facts, where.time_column, progress=told)
        else:
            manifest = write_snapshot(reading.rows, folder, facts, where.time_column, progress=told)
    except Exception:
        # A source that was replaced half-way reads as torn; that it changed is the reason, and a retry may help.
        reading.check()
        raise
    reading.check()
    return manifest


def _progress(log: Any) -> Callable[[int, int, float], None]:
    def tell(rows: int, size: int, seconds: float) -> None:
        log.info("%s rows, %.1f MB/s.", f"{rows:,}", size / 1e6 / max(seconds, 1e-3))

    return tell
