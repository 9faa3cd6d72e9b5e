"""Pruning: removing the snapshots that nothing needs, after the ledger says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from airflow_provider_mlops.core.canonical import PREFIX, sha256_of
from airflow_provider_mlops.core.gone import PRUNED, gone_snapshots
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.retention import Plan, Rule, plan_pruning
from airflow_provider_mlops.core.retention_needs import Needs
from airflow_provider_mlops.hooks.ledger import dataset_ledger, known_dataset_ledger, model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.profile_folders import profiles_without
from airflow_provider_mlops.hooks.removal import folders, remove
from airflow_provider_mlops.hooks.scores_store import scores_path
from airflow_provider_mlops.hooks.snapshots import datasets, models_of, needs_of, path_of, stored_snapshots
from airflow_provider_mlops.hooks.storage import Storage


@dataclass(frozen=True, slots=True)
class Pruning:
    """What a pruning would remove, and why the rest stays.

    :param plan: the snapshots.
    :param scores: ``{"model", "scores_id"}`` of the stored scores that nothing needs.
    :param profiles: ``{"path", "snapshot_ids"}`` of the profiles that go with their snapshots.
    :param planned_on: hash of the newest record that the plan knows.
    """

    plan: Plan
    scores: list[dict[str, str]] = field(default_factory=list)
    profiles: list[dict[str, Any]] = field(default_factory=list)
    planned_on: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing would go."""
        return not (self.plan.remove or self.scores or self.profiles)


class Pruner:
    """Prunes one dataset.

    :param dataset: name of the dataset.
    :param storage: where its snapshots lie.
    :param rule: what may go.
    :param registry: the MLflow connection, whose aliases keep their versions; None to go by the ledger alone.
    :param with_scores: whether the scores of evaluations on removed snapshots go too.
    :raises BadInput: when there is no such dataset.
    """

    def __init__(
        self, dataset: str, storage: Storage, rule: Rule, registry: MlflowHook | None, *, with_scores: bool = False
    ) -> None:
        self.dataset, self.storage, self.rule = dataset, storage, rule
        self.registry, self.with_scores = registry, with_scores
        self.ledger = known_dataset_ledger(dataset, storage.ledger_root)

    def plan(self) -> Pruning:
        """Decide what would go; nothing is changed.

        :return: the plan.
        :raises EvidenceBroken: when the chain of the dataset or of one of its models is broken.
        :raises TransientError: when the registry cannot be reached.
        """
        # The snapshots are listed first: what is published afterwards is not on the list, and hence stays.
        stored = stored_snapshots(self.storage, self.dataset)
        records = self.ledger.records()
        models = models_of(self.dataset, self.storage.ledger_root)
        needs = needs_of(models, self.registry, audit_days=self.rule.audit_days)
        for snapshot_id, why in self._members_elsewhere():
            needs.snapshots.setdefault(snapshot_id, []).append(why)
        plan = plan_pruning(stored, records, needs.snapshots, self.rule)
        going = {item.snapshot_id for item in plan.remove}
        scores = self._scores(models, going, needs.scores) if self.with_scores else []
        return Pruning(plan, scores, self._profiles(going, needs), records[-1].hash)

    def prune(self, found: Pruning, run: Mapping[str, Any] | None = None) -> Record | None:
        """Record a plan, then remove what it names; what somebody named anew since is left alone.

        :param found: the plan.
        :param run: who prunes, for the record.
        :return: the record, None where there was nothing to remove.
        :raises TransientError: when the ledger's disk is full or failing.
        """
        if found.is_empty:
            return None
        body = {
            "planned_on": found.planned_on,
            "rule": self.rule.to_dict(),
            "snapshots": [
                {
                    "folder": item.folder,
                    "snapshot_id": item.snapshot_id,
                    "partition_keys": list(item.partition_keys),
                    "rows": item.rows,
                    "bytes": item.bytes,
                }
                for item in found.plan.remove
            ],
            "scores": found.scores,
            "profiles": found.profiles,
            "kept": len(found.plan.kept),
        }
        record = self.ledger.append(kind="pruning", key=sha256_of(body), body=body, run=run or {})
        finish_prunings(self.storage, self.dataset)
        return record

    def _members_elsewhere(self) -> Iterator[tuple[str, str]]:
        """Name what stored windows of other datasets are made of; such a window has no rows of its own."""
        for other in datasets(self.storage.ledger_root):
            if other != self.dataset:
                for item in stored_snapshots(self.storage, other):
                    yield from ((name, f"member of a window of dataset {other}") for name in sorted(item.names))

    def _profiles(self, going: set[str], needs: Needs) -> list[dict[str, Any]]:
        """List the profiles of snapshots that go or went, but for those by bins of a reference that a model needs."""
        lost = gone_snapshots(self.ledger.records())
        pruned = {*going, *(one for one, what in lost.items() if what.how == PRUNED)}
        found = profiles_without(self.storage, pruned, needs.snapshots, needs.scores)
        return [{"path": one.path, "snapshot_ids": sorted(one.snapshot_ids & pruned)} for one in found]

    def _scores(
        self, models: Mapping[str, list[Record]], going: set[str], needed: Mapping[str, Any]
    ) -> list[dict[str, str]]:
        """List the scores of evaluations on snapshots that go or went."""
        lost = gone_snapshots(self.ledger.records())
        gone = {*going, *(one for one, what in lost.items() if what.how == PRUNED)}
        found = []
        for model, records in models.items():
            there = {f"{PREFIX}{name}" for name in folders(self.storage, f"evaluations/{model}")}
            of = {r.body["scores_id"] for r in records if r.kind == "evaluation" and _tested_on(r) in gone}
            elsewhere = {r.body["scores_id"] for r in records if r.kind == "evaluation" and _tested_on(r) not in gone}
            found += [{"model": model, "scores_id": one} for one in sorted(there & of - elsewhere) if one not in needed]
        return found


def finish_prunings(storage: Storage, dataset: str) -> int:
    """Remove what recorded prunings named and a killed call has left.

    :param storage: where snapshots and scores lie.
    :param dataset: name of the dataset.
    :return: how many folders are gone by all prunings so far.
    """
    # What is not there any more is looked at too: a killed call may have left it out of sight.
    ledger = dataset_ledger(dataset, storage.ledger_root)
    return sum(remove(storage, path, is_gone) for path, is_gone in _recorded(storage, dataset, ledger))


def _recorded(storage: Storage, dataset: str, ledger: Ledger) -> Iterator[tuple[str, Callable[[], bool]]]:
    gone = gone_snapshots(ledger.records())
    for record in ledger.records("pruning"):
        for item in record.body["snapshots"]:
            lost = gone.get(item["snapshot_id"])
            if lost is not None and lost.record == record.hash:
                path = path_of(item["folder"], dataset, item["snapshot_id"])
                yield path, partial(_is_pruned, ledger, item["snapshot_id"])
        for item in record.body.get("profiles", ()):
            yield item["path"], partial(_any_pruned, ledger, item["snapshot_ids"])
        for item in record.body["scores"]:
            yield scores_path(item["model"], item["scores_id"]), partial(_scored_before, item, record, storage)


def _tested_on(record: Record) -> str | None:
    found: str | None = record.body["test"]["snapshot_id"]
    return found


def _is_pruned(ledger: Ledger, snapshot_id: str) -> bool:
    lost = gone_snapshots(ledger.records()).get(snapshot_id)
    return lost is not None and lost.how == PRUNED


def _any_pruned(ledger: Ledger, snapshot_ids: Sequence[str]) -> bool:
    return any(_is_pruned(ledger, snapshot_id) for snapshot_id in snapshot_ids)


def _scored_before(item: Mapping[str, str], pruning: Record, storage: Storage) -> bool:
    """Whether nobody has evaluated to these scores again since they were pruned."""
    records = model_ledger(item["model"], storage.ledger_root).records("evaluation")
    return all(r.time < pruning.time for r in records if r.body["scores_id"] == item["scores_id"])
