"""The change of a value between two sets of rows that have nothing in common: then, and now."""

import math

from airflow_provider_mlops.core.measure import Interval

METHOD = "two_samples"


def change(now: Interval, then: Interval) -> Interval:
    """Give a difference its interval from those of both sides (MOVER: Zou and Donner 2008).

    Each side keeps the form that its own interval has, so that it holds for every metric, near 0 and 1 too.

    :param now: the value today.
    :param then: the value that it is compared with, of other rows, at the same level.
    :return: now minus then, of the rows of today.
    """
    value = now.value - then.value
    low = value - math.hypot(now.value - now.low, then.high - then.value)
    high = value + math.hypot(now.high - now.value, then.value - then.low)
    return Interval(value, low, high, now.n, METHOD)
