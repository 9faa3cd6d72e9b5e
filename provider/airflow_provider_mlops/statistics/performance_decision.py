"""How a monitoring rule decides: by its bound, and a breach only by a bound corrected for the number of rules.

All rules together pass when each does, which needs no correction; but each of many rules can ring, so that a breach
must be proved at alpha divided by their number (Bonferroni): a monitor that cries wolf is not read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core.measure import Interval, NotMeasurable, TooFewClusters
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.statistics.resampling import DRAWS, MORE_DRAWS, wants_more_draws
from airflow_provider_mlops.statistics.wording import interval_text

Measure = Callable[[float, int], Interval]
"""Maps a two-sided level and a number of draws to an interval."""


@dataclass(frozen=True, slots=True)
class Errors:
    """The error rates of a monitoring policy.

    :param alpha: one-sided error rate of each rule.
    :param alarms: rules that can each find a breach.
    """

    alpha: float
    alarms: int = 1

    @property
    def level(self) -> float:
        """The two-sided level that holds two one-sided bounds at alpha."""
        return 1 - 2 * self.alpha

    @property
    def corrected(self) -> float:
        """The same for a breach."""
        return 1 - 2 * self.alpha / self.alarms

    def decide(
        self, measure: Measure, decision: Callable[[Interval], Outcome], limit: float
    ) -> tuple[Outcome, Interval, float]:
        """Decide one rule.

        :param measure: measures the value at a level.
        :param decision: what an interval says.
        :param limit: what its bounds are judged against; near it, more is drawn.
        :return: the outcome, the interval that decided, and its one-sided error rate.
        :raises NotMeasurable: when the rows cannot answer.
        """

        def measured(level: float) -> Interval:
            found = measure(level, DRAWS)
            return measure(level, MORE_DRAWS) if wants_more_draws(found, limit, level) else found

        found = measured(self.level)
        outcome = decision(found)
        if outcome is not Outcome.FAIL or self.alarms == 1:
            return outcome, found, self.alpha
        strict = measured(self.corrected)
        broken = decision(strict) is Outcome.FAIL
        return (Outcome.FAIL if broken else Outcome.INCONCLUSIVE), strict, self.alpha / self.alarms


def result(
    name: str, kind: str, outcome: Outcome, reason: str, interval: Interval | None = None, **numbers: Any
) -> RuleResult:
    """Make the result of a rule.

    :param name: its name.
    :param kind: ``realised``, ``estimated``, ``concept``, ``calibration``, ``latency``, ``errors``, ``importance``.
    :param outcome: what it says.
    :param reason: one sentence.
    :param interval: what was measured, where it was.
    :param numbers: further figures; those that are None are left out.
    :return: the result.
    """
    found = {} if interval is None else interval.to_dict()
    given = {key: value for key, value in numbers.items() if value is not None}
    return RuleResult(rule=name, outcome=outcome, reason=reason, numbers={"kind": kind, **found, **given})


def unanswered(name: str, kind: str, what: str, error: NotMeasurable | str, **numbers: Any) -> RuleResult:
    """Say that the rows cannot answer a rule.

    :param name: name of the rule.
    :param kind: as for `result`.
    :param what: what was asked, as the start of a sentence.
    :param error: why not.
    :param numbers: further figures.
    :return: an INCONCLUSIVE result.
    """
    few = error.numbers() if isinstance(error, TooFewClusters) else {}
    return result(name, kind, Outcome.INCONCLUSIVE, f"{what} cannot be judged: {error}", **numbers, **few)


def shift_text(outcome: Outcome, start: str, shift: Interval, limit: float, what: str) -> str:
    """Explain a rule about a change since promotion.

    :param outcome: what was decided.
    :param start: what was compared.
    :param shift: the change.
    :param limit: the change that is allowed, without its sign.
    :param what: what it is called, e.g. ``drop``.
    :return: one sentence.
    """
    text = f"{start}, a change of {interval_text(shift, sign=True)}"
    if outcome is Outcome.PASS:
        return f"{text}: within the {what} {limit:g} that is allowed."
    if outcome is Outcome.FAIL:
        return f"{text}: more than the {what} {limit:g} that is allowed."
    return f"{text}: the interval reaches past the {what} {limit:g}; these rows cannot decide."
