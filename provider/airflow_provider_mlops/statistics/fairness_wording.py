"""The sentences of the fairness rules."""

from dataclasses import dataclass

from airflow_provider_mlops.core.measure import Interval
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.statistics.fairness_compare import RATIO
from airflow_provider_mlops.statistics.fairness_decision import is_within
from airflow_provider_mlops.statistics.wording import interval_text, rows_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One group against the reference.

    :param metric: name of the measure.
    :param group: name of the group.
    :param reference: name of the reference.
    :param interval: the measure with its bounds.
    :param limit: the smallest ratio or the largest difference that is allowed.
    :param rates: what is compared, of the group and of the reference.
    """

    metric: str
    group: str
    reference: str
    interval: Interval
    limit: float
    rates: tuple[float, float] | None = None


def finding_text(outcome: Outcome, finding: Finding, rows: int | None) -> str:
    """Explain the outcome of one group.

    :param outcome: what was decided.
    :param finding: the group.
    :param rows: rows of the group that would decide, for INCONCLUSIVE.
    :return: one sentence.
    """
    rates = "" if finding.rates is None else f" (rates {finding.rates[0]:.3g} and {finding.rates[1]:.3g})"
    ratio, interval = finding.metric == RATIO, finding.interval
    shown = interval_text(interval, sign=finding.metric != RATIO and interval.low < 0)
    start = f"{finding.metric} of {finding.group} against {finding.reference} is {shown}{rates}"
    end = _ratio_text(outcome, finding) if ratio else _difference_text(outcome, finding)
    if outcome is Outcome.INCONCLUSIVE:
        end += f"; {rows_text(interval.n, rows)}"
    return f"{start}, {end}."


def small_text(group: str, n: int, least: int, rows: int | None, reference: str) -> str:
    """Explain why a group is not compared.

    :param group: name of the group.
    :param n: its rows.
    :param least: rows that the policy wants.
    :param rows: rows that would prove it treated like the reference, if it is.
    :param reference: name of the reference.
    :return: one sentence.
    """
    proof = _proof(group, rows, reference)
    return f"{group} has {n:,} rows, fewer than the minimum {least:,}: too few rows to say{proof}."


def silent_text(metric: str, group: str, n: int, rows: int | None, reference: str) -> str:
    """Explain why a group cannot be measured.

    :param metric: name of the measure.
    :param group: name of the group.
    :param n: its rows.
    :param rows: rows that would prove it treated like the reference, if it is.
    :param reference: name of the reference.
    :return: one sentence.
    """
    why = f"{group} or {reference} has too few rows of the kind that it counts"
    proof = _proof(group, rows, reference)
    return f"{metric} of {group} ({n:,} rows) cannot be measured, {why}: too few rows to say{proof}."


def _proof(group: str, rows: int | None, reference: str) -> str:
    return "" if rows is None else f"; about {rows:,} would prove it if {group} is treated like {reference}"


def _ratio_text(outcome: Outcome, finding: Finding) -> str:
    limit, value = finding.limit, finding.interval.value
    if outcome is Outcome.PASS:
        return f"proved above {limit:g}"
    if outcome is Outcome.FAIL:
        worse = (
            f"below {limit:g}" if value < limit else f"so that {finding.reference} has less than {limit:g} of its rate"
        )
        return f"{worse}, and more than chance explains"
    if value < limit:
        return f"below {limit:g}, which may be chance"
    if not is_within(value, RATIO, limit):
        return f"so that {finding.reference} may have less than {limit:g} of its rate"
    return f"not proved above {limit:g}"


def _difference_text(outcome: Outcome, finding: Finding) -> str:
    limit = finding.limit
    if outcome is Outcome.PASS:
        return f"proved within {limit:g}"
    if outcome is Outcome.FAIL:
        return f"beyond {limit:g}, and more than chance explains"
    return f"not proved within {limit:g}, nor beyond it"
