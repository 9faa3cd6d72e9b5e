"""Fairness and importance of a served version: the gate's fairness rules, and its ranking of features, on live rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.core.performance_policy import ImportanceLimit
from airflow_provider_mlops.core.rules import Fairness
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.statistics.fairness_rule import judge_fairness
from airflow_provider_mlops.statistics.importance_drift import ImportanceChange, importance_change
from airflow_provider_mlops.statistics.metric import Options
from airflow_provider_mlops.statistics.performance import Case
from airflow_provider_mlops.statistics.performance_decision import result, unanswered
from airflow_provider_mlops.statistics.score_table import BINARY
from airflow_provider_mlops.statistics.scores import own_threshold, threshold_of

FAIRNESS, IMPORTANCE = "fairness", "importance"


def judge_live_fairness(rules: Iterable[Fairness], case: Case, groups: Mapping[str, Any]) -> Iterator[RuleResult]:
    """Judge the fairness rules of a gate's policy on labelled live rows, as the gate does on its test rows.

    :param rules: the rules.
    :param case: the version with its labelled rows.
    :param groups: the columns that the rules group by, a text per row.
    :return: one result per rule and group, each of the kind ``fairness``.
    :raises BadInput: when the model does not decide between two classes.
    """
    for rule in rules:
        if case.task != BINARY:
            raise BadInput(
                f"Rule {rule.name!r} (fairness) is for models of the task binary; this one is {case.task}: remove "
                "fairness from the monitoring policy."
            )
        what = f"{rule.metric} of {case.who}"
        try:
            rows = case.now.get()
            operating = isinstance(rule.threshold, str)
            options = Options(
                level=case.errors.level,
                threshold=own_threshold(rows.table, "candidate") if operating else threshold_of(rule.threshold),
                clusters=rows.clusters,
            )
            table = replace(rows.table, slices=groups)
            found = list(judge_fairness(rule, table, case.policy.alpha, options, evaluation_id=case.seed))
        except NotMeasurable as error:
            found = [unanswered(rule.name, FAIRNESS, what, error, metric=rule.metric)]
        for one in found:
            yield replace(one, numbers={**one.numbers, "kind": FAIRNESS})


def judge_importance(
    limit: ImportanceLimit, case: Case, now: Mapping[str, Sequence[float]], then: Mapping[str, Sequence[float]]
) -> tuple[ImportanceChange | None, RuleResult]:
    """Judge whether the ranking of the features changed.

    :param limit: what the policy allows.
    :param case: the version.
    :param now: by feature, importance and its standard error, today.
    :param then: the same at promotion.
    :return: the change, None where it cannot be measured; and the result. FAIL needs both: a correlation proved below
        the limit, and lower than noise explains.
    """
    what = f"The importance of the features of {case.who}"
    try:
        level = case.errors.corrected
        found = importance_change(now, then, level, top=limit.top, seed=case.seed_of(IMPORTANCE))
    except NotMeasurable as error:
        return None, unanswered("importance_ranking", IMPORTANCE, what, error, limit=limit.min_correlation)
    noise = found.p_value >= case.policy.alpha / case.errors.alarms
    if found.high < limit.min_correlation and not noise:
        outcome = Outcome.FAIL
    else:
        outcome = Outcome.PASS if found.low >= limit.min_correlation else Outcome.INCONCLUSIVE
    moved = [
        f"{', '.join(names)} {word}" for names, word in ((found.entered, "entered"), (found.left, "left")) if names
    ]
    among = f"; of the first {found.top}, {' and '.join(moved)}" if moved else f"; the first {found.top} are the same"
    ends = {
        Outcome.PASS: f", not below {limit.min_correlation:g}{among}.",
        Outcome.FAIL: f", below {limit.min_correlation:g}{among}.",
        Outcome.INCONCLUSIVE: f"; noise alone would do that in {found.p_value:.2g} of cases{among}.",
    }
    reason = (
        f"{what} ranks as at promotion with a correlation of {found.correlation:.2f} "
        f"[{found.low:.2f}, {found.high:.2f}]{ends[outcome]}"
    )
    numbers = {**found.to_dict(), "limit": limit.min_correlation}
    return found, result("importance_ranking", IMPORTANCE, outcome, reason, **numbers)
