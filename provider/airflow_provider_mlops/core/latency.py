"""How long scoring took, in a few figures."""

from collections.abc import Sequence
from typing import Any

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def latency_of(batches: Sequence[tuple[int, float]]) -> dict[str, Any]:
    """Sum up the time of batches.

    :param batches: rows and milliseconds of each.
    :return: ``batches``, ``total_ms``; ``batch`` with the quantiles of a batch's time; ``row`` with those of a row's
        share of its batch, each row counted. The last two are null without a batch.
    """
    timed = [(rows, spent) for rows, spent in batches if rows > 0]
    return {
        "unit": "ms",
        "batches": len(timed),
        "total_ms": sum(spent for _, spent in timed),
        "batch": _quantiles([(spent, 1) for _, spent in timed]),
        "row": _quantiles([(spent / rows, rows) for rows, spent in timed]),
    }


def _quantiles(weighted: Sequence[tuple[float, int]]) -> dict[str, float] | None:
    """The smallest value that a share of the weight does not exceed."""
    if not weighted:
        return None
    ordered = sorted(weighted)
    total = sum(weight for _, weight in ordered)
    found = {}
    for name, share in QUANTILES.items():
        reached = 0
        for value, weight in ordered:
            reached += weight
            if reached >= share * total:
                found[name] = value
                break
    return found
