"""What a drift check that reads no rows judges: which profiles its plan asks for, and which of them there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.drift_options import DriftKind, Origin
from airflow_provider_mlops.core.prediction_log import labels_path, log_path
from airflow_provider_mlops.core.profiled import Asked, Profiled, kind_profiled, profiles_to_judge
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.gone import Pruned
from airflow_provider_mlops.hooks.prediction_log import there_now
from airflow_provider_mlops.hooks.profile_store import MEMBERS, of_source, profile_place
from airflow_provider_mlops.hooks.snapshot_set import members_now

if TYPE_CHECKING:
    from airflow_provider_mlops.hooks.drift_plan import DriftPlan
    from airflow_provider_mlops.hooks.storage import Storage

_SCORED = (DriftKind.PREDICTION, DriftKind.CONFIDENCE)


def profiled_by(plan: DriftPlan, records: Sequence[Record]) -> Profiled:
    """Find the profiles of what a plan judges, and of a rolling reference.

    :param plan: what is compared.
    :param records: records of the model's ledger, oldest first.
    :return: the profiles; what has none is named.
    """
    rolling = plan.question.kind is DriftKind.RECENT_CHANGE
    before = {item["partition_key"]: item["snapshot_id"] for item in plan.reference} if rolling else {}
    return profiles_to_judge(records, asked_of(plan), sources_of(plan), before, plan.missing)


def asked_of(plan: DriftPlan) -> Asked:
    """Say which profiles are made of what a plan judges.

    :param plan: what is compared.
    :return: whose reference froze the bins, and how rows are counted apart.
    """
    question = plan.question
    test = question.kind in _SCORED or question.policy.reference.of is Origin.TEST
    return Asked(
        dataset=question.dataset,
        kind=kind_profiled(question.kind),
        manifest_hash=plan.manifest_hash,
        # A rolling reference is counted by the bins of the training snapshots.
        reference=Origin.TEST if test else Origin.TRAINING,
        slices=question.policy.slices,
    )


def sources_of(plan: DriftPlan) -> dict[str, str]:
    """Name what each judged partition holds now.

    :param plan: what is compared.
    :return: snapshot id, or hash of the record of its log or of its labels, by partition key.
    """
    if not plan.logs:
        return {item["partition_key"]: item["snapshot_id"] for item in plan.snapshots}
    found = {}
    for one in plan.logs:
        labels = one.labels if plan.question.kind is DriftKind.LABEL else None
        found[str(one.predictions.body["partition_key"])] = (labels or one.predictions).hash
    return found


def log_source(storage: Storage, plan: DriftPlan, key: str) -> dict[str, Any]:
    """Name a log, or labels, for good, and where they lie: an erasure must find what is of them.

    Rows that are left after an erasure lie elsewhere. So a profile of all of them, which a task that was at work
    meanwhile stores afterwards, is never taken for one of those that are left.

    :param storage: where they lie; it knows the ledger that says what was erased.
    :param plan: what is compared; it judges the prediction log.
    :param key: one of its partitions.
    :return: what `of_source` takes.
    """
    (one,) = [one for one in plan.logs if str(one.predictions.body["partition_key"]) == key]
    model, log = plan.question.model_name, one.predictions.body
    files = [(log_path(model, key, log["log_id"]), log["manifest_sha256"])]
    if plan.question.kind is DriftKind.LABEL and one.labels is not None:
        labels = one.labels.body
        files.append((labels_path(model, key, labels["labels_id"]), labels["manifest_sha256"]))
    found = [there_now(storage, log["dataset"], *file) for file in files]
    paths = [now[0] for now in found if now is not None]
    return {"kind": plan.question.kind.value, "record": sources_of(plan)[key], "logs": paths}


def is_outdated(storage: Storage, plan: DriftPlan, record: Record) -> bool:
    """Tell whether rows were erased from a log, labels or a window since they were profiled.

    :param storage: where they lie; it knows the ledger that says what was erased.
    :param plan: what is compared.
    :param record: record of a profile of one of its partitions.
    """
    body = record.body
    if plan.logs:
        of = of_source(plan.question.model_name, log_source(storage, plan, str(body["partition_key"])))
        return bool(body["path"] != profile_place(of, body["profile_spec"]))
    if MEMBERS not in body:
        return False  # a snapshot that holds rows itself is named by them
    try:
        now = members_now(storage, plan.question.dataset, body["source"])
    except Pruned:
        return False  # a profile outlives the rows that it counted
    return now is not None and sha256_of(now) != body[MEMBERS]
