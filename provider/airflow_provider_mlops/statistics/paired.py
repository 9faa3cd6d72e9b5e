"""Two classifiers on the same rows: McNemar's test and Tango's interval for the difference of their accuracies."""

import math

from scipy import special

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.statistics.intervals import two_sided_z

EXACT_BELOW = 25
_STEPS = 60


def mcnemar(candidate_only: int, champion_only: int) -> float:
    """Test whether two classifiers are right equally often (McNemar 1947; advised by Dietterich 1998).

    :param candidate_only: rows that only the candidate got right.
    :param champion_only: rows that only the champion got right.
    :return: two-sided p-value; exact binomial below 25 discordant rows, else chi-squared without correction.
    :raises BadInput: when a count is negative.
    """
    if min(candidate_only, champion_only) < 0:
        raise BadInput(f"Counts cannot be negative: {candidate_only}, {champion_only}.")
    discordant = candidate_only + champion_only
    if discordant == 0:
        return 1.0
    if discordant < EXACT_BELOW:
        return min(1.0, 2 * float(special.bdtr(min(candidate_only, champion_only), discordant, 0.5)))
    return float(special.chdtrc(1, (candidate_only - champion_only) ** 2 / discordant))


def tango(candidate_only: int, champion_only: int, n: int, level: float) -> Interval:
    """Give the difference of two paired proportions its score interval (Tango 1998).

    It keeps its level with few discordant rows, and is not empty when there are none.

    :param candidate_only: rows that only the candidate got right.
    :param champion_only: rows that only the champion got right.
    :param n: all rows.
    :param level: two-sided confidence level.
    :return: share right of the candidate minus that of the champion.
    :raises NotMeasurable: when there are no rows.
    :raises BadInput: when a count is negative or the discordant rows are more than the rows.
    """
    if n < 1:
        raise NotMeasurable("There are no rows.")
    if min(candidate_only, champion_only) < 0 or candidate_only + champion_only > n:
        raise BadInput(f"{candidate_only} and {champion_only} cannot be the discordant rows of {n}.")
    z = two_sided_z(level)
    value = (candidate_only - champion_only) / n
    low = _bound(candidate_only, champion_only, n, z, inside=value, outside=-1.0)
    high = _bound(candidate_only, champion_only, n, -z, inside=value, outside=1.0)
    return Interval(value, min(low, value), max(high, value), n, "tango")


def _bound(b: int, c: int, n: int, z: float, *, inside: float, outside: float) -> float:
    """Bisect for the difference whose score is z: between the estimate, where it is 0, and the end of the range."""
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        if abs(_score(b, c, n, middle)) < abs(z):
            inside = middle
        else:
            outside = middle
    return outside


def _score(b: int, c: int, n: int, difference: float) -> float:
    """Tango's score statistic under the hypothesis of one difference."""
    linear = -b - c + (2 * n - b + c) * difference
    constant = -c * difference * (1 - difference)
    shared = (math.sqrt(max(linear * linear - 8 * n * constant, 0.0)) - linear) / (4 * n)
    variance = n * (2 * shared + difference * (1 - difference))
    gap = b - c - n * difference
    if variance <= 0:
        return math.copysign(math.inf, gap) if gap else 0.0
    return gap / math.sqrt(variance)
