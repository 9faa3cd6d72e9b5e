"""How the values of a column are altered, to see what a model makes of it; every draw comes from a given seed."""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray


def with_noise(values: FloatArray, scale: float, seed: int) -> FloatArray:
    """Add normal noise.

    :param values: numbers; what is not finite stays as it is.
    :param scale: standard deviation of the noise, in standard deviations of the values.
    :param seed: seed of the draws.
    :return: the altered values; all as they were where they do not vary.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return values
    return values + scale * float(np.std(finite)) * np.random.default_rng(seed).standard_normal(len(values))


def out_of_range(values: FloatArray, factor: float) -> FloatArray:
    """Move every value beyond the end of the range that it is nearer to.

    :param values: numbers; what is not finite stays as it is.
    :param factor: how far beyond the end, in widths of the range.
    :return: the altered values; all as they were where they do not vary.
    """
    finite = np.isfinite(values)
    if not finite.any():
        return values
    low, high = float(values[finite].min()), float(values[finite].max())
    beyond = factor * (high - low)
    moved = np.where(values > low + (high - low) / 2, high + beyond, low - beyond)
    return np.where(finite & (beyond > 0), moved, values)


def drawn(rows: int, share: float, seed: int) -> BoolArray:
    """Draw a share of the rows.

    :param rows: how many rows there are.
    :param share: chance of each.
    :param seed: seed of the draws.
    :return: True for the rows that were drawn.
    """
    chosen: BoolArray = np.random.default_rng(seed).random(rows) < share
    return chosen


def rarest(values: Iterable[str]) -> str:
    """Find the value that is there least often.

    :param values: texts, at least one.
    :return: the rarest; of several the first in the alphabet.
    """
    return min(Counter(values).items(), key=lambda found: (found[1], found[0]))[0]
