"""How many rows would decide: the number that an INCONCLUSIVE verdict owes its reader."""

import math

from scipy import special

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import Interval
from airflow_provider_mlops.statistics.intervals import two_sided_z

POWER = 0.8
MOST_ROWS = 1_000_000_000
MOST_TIMES = 100
"""An estimate that sits on the limit asks for ever more rows; past this many times those at hand nobody will wait."""


def rows_needed(variance: float, distance: float, *, alpha: float = 0.05, power: float = POWER) -> int | None:
    """Compute the rows on which a one-sided bound clears a distance with a given power.

    ``n = (z_alpha + z_power)^2 * variance / distance^2``. For a difference of paired accuracies of equal models, the
    variance of a row is the share of discordant rows and the distance is the margin.

    :param variance: variance of one row's contribution.
    :param distance: how far the true value is from the limit.
    :param alpha: one-sided error rate.
    :param power: wished probability of a decision.
    :return: rows, None when the distance is so small that more than a billion would be needed.
    :raises BadInput: when the variance is negative or a rate out of range.
    """
    if not variance >= 0 or not 0 < alpha < 1 or not 0 < power < 1:
        raise BadInput(f"No sample size for variance {variance}, alpha {alpha}, power {power}.")
    if distance == 0:
        return None
    rows = (special.ndtri(1 - alpha) + special.ndtri(power)) ** 2 * variance / distance**2
    return max(1, math.ceil(rows)) if rows <= MOST_ROWS else None


def rows_for_non_inferiority(
    discordance: float, margin: float, *, alpha: float = 0.05, power: float = POWER
) -> int | None:
    """Compute the rows that prove an equal model not inferior in accuracy.

    :param discordance: share of rows that one model has right and the other wrong.
    :param margin: the non-inferiority margin, above zero.
    :param alpha: one-sided error rate.
    :param power: wished probability of a PASS.
    :return: rows, None when more than a billion would be needed.
    :raises BadInput: when the discordance, the margin or a rate is out of range.
    """
    if not 0 <= discordance <= 1 or not margin > 0:
        raise BadInput(f"No sample size for a discordance of {discordance} and a margin of {margin}.")
    return rows_needed(discordance, margin, alpha=alpha, power=power)


def rows_for_proportion(share: float, half_width: float, *, level: float = 0.95) -> int:
    """Compute the rows that tell a proportion to within a distance.

    :param share: the proportion expected.
    :param half_width: the distance, e.g. 0.05 for plus or minus five points.
    :param level: two-sided confidence level.
    :return: rows, 139 for 0.9 to within 0.05.
    :raises BadInput: when the share or the distance is out of range.
    """
    if not 0 <= share <= 1 or not 0 < half_width < 1:
        raise BadInput(f"No sample size for a share of {share} to within {half_width}.")
    return max(1, math.ceil(two_sided_z(level) ** 2 * share * (1 - share) / half_width**2))


def rows_for_ratio(
    rate: float, reference: float, *, limit: float = 0.8, alpha: float = 0.05, power: float = POWER
) -> int | None:
    """Compute the rows of each of two groups that prove the ratio of their rates to be on the right side of a limit.

    The interval is one of the logarithm of the ratio (Katz and others 1978).

    :param rate: rate of positive decisions in the group.
    :param reference: rate in the reference group.
    :param limit: the limit of ``rate / reference``, 0.8 by the four-fifths rule.
    :param alpha: one-sided error rate.
    :param power: wished probability of a decision.
    :return: rows per group, None when the ratio is the limit itself or more than a billion would be needed.
    :raises BadInput: when a rate or the limit is out of range.
    """
    if not 0 < rate <= 1 or not 0 < reference <= 1 or not 0 < limit < math.inf:
        raise BadInput(f"No sample size for rates of {rate} and {reference} and a limit of {limit}.")
    variance = (1 - rate) / rate + (1 - reference) / reference
    return rows_needed(variance, math.log(rate / reference / limit), alpha=alpha, power=power)


def row_variance(interval: Interval, level: float) -> float:
    """Recover the variance of one row's contribution from the width of an interval.

    :param interval: an interval whose width shrinks with the square root of n.
    :param level: its two-sided confidence level.
    :return: the variance.
    """
    error = (interval.high - interval.low) / (2 * two_sided_z(level))
    return error * error * interval.n


def rows_to_decide(interval: Interval, limit: float, *, alpha: float, margin: float | None = None) -> int | None:
    """Compute the rows that would decide where this interval could not.

    For a non-inferiority question the models are first taken for equal, so that the distance is the margin. Where
    the rows at hand would already do for that, and for every other question, it is the distance observed.

    :param interval: the interval that covers the limit, of level 1 - 2 alpha.
    :param limit: the limit that it covers.
    :param alpha: one-sided error rate.
    :param margin: the non-inferiority margin, if that is the question.
    :return: rows, more than at hand; None when no sensible number would do (100 times those at hand).
    """
    variance = row_variance(interval, 1 - 2 * alpha)
    if margin is not None:
        rows = rows_needed(variance, margin, alpha=alpha)
        if rows is not None and rows > interval.n:
            return rows
    rows = rows_needed(variance, interval.value - limit, alpha=alpha)
    return rows if rows is not None and interval.n < rows <= MOST_TIMES * interval.n else None
