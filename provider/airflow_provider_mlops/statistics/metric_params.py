"""The further numbers that metrics take: their names and what they may be."""

import math
from collections.abc import Callable, Mapping

from airflow_provider_mlops.core.errors import BadInput

MAX_BINS = 100

_RANGES: Mapping[str, tuple[str, Callable[[float], bool]]] = {
    "precision": ("above 0 and at most 1", lambda value: 0 < value <= 1),
    "quantile": ("above 0 and below 1", lambda value: 0 < value < 1),
    "bins": (f"a whole number from 2 to {MAX_BINS}", lambda value: value == int(value) and 2 <= value <= MAX_BINS),
}


def check_params(metric: str, known: Mapping[str, float], given: Mapping[str, float]) -> None:
    """Refuse params that a metric does not take, or out of their range.

    :param metric: name of the metric.
    :param known: params that it takes, with their defaults.
    :param given: params to check.
    :raises BadInput: naming what it takes, or the range.
    """
    for name, value in given.items():
        if name not in known:
            takes = ", ".join(known) or "none"
            raise BadInput(f"The metric {metric} has no param {name!r}; it takes: {takes}.")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value):
            raise BadInput(f"The param {name!r} of {metric} is {value!r}; it must be a finite number.")
        words, fits = _RANGES.get(name, ("", lambda _: True))
        if not fits(value):
            raise BadInput(f"The param {name!r} of {metric} is {value!r}; it must be {words}.")
