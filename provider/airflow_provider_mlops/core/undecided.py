"""Why a verdict of monitoring is INCONCLUSIVE, and what there is to do about it."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from airflow_provider_mlops.core.verdict import Outcome

Rule = Mapping[str, Any]


class Cause(StrEnum):
    """What kept a rule from deciding.

    - ``no_profile``: partitions of the window have no stored profile.
    - ``no_reference``: there is nothing to compare with.
    - ``too_few_rows``: what would matter could not have been seen.
    - ``bins``: bins hide whether the change is large enough to matter.
    - ``unproven``: it may matter, and chance is not ruled out.
    - ``not_measured``: the rows cannot answer; the reason says why.
    """

    NO_PROFILE = "no_profile"
    NO_REFERENCE = "no_reference"
    TOO_FEW_ROWS = "too_few_rows"
    BINS = "bins"
    UNPROVEN = "unproven"
    NOT_MEASURED = "not_measured"


WAYS_OUT: Mapping[Cause, str] = MappingProxyType(
    {
        Cause.NO_PROFILE: "run ProfileDatasetOperator for the partitions named, with the same policy, and judge again.",
        Cause.NO_REFERENCE: "nothing, where no version served yet; else evaluate or train the champion on snapshots "
        "that this storage has.",
        Cause.TOO_FEW_ROWS: "judge more rows together (window of the task), or raise the policy's threshold to what so "
        "few rows can show.",
        Cause.BINS: "judge these partitions by their rows (data: rows), or see what the next window says.",
        Cause.UNPROVEN: "look at the report and at the next window; a longer window proves smaller changes.",
        Cause.NOT_MEASURED: "remove what the reason names, and judge again.",
    }
)
"""What to do about each, as the end of a sentence."""
_BY_RULE = {"profiles": Cause.NO_PROFILE, "reference": Cause.NO_REFERENCE, "slices": Cause.TOO_FEW_ROWS}


def undecided(body: Mapping[str, Any]) -> Iterator[tuple[Rule, Cause]]:
    """Name the rules of a verdict that could not decide, each with its cause.

    :param body: body of a record with a ``verdict``.
    :return: rule and cause, in the order of the verdict.
    """
    for rule in (body.get("verdict") or {}).get("rules") or ():
        if rule["outcome"] == Outcome.INCONCLUSIVE:
            yield rule, _cause(rule)


def ways_out(body: Mapping[str, Any]) -> list[str]:
    """Say what to do about a verdict that is INCONCLUSIVE.

    :param body: body of a record with a ``verdict``.
    :return: a sentence for each cause, without a subject; none twice.
    """
    return [WAYS_OUT[cause] for cause in dict.fromkeys(cause for _, cause in undecided(body))]


def _cause(rule: Rule) -> Cause:
    numbers = rule.get("numbers") or {}
    if (found := _BY_RULE.get(rule["rule"])) is not None and "effects" not in numbers:
        return found
    if numbers.get("underpowered"):
        return Cause.TOO_FEW_ROWS
    effects, limits = numbers.get("effects") or {}, numbers.get("thresholds") or {}
    if any((effects.get(name) or 0.0) >= limit for name, limit in limits.items()):
        return Cause.UNPROVEN
    if any(numbers.get(f"{name}_at_most", 0.0) >= limit for name, limit in limits.items()):
        return Cause.BINS
    if numbers.get("low") is not None:  # an interval that reaches past its limit, if it has an upper end
        return Cause.UNPROVEN if numbers.get("high") is not None else Cause.TOO_FEW_ROWS
    return Cause.NOT_MEASURED
