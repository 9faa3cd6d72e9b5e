"""Rules about the test rows themselves: how many, how often looked at, from when.

What was not recorded is no evidence: the rule is INCONCLUSIVE, with the way out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from airflow_provider_mlops.core import gate as decisions
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.core.rules import DataAge, MaxLooks, MinRows
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.statistics.score_table import BINARY, ScoreTable

WARN_FROM_LOOK = 3
"""Looks at the same test rows from which a verdict warns, whatever the policy allows."""

_DAY = 86_400


def judge_rows(rule: MinRows, table: ScoreTable) -> RuleResult:
    """Judge whether there are enough test rows.

    :param rule: the rule.
    :param table: the test rows; with weights, as many as rows of one weight that would be as precise.
    :return: PASS or INCONCLUSIVE.
    """
    wanted, rows, positive = rule.positives or 0, table.effective_rows, table.effective_positives
    outcome = decisions.decide_rows(rows, positive, min_rows=rule.rows, min_positives=wanted)
    relation = "enough for" if outcome is Outcome.PASS else "fewer than"
    limits = f"{rule.rows:,} and {wanted:,}" if wanted else f"{rule.rows:,}"
    positives = f", {table.positives:,} of them positive" if table.task == BINARY else ""
    worth = "" if table.weights is None else f", worth {rows:,} by their weights"
    if worth and table.task == BINARY:
        worth += f" and {positive:,} positive ones"
    reason = f"There are {table.rows:,} test rows{positives}{worth}, {relation} the minimum {limits}."
    numbers = {"n": table.rows, "positives": table.positives, "rows": rule.rows, "min_positives": rule.positives}
    if worth:
        numbers |= {"effective_n": rows, "effective_positives": positive}
    return RuleResult(rule=rule.name, outcome=outcome, reason=reason, numbers=numbers)


def judge_looks(rule: MaxLooks, looks: int) -> RuleResult:
    """Judge whether the test rows are still fresh.

    :param rule: the rule.
    :param looks: gates judged on these rows, this one included.
    :return: PASS or INCONCLUSIVE; a look that wears the rows out is said.
    """
    outcome = decisions.decide_looks(looks, rule.value)
    if outcome is Outcome.PASS:
        reason = f"This is look {looks} of {rule.value} at these test rows."
        if wears_out(looks, rule.value):
            reason += " They wear out: each look fits the choice of candidates to their noise, so test on newer rows."
    else:
        reason = f"This is look {looks} at these test rows, more than the {rule.value} allowed: test on newer rows."
    return RuleResult(rule=rule.name, outcome=outcome, reason=reason, numbers={"looks": looks, "value": rule.value})


def wears_out(looks: int, value: int | None = None) -> bool:
    """Say whether a verdict must warn that its test rows wear out.

    :param looks: gates judged on these rows, this one included.
    :param value: looks that the policy allows, if it says.
    :return: whether it is the third look or a later one, or the last that is allowed after others.
    """
    return looks >= WARN_FROM_LOOK or (value is not None and 1 < value <= looks)


def judge_age(rule: DataAge, facts: Mapping[str, Any]) -> Iterator[RuleResult]:
    """Judge whether the test rows span enough time, and are new enough.

    :param rule: the rule.
    :param facts: what the evaluation recorded: ``time_range``, ``newest_label``, ``as_of``.
    :return: one result per demand, PASS or INCONCLUSIVE.
    """
    if rule.min_days is not None:
        span = facts.get("time_range")
        times = span if isinstance(span, list | tuple) and len(span) == 2 else (None, None)
        yield _days(rule, "min_days", _between(*times), rule.min_days)
    if rule.max_age_days is not None:
        newest, as_of = facts.get("newest_label"), facts.get("as_of")
        result = _days(rule, "max_age_days", _between(newest, as_of), rule.max_age_days)
        if _between(as_of, newest):
            reason = f"The newest label is of {newest}, after the evaluation as of {as_of}: no age can be told."
            result = replace(result, reason=reason)
        yield result


def _days(rule: DataAge, key: str, days: float | None, limit: float) -> RuleResult:
    age = key == "max_age_days"
    numbers = {"days": days, key: limit}
    name = f"{rule.name}[{key}]"
    if days is None:
        missing = "when the newest label is of" if age else "what time the test rows are of"
        reason = f"The evaluation did not record {missing}; more rows would not help, name their time column."
        return RuleResult(rule=name, outcome=Outcome.INCONCLUSIVE, reason=reason, numbers=numbers)
    held = days <= limit if age else days >= limit
    if age:
        relation, way = ("at most", "") if held else ("more than", ": label newer rows")
        reason = f"The newest labelled test row is {days:,.1f} days old, {relation} {limit:g}{way}."
    else:
        relation, way = ("at least", "") if held else ("fewer than", f": rows of {limit - days:,.1f} more days decide")
        reason = f"The test rows span {days:,.1f} days, {relation} {limit:g}{way}."
    outcome = Outcome.PASS if held else Outcome.INCONCLUSIVE
    return RuleResult(rule=name, outcome=outcome, reason=reason, numbers=numbers)


def _between(first: Any, last: Any) -> float | None:
    """Days between two times, None when one is missing, unreadable, or they are the wrong way round."""
    try:
        days = (_time(last) - _time(first)).total_seconds() / _DAY
    except NotMeasurable:
        return None
    return days if days >= 0 else None


def _time(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise NotMeasurable(f"{value!r} is no time.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
