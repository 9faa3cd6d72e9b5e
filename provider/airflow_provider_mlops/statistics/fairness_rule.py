"""Fairness rules of a policy: every group is compared with the reference group, and the bounds decide."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable, TooFewClusters
from airflow_provider_mlops.core.rules import OPERATING, Fairness
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.statistics.arrays import (
    FloatArray,
    check_classes,
    check_finite,
    check_probabilities,
    positives_of,
)
from airflow_provider_mlops.statistics.fairness_compare import CALIBRATION, Comparison
from airflow_provider_mlops.statistics.fairness_groups import MAX_GROUPS, Cells, Groups, cells_of, group_name, groups_of
from airflow_provider_mlops.statistics.fairness_question import Question
from airflow_provider_mlops.statistics.fairness_resampling import Rows, resampled
from airflow_provider_mlops.statistics.metric import DEFAULT_THRESHOLD, Options
from airflow_provider_mlops.statistics.resampling import Plan
from airflow_provider_mlops.statistics.score_table import BINARY, ScoreTable
from airflow_provider_mlops.statistics.seeds import derive_seed


def judge_fairness(
    rule: Fairness, table: ScoreTable, alpha: float, options: Options, *, evaluation_id: str
) -> Iterator[RuleResult]:
    """Judge a fairness rule: one result per group compared, in the order of the groups' names.

    :param rule: the rule.
    :param table: the test rows.
    :param alpha: one-sided error rate.
    :param options: clusters and weights of the rows, and the number of resamples.
    :param evaluation_id: id of the evaluation; the seed derives from it.
    :return: the results; a single one where the groups cannot be compared at all.
    :raises BadInput: when the task is not binary, or the rule contradicts itself.
    """
    check_fairness(rule)
    if table.task != BINARY:
        raise BadInput(
            f"Rule {rule.name!r} is about fairness, which is measured for binary tasks; this one is {table.task}."
        )
    try:
        question = _question(rule, table, alpha, options, evaluation_id)
        yield from question.results()
    except NotMeasurable as error:
        numbers: dict[str, Any] = {"metric": rule.metric, "columns": list(rule.group)}
        numbers |= {"limit": rule.value, "alpha": alpha}
        numbers |= error.numbers() if isinstance(error, TooFewClusters) else {}
        reason = f"{rule.metric} cannot be measured: {error}"
        yield RuleResult(rule=rule.name, outcome=Outcome.INCONCLUSIVE, reason=reason, numbers=numbers)


def check_fairness(rule: Fairness) -> None:
    """Refuse a rule that contradicts itself.

    :param rule: the rule.
    :raises BadInput: on a limit that nothing or everything keeps, a threshold for the calibration gap, or a
        reference that has not one value per column.
    """
    if not 0 < rule.value < 1:
        raise BadInput(
            f"Rule {rule.name!r} limits {rule.metric} at {rule.value:g}, which nothing or everything keeps: "
            "the value must be above 0 and below 1."
        )
    if rule.metric == CALIBRATION and rule.threshold is not None:
        raise BadInput(f"Rule {rule.name!r} sets a threshold, which {CALIBRATION} does not have: remove it.")
    if rule.reference:
        group_name(rule.group, rule.reference)


def _question(rule: Fairness, table: ScoreTable, alpha: float, options: Options, evaluation_id: str) -> Question:
    missing = [column for column in rule.group if column not in table.slices]
    if missing:
        known = ", ".join(table.slices) or "none"
        raise NotMeasurable(f"The test rows have no slice column {', '.join(map(repr, missing))}; they have: {known}.")
    positive = positives_of(table.labels)
    check_classes(positive, 1)
    check_finite(table.candidate)
    if rule.metric == CALIBRATION:
        check_probabilities(table.candidate)
    threshold = _threshold(rule, table)
    groups = groups_of({column: table.slices[column] for column in rule.group})
    if not 1 < len(groups.names) <= MAX_GROUPS:
        only = f": {groups.names[0]}" if len(groups.names) == 1 else ""
        raise NotMeasurable(f"There are {len(groups.names):,} groups{only}; there must be 2 to {MAX_GROUPS}.")
    cells = cells_of(groups, positive, table.candidate, threshold)
    reference = _reference(rule, groups, cells)
    weights = table.weights if options.weights is None else options.weights
    worth = cells.rows if weights is None else _worth(groups, weights)
    if options.clusters is None and weights is None:
        return Question(rule, groups.names, Comparison(rule.metric, cells, reference), alpha, threshold, None, worth)
    seed = derive_seed(evaluation_id, rule.metric, ",".join(rule.group))
    strata = groups.codes if options.clusters is None else None
    plan = Plan(n=table.rows, seed=seed, draws=options.draws, strata=strata, clusters=options.clusters, weights=weights)
    rows = Rows(groups, positive, table.candidate >= threshold, table.candidate - positive, plan)
    return Question(rule, groups.names, resampled(rule.metric, cells, reference, rows), alpha, threshold, seed, worth)


def _worth(groups: Groups, weights: FloatArray) -> FloatArray:
    """Count the rows of one weight that would be as precise as each group's (Kish 1965)."""
    sums = np.bincount(groups.codes, weights=weights, minlength=len(groups.names))
    squares = np.bincount(groups.codes, weights=np.square(weights), minlength=len(groups.names))
    return np.divide(np.square(sums), squares, out=np.zeros_like(sums), where=squares > 0)


def _threshold(rule: Fairness, table: ScoreTable) -> float:
    if rule.threshold != OPERATING:
        return DEFAULT_THRESHOLD if rule.threshold is None else float(rule.threshold)
    own = table.thresholds.get("candidate")
    if own is None or not np.isfinite(own):
        raise NotMeasurable(
            "The candidate has no operating threshold: train it with one chosen on validation rows, or give a number."
        )
    return float(own)


def _reference(rule: Fairness, groups: Groups, cells: Cells) -> int:
    """Find the reference group: the one named, else the largest, the first of equals."""
    if not rule.reference:
        return int(np.argmax(cells.rows))
    name = group_name(rule.group, rule.reference)
    if name not in groups.names:
        raise NotMeasurable(f"There is no reference group {name!r}; there are: {', '.join(groups.names)}.")
    return groups.names.index(name)
