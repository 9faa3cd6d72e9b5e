"""The sentences of the gate: what was found, in words a data engineer understands."""

import math
from collections.abc import Sequence

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


def rows_text(n: int, rows: int | None, discordance: float | None = None) -> str:
    """Say how many rows would decide.

    :param n: rows at hand.
    :param rows: rows that would do, None when no sensible number would.
    :param discordance: share of rows that only one of two models got right, where that is what the number rests on.
    :return: half a sentence.
    """
    if rows is None:
        return f"{n:,} rows cannot decide, and more would hardly help: the value is too close to the limit"
    seen = "" if discordance is None else f" at the {discordance:.1%} discordant rows seen"
    return f"{n:,} rows cannot decide, about {rows:,} would{seen}"


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


def comparison_text(subject: str, values: tuple[float, float], difference: Interval, other: str = "champion") -> str:
    """Begin a sentence that compares the candidate with another version.

    :param subject: the metric, with its slice.
    :param values: value of the candidate, value of the other.
    :param difference: candidate minus the other.
    :param other: what the other is.
    :return: the start of a sentence.
    """
    whose = "golden version" if other == "golden" else other
    return (
        f"{subject} of the candidate is {values[0]:.4g}, of the {whose} {values[1]:.4g}, "
        f"a difference of {interval_text(difference, sign=True)}"
    )


def stress_text(subject: str, values: tuple[float, float], difference: Interval, variant: str) -> str:
    """Begin a sentence that compares the candidate on altered rows with itself on the rows as they are.

    :param subject: the metric, with its slice.
    :param values: value on the altered rows, value on the rows as they are.
    :param difference: the first minus the second.
    :param variant: name of the altered rows.
    :return: the start of a sentence.
    """
    return (
        f"{subject} of the candidate is {values[0]:.4g} on the rows of {variant!r}, {values[1]:.4g} on the rows as "
        f"they are, a difference of {interval_text(difference, sign=True)}"
    )


def margin_text(
    outcome: Outcome, start: str, difference: Interval, margin: float, rows: int | None, discordance: float | None
) -> str:
    """Explain a rule that allows a loss up to a margin.

    :param outcome: what was decided.
    :param start: what was compared.
    :param difference: the difference.
    :param margin: the loss that is accepted.
    :param rows: rows that would decide, for INCONCLUSIVE.
    :param discordance: as in `rows_text`.
    :return: one sentence.
    """
    if outcome is Outcome.PASS:
        return f"{start}: not worse by the margin {margin:g}."
    if outcome is Outcome.FAIL:
        return f"{start}: worse by more than the margin {margin:g}."
    left = rows_text(difference.n, rows, discordance)
    return f"{start}: the interval reaches past the margin {margin:g}; {left}."


def superior_text(
    outcome: Outcome, start: str, difference: Interval, gain: float, rows: int | None, discordance: float | None
) -> str:
    """Explain a rule that demands a gain.

    :param outcome: what was decided.
    :param start: what was compared.
    :param difference: the difference.
    :param gain: the gain that must be exceeded, 0 for any.
    :param rows: rows that would decide, for INCONCLUSIVE.
    :param discordance: as in `rows_text`.
    :return: one sentence.
    """
    more = f" by more than {gain:g}" if gain else ""
    if outcome is Outcome.PASS:
        return f"{start}: better{more}."
    if outcome is Outcome.FAIL:
        return f"{start}: not better{more}."
    left = rows_text(difference.n, rows, discordance)
    return f"{start}: the interval does not prove it better{more}; {left}."


def releases_text(since: int, margin: float) -> str:
    """Say what the releases since the golden version may have lost unseen.

    :param since: releases since.
    :param margin: margin of each.
    :return: half a sentence.
    """
    count = "1 release" if since == 1 else f"{since:,} releases"
    return f"{count} since the golden version may have lost {since * margin:g} in all, {margin:g} each"


def listed(names: Sequence[str], most: int = 5) -> str:
    """List names, not more than a reader wants.

    :param names: the names.
    :param most: how many to show.
    :return: the names, and how many more there are.
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
