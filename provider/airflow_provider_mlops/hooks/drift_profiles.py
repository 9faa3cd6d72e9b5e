"""Judging drift from stored profiles: days merged into windows, no row read, nothing missing passed over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.hooks.drift_parts import joined, of_slice
from airflow_provider_mlops.hooks.drift_plan import DriftPlan
from airflow_provider_mlops.hooks.drift_profiled import is_outdated
from airflow_provider_mlops.hooks.profile_store import read_profile, read_spec
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    from airflow_provider_mlops.statistics.finding import Finding
    from airflow_provider_mlops.statistics.profile import Profile
    from airflow_provider_mlops.statistics.profile_spec import ProfileSpec

FROM_PROFILES = "from_profiles"
_SHOWN = 10
Muted = Callable[[str, str], str | None]


@dataclass(frozen=True, slots=True)
class ProfilePair:
    """Both sides of a comparison, merged.

    :param spec: how both were counted.
    :param reference: the reference.
    :param current: what is judged.
    """

    spec: ProfileSpec
    reference: Profile
    current: Profile


def judge_profiles(storage: Storage, plan: DriftPlan, muted: Muted | None = None) -> Verdict:
    """Compare the stored profiles of a plan.

    :param storage: where they lie.
    :param plan: what is compared, with its profiles.
    :param muted: which drift was accepted.
    :return: the verdict; INCONCLUSIVE that names each partition without a profile, where there is one.
    :raises EvidenceBroken: when a profile is not the one that its record cites.
    """
    from airflow_provider_mlops.statistics.drift import detect_drift
    from airflow_provider_mlops.statistics.profile_findings import profile_pairs

    if plan.profiled is None:
        raise ValueError("The plan names no profiles.")
    lost = [
        str(record.body["partition_key"])
        for record in plan.profiled.records
        if not is_there(storage, record) or is_outdated(storage, plan, record)
    ]
    if plan.profiled.missing or lost or not plan.profiled.current:
        return _without(plan, [*plan.profiled.missing, *lost])
    policy, pair = plan.question.policy, read_pair(storage, plan.profiled.records, len(plan.profiled.before))
    pairs = profile_pairs(pair.reference, pair.current, pair.spec)
    verdict = detect_drift(pairs, policy, importance=plan.importance, muted=muted)
    if policy.slices:
        verdict = joined(verdict, _slices(plan, pair, muted))
    return replace(verdict, rules=tuple(map(_as_known, verdict.rules)), marks=(*verdict.marks, FROM_PROFILES))


def read_pair(storage: Storage, records: Sequence[Record], before: int = 0) -> ProfilePair:
    """Read profiles and merge them into two.

    :param storage: where they lie.
    :param records: records of profiles by one specification, those of a rolling reference first.
    :param before: how many of them are the reference; 0 for the one that froze the bins.
    :return: both sides.
    :raises EvidenceBroken: when one is missing, or not the one that its record cites.
    """
    from airflow_provider_mlops.statistics.profile import merged

    body = records[-1].body
    own = [read_profile(storage, body["reference_path"], body["reference_profile"])[0]] if not before else []
    each = [read_profile(storage, record.body["path"], record.body["profile"])[0] for record in records]
    spec = read_spec(storage, body["spec_path"], body["profile_spec"])
    return ProfilePair(spec, merged(own or each[:before]), merged(each[before:]))


def is_there(storage: Storage, record: Record) -> bool:
    """Tell whether a recorded profile still lies in the storage, with what froze its bins.

    :param storage: where it lies.
    :param record: its record.
    """
    return all(storage.exists(record.body[name]) for name in ("path", "spec_path", "reference_path"))


def _as_known(rule: RuleResult) -> RuleResult:
    """Claim of a column that no row has what a profile can tell: one of another type is not counted either."""
    if rule.numbers.get("finding") != "missing_column":
        return rule
    return replace(rule, reason=f"{rule.reason.removesuffix('.')}, or of another type.")


def _without(plan: DriftPlan, keys: Sequence[str]) -> Verdict:
    named = sorted(set(keys))
    shown = ", ".join(named[:_SHOWN]) + (f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else "")
    reason = (
        f"No profile by the reference of champion version {plan.version} is stored for {shown or 'the window'}, so "
        "nothing is said of the window. Run ProfileDatasetOperator for it, with the same policy."
    )
    rule = RuleResult(rule="profiles", outcome=Outcome.INCONCLUSIVE, reason=reason, numbers={"partition_keys": named})
    return Verdict.from_rules([rule], marks=(FROM_PROFILES,))


def _slices(plan: DriftPlan, pair: ProfilePair, muted: Muted | None) -> Verdict:
    """Judge every declared slice that has enough rows on its own, as rows would be."""
    from airflow_provider_mlops.statistics.drift import find
    from airflow_provider_mlops.statistics.drift_decision import decide_slices
    from airflow_provider_mlops.statistics.profile_findings import profile_pairs

    policy, small = plan.question.policy, list[str]()
    findings: list[Finding] = []
    for column, parts in pair.reference.slices.items():
        for value, was in parts.items():
            now, where = pair.current.slices[column][value], f"{column}={value}"
            if not was.rows and not now.rows:
                continue
            if min(was.rows, now.rows) < policy.min_rows:
                small.append(f"{where} ({was.rows:,} and {now.rows:,})")
                continue
            pairs = (item for item in profile_pairs(was, now, pair.spec) if item[0] != column)
            findings += [of_slice(finding, where) for finding in find(pairs, policy)[1]]
    return decide_slices(findings, policy, small, muted=muted)
