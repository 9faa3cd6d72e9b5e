"""Finding the validation reports that may show values of erased rows: of snapshots, and of windows over them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from airflow_provider_mlops.core.gone import PRUNED, Gone, ids_in, successor
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.ledger import dataset_ledger
from airflow_provider_mlops.hooks.removal import folders
from airflow_provider_mlops.hooks.snapshots import datasets, stored_snapshots
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.hooks.validation import RESULT

REPORTS = "reports"


@dataclass(slots=True)
class Reports:
    """Reports to remove: they show a few values of the rows that they are about; which, nobody can tell afterwards.

    :param folders: where they lie below the storage root.
    :param pages: MLflow runs that their pages were logged to.
    """

    folders: set[str] = field(default_factory=set)
    pages: set[str] = field(default_factory=set)

    def add(
        self, storage: Storage, dataset: str, records: Sequence[Record], affected: set[str], lost: set[str]
    ) -> None:
        """Add the reports of a dataset.

        :param storage: where they lie.
        :param dataset: name of the dataset.
        :param records: its records.
        :param affected: snapshots with such rows, and windows over them.
        :param lost: snapshots that were pruned: whose rows they held, nobody can tell.
        """
        stored, recorded = set(folders(storage, f"{REPORTS}/{dataset}")), set[str]()
        for record in records:
            if record.kind != "validation":
                continue
            # The storage may have moved since: what counts is the end of the address.
            name = str(record.body.get("report_uri") or "").rpartition("/")[2]
            recorded.add(name)
            about = set(ids_in(record.body))
            if affected.isdisjoint(about) and not (name in stored and lost & about):
                continue
            if name in stored:
                self.folders.add(f"{REPORTS}/{dataset}/{name}")
            if record.body.get("mlflow_run_id"):
                self.pages.add(record.body["mlflow_run_id"])
        # A validation that was killed may have left a report that no record tells of.
        for path in (f"{REPORTS}/{dataset}/{name}" for name in stored - recorded):
            if _reported(storage, path) in {None, *affected, *lost}:
                self.folders.add(path)


def reports_about(storage: Storage, dataset: str, gone: Mapping[str, Gone], affected: set[str]) -> Reports:
    """Find the reports on snapshots with such rows, on windows over them, and on what was pruned.

    :param storage: where everything lies.
    :param dataset: name of the dataset.
    :param gone: as `core.gone.gone_snapshots` finds it in its ledger.
    :param affected: its snapshots with such rows.
    :return: the reports.
    """
    found = Reports()
    pruned = {one for one, lost in gone.items() if lost.how == PRUNED}
    # A window names its members as they were when it was taken.
    before = {one for one in gone if successor(gone, one) in affected}
    windows = windows_over(storage, dataset, affected | before)
    for name in {dataset, *windows}:
        records = dataset_ledger(name, storage.ledger_root).records()
        own = affected if name == dataset else set[str]()
        found.add(storage, name, records, own | windows.get(name, set()), pruned if name == dataset else set())
    return found


def windows_over(storage: Storage, dataset: str, members: set[str]) -> dict[str, set[str]]:
    """Name the windows that reach snapshots, by dataset, also over windows; a pruned one may have reached any.

    :param storage: where everything lies.
    :param dataset: name of the dataset of the snapshots.
    :param members: ids of the snapshots.
    :return: ids of windows by dataset.
    """
    taken = {
        name: [
            (record.body["snapshot_id"], str(record.body["source"]).removeprefix("snapshots:"))
            for record in dataset_ledger(name, storage.ledger_root).records()
            if record.kind == "snapshot" and record.body.get("source_kind") == "snapshots"
        ]
        for name in datasets(storage.ledger_root)
    }
    stored = {
        (name, item.snapshot_id): item.names
        for name, windows in taken.items()
        if windows
        for item in stored_snapshots(storage, name)
    }
    found: dict[str, set[str]] = {}
    reached, sources, before = set(members), {dataset}, -1
    while len(reached) + len(sources) != before:
        before = len(reached) + len(sources)
        for name, windows in taken.items():
            for window, source in windows:
                if source in sources and not reached.isdisjoint(stored.get((name, window), reached)):
                    found.setdefault(name, set()).add(window)
                    reached.add(window)
                    sources.add(name)
    return found


def _reported(storage: Storage, path: str) -> str | None:
    """Return the snapshot that a stored report is about; None when it does not say."""
    with storage.open(path) as folder:
        try:
            return str(json.loads((folder / RESULT).read_text(encoding="utf-8"))["meta"]["snapshot_id"])
        except (OSError, ValueError, LookupError, TypeError):
            return None
