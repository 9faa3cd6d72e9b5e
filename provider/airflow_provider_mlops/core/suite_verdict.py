"""From what an engine found to a verdict: severities, and rows that may be set aside."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_mlops.core.expectation import Judged
from airflow_provider_mlops.core.row_condition import CONDITION, condition_text
from airflow_provider_mlops.core.suite import QUARANTINE, WARNING, quarantine_positions
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict

WARNINGS_MARK, QUARANTINE_MARK, SAMPLED_MARK = "warnings", "quarantine", "sampled"
MAX_SHARE_RULE = "quarantine_share"
_NUMBERS = ("element_count", "unexpected_count", "unexpected_percent", "missing_count", "observed_value")
_MAX_ARGUMENTS = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """The rows that were set aside.

    :param rows: how many.
    :param of_rows: how many rows there were before.
    :param max_share: share of the rows that may be set aside.
    :param by_position: rows that break each expectation, by its place from 0; a row may break several.
    """

    rows: int
    of_rows: int
    max_share: float
    by_position: Mapping[int, int] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Share of the rows that was set aside."""
        return self.rows / self.of_rows if self.of_rows else 1.0

    @property
    def allowed(self) -> bool:
        """Whether the share is allowed, and a row is left."""
        # Divided, not multiplied: 29 of 100 rows are the share 0.29, while 0.29 * 100 is less than 29.
        return self.rows < self.of_rows and self.share <= self.max_share


def must_split(judged: Sequence[Judged], suite: Mapping[str, Any]) -> list[int]:
    """Return the places of the expectations by which rows must be set aside: quarantined, and not known to hold.

    :param judged: what was found, in the suite's order.
    :param suite: as `core.suite.read_suite` returns it.
    :return: places from 0; empty when nothing breaks, or when one of them could not be judged at all.
    """
    positions = quarantine_positions(suite)
    if any(judged[place].error for place in positions):
        return []
    return positions if any(judged[place].holds is not True for place in positions) else []


def judge_suite(
    judged: Sequence[Judged],
    suite: Mapping[str, Any],
    *,
    aside: Aside | None = None,
    more: Iterable[RuleResult] = (),
    marks: Iterable[str] = (),
) -> Verdict:
    """Turn what was found into a verdict, one rule for each expectation.

    - A broken ``critical`` expectation is FAIL, one that a sample cannot decide is INCONCLUSIVE.
    - A broken or undecided ``warning`` passes and is told.
    - Rows that break a ``quarantine`` expectation are set aside; more than the allowed share of them is FAIL.
    - What could not be judged (a missing column) is FAIL at every severity: nobody looked.

    :param judged: what was found, in the suite's order: on the rows that are left where some were set aside.
    :param suite: as `core.suite.read_suite` returns it.
    :param aside: the rows that were set aside, None when none were.
    :param more: rules to judge beside the suite, such as the contract's.
    :param marks: their marks.
    :return: the verdict; marked ``warnings``, ``quarantine`` and ``sampled`` where that is so.
    """
    rules = [_rule(item, suite["expectations"][item.position], aside) for item in judged]
    found = [*marks]
    if any(rule.reason.startswith("warning:") for rule in rules):
        found.append(WARNINGS_MARK)
    if aside is not None:
        rules.append(_share_rule(aside))
        found.append(QUARANTINE_MARK)
    if any(item.sample_rows is not None for item in judged):
        found.append(SAMPLED_MARK)
    return Verdict.from_rules([*rules, *more], marks=dict.fromkeys(found))


def findings(verdict: Verdict) -> list[RuleResult]:
    """Return what a reader must know of a verdict, also of one that passed: what did not pass, warnings, quarantine.

    :param verdict: the verdict.
    """
    told = ("warning:", "quarantine:")
    return [rule for rule in verdict.rules if rule.outcome is not Outcome.PASS or rule.reason.startswith(told)]


def expectation_name(position: int, expectation: Mapping[str, Any]) -> str:
    """Return the name of an expectation in verdicts and reasons: its number, type and column.

    :param position: its place, from 0.
    :param expectation: entry of the suite.
    """
    return f"{position + 1:02d} {expectation['type']} {_subject(expectation['kwargs'])}"


def _rule(item: Judged, expectation: Mapping[str, Any], aside: Aside | None) -> RuleResult:
    numbers = {key: item.numbers[key] for key in _NUMBERS if _is_figure(item.numbers.get(key, ()))}
    if item.sample_rows is not None:
        numbers["sample_rows"] = item.sample_rows
    apart = aside.by_position.get(item.position, 0) if aside else 0
    if apart:
        numbers["rows_set_aside"] = apart
    outcome, reason = _said(item, expectation, apart)
    if expectation["severity"] == WARNING and outcome is not Outcome.PASS and not item.error:
        outcome, reason = Outcome.PASS, f"warning: {reason}"
    elif expectation["severity"] == QUARANTINE and outcome is Outcome.FAIL and aside is None and not item.error:
        reason = f"{reason}; rows could not be set aside"
    name = expectation_name(item.position, expectation)
    return RuleResult(rule=name, outcome=outcome, reason=reason, numbers=numbers)


def _said(item: Judged, expectation: Mapping[str, Any], apart: int) -> tuple[Outcome, str]:
    """Say what was found, as if it were critical."""
    subject, demand = _subject(expectation["kwargs"]), _demand(item.type, expectation["kwargs"])
    if item.error:
        return Outcome.FAIL, f"{subject}: {item.type} could not be judged: {item.error}"
    if item.holds is None:
        sampled = item.sample_rows is not None
        seen = f"{item.sample_rows:,} sampled rows" if sampled else "the rows that were seen"
        way_out = '; engine="spark" looks at all' if sampled else ""
        return Outcome.INCONCLUSIVE, f"{subject}: {demand} cannot be decided by {seen}{_extent(item.numbers)}{way_out}"
    if not item.holds:
        return Outcome.FAIL, f"{subject}: {demand} does not hold{_extent(item.numbers)}"
    if apart:
        rows = "row" if apart == 1 else "rows"
        return Outcome.PASS, f"quarantine: {subject}: {demand} is broken by {apart:,} {rows}, set aside"
    return Outcome.PASS, f"{subject}: {item.type} holds"


def _share_rule(aside: Aside) -> RuleResult:
    amount = f"{aside.rows:,} of {aside.of_rows:,} rows ({aside.share:.4g})"
    if aside.allowed:
        reason = f"{amount} are set aside, at most {aside.max_share:.4g} may be"
    elif aside.rows < aside.of_rows:
        reason = f"{amount} would have to be set aside, at most {aside.max_share:.4g} may be: none is"
    else:
        reason = f"{amount} would have to be set aside: no row would be left"
    numbers = {"rows": aside.rows, "of_rows": aside.of_rows, "share": aside.share, "max_share": aside.max_share}
    outcome = Outcome.PASS if aside.allowed else Outcome.FAIL
    return RuleResult(rule=MAX_SHARE_RULE, outcome=outcome, reason=reason, numbers=numbers)


def _subject(kwargs: Mapping[str, Any]) -> str:
    pair = [kwargs[name] for name in ("column_A", "column_B") if name in kwargs]
    columns = [kwargs["column"]] if kwargs.get("column") else [*(kwargs.get("column_list") or pair)]
    return ", ".join(map(str, columns))[:_MAX_ARGUMENTS] or "table"


def _demand(kind: str, kwargs: Mapping[str, Any]) -> str:
    hidden = ("column", "column_list", "column_A", "column_B", *CONDITION)
    shown = {key: value for key, value in kwargs.items() if key not in hidden}
    demand = f"{kind} {json.dumps(shown, default=str, ensure_ascii=False)[:_MAX_ARGUMENTS]}" if shown else kind
    condition = kwargs.get("row_condition")
    return demand if condition is None else f"{demand} where {condition_text(condition)[:_MAX_ARGUMENTS]}"


def _extent(numbers: Mapping[str, Any]) -> str:
    if count := numbers.get("unexpected_count"):
        return f": {count:,} of {numbers.get('element_count') or 0:,} values"
    if _is_figure(observed := numbers.get("observed_value", ())) and observed is not None:
        return f": observed {observed}"
    return ""


def _is_figure(value: Any) -> bool:
    return value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
