"""Do the alarms ring? The shifts of a fire drill, and the verdict on what they did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict


class Shift(StrEnum):
    """What is done to a copy of the data.

    - ``nulls``: values are taken away.
    - ``unit_change``: numbers are multiplied by 1.609, as miles become kilometres.
    - ``swapped_category``: two categories change places.
    - ``label_flip``: labels become the opposite.
    """

    NULLS = "nulls"
    UNIT_CHANGE = "unit_change"
    SWAPPED_CATEGORY = "swapped_category"
    LABEL_FLIP = "label_flip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What an alarm says of some rows.

    :param outcome: ``PASS``, ``FAIL`` where it rings, or ``INCONCLUSIVE``.
    :param effect: what it has seen over its threshold; material from 1.
    :param reason: why.
    """

    outcome: str
    effect: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """What one shift did.

    :param shift: the shift.
    :param feature: the column that it was done to; None where no column suits it.
    :param effect: largest effect over its threshold, on all rows; material from 1.
    :param rang: whether the verdict found drift of that column, on all rows.
    :param outcomes: outcome for that column by number of rows, fewest first.
    :param rows: rows of the copy.
    :param days: days that the copy spans.
    :param reason: what the verdict said of the column.
    """

    shift: Shift
    feature: str | None
    effect: float = 0.0
    rang: bool = False
    outcomes: Mapping[int, str]
    rows: int = 0
    days: float = 0.0
    reason: str = ""

    @property
    def rows_to_detect(self) -> int | None:
        """The fewest rows from which on every larger number of them rang; None when none did."""
        found = None
        for rows in sorted(self.outcomes, reverse=True):
            if self.outcomes[rows] != Outcome.FAIL:
                break
            found = rows
        return found

    @property
    def days_to_detect(self) -> float | None:
        """How many days of the copy that is."""
        rows = self.rows_to_detect
        return None if rows is None or not self.rows else self.days * rows / self.rows

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-safe form."""
        return {
            "shift": self.shift.value,
            "feature": self.feature,
            "effect": self.effect,
            "rang": self.rang,
            "rows": self.rows,
            "rows_to_detect": self.rows_to_detect,
            "days_to_detect": self.days_to_detect,
            "outcomes": [{"rows": rows, "outcome": self.outcomes[rows]} for rows in sorted(self.outcomes)],
            "reason": self.reason,
        }


def shifts_of(names: str | Sequence[str]) -> list[Shift]:
    """Read which shifts are asked for.

    :param names: names, or one text with commas; empty for all.
    :return: the shifts, each once.
    :raises BadInput: when there is none of a name.
    """
    parts = [part.strip() for part in names.split(",")] if isinstance(names, str) else list(names)
    asked = [part for part in parts if part]
    for part in asked:
        if part not in list(Shift):
            raise BadInput(f"The shift {part!r} must be one of: {', '.join(Shift)}.")
    return list(dict.fromkeys(Shift(part) for part in asked)) or list(Shift)


def share_of(size: float | str) -> float:
    """Read the share of the rows that a shift hits.

    :param size: above 0, at most 1.
    :return: the share.
    :raises BadInput: when it is none.
    """
    try:
        share = float(size)
    except (TypeError, ValueError):
        share = float("nan")
    if not 0 < share <= 1:
        raise BadInput(f"size={size!r} must be a share of the rows, above 0 and at most 1.")
    return share


def judge_drill(drills: Sequence[Drill], windows: Mapping[str, str]) -> Verdict:
    """Judge a fire drill.

    :param drills: what each shift did.
    :param windows: outcome of untouched partitions, by key, oldest first.
    :return: FAIL when an alarm that must ring did not; INCONCLUSIVE where a shift could not be tried, is smaller than
        the policy calls material, or untouched partitions rang, which may be drift or false.
    """
    return Verdict.from_rules([*(_rule(drill) for drill in drills), _quiet(windows)])


def _rule(drill: Drill) -> RuleResult:
    if drill.feature is None:
        reason = f"No column suits the shift {drill.shift}: none of its kind, or each has drifted already."
        return RuleResult(rule=drill.shift.value, outcome=Outcome.INCONCLUSIVE, reason=reason)
    numbers = drill.to_dict()
    what = f"{drill.shift} of {drill.feature}: {drill.effect:.1f} times what is material"
    if drill.rang:
        rows, days = drill.rows_to_detect, drill.days_to_detect
        after = f", from {rows:,} rows on ({days:.1f} days)" if rows is not None and days is not None else ""
        return RuleResult(
            rule=drill.shift.value, outcome=Outcome.PASS, reason=f"{what}; it rang{after}.", numbers=numbers
        )
    if drill.effect < 1:
        reason = f"{what}; it need not ring. Take a larger size, or ask whether the policy's thresholds are meant."
        return RuleResult(rule=drill.shift.value, outcome=Outcome.INCONCLUSIVE, reason=reason, numbers=numbers)
    reason = f"{what}, and no alarm rang on {drill.rows:,} rows: {drill.reason}"
    return RuleResult(rule=drill.shift.value, outcome=Outcome.FAIL, reason=reason, numbers=numbers)


def _quiet(windows: Mapping[str, str]) -> RuleResult:
    rang = [key for key, outcome in windows.items() if outcome == Outcome.FAIL]
    numbers = {"windows": len(windows), "alarms": len(rang), "partitions": rang}
    if not windows:
        reason = "No untouched partition was there to see whether alarms ring for nothing."
        return RuleResult(rule="untouched", outcome=Outcome.INCONCLUSIVE, reason=reason, numbers=numbers)
    if rang:
        reason = (
            f"{len(rang)} of {len(windows)} untouched partitions rang: {', '.join(rang[:10])}. "
            "They are false alarms unless the data drifted then."
        )
        return RuleResult(rule="untouched", outcome=Outcome.INCONCLUSIVE, reason=reason, numbers=numbers)
    reason = f"None of {len(windows)} untouched partitions rang."
    return RuleResult(rule="untouched", outcome=Outcome.PASS, reason=reason, numbers=numbers)
