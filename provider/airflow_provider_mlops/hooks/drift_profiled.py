"""What a drift check that reads no rows judges: which profiles its plan asks for, and which of them there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_provider_mlops.core.drift_options import DriftKind, Origin
from airflow_provider_mlops.core.profiled import Asked, Profiled, kind_profiled, profiles_to_judge
from airflow_provider_mlops.core.record import Record

if TYPE_CHECKING:
    from airflow_provider_mlops.hooks.drift_plan import DriftPlan

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
