"""Several snapshots read as one, in order: lazily, never copied, cut by time while they stream by."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.canonical import PREFIX
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.snapshot_manifest import check_identity, is_time, is_window, parse_manifest
from airflow_provider_mlops.hooks.gone import Erased, snapshot_there_now
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    import pyarrow as pa


def snapshot_path(dataset: str, snapshot_id: str) -> str:
    """Return where a snapshot lies below the storage root.

    :param dataset: name of the dataset.
    :param snapshot_id: id of the snapshot.
    """
    return f"snapshots/{dataset}/{snapshot_id.removeprefix(PREFIX)}"


@dataclass(frozen=True, slots=True)
class Cut:
    """Which rows to keep by their time: from ``since`` on and before ``until``, of some days of the week.

    Rows without a time are dropped where there is a limit.

    :param time_column: the column that says when; None where nothing is cut.
    :param since: first time to keep (ISO 8601), None for no limit.
    :param until: first time not to keep (ISO 8601), None for no limit.
    :param weekdays: days of the week to keep, Monday 0, of UTC where times have a zone; empty for all.
    """

    time_column: str | None = None
    since: str | None = None
    until: str | None = None
    weekdays: tuple[int, ...] = ()

    @property
    def cuts(self) -> bool:
        """Whether there is a limit."""
        return self.since is not None or self.until is not None or bool(self.weekdays)

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Keep the rows of a batch that lie between the limits.

        :param batch: rows, with the time column.
        :return: those to keep, in order.
        """
        return batch.filter(self.mask(batch)) if self.cuts else batch

    def mask(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Tell which rows of a batch lie between the limits.

        :param batch: rows, with the time column.
        :return: one truth value per row.
        :raises BadInput: when the column holds neither times nor dates.
        """
        pc = load("pyarrow.compute", "parquet")
        times = batch.column(batch.schema.get_field_index(self.time_column))
        if not is_time(str(times.type)):
            raise BadInput(f"Rows can be cut by time only with a time column; {self.time_column!r} is {times.type}.")
        keep = pc.is_valid(times)
        for limit, compare in ((self.since, pc.greater_equal), (self.until, pc.less)):
            if limit is not None:
                # A null is not valid already; its comparison must not make the whole null.
                keep = pc.and_(keep, pc.fill_null(compare(times, _moment(limit, times.type)), False))
        if self.weekdays:
            wanted = load("pyarrow", "parquet").array(self.weekdays, "int64")
            keep = pc.and_(keep, pc.is_in(pc.day_of_week(times), value_set=wanted))
        return keep

    def spares(self, manifest: Mapping[str, Any]) -> bool:
        """Tell whether a manifest says that all rows lie between the limits: then none needs to be looked at.

        :param manifest: manifest of a snapshot that holds rows itself.
        """
        column = next((item for item in manifest["columns"] if item["name"] == self.time_column), None)
        if self.weekdays or column is None or column.get("nulls", 1):
            return False
        try:
            low, high = _utc(column["min"]), _utc(column["max"])
        except (KeyError, TypeError, ValueError):  # no time, or one that Python's calendar does not have
            return False
        return (self.since is None or low >= _utc(self.since)) and (self.until is None or high < _utc(self.until))


@dataclass(frozen=True, slots=True)
class Leaf:
    """A snapshot that holds rows itself.

    :param dataset: the dataset that it lies in.
    :param snapshot_id: its id.
    :param cuts: which of its rows to keep, each of them one that cuts.
    """

    dataset: str
    snapshot_id: str
    cuts: tuple[Cut, ...] = ()

    def check_columns(self, there: Sequence[str]) -> None:
        """Refuse a cut by a column that the snapshot does not have.

        :param there: names of its columns.
        :raises BadInput: naming the column.
        """
        for cut in self.cuts:
            if cut.time_column is None or cut.time_column not in there:
                raise BadInput(
                    f"Rows can be cut by time only with a time column; {cut.time_column!r} is not one of the columns "
                    f"of dataset {self.dataset!r}."
                )


@dataclass(frozen=True, slots=True)
class SnapshotSet:
    """Snapshots and windows of a dataset in order, read batch by batch; of lawfully erased ones what is left.

    :param storage: where the snapshots lie.
    :param dataset: name of the dataset.
    :param snapshots: ``{"snapshot_id"}`` of each, in the order of their rows; ``dataset`` beside it where it lies in
        another one. A window stands for its members.
    :param cut: which rows to keep by their time.
    """

    storage: Storage
    dataset: str
    snapshots: Sequence[Mapping[str, Any]]
    cut: Cut = Cut()

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Stream the rows; each snapshot is proved by its id, which is known at the end of each only.

        :param columns: the columns to read. None for all, and all are read where a snapshot lacks one, so that
            whoever needs it can say what there is.
        :return: record batches of one schema, possibly of no rows.
        :raises EvidenceBroken: when a snapshot is missing or was changed.
        :raises BadInput: when the snapshots' schemas differ, or the time column is missing.
        """
        from airflow_provider_mlops.backends.batch_layout import difference_of, laid_out

        schema: pa.Schema | None = None
        if self.snapshots and not any(self._there(item) for item in self.snapshots):
            raise Erased(f"All rows of these snapshots of dataset {self.dataset!r} were lawfully erased.")
        for item in self.snapshots:
            for batch in self._of(item.get("dataset") or self.dataset, item["snapshot_id"], columns, (self.cut,)):
                if schema is not None and (difference := difference_of(schema, batch.schema)):
                    raise BadInput(
                        f"The training snapshots of dataset {self.dataset!r} differ in their schema: in "
                        f"{item['snapshot_id']} {difference}."
                    )
                schema = schema or batch.schema
                yield laid_out(batch, schema)

    def count(self) -> int:
        """Count the rows: from the manifests alone, or by the time column of the snapshots that a cut goes through.

        :return: number of rows.
        :raises EvidenceBroken: when a snapshot is missing or was changed.
        :raises BadInput: when the time column is missing.
        """
        return sum(self._counted(leaf) for leaf in self.leaves())

    def _there(self, item: Mapping[str, Any]) -> str | None:
        return snapshot_there_now(self.storage, item.get("dataset") or self.dataset, item["snapshot_id"])

    def _counted(self, leaf: Leaf) -> int:
        manifest = published_manifest(self.storage, leaf.dataset, leaf.snapshot_id)
        if all(cut.spares(manifest) for cut in leaf.cuts):
            return int(manifest["rows"])
        times = [str(cut.time_column) for cut in leaf.cuts]
        return sum(batch.num_rows for batch in leaf_batches(self.storage, leaf, times))

    def leaves(self) -> Iterator[Leaf]:
        """Name the snapshots that hold the rows, in the order of the rows; lawfully erased ones are left out.

        :return: one after the other, windows taken apart.
        :raises EvidenceBroken: when a manifest is missing or was changed.
        """
        for item in self.snapshots:
            yield from self._leaves(item.get("dataset") or self.dataset, item["snapshot_id"], (self.cut,))

    def _leaves(self, dataset: str, snapshot_id: str, cuts: tuple[Cut, ...]) -> Iterator[Leaf]:
        if (found := snapshot_there_now(self.storage, dataset, snapshot_id)) is None:
            return
        manifest = published_manifest(self.storage, dataset, found)
        if not is_window(manifest):
            yield Leaf(dataset, found, tuple(cut for cut in cuts if cut.cuts))
            return
        inner = (*cuts, Cut(**manifest["cut"])) if manifest["cut"] else cuts
        for member in manifest["members"]:
            yield from self._leaves(member["dataset"], member["snapshot_id"], inner)

    def _of(
        self, dataset: str, snapshot_id: str, columns: Sequence[str] | None, cuts: tuple[Cut, ...]
    ) -> Iterator[pa.RecordBatch]:
        for leaf in self._leaves(dataset, snapshot_id, cuts):
            yield from leaf_batches(self.storage, leaf, columns)


def leaf_batches(storage: Storage, leaf: Leaf, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Stream the rows of one stored snapshot, cut.

    :param storage: where the snapshots lie.
    :param leaf: the snapshot, and what is cut off.
    :param columns: the columns to read, None for all.
    :return: record batches, possibly of no rows.
    :raises EvidenceBroken: when it is missing or was changed.
    :raises BadInput: when a time column is missing.
    """
    from airflow_provider_mlops.backends.parquet import SnapshotReader

    with storage.open(snapshot_path(leaf.dataset, leaf.snapshot_id)) as folder:
        yield from _read(SnapshotReader(folder, leaf.snapshot_id), leaf, columns)


def published_manifest(storage: Storage, dataset: str, snapshot_id: str) -> dict[str, Any]:
    """Read the manifest of a snapshot, and nothing else of it.

    :param storage: where the snapshots lie.
    :param dataset: name of the dataset.
    :param snapshot_id: the snapshot.
    :return: the manifest.
    :raises EvidenceBroken: when there is none, or it was changed.
    """
    path = snapshot_path(dataset, snapshot_id)
    manifest = parse_manifest(storage.marker(path), storage.uri(path))
    check_identity(manifest, snapshot_id, storage.uri(path))
    return manifest


def members_now(storage: Storage, dataset: str, snapshot_id: str) -> list[str] | None:
    """Name what holds the rows of a window now: rows are erased from its members, and its own name stays.

    :param storage: where the snapshots lie; it knows the ledger that says what was erased.
    :param dataset: name of the dataset.
    :param snapshot_id: the snapshot.
    :return: ids of the snapshots that hold them, in the order of the rows; None of a snapshot that is no window, or is
        not stored any more.
    :raises EvidenceBroken: when a manifest is missing or was changed.
    """
    if not storage.exists(snapshot_path(dataset, snapshot_id)):
        return None
    if not is_window(published_manifest(storage, dataset, snapshot_id)):
        return None
    return [leaf.snapshot_id for leaf in SnapshotSet(storage, dataset, [{"snapshot_id": snapshot_id}]).leaves()]


def _read(reader: Any, leaf: Leaf, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    there = reader.columns
    leaf.check_columns(there)
    wanted = list(dict.fromkeys(columns)) if columns is not None and set(columns) <= set(there) else there
    read = list(dict.fromkeys([*wanted, *(str(cut.time_column) for cut in leaf.cuts)]))
    for batch in reader.batches(read):
        kept = functools.reduce(lambda rows, cut: cut.apply(rows), leaf.cuts, batch)
        yield kept if len(read) == len(wanted) else kept.select(wanted)


def _moment(text: str, arrow_type: pa.DataType) -> pa.Scalar:
    moment = load("pandas", "parquet").Timestamp(text)
    return load("pyarrow", "parquet").scalar(moment, type=arrow_type)


def _utc(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
