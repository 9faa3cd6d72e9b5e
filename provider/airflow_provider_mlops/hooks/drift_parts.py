"""Verdicts on parts of the rows, beside the one on all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_mlops.core.verdict import RuleResult, Verdict

if TYPE_CHECKING:
    from airflow_provider_mlops.statistics.finding import Finding


def of_slice(finding: Finding, where: str) -> Finding:
    """Say of a finding in which slice it was made.

    :param finding: the finding.
    :param where: the slice, ``column=value``.
    """
    numbers = {**finding.numbers, "slice": where}
    return replace(finding, rule=f"{where}/{finding.rule}", text=f"{where}: {finding.text}", numbers=numbers)


def joined(whole: Verdict, slices: Verdict) -> Verdict:
    """Put the verdicts on all rows and on slices together; the worse one decides.

    :param whole: of all rows.
    :param slices: of the slices.
    """
    worst = Verdict.from_rules(
        RuleResult(rule=str(number), outcome=found.outcome, reason="") for number, found in enumerate((whole, slices))
    )
    marks = tuple(dict.fromkeys((*whole.marks, *slices.marks)))
    return Verdict(outcome=worst.outcome, rules=(*whole.rules, *slices.rules), marks=marks)
