"""The performance of a served version: its logged rows against its monitoring policy, as the body of a record."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.measure import UNDERPOWERED, NotMeasurable
from airflow_provider_mlops.core.performance_policy import DECIDES, OFF
from airflow_provider_mlops.core.performance_window import key_of
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.rules import Fairness
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.hooks.live_case import LiveCase, Served
from airflow_provider_mlops.hooks.live_importance import importance_at_promotion, live_importance
from airflow_provider_mlops.hooks.live_rows import joined_columns
from airflow_provider_mlops.statistics.arrays import kept
from airflow_provider_mlops.statistics.estimates import SUPPORT, judge_estimates
from airflow_provider_mlops.statistics.live_estimate import LiveEstimate
from airflow_provider_mlops.statistics.live_groups import IMPORTANCE, judge_importance, judge_live_fairness
from airflow_provider_mlops.statistics.performance import judge_labelled, measure_now
from airflow_provider_mlops.statistics.performance_decision import unanswered
from airflow_provider_mlops.statistics.service_rules import judge_errors, judge_latency

if TYPE_CHECKING:
    from airflow_provider_mlops.hooks.mlflow import MlflowHook

ASSUMES_NO_DRIFT = "estimate_assumes_no_concept_drift"
OUTSIDE_SUPPORT = "estimate_outside_support"
UNLABELLED = "unlabelled_rows"


def judge_performance(
    served: Served, hook: MlflowHook, fairness: Sequence[Fairness], earlier: Mapping[str, Any]
) -> dict[str, Any]:
    """Read, measure and judge.

    :param served: the version, its partitions and its policy.
    :param hook: the MLflow connection; only importances load the model.
    :param fairness: fairness rules of the gate policy that the policy names.
    :param earlier: as `earlier_estimates` finds it.
    :return: ``rows``, ``realised``, ``estimated``, ``importance``, ``verdict``.
    :raises BadInput: when the policy does not fit the model.
    :raises EvidenceBroken: when a log, its labels or the scores at promotion are missing or were changed.
    """
    live, policy = LiveCase.read(served), served.policy
    rules = _service(live)
    body: dict[str, Any] = {"rows": dict(live.counts), "realised": {}, "estimated": None, "importance": None}
    marks = [UNLABELLED] if live.counts["unlabelled"] else []
    if policy.labelled_rules:
        rules += judge_labelled(live.case)
        rules += _fairness(live, fairness)
        body["realised"] = measure_now(live.case)
        body["importance"], found = _importance(live, hook)
        rules += found
    if policy.estimate != OFF and policy.metrics:
        body["estimated"], said = _estimate(live, earlier)
        if policy.estimate == DECIDES:
            rules += [rule for rule in said if rule.outcome is Outcome.FAIL]
        marks.append(ASSUMES_NO_DRIFT)
        marks += [OUTSIDE_SUPPORT] if SUPPORT in body["estimated"]["broken_assumptions"] else []
    few = policy.labelled_rules and served.window.mature and live.counts["labelled"] < policy.min_rows
    marks += [UNDERPOWERED] if few or any(rule.numbers.get(UNDERPOWERED) for rule in rules) else []
    return {**body, "verdict": Verdict.from_rules(rules, marks).to_dict()}


def earlier_estimates(
    records: Iterable[Record], manifest_hash: str, partition_key: str, policy_hash: str, mature: Collection[str]
) -> dict[str, Any]:
    """Find what was estimated before the labels came, and the track record so far.

    :param records: records of the model's ledger, oldest first.
    :param manifest_hash: content of the version.
    :param partition_key: only verdicts of earlier partitions count.
    :param policy_hash: hash of the policy: another one may have asked at another threshold.
    :param mature: the partitions whose labels are mature now; a verdict before the oldest of them estimated none.
    :return: ``{"estimates": {partition: {metric: interval}}, "pairs": [...]}``.
    """
    told = [record for record in records if _estimates(record, manifest_hash, partition_key, policy_hash)]
    estimates: dict[str, Any] = {}
    for record in told:
        if mature and record.body["partition_key"] >= min(mature):
            for key, found in record.body["estimated"]["partitions"].items():
                estimates.setdefault(key, found)
    return {"estimates": estimates, "pairs": told[-1].body["estimated"]["track_record"]["pairs"] if told else []}


def _estimates(record: Record, manifest_hash: str, partition_key: str, policy_hash: str) -> bool:
    if record.kind != "performance" or record.mode != "live" or record.body["partition_key"] >= partition_key:
        return False
    same = (record.body["manifest_hash"], record.body["policy_hash"]) == (manifest_hash, policy_hash)
    return same and bool(record.body["estimated"])


def _service(live: LiveCase) -> list[RuleResult]:
    numpy, policy, found = load("numpy", "parquet"), live.served.policy, []
    if policy.p95_ms is not None:
        latencies = live.rows.numbers("latency_ms")
        found.append(judge_latency(latencies[~numpy.isnan(latencies)], policy.p95_ms, live.case.errors))
    if policy.max_error_rate is not None:
        failed = live.counts["failed"]
        found.append(judge_errors(failed, len(live.rows), policy.max_error_rate, live.case.errors))
    return found


def _fairness(live: LiveCase, rules: Sequence[Fairness]) -> list[RuleResult]:
    columns = list(dict.fromkeys(column for rule in rules for column in rule.group))
    if not rules:
        return []
    groups: dict[str, Any] = {}
    if live.case.now.rows is not None and not live.case.now.problem:
        frame = _joined(live, columns)
        if isinstance(frame, NotMeasurable):
            return [unanswered(rule.name, "fairness", rule.metric, frame, metric=rule.metric) for rule in rules]
        groups = {name: frame[name].astype(str).where(frame[name].notna(), None).to_numpy() for name in columns}
    return list(judge_live_fairness(rules, live.case, groups))


def _importance(live: LiveCase, hook: MlflowHook) -> tuple[dict[str, Any] | None, list[RuleResult]]:
    from airflow_provider_mlops.hooks.scoring import load_model

    limit, served, case = live.served.policy.importance, live.served, live.case
    if limit is None:
        return None, []
    try:
        table = case.now.get().table
        recorded = served.level.evaluation.body.get("importance") if served.level.evaluation else None
        importance_at_promotion(recorded, {}, table.rows)
        frame = _joined(live, served.training.body["manifest"]["features"])
        if isinstance(frame, NotMeasurable):
            raise frame
        estimator = load_model(hook, served.training)
        seed, metric = case.seed_of(IMPORTANCE), (recorded or {})["metric"]
        now = live_importance(estimator, frame, table.labels, case.task, metric, seed)
        then = importance_at_promotion(recorded, now, table.rows)
    except NotMeasurable as error:
        what = f"The importance of the features of {case.who}"
        return None, [unanswered("importance_ranking", IMPORTANCE, what, error, limit=limit.min_correlation)]
    change, rule = judge_importance(limit, case, now, then)
    return {"now": now, "promotion": then, "change": change.to_dict() if change else None}, [rule]


def _joined(live: LiveCase, columns: Sequence[str]) -> Any:
    """Look columns of the labelled rows up; what speaks against it is returned, for each rule to say."""
    served = live.served
    logs = [one.predictions for one in served.window.mature]
    try:
        row_id = served.training.body["manifest"]["row_id"]
        return joined_columns(served.storage, logs, live.labelled.where(live.usable), row_id, columns)
    except NotMeasurable as error:
        return error


def _estimate(live: LiveCase, earlier: Mapping[str, Any]) -> tuple[dict[str, Any], Sequence[RuleResult]]:
    """Estimate the partitions whose labels are not mature, beside how right such estimates were."""
    numpy, window = load("numpy", "parquet"), live.served.window
    found = LiveEstimate.of(live.case)
    labels, known = live.labelled.labels(live.classes), live.labelled.scores(live.classes)
    masks = {key_of(one): live.usable & (live.labelled.partition == at) for at, one in enumerate(window.mature)}
    pairs = found.pairs({key: (labels[mask], known[mask]) for key, mask in masks.items()}, earlier)
    keys = [key_of(one) for one in window.served]
    waiting = [keys.index(key_of(one)) for one in window.waiting]
    scores, scored = live.rows.scores(live.classes), ~numpy.isnan(live.rows.numbers("score"))
    # Partitions lie one after the other: a part of the array, and no copy of it, where every row was scored.
    ends = numpy.searchsorted(live.rows.partition, numpy.arange(len(keys) + 1))
    parts = {at: slice(ends[at], ends[at + 1]) for at in waiting}
    partitions = {keys[at]: kept(scores[part], scored[part]) for at, part in parts.items()}
    together = kept(scores, scored & numpy.isin(live.rows.partition, waiting))
    said = judge_estimates(live.case, found.estimator, together) if found.estimator and len(together) else []
    record = found.record(partitions, together)
    return {**record, **found.track(pairs), "rules": [rule.to_dict() for rule in said]}, said
