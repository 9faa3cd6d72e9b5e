"""Watched slices: is any of them proved worse? The bounds are corrected for their number by Holm's steps.

A slice is harmed when even the bound on its better side is beyond the margin. With m slices still open, each bound is
taken at alpha / m; the harmed ones are set aside, and the rest is looked at again (Holm 1979). The chance of any
false alarm is at most alpha, whatever the number of slices.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core.gate import proved_worse
from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.core.rules import CHAMPION, BlockIfWorse
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.statistics.metric import Options
from airflow_provider_mlops.statistics.question import Question
from airflow_provider_mlops.statistics.resampling import DRAWS, MORE_DRAWS
from airflow_provider_mlops.statistics.sample_size import rows_to_decide
from airflow_provider_mlops.statistics.scores import Pair
from airflow_provider_mlops.statistics.wording import listed

_SHOWN = ("slice_value", "n", "positives", "low", "high", "method", "draws", "seed")
_DRAWS_IN_TAIL = 10
"""Draws beyond a bound, below which harm that they prove is drawn again with more."""


def proved_by_holm(measure: Callable[[int, int], Interval], count: int, margin: float, *, higher: bool) -> list[int]:
    """Find the differences that are proved worse than a margin, with any false alarm at most at alpha.

    :param measure: gives the interval of a difference by its number and by how many are still open, each bound at
        alpha divided by these.
    :param count: how many differences there are.
    :param margin: loss that is no harm, 0 for none.
    :param higher: whether higher is better.
    :return: numbers of the proved ones.
    """
    proved: list[int] = []
    rest = list(range(count))
    while rest:
        worse = [number for number in rest if proved_worse(measure(number, len(rest)), margin, higher_is_better=higher)]
        if not worse:
            break
        proved += worse
        rest = [number for number in rest if number not in worse]
    return sorted(proved)


@dataclass(slots=True, eq=False)
class _Watched:
    """A slice with its question, and what was measured of it last."""

    question: Question
    pair: Pair
    limit: float
    alpha: float
    last: tuple[Interval, Options]
    problem: str = ""

    @classmethod
    def of(cls, question: Question, alpha: float, limit: float, among: int) -> "_Watched":
        pair = question.pair()
        return cls(question, pair, limit, alpha, question.difference(pair, 1 - 2 * alpha / among, limit))

    def measure(self, among: int) -> Interval:
        """Measure at the level of a step; an estimate that is not beyond the limit is not proved so at any level."""
        level = 1 - 2 * self.alpha / among
        if self._beyond(self.last[0].value) and not math.isclose(level, self.last[1].level):
            self._again(level, DRAWS)
        few = self.last[1].draws * self.alpha / among < _DRAWS_IN_TAIL
        better = self.last[0].high if self.question.metric.higher_is_better else self.last[0].low
        if few and self._beyond(better) and self.last[1].draws < MORE_DRAWS:
            self._again(level, MORE_DRAWS)
        return self.last[0]

    def _again(self, level: float, draws: int) -> None:
        try:
            self.last = self.question.difference(self.pair, level, self.limit, draws)
        except NotMeasurable as error:  # one of the further draws gave no value
            self.problem = str(error)

    def _beyond(self, value: float) -> bool:
        return value < self.limit if self.question.metric.higher_is_better else value > self.limit

    def row(self, *, harmed: bool) -> dict[str, Any]:
        """What the numbers show of the slice; the rows are those that would prove what is now only an estimate."""
        difference, options = self.last
        ours, theirs = self.question.values(self.pair)
        shown = self.question.numbers(difference, options)
        row = {name: shown[name] for name in _SHOWN}
        row |= {"candidate": ours, getattr(self.question.rule, "against", CHAMPION): theirs}
        row |= {"difference": difference.value, "level": options.level, "worse": harmed, "rows_needed": None}
        if self._beyond(difference.value) and not harmed:
            row["rows_needed"] = rows_to_decide(difference, self.limit, alpha=(1 - options.level) / 2)
        return row


def judge_watched(
    rule: BlockIfWorse, questions: Sequence[Question], everything: Question, missing: Sequence[str]
) -> RuleResult:
    """Judge a rule about watched slices.

    :param rule: the rule.
    :param questions: one per slice.
    :param everything: the question on all rows, for the numbers that all rules show.
    :param missing: values that the rule names and no row has.
    :return: FAIL when a slice is proved worse; else INCONCLUSIVE when a slice that has its minimum of rows cannot be
        measured, a named one is missing, or none could be assessed; else PASS.
    """
    least, higher = rule.min_rows or 1, everything.metric.higher_is_better
    limit = -rule.margin if higher else rule.margin
    small = [str(question.value) for question in questions if question.rows.table.effective_rows < least]
    big = [question for question in questions if question.rows.table.effective_rows >= least]
    watched: list[_Watched] = []
    broken: dict[str, str] = {}
    for question in big:
        try:
            watched.append(_Watched.of(question, everything.alpha, limit, len(big)))
        except NotMeasurable as error:
            broken[str(question.value)] = str(error)
    harmed = proved_by_holm(
        lambda number, among: watched[number].measure(among), len(watched), rule.margin, higher=higher
    )
    names = [str(watched[number].question.value) for number in harmed]
    broken |= {str(one.question.value): one.problem for one in watched if one.problem}
    outcome, reason = _verdict(rule, names, len(watched), small, broken, missing)
    sizes = {str(question.value): question.rows.table.rows for question in questions}
    numbers = {
        **everything.numbers(),
        "margin": rule.margin,
        "limit": limit,
        "correction": "holm",
        "slices": [one.row(harmed=number in harmed) for number, one in enumerate(watched)],
        "not_assessed": [{"slice_value": value, "n": sizes[value]} for value in small],
        "not_measurable": [{"slice_value": value, "reason": why} for value, why in broken.items()],
        "missing": list(missing),
        "rows_needed": None if watched else rule.min_rows,
    }
    return RuleResult(rule=rule.name, outcome=outcome, reason=reason, numbers=numbers)


def _verdict(
    rule: BlockIfWorse,
    harmed: Sequence[str],
    assessed: int,
    small: Sequence[str],
    broken: Mapping[str, str],
    missing: Sequence[str],
) -> tuple[Outcome, str]:
    subject, by = f"{rule.metric} by {rule.slice}", f" by more than {rule.margin:g}" if rule.margin else ""
    few = f"; too few rows to say: {listed(small)}" if small else ""
    if harmed:
        of = f"{len(harmed)} of {assessed} slices"
        return Outcome.FAIL, f"{subject}: {of} proved worse{by}, corrected for their number: {listed(harmed)}{few}."
    if missing:
        return Outcome.INCONCLUSIVE, f"{subject}: the test rows have no {rule.slice} {listed(missing)}{few}."
    if broken:
        value, why = next(iter(broken.items()))
        start = f"{subject}: {rule.slice} {value} cannot be measured: {why.rstrip('.')}"
        return Outcome.INCONCLUSIVE, f"{start}; slices below min_rows are not assessed."
    if not assessed:
        return Outcome.INCONCLUSIVE, f"{subject}: no slice has the minimum of {rule.min_rows or 1:,} rows."
    return Outcome.PASS, f"{subject}: none of {assessed} slices is proved worse{by}{few}."
