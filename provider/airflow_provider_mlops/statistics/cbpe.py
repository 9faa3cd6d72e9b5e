"""Performance of a binary classifier without labels: confidence-based estimation.

Each row counts as positive with its calibrated probability; from that follow the expected confusion table and every
metric. It assumes that the probabilities still mean what they meant on the held-out rows, that is, **no concept
drift**: when the labels follow another law, the estimate does not notice.

The interval is for the value that these rows will have once their labels are known. It holds the chance of the labels
(a sum of different coin tosses: Poisson-binomial, with its skewness), multiplied where rows of a day go together, and
the error of the fitted calibration.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.statistics.arrays import FloatArray, IntArray, as_floats, check_finite
from airflow_provider_mlops.statistics.calibrator import Calibrator, choose_calibrator, group_scores, refits
from airflow_provider_mlops.statistics.expected_metrics import EXPECTATIONS, Expected, cells
from airflow_provider_mlops.statistics.intervals import MIN_ROWS_FOR_MEAN, two_sided_z
from airflow_provider_mlops.statistics.support import Support

MIN_ROWS = MIN_ROWS_FOR_MEAN
_REFITS = 200
_MOST_PLACES = 1_000
NOT_SHARES = ("log_loss", "multiclass_log_loss")
"""Metrics that can be above 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """The held-out rows that an estimate rests on.

    :param calibrator: the map from scores to probabilities.
    :param maps: the same map, fitted to rows as they could have been.
    :param support: their scores.
    """

    calibrator: Calibrator
    maps: tuple[Calibrator, ...]
    support: Support

    @classmethod
    def of(cls, labels: Any, scores: Any, seed: int = 0) -> "Calibration":
        """Fit on held-out rows.

        :param labels: 0 or 1 per row.
        :param scores: its score.
        :param seed: seed of the repeated fits.
        :return: the calibration.
        :raises NotMeasurable: when the rows cannot carry one.
        """
        ranked = as_floats(scores, "scores")
        groups = group_scores(labels, ranked)
        chosen = choose_calibrator(labels, ranked)
        maps = tuple(refits(groups, chosen, _REFITS, seed))
        return cls(chosen, maps, Support.of(ranked))

    def outside(self, scores: FloatArray) -> float:
        """Return the share of scores that no held-out row is near to.

        :param scores: served scores, finite.
        """
        return float(np.mean(self.support.is_outside(scores)))


def estimate(
    scores: Any,
    calibration: Calibration,
    metrics: Iterable[str],
    level: float,
    *,
    threshold: float = 0.5,
    spread: float = 1.0,
) -> dict[str, Any]:
    """Estimate what metrics will be once the labels of these rows are known.

    :param scores: served scores.
    :param calibration: fitted on held-out rows.
    :param metrics: names in `EXPECTATIONS`.
    :param level: two-sided level of the intervals.
    :param threshold: scores at or above it count as positive.
    :param spread: how many times the variance of independent rows the rows have, as `design_effect` measures it.
    :return: ``{"rows", "cells", "metrics": {name: Interval}, "reasons": {name: why it cannot be estimated}}``.
    :raises NotMeasurable: with fewer than 30 rows, or scores that are NaN or infinite.
    :raises BadInput: when a metric cannot be estimated at all.
    """
    served = as_floats(scores, "scores")
    check_finite(served)
    if len(served) < MIN_ROWS:
        raise NotMeasurable(f"There are {len(served)} scores; an estimate needs at least {MIN_ROWS}.")
    p = calibration.calibrator.probabilities(served)
    if ((p < 0) | (p > 1)).any():
        raise NotMeasurable("Served scores are outside of 0 to 1, though those of the held-out rows were not.")
    found: dict[str, Interval] = {}
    reasons: dict[str, str] = {}
    for name in metrics:
        if name not in EXPECTATIONS:
            raise BadInput(f"{name!r} cannot be estimated without labels; these can: {', '.join(EXPECTATIONS)}.")
        try:
            expected = EXPECTATIONS[name](p, served, threshold)
            error = _calibration_variance(expected, served, calibration.maps)
            top = math.inf if name in NOT_SHARES else 1.0
            chance = _chance(expected, p, spread, error)
            found[name] = expected_interval(
                expected.value, chance, level, len(p), top, f"cbpe_{calibration.calibrator.method}"
            )
        except NotMeasurable as err:
            reasons[name] = str(err)
    return {"rows": len(served), "cells": cells(p, served, threshold), "metrics": found, "reasons": reasons}


def design_effect(labels: Any, probabilities: FloatArray, clusters: IntArray | None) -> float:
    """Measure how much more the rows of a cluster err together than independent rows would.

    :param labels: 0 or 1 per labelled row.
    :param probabilities: its calibrated probability.
    :param clusters: code of its cluster; None for independent rows.
    :return: the factor on the variance, at least 1; 1 with fewer than 5 clusters, which cannot tell.
    """
    if clusters is None:
        return 1.0
    gaps = np.asarray(labels, dtype=np.float64) - probabilities
    _, code = np.unique(clusters, return_inverse=True)
    sums = np.bincount(code, weights=gaps)
    alone = float(np.square(gaps).sum())
    if len(sums) < 5 or alone <= 0:
        return 1.0
    return max(1.0, float(np.square(sums).sum()) / alone)


def _calibration_variance(expected: Expected, scores: FloatArray, maps: tuple[Calibrator, ...]) -> float:
    """Return the variance that the fitted map adds: what each refit would have changed, to first order."""
    if not maps:
        return 0.0
    order = np.argsort(scores, kind="stable")
    place = np.arange(len(scores)) * min(_MOST_PLACES, len(scores)) // len(scores)
    means = np.bincount(place, weights=scores[order]) / np.bincount(place)
    slopes = np.bincount(place, weights=expected.gradient[order])
    return float(np.var([slopes @ one.probabilities(means) for one in maps], ddof=1))


def _chance(expected: Expected, p: FloatArray, spread: float, error: float) -> tuple[float, float]:
    """Return the variance and the third central moment of the value."""
    toss = p * (1 - p)
    labels = float((np.square(expected.gradient) * toss).sum())
    return labels * spread + error * spread, float((expected.gradient**3 * toss * (1 - 2 * p)).sum())


def expected_interval(
    value: float, chance: tuple[float, float], level: float, n: int, top: float, method: str
) -> Interval:
    """Bound an expected value, with the skewness that the labels give it.

    :param value: the expected value.
    :param chance: its variance and its third central moment.
    :param level: two-sided level.
    :param n: rows.
    :param top: the largest value that it can have.
    :param method: how it was made.
    :return: the value with its interval.
    """
    z, (variance, third), skewness = two_sided_z(level), chance, 0.0
    if variance > 0:
        skewness = max(-1.0, min(1.0, third / variance**1.5))
    root, bend = math.sqrt(variance), (z * z - 1) * skewness / 6
    low, high = value - root * (z - bend), value + root * (z + bend)
    kept = min(max(value, 0.0), top)
    return Interval(kept, max(0.0, min(low, kept)), min(top, max(high, kept)), n, method)
