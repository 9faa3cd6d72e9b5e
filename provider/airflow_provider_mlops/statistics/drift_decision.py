"""From findings to a verdict: one correction, a decision per finding, and what they mean together.

The whole verdict answers "did anything drift?" with a correction that bounds the chance of any false alarm. The list
of features that look drifted has a correction of its own, reported beside, which decides nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from airflow_provider_mlops.core.drift_policy import FAMILY_WISE, Correction, Decide, DriftPolicy
from airflow_provider_mlops.core.measure import UNDERPOWERED
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.statistics import multiplicity
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.drift_severity import whole_verdict
from airflow_provider_mlops.statistics.finding import ColumnTest, Finding

CORRECTIONS: Mapping[Correction, Callable[[npt.ArrayLike], FloatArray]] = MappingProxyType(
    {
        Correction.BONFERRONI: multiplicity.bonferroni,
        Correction.HOLM: multiplicity.holm,
        Correction.BH: multiplicity.benjamini_hochberg,
        Correction.BY: multiplicity.benjamini_yekutieli,
    }
)
LISTED, NOT_FAMILY_WISE, MUTED = "listed_only", "not_family_wise", "muted"
NOT_ASSESSED = "slices_not_assessed"
SHOWN_SLICES, MAX_SLICES = 10, 200

Muted = Callable[[str, str], str | None]
"""Says of a feature and a rule by whom and why its drift was accepted; None where it was not."""

_FIRST = {Outcome.FAIL: 0, Outcome.INCONCLUSIVE: 1, Outcome.PASS: 2}


def decide(
    findings: Sequence[Finding],
    policy: DriftPolicy,
    *,
    features: Sequence[str],
    importance: Mapping[str, float] | None = None,
    muted: Muted | None = None,
    correction: Correction | None = None,
) -> Verdict:
    """Judge findings together.

    :param findings: what was found, of all columns.
    :param policy: when a difference counts.
    :param features: the columns that were compared.
    :param importance: weight by feature, for a policy with ``severity``; None when it is not known.
    :param muted: which drift was accepted; it stays listed, marked, and does not decide.
    :param correction: adjustment for the number of tests; None for the policy's.
    :return: the verdict, FAIL for drift; the largest effects first.
    """
    used = correction or policy.correction
    judged = _judge_all(findings, policy, used)
    if not judged:
        nothing = "There is no column to compare."
        return Verdict.from_rules((RuleResult(rule="columns", outcome=Outcome.INCONCLUSIVE, reason=nothing),))
    judged.sort(key=lambda item: (_FIRST[item[1].outcome], -item[0].size, item[1].rule))
    judged = [(finding, _shown(finding, result, muted)) for finding, result in judged]
    whole = whole_verdict(judged, policy, features=features, importance=importance)
    return replace(whole, marks=tuple(dict.fromkeys((*whole.marks, *_marks(judged, used)))))


def decide_slices(
    findings: Sequence[Finding], policy: DriftPolicy, not_assessed: Sequence[str], *, muted: Muted | None = None
) -> Verdict:
    """Judge findings of slices: any slice may be the one that drifted, so all of them share Holm's correction.

    :param findings: what was found in the slices that have enough rows; their rules name the slice.
    :param policy: when a difference counts.
    :param not_assessed: slices with too few rows, in words.
    :param muted: which drift was accepted.
    :return: the verdict; a first rule ``slices`` lists what was not assessed.
    """
    judged = _judge_all(findings, policy, Correction.HOLM)
    judged.sort(key=lambda item: (_FIRST[item[1].outcome], -item[0].size, item[1].rule))
    results = [_shown(finding, result, muted) for finding, result in judged]
    deciding = [result for result in results if not is_muted(result)]
    text = f"{len(results)} checks of slices"
    if not_assessed:
        text += f"; not assessed, with fewer than {policy.min_rows:,} rows: {', '.join(not_assessed[:SHOWN_SLICES])}"
        text += f" and {len(not_assessed) - SHOWN_SLICES} more" if len(not_assessed) > SHOWN_SLICES else ""
    outcome = Outcome.PASS if results else Outcome.INCONCLUSIVE
    listed = {"not_assessed": list(not_assessed[:MAX_SLICES])}
    first = RuleResult(rule="slices", outcome=outcome, reason=f"{text}.", numbers=listed)
    marks = [*_marks([*zip((finding for finding, _ in judged), results, strict=True)], Correction.HOLM)]
    marks += [NOT_ASSESSED] if not_assessed else []
    return Verdict(outcome=Verdict.from_rules((first, *deciding)).outcome, rules=(first, *results), marks=tuple(marks))


def is_muted(result: RuleResult) -> bool:
    """Whether the drift of a result was accepted by a person.

    :param result: the result.
    """
    return MUTED in result.numbers


def _shown(finding: Finding, result: RuleResult, muted: Muted | None) -> RuleResult:
    why = muted(finding.feature, result.rule) if muted is not None and result.outcome is Outcome.FAIL else None
    if why is None:
        return result
    return replace(result, reason=f"{result.reason} [{why}]", numbers={**result.numbers, MUTED: why})


def _judge_all(
    findings: Sequence[Finding], policy: DriftPolicy, correction: Correction
) -> list[tuple[Finding, RuleResult]]:
    """Judge every finding; only those with a test and enough rows share the corrections."""
    tests = [finding.test for finding in findings if finding.test is not None]
    raw = [test.p_value for test in tests]
    adjusted = iter(CORRECTIONS[correction](raw).tolist())
    listed = iter(CORRECTIONS[policy.list_correction](raw).tolist())
    strictest = strictest_alpha(policy.alpha, correction, len(tests))
    results = []
    for finding in findings:
        if finding.test is None:
            results.append((finding, finding.result()))
            continue
        own, in_list, error = next(adjusted), next(listed), strictest
        if finding.test.adjusted is not None:
            own, error = finding.test.adjusted, policy.alpha
        result = _judge(finding, finding.test, own, error, policy)
        on_list = in_list < policy.alpha and finding.size >= 1
        more = {"correction": correction.value, "list_adjusted_p_value": in_list, "listed": on_list}
        results.append((finding, replace(result, numbers={**result.numbers, **more})))
    return results


def strictest_alpha(alpha: float, correction: Correction, tests: int) -> float:
    """Return the error rate that the smallest of several p-values must be below.

    :param alpha: error rate of all together.
    :param correction: how they are adjusted.
    :param tests: how many there are.
    """
    # The strictest bound of every correction but BY is alpha / m; for BY it is smaller by its harmonic factor.
    strictest = alpha / max(1, tests)
    if correction is Correction.BY and tests:
        strictest /= float(np.sum(1 / np.arange(1, tests + 1)))
    return strictest


def _judge(finding: Finding, test: ColumnTest, adjusted: float, strictest: float, policy: DriftPolicy) -> RuleResult:
    smallest, threshold = test.smallest(strictest), test.threshold
    shown = f"{adjusted:.2g}" if adjusted > 0 else "below 1e-300"
    significant, material = adjusted < policy.alpha, finding.size >= 1
    numbers: dict[str, Any] = {"alpha": policy.alpha, "p_value": test.p_value, "adjusted_p_value": adjusted}
    numbers |= {"smallest_effect_seen": smallest, "effect": test.effect, "method": test.method}
    bounds = test.bounds(strictest) if policy.decide is Decide.BOUND and test.bounds is not None else {}
    proven = policy.decide is Decide.POINT or any(low is not None and low >= limit for low, limit in bounds.values())
    if policy.decide is Decide.BOUND:
        numbers["lower_bounds"] = {name: low for name, (low, _) in bounds.items()}
    if significant and material and proven:
        outcome, end = Outcome.FAIL, f"drift (adjusted p {shown})"
    elif significant and material:
        outcome = Outcome.INCONCLUSIVE
        end = f"large enough to matter, but no lower bound is ({_bounds(bounds)}; adjusted p {shown})"
    elif material:
        outcome, end = Outcome.INCONCLUSIVE, f"large enough to matter, but not proven (adjusted p {shown})"
    elif smallest > threshold and not significant:
        outcome = Outcome.INCONCLUSIVE
        end = f"underpowered: these rows show no {test.effect} below {smallest:.3f}, and {threshold:g} is material"
        numbers[UNDERPOWERED] = True
    elif _may_matter(finding):
        outcome = Outcome.INCONCLUSIVE
        end = f"bins leave open whether it is large enough to matter (adjusted p {shown})"
    elif significant:
        outcome = Outcome.PASS
        end = f"a change below the {test.effect} of {threshold:g} that matters (adjusted p {shown})"
    else:
        outcome, end = Outcome.PASS, f"no drift; the smallest {test.effect} it could have seen is {smallest:.3f}"
    return finding.result(outcome, end, numbers)


def _may_matter(finding: Finding) -> bool:
    """Whether a distance that is known from bins only may reach its threshold inside them."""
    limits = finding.numbers.get("thresholds", {})
    return any(finding.numbers.get(f"{name}_at_most", 0.0) >= limit for name, limit in limits.items())


def _bounds(bounds: Mapping[str, tuple[float | None, float]]) -> str:
    return ", ".join(f"{name} at least {low:.3f}" for name, (low, _) in bounds.items() if low is not None) or "none"


def _marks(judged: Sequence[tuple[Finding, RuleResult]], correction: Correction) -> list[str]:
    results = [result for _, result in judged]
    marks = []
    if any(result.numbers.get(UNDERPOWERED) for result in results):
        marks.append(UNDERPOWERED)
    if any(result.numbers.get("listed") and result.outcome is not Outcome.FAIL for result in results):
        marks.append(LISTED)
    if correction not in FAMILY_WISE:
        marks.append(NOT_FAMILY_WISE)
    if any(is_muted(result) for result in results):
        marks.append(MUTED)
    return marks
