"""A finding about one column, and the test behind it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_mlops.core.verdict import Outcome, RuleResult

SHOWN = 5


@dataclass(frozen=True, slots=True)
class ColumnTest:
    """A test that takes part in the correction.

    :param p_value: raw p-value.
    :param effect: name of the effect whose smallest visible size is known.
    :param threshold: size of that effect that is material.
    :param smallest: the smallest such effect that is significant at an error rate.
    :param method: name of the test.
    :param adjusted: p-value that is adjusted for all features already; None where the correction does that.
    :param bounds: by effect its lower bound at an error rate, and its threshold; None where no bound is known.
    """

    p_value: float
    effect: str
    threshold: float
    smallest: Callable[[float], float]
    method: str
    adjusted: float | None = None
    bounds: Callable[[float], Mapping[str, tuple[float | None, float]]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenTest:
    """A test that was made elsewhere, used in place of ours: by another backend, or on rows that hang together.

    :param p_value: raw p-value; NaN where it could not say.
    :param method: name of the test.
    :param smallest: the smallest effect that is significant at an error rate; None: as of our own test.
    :param adjusted: p-value that is adjusted for all features already; None where the correction does that.
    :param problem: why there is no p-value, as the end of a sentence.
    """

    p_value: float
    method: str = "given"
    smallest: Callable[[float], float] | None = None
    adjusted: float | None = None
    problem: str = "the backend's p-value is not a number"

    def in_place_of(self, test: ColumnTest) -> ColumnTest:
        """Return our test with this one's answers.

        :param test: our own test of the same column.
        """
        smallest = self.smallest or test.smallest
        return replace(test, p_value=self.p_value, method=self.method, smallest=smallest, adjusted=self.adjusted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to say about one column.

    :param feature: the column.
    :param rule: name of its result, the column alone for its distribution.
    :param text: start of the sentence.
    :param size: largest effect over its threshold: material from 1.
    :param outcome: what it says without a test.
    :param decisive: whether it decides the verdict whatever share of features may drift.
    :param test: the test that decides, if there is one.
    :param numbers: figures to keep.
    """

    feature: str
    rule: str
    text: str
    size: float = 0.0
    outcome: Outcome = Outcome.INCONCLUSIVE
    decisive: bool = False
    test: ColumnTest | None = None
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def result(
        self, outcome: Outcome | None = None, end: str = "", numbers: Mapping[str, Any] | None = None
    ) -> RuleResult:
        """Turn the finding into a rule's result.

        :param outcome: what the test decided, None where there is no test.
        :param end: end of the sentence.
        :param numbers: more figures.
        :return: the result.
        """
        reason = f"{self.text}: {end}." if end else f"{self.text}."
        kept = {"feature": self.feature, **self.numbers, **(numbers or {})}
        return RuleResult(rule=self.rule, outcome=outcome or self.outcome, reason=reason, numbers=kept)


def with_test(
    name: str,
    text: str,
    effects: Mapping[str, float | None],
    thresholds: Mapping[str, float],
    test: ColumnTest,
    numbers: Mapping[str, Any],
    rule: str | None = None,
) -> Finding:
    """Make the finding of a test, as large as its largest effect over its threshold.

    :param name: the column.
    :param text: start of the sentence.
    :param effects: sizes by name, None where one cannot be computed.
    :param thresholds: threshold by the name of the effect.
    :param test: the test.
    :param numbers: figures to keep.
    :param rule: name of the result; None for the column's.
    :return: the finding.
    """
    size = max((effects[key] or 0.0) / limit for key, limit in thresholds.items())
    kept = {**numbers, "effects": dict(effects), "thresholds": dict(thresholds)}
    return Finding(feature=name, rule=rule or name, text=text, size=size, test=test, numbers=kept)


def broken(name: str, rule: str, text: str, numbers: Mapping[str, Any]) -> Finding:
    """Make the finding of a column that cannot be compared any more: always FAIL, whatever share may drift.

    :param name: the column.
    :param rule: name of the result.
    :param text: the sentence.
    :param numbers: figures to keep.
    :return: the finding.
    """
    return Finding(
        feature=name, rule=rule, text=text, size=math.inf, outcome=Outcome.FAIL, decisive=True, numbers=numbers
    )


def listed(title: str, names: list[str]) -> str:
    """List the first names behind a title.

    :param title: start of the text.
    :param names: the names.
    :return: the text, empty without names.
    """
    if not names:
        return ""
    shown = ", ".join(name[:40] for name in names[:SHOWN])
    return f"{title} {shown}" + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
