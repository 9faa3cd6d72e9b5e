"""Prediction logs and labels as a holder of rows: what an erasure takes out of them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.erasure import Subject
from airflow_provider_mlops.core.errors import Refused, TransientError
from airflow_provider_mlops.core.gone import PRUNED, Gone, successor
from airflow_provider_mlops.core.prediction_log import FOLDER, LABELS, PREDICTIONS
from airflow_provider_mlops.core.snapshot_manifest import OWN_HASH, parse_manifest
from airflow_provider_mlops.hooks.gone import gone_of
from airflow_provider_mlops.hooks.removal import files_below, remove
from airflow_provider_mlops.hooks.row_holders import Rows
from airflow_provider_mlops.hooks.snapshot_set import snapshot_path
from airflow_provider_mlops.hooks.storage import MARKER, Storage

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_provider_mlops.backends.erasing import Chosen

SCORING = "scoring"
_KINDS = (PREDICTIONS, LABELS, SCORING)
_REWRITTEN = re.compile(r"(?<=[0-9a-f]{64})-[0-9a-f]{16}$")
_MEASURED = ("rows", "files", OWN_HASH, "schema")
PART_ROWS = 200_000


class PredictionRows:
    """Erases rows from prediction logs, the labels joined to them, and parts of logs that a kill left behind."""

    folder = FOLDER

    def row_id_columns(self, storage: Storage, dataset: str) -> set[str]:
        """Name the columns of a dataset that its predictions are named by.

        :param storage: where the logs lie.
        :param dataset: name of the dataset that was scored.
        :return: names of columns.
        """
        return {str(manifest["row_id_column"]) for _, manifest in _stored(storage, dataset)}

    def find(self, storage: Storage, rows: Rows) -> Sequence[Mapping[str, Any]]:
        """Name the logs and labels with such rows.

        :param storage: where they lie.
        :param rows: the rows.
        :return: ``path`` and ``rows_erased`` of each.
        :raises Refused: when something there cannot be searched.
        :raises EvidenceBroken: when a log was changed.
        """
        found = []
        gone = gone_of(storage, rows.dataset)
        for path, manifest in _stored(storage, rows.dataset):
            chosen = _chosen(storage, rows, path, manifest, gone)
            if chosen is None:
                continue
            count = sum(batch.filter(chosen(batch)).num_rows for batch in _rows(storage, path, manifest))
            if count:
                found.append({"path": path, "rows_erased": count})
        return found

    def rewrite(self, storage: Storage, rows: Rows, found: Mapping[str, Any]) -> Mapping[str, Any]:
        """Store a log without the rows; of an unfinished one nothing, since the next try scores what is left.

        :param storage: where it lies.
        :param rows: the rows.
        :param found: as `find` names it.
        :return: the same with ``replaced_by``, ``manifest_sha256`` and ``rows_left``.
        """
        from airflow_provider_mlops.backends.optional import load
        from airflow_provider_mlops.backends.prediction_files import write_log_manifest, write_parts

        path = str(found["path"])
        manifest = parse_manifest(storage.marker(path), storage.uri(path))
        chosen = _chosen(storage, rows, path, manifest, gone_of(storage, rows.dataset))
        nothing = {**found, "replaced_by": None, "manifest_sha256": None, "rows_left": 0}
        if chosen is None or manifest["kind"] == SCORING:
            return nothing
        invert = load("pyarrow.compute", "parquet").invert
        batches = _rows(storage, path, manifest)
        first = next(batches)

        def left() -> Iterator[pa.RecordBatch]:
            for batch in itertools.chain([first], batches):
                yield batch.filter(invert(chosen(batch)))

        with storage.staging() as folder:
            files = write_parts(left(), folder, first.schema, part_rows=manifest.get("part_rows") or PART_ROWS)
            if not files:
                return nothing
            facts = {name: value for name, value in manifest.items() if name not in _MEASURED}
            new = write_log_manifest(folder, {**facts, "rewritten_from": manifest[OWN_HASH]}, files)
            sha256 = str(new[OWN_HASH])
            target = f"{_REWRITTEN.sub('', path)}-{sha256.partition(':')[2][:16]}"
            storage.publish(folder, target)
        return {**found, "replaced_by": target, "manifest_sha256": sha256, "rows_left": new["rows"]}

    def remove(self, storage: Storage, found: Mapping[str, Any]) -> None:
        """Remove a log that still holds the rows.

        :param storage: where it lies.
        :param found: as `rewrite` returned it.
        :raises TransientError: when what replaces it is not there.
        """
        new = found["replaced_by"]
        if not storage.exists(found["path"]):
            return
        if new is not None and not storage.exists(new):
            raise TransientError(f"{storage.uri(new)} should hold the predictions that are left and does not.")
        remove(storage, found["path"])


def _stored(storage: Storage, dataset: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """List the logs and labels of a dataset; whatever else lies there may hold rows that nobody can find."""
    files = files_below(storage, FOLDER)
    folders = {path.rpartition("/")[0] for path in files if path.endswith(f"/{MARKER}")}
    # In object stores the parts of a folder lie one level deeper.
    stray = [path for path in files if folders.isdisjoint(_above(path))]
    if stray:
        raise Refused(
            f"{storage.uri(stray[0])} is no part of a prediction log, so nobody can tell whose rows it holds; "
            "nothing was erased. Wait until the tasks that score have ended, or remove it."
        )
    for path in sorted(folders):
        manifest = parse_manifest(storage.marker(path), storage.uri(path))
        if manifest.get("kind") not in _KINDS:
            raise Refused(f"{storage.uri(path)} is of the unknown kind {manifest.get('kind')!r}; nothing was erased.")
        if manifest["dataset"] == dataset:
            yield path, manifest


def _above(path: str) -> Iterator[str]:
    """Name the folders that a file lies in."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _rows(storage: Storage, path: str, manifest: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
    from airflow_provider_mlops.backends.prediction_files import read_log

    with storage.open(path) as folder:
        yield from read_log(folder, str(manifest[OWN_HASH]))


def _chosen(
    storage: Storage, rows: Rows, path: str, manifest: Mapping[str, Any], gone: Mapping[str, Gone]
) -> Chosen | None:
    """Say which predictions are of erased rows: by their ids, or because the snapshot lacks them since an erasure.

    A task that was at work on rows while they were erased stores their predictions afterwards, when no snapshot tells
    any more whose they are.
    """
    from airflow_provider_mlops.backends.erasing import by_key, not_among, texts_of
    from airflow_provider_mlops.backends.parquet import SnapshotReader

    column, snapshot_id = str(manifest["row_id_column"]), manifest["snapshot_id"]
    ids = rows.row_ids.get(column, frozenset())
    if snapshot_id is None:
        return None
    if snapshot_id not in gone:
        return by_key("row_id", sorted(ids)) if ids else None
    if _was_pruned(gone, snapshot_id):
        return _of_pruned(storage, rows.subject, path, manifest, ids)
    now = successor(gone, snapshot_id)
    if now is None:
        return not_among("row_id", ())
    with storage.open(snapshot_path(rows.dataset, now)) as folder:
        return not_among("row_id", texts_of(SnapshotReader(folder, now), column) - ids)


def _of_pruned(
    storage: Storage, subject: Subject, path: str, manifest: Mapping[str, Any], ids: frozenset[str]
) -> Chosen | None:
    from airflow_provider_mlops.backends.erasing import by_key

    if manifest["row_id_column"] == subject.column:
        return by_key("row_id", sorted(ids | subject.spellings))
    if manifest.get("entity_column") == subject.column and manifest["kind"] != LABELS:
        return by_key("entity", sorted(subject.spellings))
    raise Refused(
        f"The snapshot of {storage.uri(path)} was pruned, so nobody can tell whose predictions these are; nothing was "
        f"erased. Remove it, or erase by {manifest['row_id_column']!r}."
    )


def _was_pruned(gone: Mapping[str, Gone], snapshot_id: str | None) -> bool:
    seen: set[str] = set()
    while snapshot_id is not None and snapshot_id in gone and snapshot_id not in seen:
        seen.add(snapshot_id)
        if gone[snapshot_id].how == PRUNED:
            return True
        snapshot_id = gone[snapshot_id].replaced_by
    return False
