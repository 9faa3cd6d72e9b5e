"""The rule about flips: how many decisions change when one fact about a case is altered."""

from typing import Any

import numpy as np

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.gate import decide_maximum
from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.core.rules import FlipRate
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray, check_finite
from airflow_provider_mlops.statistics.intervals import wilson
from airflow_provider_mlops.statistics.resampling import DRAWS, MORE_DRAWS, Plan, resample, wants_more_draws
from airflow_provider_mlops.statistics.sample_size import rows_to_decide
from airflow_provider_mlops.statistics.score_table import REGRESSION
from airflow_provider_mlops.statistics.scores import check_weights, decisions_of, own_threshold, scores_of, threshold_of
from airflow_provider_mlops.statistics.seeds import derive_seed
from airflow_provider_mlops.statistics.slicing import Rows
from airflow_provider_mlops.statistics.wording import limit_text

METRIC = "flip_rate"


def check_flips(rule: FlipRate, task: str) -> None:
    """Refuse a rule about decisions where none are made.

    :param rule: the rule.
    :param task: task of the test rows.
    :raises BadInput: for a regression without a number to decide by.
    """
    if task == REGRESSION and not isinstance(rule.threshold, float):
        raise BadInput(f"Rule {rule.name!r} counts decisions, which a {task} does not make: give a threshold.")


def judge_flips(rule: FlipRate, rows: Rows, alpha: float, evaluation_id: str) -> RuleResult:
    """Judge how many decisions change.

    :param rule: the rule.
    :param rows: the test rows.
    :param alpha: one-sided error rate.
    :param evaluation_id: id of the evaluation; the seed derives from it.
    :return: its result; INCONCLUSIVE when the rows cannot answer.
    """
    numbers: dict[str, Any] = {"metric": METRIC, "variant": rule.variant, "n": rows.table.rows, "alpha": alpha}
    numbers["limit"] = rule.value
    seed = derive_seed(evaluation_id, METRIC, rule.variant)
    try:
        threshold = _threshold(rule, rows)
        changed = _changed(rule, rows, threshold)
        measured, draws = _measured(changed, rows, 1 - 2 * alpha, rule.value, seed)
    except NotMeasurable as error:
        reason = f"The share of decisions that {rule.variant!r} flips cannot be measured: {error}"
        return RuleResult(rule=rule.name, outcome=Outcome.INCONCLUSIVE, reason=reason, numbers=numbers)
    outcome = decide_maximum(measured, rule.value)
    needed = rows_to_decide(measured, rule.value, alpha=alpha) if outcome is Outcome.INCONCLUSIVE else None
    numbers |= {"candidate": measured.value, "low": measured.low, "high": measured.high, "method": measured.method}
    numbers |= {"flips": int(np.count_nonzero(changed)), "threshold": threshold, "rows_needed": needed}
    numbers |= {"draws": draws, "seed": seed if draws else None, "bound": "low" if outcome is Outcome.FAIL else "high"}
    subject = f"the share of decisions that {rule.variant!r} flips"
    reason = limit_text(outcome, subject, measured, rule.value, minimum=False, rows=needed)
    return RuleResult(rule=rule.name, outcome=outcome, reason=reason[0].upper() + reason[1:], numbers=numbers)


def _threshold(rule: FlipRate, rows: Rows) -> float:
    return own_threshold(rows.table, "candidate") if isinstance(rule.threshold, str) else threshold_of(rule.threshold)


def _changed(rule: FlipRate, rows: Rows, threshold: float) -> BoolArray:
    table = rows.table
    before, after = scores_of(table, "candidate"), scores_of(table, "candidate", variant=rule.variant)
    if not table.rows:
        raise NotMeasurable("There are no rows.")
    check_weights(table)
    check_finite(before)
    check_finite(after, "scores of the altered rows")
    return np.asarray(decisions_of(table.task, before, threshold) != decisions_of(table.task, after, threshold))


def _measured(changed: BoolArray, rows: Rows, level: float, limit: float, seed: int) -> tuple[Interval, int | None]:
    weights, clusters, n = rows.table.weights, rows.clusters, len(changed)
    if weights is None and clusters is None:
        return wilson(int(np.count_nonzero(changed)), n, level), None
    flips = changed.astype(np.float64)

    def share(drawn: FloatArray) -> FloatArray:
        return np.asarray(drawn @ flips / drawn.sum(axis=1))

    def drawn_again(draws: int) -> Interval:
        plan = Plan(n=n, seed=seed, draws=draws, clusters=clusters, weights=weights)
        return resample(share, plan, level, smallest=n, within=(0.0, 1.0))

    measured = drawn_again(DRAWS)
    if wants_more_draws(measured, limit, level):
        return drawn_again(MORE_DRAWS), MORE_DRAWS
    return measured, DRAWS
