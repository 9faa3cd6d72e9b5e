"""The rules about how predictions are served: the latency's 95th percentile and the share of errors."""

from typing import Any

from airflow_provider_mlops.core.gate import decide_maximum
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.statistics.performance_decision import Errors, result, unanswered
from airflow_provider_mlops.statistics.service_levels import Latency, calls_needed, error_rate, latency_p95

LATENCY, ERRORS = "latency", "errors"


def judge_latency(latencies: Any, limit: float, errors: Errors) -> RuleResult:
    """Judge the 95th percentile of the latency: FAIL by its lower bound, PASS by its upper one.

    :param latencies: milliseconds per call.
    :param limit: the bound, milliseconds.
    :param errors: error rates of the policy.
    :return: the result.
    """
    rule, what = "latency_p95_ms", "The 95th percentile of the latency"
    try:
        found, alpha = latency_p95(latencies, errors.level), errors.alpha
        outcome = _decide(found, limit)
        if outcome is Outcome.FAIL:
            found, alpha = latency_p95(latencies, errors.corrected), errors.alpha / errors.alarms
            outcome = _decide(found, limit)
    except NotMeasurable as error:
        return unanswered(rule, LATENCY, what, error, limit=limit)
    start = f"{what} of {found.n:,} calls is {found.value:.3g} ms"
    if outcome is Outcome.PASS:
        reason = f"{start}, at most {found.high:.3g} ms, within the bound {limit:g} ms."
    elif outcome is Outcome.FAIL:
        reason = f"{start}, at least {found.low:.3g} ms, above the bound {limit:g} ms."
    elif found.high is None:
        least = calls_needed(1 - 2 * alpha)
        reason = (
            f"{start}; with fewer than {least} calls it has no upper bound, so the bound {limit:g} ms is not proved."
        )
    else:
        reason = f"{start}, between {found.low:.3g} and {found.high:.3g} ms: on both sides of the bound {limit:g} ms."
    return result(rule, LATENCY, outcome, reason, limit=limit, alpha=alpha, **found.to_dict())


def judge_errors(failed: int, rows: int, limit: float, errors: Errors) -> RuleResult:
    """Judge the share of rows that could not be scored.

    :param failed: rows without a score.
    :param rows: all rows.
    :param limit: the bound.
    :param errors: error rates of the policy.
    :return: the result.
    """
    try:
        outcome, found, alpha = errors.decide(
            lambda level, _: error_rate(failed, rows, level), lambda interval: decide_maximum(interval, limit), limit
        )
    except NotMeasurable as error:
        return unanswered("error_rate", ERRORS, "The error rate", error, limit=limit)
    start = f"{failed:,} of {rows:,} rows were not scored, between {found.low:.3g} and {found.high:.3g} of all"
    ends = {
        Outcome.PASS: f", within the bound {limit:g}.",
        Outcome.FAIL: f", above the bound {limit:g}.",
        Outcome.INCONCLUSIVE: f": on both sides of the bound {limit:g}.",
    }
    return result("error_rate", ERRORS, outcome, start + ends[outcome], found, limit=limit, alpha=alpha, failed=failed)


def _decide(found: Latency, limit: float) -> Outcome:
    if found.low is not None and found.low > limit:
        return Outcome.FAIL
    return Outcome.PASS if found.high is not None and found.high <= limit else Outcome.INCONCLUSIVE
