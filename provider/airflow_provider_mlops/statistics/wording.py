"""The sentences of the gate: what was found, in words a data engineer understands."""

import math

from airflow_provider_mlops.core.measure import Interval
from airflow_provider_mlops.core.verdict import Outcome


def interval_text(interval: Interval, sign: bool = False) -> str:
    """Write a value with its interval, with as many decimals as its width deserves.

    :param interval: the interval.
    :param sign: whether to show a plus.
    :return: e.g. ``0.693 [0.686, 0.700]``.
    """
    width = interval.high - interval.low
    decimals = 3 if width <= 0 else min(8, max(3, 1 - math.floor(math.log10(width))))
    first = f"{interval.value:+.{decimals}f}" if sign else f"{interval.value:.{decimals}f}"
    return f"{first} [{interval.low:.{decimals}f}, {interval.high:.{decimals}f}]"


def rows_text(n: int, rows: int | None) -> str:
    """Say how many rows would decide.

    :param n: rows at hand.
    :param rows: rows that would do, None when no sensible number would.
    :return: half a sentence.
    """
    if rows is None:
        return f"{n:,} rows cannot decide, and more would hardly help: the value is too close to the limit"
    return f"{n:,} rows cannot decide, about {rows:,} would"


def limit_text(
    outcome: Outcome, subject: str, interval: Interval, limit: float, *, minimum: bool, rows: int | None
) -> str:
    """Explain a rule about a minimum or a maximum.

    :param outcome: what was decided.
    :param subject: what was measured, e.g. ``roc_auc of the candidate``.
    :param interval: the measurement.
    :param limit: the limit.
    :param minimum: whether the limit is a minimum.
    :param rows: rows that would decide, for INCONCLUSIVE.
    :return: one sentence.
    """
    word, beyond = ("minimum", "below") if minimum else ("maximum", "above")
    start = f"{subject} is {interval_text(interval)}"
    if outcome is Outcome.PASS:
        return f"{start}, not {beyond} the {word} {limit:g}."
    if outcome is Outcome.FAIL:
        return f"{start}, {beyond} the {word} {limit:g}."
    return f"{start}, on both sides of the {word} {limit:g}; {rows_text(interval.n, rows)}."


def non_inferior_text(
    outcome: Outcome, subject: str, values: tuple[float, float], difference: Interval, margin: float, rows: int | None
) -> str:
    """Explain a non-inferiority rule.

    :param outcome: what was decided.
    :param subject: the metric, with its slice.
    :param values: value of the candidate, value of the champion.
    :param difference: candidate minus champion.
    :param margin: the loss that is accepted.
    :param rows: rows that would decide, for INCONCLUSIVE.
    :return: one sentence.
    """
    start = (
        f"{subject} of the candidate is {values[0]:.4g}, of the champion {values[1]:.4g}, "
        f"a difference of {interval_text(difference, sign=True)}"
    )
    if outcome is Outcome.PASS:
        return f"{start}: not worse by the margin {margin:g}."
    if outcome is Outcome.FAIL:
        return f"{start}: worse by more than the margin {margin:g}."
    return f"{start}: the interval reaches past the margin {margin:g}; {rows_text(difference.n, rows)}."
