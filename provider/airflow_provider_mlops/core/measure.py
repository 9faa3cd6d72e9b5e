"""A measured number: its value, the bounds of its confidence interval, and how they were made."""

import math
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core.errors import BadInput


class NotMeasurable(BadInput):
    """Raised when the rows cannot answer the question: one class only, NaN scores, too few rows."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its confidence interval; a number that is not finite cannot be one.

    :param value: the point estimate.
    :param low: lower bound.
    :param high: upper bound, not below ``low``.
    :param n: rows that it was measured on.
    :param method: how the bounds were made, e.g. ``delong``.
    :raises NotMeasurable: when a figure is NaN or infinite, or the bounds are the wrong way round.
    """

    value: float
    low: float
    high: float
    n: int
    method: str

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.value, self.low, self.high))) or self.low > self.high:
            raise NotMeasurable(f"{self.method} on {self.n} rows gave {self.value} [{self.low}, {self.high}].")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-safe form."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n, "method": self.method}
