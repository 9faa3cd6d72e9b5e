"""Turning scores into probabilities: a map fitted on held-out rows, by itself, by Platt's line, or by isotonic steps.

The map that is chosen is the simplest one that cross-fitting does not show to be worse (Brier score), since every step
beyond the scores themselves adds noise to what is estimated with them.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import special

from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.arrays import (
    BoolArray,
    FloatArray,
    as_floats,
    check_classes,
    check_finite,
    check_same_length,
    positives_of,
)

NONE, PLATT, ISOTONIC = "none", "platt", "isotonic"
METHODS = (NONE, PLATT, ISOTONIC)
MIN_PER_CLASS = 30
"""Rows of each class that a map is fitted on."""

_FOLDS = 5
_MOST_GROUPS = 500
_CLIP = 1e-6
_STEPS = 50


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Held-out rows, those of nearly the same score together: all that a map is fitted on.

    :param scores: mean score of each group, rising.
    :param rows: rows of each.
    :param positives: rows of each whose label is 1.
    """

    scores: FloatArray
    rows: FloatArray
    positives: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Calibrator:
    """A map from scores to probabilities.

    :param method: ``none`` (scores are probabilities), ``platt`` or ``isotonic``.
    :param line: intercept and slope of Platt's line on the logit of the score, or on the score itself.
    :param logit: whether the line is on the logit.
    :param knots: scores between which the isotonic map is linear.
    :param values: its probabilities there.
    :param rows: rows that it was fitted on.
    """

    method: str
    rows: int
    line: tuple[float, float] = (0.0, 1.0)
    logit: bool = True
    knots: FloatArray = field(default_factory=lambda: np.empty(0))
    values: FloatArray = field(default_factory=lambda: np.empty(0))

    def probabilities(self, scores: FloatArray) -> FloatArray:
        """Map scores.

        :param scores: finite scores.
        :return: probabilities; never nearer to 0 or 1 than the fitted rows can tell, but for the method ``none``.
        """
        if self.method == NONE:
            return scores
        if self.method == PLATT:
            found = special.expit(self.line[0] + self.line[1] * _feature(scores, logit=self.logit))
        else:
            found = np.interp(scores, self.knots, self.values)
        edge = 1 / (self.rows + 2)
        return np.asarray(np.clip(found, edge, 1 - edge))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-safe form that records hold."""
        found: dict[str, Any] = {"method": self.method, "rows": self.rows}
        if self.method == PLATT:
            found |= {"intercept": self.line[0], "slope": self.line[1], "on": "logit" if self.logit else "score"}
        if self.method == ISOTONIC:
            found |= {"steps": len(self.knots), "lowest": float(self.values[0]), "highest": float(self.values[-1])}
        return found


def group_scores(labels: Any, scores: Any) -> Groups:
    """Put rows of nearly the same score together.

    :param labels: 0 or 1 per held-out row.
    :param scores: its score.
    :return: at most 500 groups of about the same size; rows of one score are never apart.
    :raises NotMeasurable: when a label or score cannot be, or a class has fewer than 30 rows.
    """
    truth, ranked = as_floats(labels, "labels"), as_floats(scores, "scores")
    check_same_length(labels=truth, scores=ranked)
    positive = positives_of(truth)
    check_finite(ranked)
    check_classes(positive, MIN_PER_CLASS)
    return _groups(positive, ranked)


def choose_calibrator(labels: Any, scores: Any) -> Calibrator:
    """Fit every map and take the simplest that is not shown to be worse than the best.

    :param labels: 0 or 1 per held-out row.
    :param scores: its score, by a model that was not trained on it.
    :return: the map, fitted on all rows.
    :raises NotMeasurable: as `group_scores`.
    """
    groups = group_scores(labels, scores)
    positive, ranked = np.asarray(labels) == 1, np.asarray(scores, dtype=np.float64)
    # Every fifth row in the order of the scores: the same rows whatever their order, and all scores in every fold.
    fold = np.empty(len(ranked), dtype=np.int64)
    fold[np.lexsort((positive, ranked))] = np.arange(len(ranked)) % _FOLDS
    losses = {}
    for method in METHODS:
        if method != NONE or _are_probabilities(ranked):
            losses[method] = _losses(positive, ranked, fold, method)
    best = min(losses, key=lambda method: float(losses[method].mean()))
    for method, loss in losses.items():
        worse = loss - losses[best]
        if float(worse.mean()) <= float(worse.std()) / np.sqrt(len(worse)):
            return fit_calibrator(groups, method, logit=_are_probabilities(ranked))
    return fit_calibrator(groups, best, logit=_are_probabilities(ranked))


def fit_calibrator(groups: Groups, method: str, *, logit: bool) -> Calibrator:
    """Fit one map.

    :param groups: the held-out rows.
    :param method: ``none``, ``platt`` or ``isotonic``.
    :param logit: whether scores are probabilities, so that Platt's line is on their logit.
    :return: the map.
    """
    rows = int(groups.rows.sum())
    if method == PLATT:
        ((intercept, slope),) = _lines(groups, groups.positives[None, :], logit=logit)
        return Calibrator(PLATT, rows, line=(float(intercept), float(slope)), logit=logit)
    if method == ISOTONIC:
        knots, values = _isotonic(groups)
        return Calibrator(ISOTONIC, rows, knots=knots, values=values)
    return Calibrator(NONE, rows)


def refits(groups: Groups, fitted: Calibrator, draws: int, seed: int) -> list[Calibrator]:
    """Fit the map again to rows as they could have been: how far it may be off by chance.

    :param groups: the held-out rows.
    :param fitted: the map that was chosen.
    :param draws: how many times.
    :param seed: seed of the draws.
    :return: the maps; none for the method ``none``, which fits nothing.
    """
    if fitted.method == NONE:
        return []
    random = np.random.default_rng(seed)
    shares = fitted.probabilities(groups.scores)
    drawn = random.binomial(groups.rows.astype(np.int64), shares, (draws, len(shares))).astype(np.float64)
    if fitted.method == PLATT:
        lines = _lines(groups, drawn, logit=fitted.logit)
        return [replace(fitted, line=(float(intercept), float(slope))) for intercept, slope in lines]
    again = (Groups(groups.scores, groups.rows, positives) for positives in drawn)
    return [fit_calibrator(one, fitted.method, logit=fitted.logit) for one in again]


def _groups(positive: BoolArray, scores: FloatArray) -> Groups:
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    first = np.searchsorted(ranked, ranked, side="left")
    group = first * _MOST_GROUPS // len(ranked) if len(ranked) > _MOST_GROUPS else first
    _, code = np.unique(group, return_inverse=True)
    rows = np.bincount(code).astype(np.float64)
    means = np.bincount(code, weights=ranked) / rows
    hits = np.bincount(code, weights=positive[order].astype(np.float64))
    return Groups(means, rows, hits.astype(np.float64))


def _losses(positive: BoolArray, scores: FloatArray, fold: Any, method: str) -> FloatArray:
    """Return every row's Brier loss under the map that was fitted without its fold."""
    said = np.empty(len(scores))
    logit = _are_probabilities(scores)
    for number in range(_FOLDS):
        held = fold == number
        fitted = fit_calibrator(_groups(positive[~held], scores[~held]), method, logit=logit)
        said[held] = fitted.probabilities(scores[held])
    return np.asarray(np.square(said - positive))


def _lines(groups: Groups, positives: FloatArray, *, logit: bool) -> FloatArray:
    """Fit logistic lines by Newton's steps, to Platt's targets (1999), with which they are finite for separated rows.

    :param positives: positive rows of each group, of shape (lines, groups).
    :return: intercepts and slopes, of shape (lines, 2).
    """
    x, rows = _feature(groups.scores, logit=logit), groups.rows
    hits = positives.sum(axis=1, keepdims=True)
    misses = rows.sum() - hits
    target = (positives * (hits + 1) / (hits + 2) + (rows - positives) / (misses + 2)) / rows
    beta = np.stack([special.logit((hits[:, 0] + 1) / (rows.sum() + 2)), np.zeros(len(positives))], axis=1)
    for _ in range(_STEPS):
        said = special.expit(beta[:, :1] + beta[:, 1:] * x)
        gap, curve = rows * (target - said), rows * said * (1 - said)
        a, b, c = curve.sum(axis=1) + 1e-9, curve @ x, curve @ (x * x) + 1e-9
        up, along = gap.sum(axis=1), gap @ x
        step = np.stack([c * up - b * along, a * along - b * up], axis=1) / (a * c - b * b)[:, None]
        largest = np.abs(step).max(axis=1, keepdims=True)
        beta = beta + step * np.minimum(1.0, 5.0 / np.maximum(largest, 1e-12))
        if float(largest.max()) < 1e-10:
            break
    if not np.isfinite(beta).all():
        raise NotMeasurable("No logistic line fits the scores of the held-out rows.")
    return np.asarray(beta)


def _isotonic(groups: Groups) -> tuple[FloatArray, FloatArray]:
    """Pool neighbours until the shares rise (Ayer et al. 1955); each pool stands at its mean score."""
    pools: list[tuple[float, float, float]] = []
    for score, rows, positives in zip(groups.scores, groups.rows, groups.positives, strict=True):
        pool = (score * rows, rows, positives)
        while pools and pools[-1][2] * pool[1] >= pool[2] * pools[-1][1]:
            before = pools.pop()
            pool = (before[0] + pool[0], before[1] + pool[1], before[2] + pool[2])
        pools.append(pool)
    sums, rows_of, hits = np.array(pools).T
    return sums / rows_of, hits / rows_of


def _feature(scores: FloatArray, *, logit: bool) -> FloatArray:
    return np.asarray(special.logit(np.clip(scores, _CLIP, 1 - _CLIP))) if logit else scores


def _are_probabilities(scores: FloatArray) -> bool:
    return bool(((scores >= 0) & (scores <= 1)).all())
