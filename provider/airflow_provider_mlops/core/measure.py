"""A measured number: its value, the bounds of its confidence interval, and how they were made."""

import math
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core.errors import BadInput

UNDERPOWERED = "underpowered"
"""Marks what rows could not show because they are too few."""


class NotMeasurable(BadInput):
    """Raised when the rows cannot answer the question: one class only, NaN scores, too few rows."""


class TooFewClusters(NotMeasurable):
    """Raised when there are too few days, or other groups of rows that belong together, for a bound.

    :param there: how many there are.
    :param needed: how many it takes.
    """

    def __init__(self, there: int, needed: int) -> None:
        super().__init__(
            f"There are {there} clusters or days of rows; an interval needs at least {needed}, {needed - there} more: "
            "take a longer window, or shorter blocks of time."
        )
        self.there, self.needed = there, needed

    def numbers(self) -> dict[str, Any]:
        """Return what a rule's numbers say of it."""
        return {UNDERPOWERED: True, "clusters": self.there, "clusters_needed": self.needed}


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
