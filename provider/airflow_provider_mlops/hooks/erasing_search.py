"""Searching everything that holds rows of a dataset for those of a data subject."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.canonical import PREFIX
from airflow_provider_mlops.core.erasure import Subject
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken, Refused
from airflow_provider_mlops.core.gone import PRUNED, gone_snapshots, ids_in, successor
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.snapshot_manifest import is_window
from airflow_provider_mlops.hooks.erasing_reports import reports_about, windows_over
from airflow_provider_mlops.hooks.gone import scores_there_now
from airflow_provider_mlops.hooks.ledger import dataset_ledger
from airflow_provider_mlops.hooks.profile_folders import profiles_about
from airflow_provider_mlops.hooks.removal import folders
from airflow_provider_mlops.hooks.row_holders import RowHolder, Rows
from airflow_provider_mlops.hooks.snapshots import ROW_FOLDERS, models_of, path_of
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    from airflow_provider_mlops.backends.erasing import Chosen

SCORES = "evaluations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A stored folder with rows to erase.

    :param folder: ``snapshots``, ``quarantine`` or ``evaluations``.
    :param name: the dataset; for scores the model.
    :param id: id of its content.
    :param rows: how many rows are to be erased.
    :param chosen: says which rows are meant.
    """

    folder: str
    name: str
    id: str
    rows: int
    chosen: Chosen = field(repr=False)

    def path(self, content_id: str) -> str:
        """Return where a content of its kind lies below the storage root."""
        return path_of(self.folder, self.name, content_id)


@dataclass(slots=True)
class Found:
    """What holds such rows.

    :param rows: the rows.
    :param places: folders to rewrite.
    :param reports: folders of validation reports, which may show values, below the storage root.
    :param profiles: folders of profiles of such rows, and of the bins that such rows froze.
    :param pages: MLflow runs that validation pages were logged to.
    :param others: what further holders found.
    :param partitions: partition by snapshot id.
    :param without_column: snapshots that lack the key column.
    :param without_rows: scores of test rows that were pruned: whose they are, nobody can tell.
    :param searched: how many snapshots were.
    """

    rows: Rows
    places: list[Place] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)
    profiles: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    others: list[tuple[RowHolder, Mapping[str, Any]]] = field(default_factory=list)
    partitions: dict[str, str | None] = field(default_factory=dict)
    without_column: list[str] = field(default_factory=list)
    without_rows: list[str] = field(default_factory=list)
    searched: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing holds such rows."""
        return not (self.places or self.others)

    def check_whole(self, column: str) -> None:
        """Refuse to erase where something that may hold such rows could not be searched.

        :param column: the key column.
        :raises Refused: naming it, and the way out.
        """
        for ids, why in (
            (self.without_column, f"snapshots have no column {column!r}"),
            (self.without_rows, "files of scores are about rows that were pruned"),
        ):
            if ids:
                named = ", ".join(one[:19] for one in ids[:5])
                raise Refused(
                    f"{len(ids)} {why}, so nobody can tell whose rows they hold: {named}. Prune them "
                    "(with --scores), or pass them over with --ignore-unsearchable."
                )


class Search:
    """One search.

    :param storage: where everything lies.
    :param dataset: name of the dataset.
    :param subject: whom the rows are about.
    """

    def __init__(self, storage: Storage, dataset: str, subject: Subject) -> None:
        self.storage, self.dataset, self.subject = storage, dataset, subject
        self.records = dataset_ledger(dataset, storage.ledger_root).records()
        self.models = models_of(dataset, storage.ledger_root)
        self.gone = gone_snapshots(self.records)

    def run(self, holders: Sequence[RowHolder]) -> Found:
        """Search all of it; no row is kept in memory.

        :param holders: further holders of rows.
        :return: what holds such rows.
        :raises BadInput: when no snapshot has the key column.
        :raises EvidenceBroken: when a snapshot was changed: it must be restored or pruned first.
        """
        own = {self.subject.column: set(self.subject.keys)}
        named = {name for holder in holders for name in holder.row_id_columns(self.storage, self.dataset)}
        row_ids: dict[str, set[str]] = {name: own.get(name, set()) for name in self._row_id_columns() | named}
        found = Found(Rows(self.dataset, self.subject, {}))
        columns: set[str] = set()
        for folder in ROW_FOLDERS:
            for name in folders(self.storage, f"{folder}/{self.dataset}"):
                self._search_snapshot(folder, f"{PREFIX}{name}", found, row_ids, columns)
        if not found.searched and found.without_column:
            raise BadInput(
                f"No snapshot of dataset {self.dataset!r} has a column {self.subject.column!r}; they have: "
                f"{', '.join(sorted(columns)[:40])}."
            )
        found.rows = Rows(self.dataset, self.subject, {name: frozenset(ids) for name, ids in row_ids.items()})
        found.places += self._scores(found)
        self._add_reports(found)
        found.others = [(holder, item) for holder in holders for item in holder.find(self.storage, found.rows)]
        self._add_profiles(found)
        return found

    def _search_snapshot(
        self, folder: str, snapshot_id: str, found: Found, row_ids: dict[str, set[str]], columns: set[str]
    ) -> None:
        from airflow_provider_mlops.backends.erasing import by_key, count_rows
        from airflow_provider_mlops.backends.parquet import SnapshotReader, read_manifest

        column = self.subject.column
        with self.storage.open(path_of(folder, self.dataset, snapshot_id)) as path:
            if is_window(read_manifest(path)):
                return
            reader = SnapshotReader(path, snapshot_id)
            columns.update(reader.columns)
            if column not in reader.columns:
                found.without_column.append(snapshot_id)
                return
            found.searched += 1
            chosen = by_key(column, self.subject.keys)
            named = sorted(name for name in row_ids if name in reader.columns and name != column)
            rows, told = count_rows(reader, [column, *named], chosen)
        if not rows:
            return
        for name in row_ids.keys() & told.keys():
            row_ids[name] |= told[name]
        found.places.append(Place(folder=folder, name=self.dataset, id=snapshot_id, rows=rows, chosen=chosen))
        found.partitions[snapshot_id] = self._partition(snapshot_id)

    def _row_id_columns(self) -> set[str]:
        return {
            record.body["manifest"]["row_id"]
            for records in self.models.values()
            for record in records
            if record.kind == "training" and "manifest" in record.body
        }

    def _scores(self, found: Found) -> Iterator[Place]:
        """Find the scores of such rows, of every evaluation on this dataset."""
        from airflow_provider_mlops.backends.erasing import count_rows
        from airflow_provider_mlops.backends.parquet import SnapshotReader

        for model, records in self.models.items():
            for scores_id, (column, tested_on) in self._scored(model, records).items():
                path = path_of(SCORES, model, scores_id)
                if not self.storage.exists(path):
                    continue
                if column != self.subject.column and self._was_pruned(tested_on):
                    found.without_rows.append(scores_id)
                chosen = self._chosen_scores(found, column, tested_on)
                if chosen is None:
                    continue
                with self.storage.open(path) as folder:
                    count, _ = count_rows(SnapshotReader(folder, scores_id), ["row_id"], chosen)
                if count:
                    yield Place(folder=SCORES, name=model, id=scores_id, rows=count, chosen=chosen)

    def _chosen_scores(self, found: Found, column: str, tested_on: str) -> Chosen | None:
        """Say which scores are of erased rows: by their ids, or because the test rows lack them since an erasure.

        An evaluation that was at work on rows while they were erased stores their scores afterwards, when no snapshot
        tells any more whose they are.
        """
        from airflow_provider_mlops.backends.erasing import by_key, not_among, texts_of
        from airflow_provider_mlops.backends.parquet import SnapshotReader

        lost = self.gone.get(tested_on)
        if lost is None or lost.how == PRUNED or self._was_pruned(tested_on):
            ids = found.rows.row_ids.get(column, frozenset())
            return by_key("row_id", sorted(ids)) if ids else None
        if (now := successor(self.gone, tested_on)) is None:
            return not_among("row_id", ())
        with self.storage.open(path_of(ROW_FOLDERS[0], self.dataset, now)) as folder:
            left = texts_of(SnapshotReader(folder, now), column)
        return not_among("row_id", left - found.rows.row_ids.get(column, frozenset()))

    def _was_pruned(self, snapshot_id: str) -> bool:
        while (lost := self.gone.get(snapshot_id)) is not None:
            if lost.how == PRUNED or lost.replaced_by is None:
                return lost.how == PRUNED
            snapshot_id = lost.replaced_by
        return False

    def _scored(self, model: str, records: Sequence[Record]) -> dict[str, tuple[str, str]]:
        """Name the stored scores of a model, each with the column of its row ids and the snapshot they are of."""
        row_id = {
            r.body["manifest_hash"]: r.body["manifest"]["row_id"]
            for r in records
            if r.kind == "training" and "manifest" in r.body
        }
        found = {}
        for record in records:
            if record.kind != "evaluation" or record.body["candidate"]["manifest_hash"] not in row_id:
                continue
            try:
                there = scores_there_now(self.storage, model, record.body["scores_id"])
            except EvidenceBroken:  # no row of them is left
                continue
            column = row_id[record.body["candidate"]["manifest_hash"]]
            found[there] = (column, record.body["test"]["snapshot_id"])
        return found

    def _partition(self, snapshot_id: str) -> str | None:
        for record in self.records:
            if record.body.get("partition_key") and snapshot_id in ids_in(record.body):
                return str(record.body["partition_key"])
        return None

    def _add_reports(self, found: Found) -> None:
        if found.is_empty:
            return
        reports = reports_about(self.storage, self.dataset, self.gone, {place.id for place in found.places})
        found.reports, found.pages = sorted(reports.folders), sorted(reports.pages)

    def _add_profiles(self, found: Found) -> None:
        """Profiles of such rows go, like reports; of pruned snapshots too: whose rows they counted nobody can tell."""
        if found.is_empty:
            return
        ids = {place.id for place in found.places if place.folder in ROW_FOLDERS}
        ids |= self.gone.keys()
        windows = windows_over(self.storage, self.dataset, ids)
        scores = {place.id for place in found.places if place.folder == SCORES}
        logs = [str(item["path"]) for _, item in found.others if "path" in item]
        about = ids.union(*windows.values())
        found.profiles = profiles_about(self.storage, about, scores, logs)
