"""What a metric will be, once the labels are known, if each row is positive with a known probability.

Beside the value goes what each label would change about it: the variance is made of that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.arrays import FloatArray, check_probabilities
from airflow_provider_mlops.statistics.loss import CLIP

LEAST = 10
"""Rows that a class, or the rows called positive, must be expected to have."""


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """An expected value.

    :param value: the value.
    :param gradient: by row, what the value gains when its label turns from 0 to 1.
    """

    value: float
    gradient: FloatArray


Expectation = Callable[[FloatArray, FloatArray, float], Expected]
"""Maps probabilities, scores and the threshold to the expected value."""


def cells(probabilities: FloatArray, scores: FloatArray, threshold: float) -> dict[str, float]:
    """Count the expected confusion table.

    :param probabilities: of each row to be positive.
    :param scores: its score.
    :param threshold: scores at or above it count as positive.
    :return: expected rows: ``tp``, ``fp``, ``fn``, ``tn``.
    """
    called = scores >= threshold
    tp, fn = float(probabilities[called].sum()), float(probabilities[~called].sum())
    chosen = int(np.count_nonzero(called))
    return {"tp": tp, "fp": chosen - tp, "fn": fn, "tn": len(scores) - chosen - fn}


def _accuracy(p: FloatArray, scores: FloatArray, threshold: float) -> Expected:
    called = scores >= threshold
    return Expected(float(np.where(called, p, 1 - p).mean()), np.where(called, 1.0, -1.0) / len(p))


def _precision(p: FloatArray, scores: FloatArray, threshold: float) -> Expected:
    called = scores >= threshold
    chosen = int(np.count_nonzero(called))
    if chosen < LEAST:
        raise NotMeasurable(f"{chosen} of {len(p)} rows are called positive; precision needs at least {LEAST}.")
    return Expected(float(p[called].mean()), called / chosen)


def _recall(p: FloatArray, scores: FloatArray, threshold: float) -> Expected:
    _check_classes(p)
    called, positives = scores >= threshold, float(p.sum())
    value = float(p[called].sum()) / positives
    return Expected(value, (called - value) / positives)


def _f1(p: FloatArray, scores: FloatArray, threshold: float) -> Expected:
    _check_classes(p)
    called = scores >= threshold
    total = float(np.count_nonzero(called) + p.sum())
    value = 2 * float(p[called].sum()) / total
    return Expected(value, (2 * called - value) / total)


def _roc_auc(p: FloatArray, scores: FloatArray, _: float) -> Expected:
    """Count each row as p positives and 1 - p negatives; a row is never compared with itself."""
    _check_classes(p)
    q = 1 - p
    code = np.unique(scores, return_inverse=True)[1]
    of_p, of_q = np.bincount(code, weights=p), np.bincount(code, weights=q)
    below = (np.cumsum(of_q) - of_q / 2)[code] - q / 2
    above = (of_p.sum() - np.cumsum(of_p) + of_p / 2)[code] - p / 2
    positives, negatives = float(p.sum()), float(q.sum())
    pairs = positives * negatives - float((p * q).sum())
    value = float((p * below).sum()) / pairs
    return Expected(value, (below - above - value * ((negatives - q) - (positives - p))) / pairs)


def _brier(p: FloatArray, scores: FloatArray, _: float) -> Expected:
    check_probabilities(scores)
    gradient = 1 - 2 * scores
    return Expected(float((np.square(scores) + p * gradient).mean()), gradient / len(p))


def _log_loss(p: FloatArray, scores: FloatArray, _: float) -> Expected:
    check_probabilities(scores)
    said = np.clip(scores, CLIP, 1 - CLIP)
    gradient = np.log1p(-said) - np.log(said)
    return Expected(float((p * gradient - np.log1p(-said)).mean()), gradient / len(p))


def _check_classes(p: FloatArray) -> None:
    for name, expected in (("positive", float(p.sum())), ("negative", float((1 - p).sum()))):
        if expected < LEAST:
            raise NotMeasurable(f"{expected:.1f} {name} rows are expected among {len(p)}; at least {LEAST} are needed.")


EXPECTATIONS: Mapping[str, Expectation] = MappingProxyType(
    {
        "accuracy": _accuracy,
        "precision": _precision,
        "recall": _recall,
        "f1": _f1,
        "roc_auc": _roc_auc,
        "brier": _brier,
        "log_loss": _log_loss,
    }
)
"""The metrics that can be estimated without labels; they are those of the same name in `metrics`."""
