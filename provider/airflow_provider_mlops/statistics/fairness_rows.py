"""How many rows of a group would decide: asked of a group too small to say, and of an interval on both sides."""

import math

import numpy as np
from scipy import special

from airflow_provider_mlops.statistics.fairness_compare import CALIBRATION, RATES, RATIO
from airflow_provider_mlops.statistics.fairness_decision import Decision, is_within
from airflow_provider_mlops.statistics.fairness_groups import Cells
from airflow_provider_mlops.statistics.intervals import two_sided_z
from airflow_provider_mlops.statistics.sample_size import MOST_ROWS, MOST_TIMES, POWER


def rows_for_shares(
    share: float,
    reference_share: float,
    limit: float,
    *,
    ratio: bool,
    alpha: float,
    power: float = POWER,
    per: float = 1.0,
) -> int | None:
    """Compute the rows of a group that prove two true shares within a limit.

    :param share: true share of the group.
    :param reference_share: true share of the reference.
    :param limit: the smallest ratio or the largest difference that is allowed.
    :param ratio: whether the ratio is asked for, on the logarithmic scale; else the difference, from both sides.
    :param alpha: one-sided error rate.
    :param power: wished probability of the proof.
    :param per: rows of the group for each row of the reference.
    :return: rows of the group, None when no number of rows proves it.
    """
    if ratio and not (share > 0 and reference_share > 0 and limit > 0):
        return None
    if ratio:
        variance = (1 - share) / share + per * (1 - reference_share) / reference_share
        distance = math.log(share / reference_share / limit)
    else:
        variance = share * (1 - share) + per * reference_share * (1 - reference_share)
        distance = limit - abs(share - reference_share)
    return _rows(variance, distance, alpha, power, sides=2 if not ratio and share == reference_share else 1)


def rows_if_alike(metric: str, cells: Cells, group: int, reference: int, limit: float, alpha: float) -> int | None:
    """Compute the rows of a group that would prove it alike, were it truly treated like the reference.

    :param metric: name of the measure.
    :param cells: the counts.
    :param group: index of the group.
    :param reference: index of the reference.
    :param limit: the smallest ratio or the largest difference that is allowed.
    :param alpha: one-sided error rate.
    :return: rows of the group, the reference growing alike; None when no number would do.
    """
    per = float(cells.rows[group] / cells.rows[reference])
    if metric == CALIBRATION:
        mean = cells.gaps[reference] / cells.rows[reference]
        variance = max(float(cells.squares[reference] / cells.rows[reference] - mean * mean), 0.0)
        return _rows(variance * (1 + per), limit, alpha, POWER, sides=2)
    needed = []
    for rate in RATES[metric]:
        shares = rate(cells)
        if not shares.rows[reference] > 0:
            return None
        share = float(shares.share[reference])
        # A rate of one class only needs so many rows of that class.
        source = group if shares.rows[group] > 0 else reference
        of_class = float(cells.rows[source] / shares.rows[source])
        rows = rows_for_shares(share, share, limit, ratio=metric == RATIO, alpha=alpha, per=per)
        needed.append(None if rows is None else math.ceil(rows * of_class))
    known = [rows for rows in needed if rows is not None]
    return max(known) if len(known) == len(needed) else None


def rows_at_observed(metric: str, decision: Decision, index: int, n: int, limit: float, alpha: float) -> int | None:
    """Compute the rows of a group on which its interval, around the value observed, would decide.

    :param metric: name of the measure.
    :param decision: the bounds that could not decide.
    :param index: which of the groups compared.
    :param n: rows of the group at hand.
    :param limit: the smallest ratio or the largest difference that is allowed.
    :param alpha: one-sided error rate.
    :return: rows, the reference growing alike; None when no sensible number would do (100 times those at hand).
    """
    value = float(decision.bounds.value[index])
    within = is_within(value, metric, limit)
    bounds, error_rate = (decision.bounds, alpha) if within else (decision.corrected, decision.share / 2)
    low, high = float(bounds.low[index]), float(bounds.high[index])
    if metric == RATIO:
        if not 0 < low <= value <= high:
            return None
        value, low, high = math.log(value), math.log(low), math.log(high)
        half = value - low if within or value > 0 else high - value
        distance = value - math.log(limit) if within else abs(value)
    else:
        half = max(high - value, value - low) if within else value - low if value > 0 else high - value
        distance = abs(limit - abs(value))
    error = half / two_sided_z(1 - 2 * error_rate)
    rows = _rows(error * error * n, distance, error_rate, POWER)
    return rows if rows is not None and n < rows <= MOST_TIMES * n else None


def _rows(variance: float, distance: float, alpha: float, power: float, *, sides: int = 1) -> int | None:
    """Give the rows; a proof from both sides at once has two chances to miss."""
    if not distance > 0 or not np.isfinite(variance):
        return None
    quantiles = special.ndtri(1 - alpha) + special.ndtri(1 - (1 - power) / sides)
    rows = float(quantiles**2 * variance / distance**2)
    return max(1, math.ceil(rows)) if rows <= MOST_ROWS else None
