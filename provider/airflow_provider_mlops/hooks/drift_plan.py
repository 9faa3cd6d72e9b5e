"""What a drift check reads: which partitions are judged, and what they are compared with, as the ledgers say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_mlops.core.alias_moves import champion_that_served
from airflow_provider_mlops.core.drift_options import Data, DriftKind, Match, Origin, ReferenceChoice
from airflow_provider_mlops.core.drift_policy import DriftPolicy
from airflow_provider_mlops.core.drift_window import Season, partitions_before, season_of, window_of, windows_before
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.evaluation import Contender
from airflow_provider_mlops.core.evidence import accepted_snapshots, importance_of, newest_evaluation, training_of
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.profiled import Profiled
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.drift_profiled import profiled_by
from airflow_provider_mlops.hooks.ledger import dataset_ledger
from airflow_provider_mlops.hooks.not_accepted import not_accepted
from airflow_provider_mlops.hooks.prediction_log import Labelled, find_labelled, find_predictions

SERVED = (DriftKind.PREDICTION, DriftKind.CONFIDENCE, DriftKind.LABEL, DriftKind.SKEW)
"""What is judged by the prediction log; the others are judged by snapshots."""
SCORED = (DriftKind.PREDICTION, DriftKind.CONFIDENCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftQuestion:
    """What a drift check is asked.

    :param model_name: name of the registered model.
    :param dataset: dataset that is judged: that of the snapshots, or that was scored.
    :param reference_dataset: dataset of the reference of ``skew``; None for the one the champion was trained on.
    :param partition_key: the newest partition to judge.
    :param window: how many partitions end there.
    :param kind: what is compared.
    :param policy: when a difference counts.
    :param ledger_root: folder of the ledgers, None for the default.
    """

    model_name: str
    dataset: str
    reference_dataset: str | None = None
    partition_key: str
    window: int = 1
    kind: DriftKind = DriftKind.FEATURE
    policy: DriftPolicy
    ledger_root: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPlan:
    """What it reads to answer.

    :param question: what is asked.
    :param keys: the partitions that are judged, oldest first.
    :param missing: partitions of the window that there is nothing of.
    :param snapshots: ``{"snapshot_id"}`` of what is judged, where snapshots are.
    :param logs: what is judged, where the prediction log is.
    :param version: version of the champion; None when there was none.
    :param manifest_hash: hash of the manifest of its training.
    :param manifest: that manifest; None where it was not trained here.
    :param classes: its classes in the order of its scores; None where it has one score a row.
    :param reference: ``{"snapshot_id"}`` of the reference, possibly with ``dataset``.
    :param reference_dataset: its dataset.
    :param season: which of its rows count.
    :param scores_id: stored scores that are the reference, for scores.
    :param importance: weight by feature, from the champion's evaluation.
    :param history: snapshots of clean windows, for a calibration; oldest first.
    :param profiled: the stored profiles that are judged in place of rows; None where rows are.
    :param unable: why there is nothing to compare with; None where there is.
    """

    question: DriftQuestion
    keys: Sequence[str]
    missing: Sequence[str] = ()
    snapshots: Sequence[Mapping[str, Any]] = ()
    logs: Sequence[Labelled] = ()
    version: str | None = None
    manifest_hash: str | None = None
    manifest: Mapping[str, Any] | None = None
    classes: Sequence[Any] | None = None
    reference: Sequence[Mapping[str, Any]] = ()
    reference_dataset: str | None = None
    season: Season = field(default_factory=Season)
    scores_id: str | None = None
    importance: Mapping[str, float] | None = None
    history: Sequence[Sequence[Mapping[str, Any]]] = ()
    profiled: Profiled | None = None
    unable: str | None = None

    def decision(self) -> dict[str, Any]:
        """Return what the verdict depends on; of the plain check what it has always been."""
        asked = self.question
        plain = asked.kind is DriftKind.FEATURE and asked.window == 1 and not self.history
        ids = [item["snapshot_id"] for item in self.snapshots]
        judged = {} if self.profiled is None else {"profiles": self.profiled.to_dict()}
        found: dict[str, Any] = {
            "model": asked.model_name,
            "partition": asked.partition_key,
            "champion": self.manifest_hash,
            "snapshot": ids[-1] if ids else None,
            "policy": asked.policy.hash,
            **judged,
        }
        if plain and asked.policy.reference == ReferenceChoice():
            return found
        return {**found, **self._more(), "missing": list(self.missing), "history": [list(w) for w in self.history]}

    def body(self) -> dict[str, Any]:
        """Return what the record says of it."""
        choice = self.question.policy.reference
        origin = Origin.ROLLING if self.question.kind is DriftKind.RECENT_CHANGE else choice.of
        return {
            "partition_key": self.question.partition_key,
            "kind": self.question.kind.value,
            "dataset": self.question.dataset,
            "partition_keys": list(self.keys),
            "missing_partitions": list(self.missing),
            "champion_version": self.version,
            "champion_manifest_hash": self.manifest_hash,
            "reference": {
                "of": _origin(self.question.kind, origin),
                "match": choice.match.value,
                "dataset": self.reference_dataset,
                "scores_id": self.scores_id,
                "since": self.season.since,
                "until": self.season.until,
                "weekdays": list(self.season.weekdays),
            },
            "reference_snapshot_ids": [item["snapshot_id"] for item in self.reference],
            "snapshot_id": self.snapshots[-1]["snapshot_id"] if self.snapshots else None,
            "snapshot_ids": [item["snapshot_id"] for item in self.snapshots],
            "predictions": [one.predictions.hash for one in self.logs],
            "labels": [one.labels.hash for one in self.logs if one.labels is not None],
            "calibration_windows": len(self.history),
            **({} if self.profiled is None else {"profiles": self.profiled.to_dict()}),
        }

    def _more(self) -> dict[str, Any]:
        body = self.body()
        names = ("kind", "dataset", "partition_keys", "reference", "reference_snapshot_ids", "snapshot_ids")
        return {name: body[name] for name in (*names, "predictions", "labels")}


def plan_drift(question: DriftQuestion, records: Sequence[Record]) -> DriftPlan:
    """Find what a drift check reads.

    :param question: what is asked.
    :param records: records of the model's ledger, oldest first.
    :return: the plan; ``unable`` says why nothing can be compared.
    :raises BadInput: when policy and kind contradict each other, or the newest partition has no accepted snapshot.
    """
    _check(question)
    planned = _plan(question, records)
    if planned.unable is not None or question.policy.data is Data.ROWS:
        return planned
    return replace(planned, profiled=profiled_by(planned, records))


def _plan(question: DriftQuestion, records: Sequence[Record]) -> DriftPlan:
    keys = window_of(question.partition_key, question.window)
    planned = _served(question, records, keys) if question.kind in SERVED else _snapshots(question, records, keys)
    if planned.unable is not None or planned.manifest_hash is None:
        return planned
    training = training_of(records, question.model_name, planned.manifest_hash)
    manifest, classes = training.body.get("manifest"), None
    if manifest is not None:
        classes = Contender(training, planned.version).classes
    evaluation = newest_evaluation(records, planned.manifest_hash)
    planned = replace(planned, manifest=manifest, classes=classes, importance=importance_of(evaluation))
    if manifest is None or not manifest["train"]["snapshots"]:
        why = f"Champion version {planned.version} was not trained on snapshots of this storage"
        return replace(planned, unable=why)
    return _with_reference(planned, manifest, evaluation)


def _check(question: DriftQuestion) -> None:
    choice, kind = question.policy.reference, question.kind
    if choice.of is Origin.ROLLING and kind is not DriftKind.RECENT_CHANGE:
        raise BadInput(f"A rolling reference is for kind='recent_change' only, not for {kind.value!r}.")
    if choice.match is not Match.NONE and kind not in (DriftKind.FEATURE, DriftKind.LABEL):
        raise BadInput(f"The reference of kind={kind.value!r} has no season; drop match={choice.match.value!r}.")
    if question.policy.data is Data.PROFILE and kind is DriftKind.SKEW:
        raise BadInput(
            "kind='skew' compares the rows of the same partitions, which profiles do not pair; use data: rows."
        )
    if question.policy.calibration is not None and kind is not DriftKind.FEATURE:
        raise BadInput(f"A calibration is for kind='feature' only, not for {kind.value!r}; use dependence.")


def _snapshots(question: DriftQuestion, records: Sequence[Record], keys: Sequence[str]) -> DriftPlan:
    """Plan what snapshots are judged, and whose champion's reference they are compared with."""
    ledger = dataset_ledger(question.dataset, question.ledger_root).records()
    # A profile outlives the pruned snapshot that it counted.
    profiled = question.policy.data is Data.PROFILE
    accepted = accepted_snapshots(record for record in ledger if not (profiled and record.kind == "pruning"))
    newest = question.partition_key
    if newest not in accepted:
        raise not_accepted(newest, question.dataset, accepted, question.ledger_root)
    there = [key for key in keys if key in accepted]
    promotion = champion_that_served(records, newest)
    planned = DriftPlan(
        question=question,
        keys=there,
        missing=[key for key in keys if key not in accepted],
        snapshots=_ids(accepted, there),
        version=promotion.body["version"] if promotion else None,
        manifest_hash=promotion.body["manifest_hash"] if promotion else None,
        unable=None if promotion else f"No champion served {newest}",
    )
    if question.kind is DriftKind.RECENT_CHANGE:
        before = partitions_before(accepted, keys[0], question.policy.reference.partitions)
        unable = planned.unable or (None if before else f"No accepted partition is before {keys[0]}")
        found = _ids(accepted, before)
        return replace(planned, reference=found, reference_dataset=question.dataset, unable=unable)
    if question.policy.calibration is not None:
        windows = windows_before(accepted, keys[0], question.window, question.policy.calibration)
        return replace(planned, history=[_ids(accepted, window) for window in windows])
    return planned


def _served(question: DriftQuestion, records: Sequence[Record], keys: Sequence[str]) -> DriftPlan:
    """Plan what logs are judged; where several versions served, those of the newest one."""
    found = find_labelled(records, keys, dataset=question.dataset)
    if not find_predictions(records, [question.partition_key], dataset=question.dataset):
        raise BadInput(
            f"Partition {question.partition_key!r} of dataset {question.dataset!r} has no prediction log of model "
            f"{question.model_name!r}; score it first."
        )
    newest = found[-1].predictions.body
    same = [one for one in found if one.predictions.body["manifest_hash"] == newest["manifest_hash"]]
    unable = None
    if question.kind is DriftKind.LABEL:
        mature = [one for one in same if one.matured]
        unable = None if mature else f"No labels of {', '.join(keys)} have matured"
        same = mature
    there = [str(one.predictions.body["partition_key"]) for one in same]
    return DriftPlan(
        question=question,
        keys=there,
        missing=[key for key in keys if key not in there],
        logs=same,
        version=str(newest["model_version"]),
        manifest_hash=newest["manifest_hash"],
        unable=unable,
    )


def _with_reference(plan: DriftPlan, manifest: Mapping[str, Any], evaluation: Record | None) -> DriftPlan:
    question, train = plan.question, manifest["train"]
    if question.kind is DriftKind.RECENT_CHANGE:
        return plan
    if question.kind in SCORED:
        if evaluation is None:
            return replace(plan, unable=f"Champion version {plan.version} has no evaluation whose scores were kept")
        return replace(plan, scores_id=evaluation.body["scores_id"], reference_dataset=manifest["dataset"])
    if question.kind is DriftKind.SKEW:
        return _same_partitions(plan, question.reference_dataset or manifest["dataset"])
    season = season_of(plan.keys, question.policy.reference.match)
    if question.policy.reference.of is Origin.TEST:
        since = max(filter(None, (season.since, manifest["test"].get("since"))), default=None)
        reference = [{"snapshot_id": manifest["test"]["snapshot_id"]}]
        return replace(
            plan, reference=reference, reference_dataset=manifest["dataset"], season=replace(season, since=since)
        )
    until = min(filter(None, (season.until, train["until"])), default=None)
    found = replace(season, until=until)
    return replace(plan, reference=train["snapshots"], reference_dataset=manifest["dataset"], season=found)


def _same_partitions(plan: DriftPlan, dataset: str) -> DriftPlan:
    """Take the training data's own rows of the partitions that were served, also where its partitions are longer."""
    accepted = accepted_snapshots(dataset_ledger(dataset, plan.question.ledger_root).records())
    first, last = Partition.parse(plan.keys[0]).start, Partition.parse(plan.keys[-1]).end
    spans = {key: Partition.parse(key) for key in accepted}
    there = [key for key, span in spans.items() if span.start < last and span.end > first]
    if not there:
        return replace(plan, unable=f"Dataset {dataset!r} has no accepted snapshot of {', '.join(plan.keys)}")
    cut = any(spans[key].start < first or spans[key].end > last for key in there)
    season = Season(since=first.isoformat(), until=last.isoformat()) if cut else Season()
    return replace(plan, reference=_ids(accepted, there), reference_dataset=dataset, season=season)


def _ids(accepted: Mapping[str, str], keys: Sequence[str]) -> list[dict[str, Any]]:
    return [{"partition_key": key, "snapshot_id": accepted[key]} for key in keys]


def _origin(kind: DriftKind, origin: Origin) -> str:
    if kind in SCORED:
        return Origin.TEST.value
    return "same_partitions" if kind is DriftKind.SKEW else origin.value
