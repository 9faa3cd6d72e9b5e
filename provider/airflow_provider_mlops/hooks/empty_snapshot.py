"""A partition without rows, taken as a snapshot: its columns are those of the source, or of the last snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.snapshot_manifest import is_window
from airflow_provider_mlops.core.source import Source
from airflow_provider_mlops.hooks.snapshot_set import published_manifest, snapshot_path
from airflow_provider_mlops.hooks.sources.reading import Where

if TYPE_CHECKING:
    import pyarrow as pa


def write_empty(
    given: pa.Schema | None,
    source: Source,
    where: Where,
    *,
    dataset: str,
    ledger: Ledger,
    folder: Path,
    facts: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write the snapshot of a partition that has no rows.

    :param given: the columns that the source gave, None when it gave none.
    :param source: the source, whose ``schema`` names types.
    :param where: for which partition.
    :param dataset: name of the dataset.
    :param ledger: its ledger, which knows the snapshots before.
    :param folder: a staging folder; what was written into it so far is removed.
    :param facts: JSON-safe facts to keep in the manifest.
    :return: the manifest, and what record and manifest say of it: ``empty``, and ``columns_of``, the snapshot that the
        columns are known from, None where the source alone said them.
    :raises BadInput: when nothing says the columns or a type.
    """
    from airflow_provider_mlops.backends.empty_snapshot import empty_schema, says_all, write_empty_snapshot

    for path in folder.iterdir():
        path.unlink()
    stated = getattr(source, "schema", {})
    last = None if says_all(given, stated) else _last_schema(where, dataset, ledger)
    schema = empty_schema(given, stated, last[1] if last else None)
    found = {"empty": True, "columns_of": last[0] if last else None}
    where.log.info("Partition %s has no rows: an empty snapshot is taken, which is allowed.", where.partition.key)
    return write_empty_snapshot(folder, {**facts, **found}, schema, where.time_column), found


def _last_schema(where: Where, dataset: str, ledger: Ledger) -> tuple[str, pa.Schema] | None:
    """Look up the columns of the newest snapshot that is there."""
    from airflow_provider_mlops.backends.empty_snapshot import schema_of

    storage = where.storage
    for record in reversed(ledger.records("snapshot")):
        snapshot_id = record.body["snapshot_id"]
        path = snapshot_path(dataset, snapshot_id)
        if record.mode != Mode.LIVE or not storage.exists(path):
            continue
        manifest = published_manifest(storage, dataset, snapshot_id)
        if is_window(manifest):
            continue
        with storage.open(path) as folder:
            return snapshot_id, schema_of(folder / manifest["files"][0]["name"], manifest)
    return None
