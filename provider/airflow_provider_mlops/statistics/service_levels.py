"""How fast and how reliably predictions are served: a percentile of the latency and the share of errors, bounded."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.statistics.arrays import as_floats
from airflow_provider_mlops.statistics.intervals import clopper_pearson
from airflow_provider_mlops.statistics.quantiles import quantile_interval, values_needed

P95 = 0.95


@dataclass(frozen=True, slots=True)
class Latency:
    """A percentile of the latency.

    :param value: the percentile, milliseconds.
    :param low: lower bound; None with too few calls for one.
    :param high: upper bound; None with too few calls for one.
    :param n: calls.
    """

    value: float
    low: float | None
    high: float | None
    n: int

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-safe form."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n, "method": "order_statistics"}


def latency_p95(latencies: Any, level: float) -> Latency:
    """Measure the 95th percentile of the latency with bounds that assume nothing about its distribution.

    With fewer than 59 calls (at level 0.90) there is no upper bound: no number of slow calls can be ruled out.

    :param latencies: milliseconds per call, independent, the warm-up left out.
    :param level: two-sided confidence level.
    :return: the percentile.
    :raises NotMeasurable: without calls, or when a latency is NaN, infinite or negative.
    """
    values = as_floats(latencies, "latencies")
    bad = int(np.count_nonzero(~(np.isfinite(values) & (values >= 0))))
    if bad:
        raise NotMeasurable(f"{bad:,} of {len(values):,} latencies are NaN, infinite or negative.")
    if not len(values):
        raise NotMeasurable("No latency was logged.")
    if len(values) >= values_needed(P95, level):
        found = quantile_interval(values, P95, level)
        return Latency(found.value, found.low, found.high, found.n)
    n, ordered = len(values), np.sort(values)
    low = bisect_right(range(n), (1 - level) / 2, key=lambda below: float(special.bdtr(below, n, P95)))
    value = float(np.quantile(ordered, P95))
    return Latency(value, min(float(ordered[low - 1]), value) if low else None, None, n)


def error_rate(errors: int, n: int, level: float) -> Interval:
    """Measure the share of calls that failed; no error among n bounds it at about 3 / n, never at 0.

    :param errors: calls that failed.
    :param n: all calls.
    :param level: two-sided confidence level.
    :return: the share with its exact interval.
    :raises NotMeasurable: without calls.
    """
    return clopper_pearson(errors, n, level)


def calls_needed(level: float) -> int:
    """Return how many calls it takes for an upper bound on the 95th percentile.

    :param level: two-sided confidence level.
    :return: 59 at level 0.90.
    """
    return values_needed(P95, level)
