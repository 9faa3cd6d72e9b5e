"""What a bound says: the decisions of the gate as functions of an interval.

The interval holds two one-sided bounds at the policy's alpha, that is, a two-sided interval of level 1 - 2 alpha.
A decision falls only when the bound, not the point estimate, is beyond the limit.
"""

from airflow_provider_mlops.core.measure import Interval
from airflow_provider_mlops.core.verdict import Outcome


def decide_minimum(interval: Interval, limit: float) -> Outcome:
    """Decide whether a value is at least a limit.

    :param interval: the measured value.
    :param limit: smallest value that is allowed.
    :return: PASS when the lower bound reaches the limit, FAIL when the upper bound stays below it, else INCONCLUSIVE.
    """
    if interval.low >= limit:
        return Outcome.PASS
    if interval.high < limit:
        return Outcome.FAIL
    return Outcome.INCONCLUSIVE


def decide_maximum(interval: Interval, limit: float) -> Outcome:
    """Decide whether a value is at most a limit.

    :param interval: the measured value.
    :param limit: largest value that is allowed.
    :return: PASS when the upper bound keeps the limit, FAIL when the lower bound is above it, else INCONCLUSIVE.
    """
    if interval.high <= limit:
        return Outcome.PASS
    if interval.low > limit:
        return Outcome.FAIL
    return Outcome.INCONCLUSIVE


def decide_non_inferior(difference: Interval, margin: float, *, higher_is_better: bool) -> Outcome:
    """Decide whether the candidate is worse than the champion by less than the margin.

    Whether the interval covers zero does not matter: "not significantly different" is no evidence of "as good".

    :param difference: candidate minus champion, in the unit of the metric.
    :param margin: loss that the policy accepts, above zero.
    :param higher_is_better: direction of the metric.
    :return: PASS when the bound on the worse side is within the margin, FAIL when even the bound on the better side
        is beyond it, else INCONCLUSIVE.
    """
    worst, best = _sides(difference, higher_is_better=higher_is_better)
    if worst > -margin:
        return Outcome.PASS
    if best < -margin:
        return Outcome.FAIL
    return Outcome.INCONCLUSIVE


def decide_superior(difference: Interval, gain: float, *, higher_is_better: bool) -> Outcome:
    """Decide whether the candidate is better than the champion by more than a gain.

    :param difference: candidate minus champion, in the unit of the metric.
    :param gain: gain that must be exceeded, 0 for any.
    :param higher_is_better: direction of the metric.
    :return: PASS when the bound on the worse side is above the gain, FAIL when even the bound on the better side is
        below it, else INCONCLUSIVE.
    """
    worst, best = _sides(difference, higher_is_better=higher_is_better)
    if worst > gain:
        return Outcome.PASS
    if best < gain:
        return Outcome.FAIL
    return Outcome.INCONCLUSIVE


def proved_worse(difference: Interval, margin: float, *, higher_is_better: bool) -> bool:
    """Say whether the candidate is proved worse than the champion by more than a margin.

    :param difference: candidate minus champion, in the unit of the metric.
    :param margin: loss that is no harm, 0 for none.
    :param higher_is_better: direction of the metric.
    :return: whether even the bound on the better side is beyond the margin.
    """
    return _sides(difference, higher_is_better=higher_is_better)[1] < -margin


def _sides(difference: Interval, *, higher_is_better: bool) -> tuple[float, float]:
    """Return the bound on the worse and on the better side, turned so that higher is better."""
    return (difference.low, difference.high) if higher_is_better else (-difference.high, -difference.low)


def decide_rows(rows: int, positives: int, *, min_rows: int, min_positives: int = 0) -> Outcome:
    """Decide whether there are enough rows to judge at all.

    :param rows: labelled rows.
    :param positives: rows of the positive class.
    :param min_rows: rows that the policy wants.
    :param min_positives: positive rows that the policy wants.
    :return: PASS or INCONCLUSIVE.
    """
    return Outcome.PASS if rows >= min_rows and positives >= min_positives else Outcome.INCONCLUSIVE


def decide_looks(looks: int, limit: int) -> Outcome:
    """Decide whether the test rows are still fresh enough; each look at them wears them out (Dwork et al. 2017).

    :param looks: gates judged on these rows, this one included.
    :param limit: looks that the policy allows.
    :return: PASS or INCONCLUSIVE.
    """
    return Outcome.PASS if looks <= limit else Outcome.INCONCLUSIVE
