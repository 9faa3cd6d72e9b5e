"""The measurements of an evaluation side by side, as text: for questions, cards and messages."""

from collections.abc import Mapping
from typing import Any

PARTS: Mapping[str, str] = {
    "candidate": "Candidate",
    "champion": "Champion",
    "golden": "Golden",
    "difference": "Candidate - champion",
    "golden_difference": "Candidate - golden",
}


def comparison(metrics: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Lay out the metrics of an evaluation: a row for each, a column for each model and difference that was measured.

    :param metrics: ``metrics`` of the evaluation's record.
    :return: heads and rows of text; what was not measured says so.
    """
    shown = [part for part in PARTS if any(_measured(found.get(part)) for found in metrics.values())]
    rows = [
        [name, *(_figure(found.get(part), sign="difference" in part) for part in shown)]
        for name, found in metrics.items()
    ]
    return ["Metric", *(PARTS[part] for part in shown)], rows


def figure(found: Mapping[str, Any], *, sign: bool = False) -> str:
    """Write a measurement with its interval, with as many decimals as the interval makes sense of.

    :param found: ``value``, ``low`` and ``high``.
    :param sign: whether to write the plus of positive numbers.
    """
    value, low, high = (float(found[name]) for name in ("value", "low", "high"))
    width = abs(high - low)
    decimals = next((count for count in range(8) if width >= 10.0 ** (1 - count)), 8) if width > 0 else 4
    style = f"{'+' if sign else ''},.{decimals}f"
    return f"{value:{style}} [{low:{style}}, {high:{style}}]"


def _figure(found: Any, *, sign: bool) -> str:
    return figure(found, sign=sign) if _measured(found) else "not measured"


def _measured(found: Any) -> bool:
    return isinstance(found, Mapping) and all(isinstance(found.get(name), int | float) for name in ("value", "low"))
