"""Doing what recorded erasures say: derived records first, then the removals; again and again until nothing is left."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from airflow_provider_mlops.core.canonical import PREFIX, sha256_of
from airflow_provider_mlops.core.erasure import check_tombstone
from airflow_provider_mlops.core.errors import EvidenceBroken, Refused, TransientError
from airflow_provider_mlops.core.gone import ERASED, gone_snapshots, is_void, successor
from airflow_provider_mlops.core.prediction_log import replaced_logs
from airflow_provider_mlops.core.profiled import PROFILE
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.hooks.ledger import dataset_ledger, model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.profile_folders import profiles_about
from airflow_provider_mlops.hooks.removal import remove
from airflow_provider_mlops.hooks.row_holders import holder_of
from airflow_provider_mlops.hooks.snapshots import models_of
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.hooks.training_checkpoint import forget_states

PAGES = "validation"
_OF_WHAT_WENT = ("mlflow_", "report_files", "accepted_manifest_sha256")
"""What a validation says of files that an erasure removes, by how the names begin."""


def broken_tombstones(storage: Storage, dataset: str) -> dict[str, str | None]:
    """Check the tombstone of every recorded erasure.

    :param storage: where they lie.
    :param dataset: name of the dataset.
    :return: by erasure what is wrong with its tombstone, None where it is the recorded one.
    """
    records = dataset_ledger(dataset, storage.ledger_root).records()
    gone, found = gone_snapshots(records), dict[str, str | None]()
    for record in records:
        if record.kind == "erasure" and record.mode == "live" and not is_void(record, gone):
            erasure_id = record.body["erasure_id"]
            try:
                check_tombstone(storage.read_marker(tombstone_path(dataset, erasure_id)), record.body)
                found[erasure_id] = None
            except EvidenceBroken as err:
                found[erasure_id] = str(err)
    return found


def tombstone_path(dataset: str, erasure_id: str) -> str:
    """Return where the tombstone of an erasure lies below the storage root.

    :param dataset: name of the dataset.
    :param erasure_id: names the erasure.
    """
    return f"tombstones/{dataset}/{erasure_id}"


class Finisher:
    """Finishes the recorded erasures of a dataset.

    :param storage: where everything lies.
    :param dataset: name of the dataset.
    :param registry: the MLflow connection, for validation pages that were logged there.
    """

    def __init__(self, storage: Storage, dataset: str, registry: MlflowHook | None) -> None:
        self.storage, self.dataset, self.registry = storage, dataset, registry
        self.ledger = dataset_ledger(dataset, storage.ledger_root)

    def finish(self) -> None:
        """Write the records that follow from each erasure, then remove what still holds erased rows.

        :raises TransientError: when a rewritten snapshot is missing: the old one stays until it is there.
        """
        gone, scores = gone_snapshots(self.ledger.records()), set[str]()
        for record in self.ledger.records("erasure"):
            if record.mode == "live" and not is_void(record, gone):
                self._finish(record)
                scores |= {item["scores_id"] for item in record.body["scores"]}
        # What was profiling such rows meanwhile stored its profile afterwards, under the name that they had.
        snapshots = {one for one, lost in gone.items() if lost.how == ERASED}
        for path in profiles_about(self.storage, snapshots, scores, replaced_logs(self.ledger.records())):
            remove(self.storage, path)

    def _finish(self, record: Record) -> None:
        body = record.body
        for item in body["snapshots"]:
            self._derive_snapshot(record, item)
        self._derive_validations(record)
        for model in sorted({item["model"] for item in body["scores"]}):
            self._record_scores(record, model)
        for item in body["scores"]:
            self._remove(f"evaluations/{item['model']}", item["scores_id"], item["replaced_by"])
        for item in body["snapshots"]:
            self._remove(f"{item['folder']}/{self.dataset}", item["snapshot_id"], item["replaced_by"])
        for path in (*body["reports"], *self._profiles(record)):
            remove(self.storage, path)
        for run_id in body["pages"]:
            self._remove_page(run_id)
        # What a training has half learned from these rows; it begins again on those that are left.
        forget_states(self.storage, self.dataset, datetime.fromisoformat(record.time))
        for item in body["others"]:
            holder_of(item["folder"]).remove(self.storage, item)

    def _profiles(self, record: Record) -> list[str]:
        """List the profiles that an erasure removes, but for those that were made again since, by bins frozen since."""
        named = record.body.get("profiles", ())
        anew = {
            made.body["path"]
            for records in (models_of(self.dataset, self.storage.ledger_root).values() if named else ())
            for made in records
            if made.kind == PROFILE and made.time > record.time and made.body["spec_path"] not in named
        }
        return [path for path in named if path not in anew]

    def _remove(self, folder: str, old: str, new: str | None) -> None:
        path = _below(folder, old)
        if self.storage.exists(path) and new is not None and not self._is_known(folder, new):
            raise TransientError(
                f"{self.storage.uri(_below(folder, new))} should hold the rows that are left of {old} and does not; "
                "the old ones stay until it is there. Erase again."
            )
        remove(self.storage, path)

    def _is_known(self, folder: str, new: str) -> bool:
        """Whether the rows that are left are stored, or the ledger says what became of them since."""
        return self.storage.exists(_below(folder, new)) or new in gone_snapshots(self.ledger.records())

    def _derive_snapshot(self, record: Record, item: Mapping[str, Any]) -> None:
        """The rewritten snapshot becomes that of its partition, so that whoever asks for the newest gets it."""
        key, new = item["partition_key"], item["replaced_by"]
        newest = self.ledger.latest(kind="snapshot", partition_key=key) if key else None
        if newest is None or new is None or newest.body["snapshot_id"] != item["snapshot_id"]:
            return
        path = f"snapshots/{self.dataset}/{new.removeprefix(PREFIX)}"
        manifest = self.storage.read_marker(path)
        low, high = manifest.get("time_range") or (None, None)
        body = {
            **newest.body,
            "snapshot_id": new,
            "rows": manifest["rows"],
            "uri": self.storage.uri(path),
            "time_min": low,
            "time_max": high,
            "derived_from": item["snapshot_id"],
            "erasure": record.hash,
        }
        if "manifest_sha256" in newest.body:
            body["manifest_sha256"] = manifest.get("manifest_sha256")
        self.ledger.append(kind="snapshot", key=_key(record, "snapshot", new), body=body, run=record.run)

    def _derive_validations(self, record: Record) -> None:
        """What was accepted stays accepted without the erased rows; the record says that nobody judged it anew."""
        gone = gone_snapshots(self.ledger.records())
        erased = {item["snapshot_id"]: item for item in record.body["snapshots"]}
        latest = {r.body["snapshot_id"]: r for r in self.ledger.records("validation") if r.mode == "live"}
        for old, validation in latest.items():
            accepted = validation.body.get("accepted_snapshot_id")
            for about in {old, accepted} & erased.keys():
                new = erased[about]["replaced_by"]
                if new is not None and (about == old or about not in latest):
                    then = successor(gone, accepted) if about == old else new
                    self._derive_validation(record, validation, erased[about], new, then)

    def _derive_validation(
        self, record: Record, old: Record, item: Mapping[str, Any], new: str, accepted: str | None
    ) -> None:
        outcome = old.outcome if accepted is not None or old.outcome != Outcome.PASS else Outcome.INCONCLUSIVE.value
        reason = (
            f"Derived from the validation {old.hash}: {item['rows_erased']:,} of its rows were lawfully erased, "
            "the others are the same."
        )
        rule = RuleResult(rule="derived", outcome=Outcome(outcome or Outcome.INCONCLUSIVE), reason=reason)
        body = {
            **{name: value for name, value in old.body.items() if not name.startswith(_OF_WHAT_WENT)},
            "snapshot_id": new,
            "rows": item["rows_left"],
            "quarantine": None,
            "accepted_snapshot_id": accepted if outcome == Outcome.PASS else None,
            "report_uri": None,
            "verdict": Verdict.from_rules([rule], marks=("rows_erased",)).to_dict(),
            "derived_from": old.hash,
            "erasure": record.hash,
        }
        key = _key(record, "validation", new)
        self.ledger.append(kind="validation", key=key, body=body, run=record.run, outcome=rule.outcome)

    def _record_scores(self, record: Record, model: str) -> None:
        body = {
            "dataset": self.dataset,
            "erasure": record.hash,
            "reason": record.body["reason"],
            "scores": [item for item in record.body["scores"] if item["model"] == model],
        }
        ledger = model_ledger(model, self.storage.ledger_root)
        ledger.append(kind="erasure", key=_key(record, "scores", model), body=body, run=record.run)

    def _remove_page(self, run_id: str) -> None:
        if self.registry is None:
            raise Refused(
                f"The validation page of MLflow run {run_id} must still be removed; name the MLflow connection."
            )
        from airflow_provider_mlops.backends import mlflow as ml

        with self.registry.session() as client:
            ml.delete_artifacts(client, run_id, PAGES)


def _below(folder: str, content_id: str) -> str:
    return f"{folder}/{content_id.removeprefix(PREFIX)}"


def _key(record: Record, kind: str, about: str) -> str:
    return sha256_of({"erasure": record.hash, "kind": kind, "about": about})
