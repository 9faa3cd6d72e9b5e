"""What the parameters of a search are drawn from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.search import is_range


def distribution(values: Any) -> Any:
    """Return what scikit-learn draws a parameter from.

    :param values: a list of values, or a range of ``low``, ``high``, ``log`` and ``int``.
    :return: the list, or a distribution.
    """
    if not is_range(values):
        return values
    stats = load("scipy.stats", "parquet")
    low, high = values["low"], values["high"]
    if values["int"]:
        return stats.randint(low, high + 1) if not values["log"] else _WholeLog(low, high)
    return stats.loguniform(low, high) if values["log"] else stats.uniform(low, high - low)


@dataclass(frozen=True, slots=True)
class _WholeLog:
    """Whole numbers, as many below as above the geometric middle."""

    low: int
    high: int

    def rvs(self, random_state: Any = None) -> int:
        stats = load("scipy.stats", "parquet")
        drawn: int = math.floor(stats.loguniform(self.low, self.high + 1).rvs(random_state=random_state))
        return min(drawn, self.high)
