"""Has a dataset drifted away from its reference? One column at a time, then one correction, then one verdict.

FAIL means drift, and needs three things: the adjusted p-value below alpha, an effect at its threshold, and enough
rows. A column whose test could not have seen a material effect is INCONCLUSIVE (underpowered), never PASS.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from airflow_provider_mlops.core.drift_policy import Correction, DriftPolicy
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.statistics import multiplicity
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.columns import ColumnPair, Summary
from airflow_provider_mlops.statistics.drift_findings import ColumnTest, Finding, compare_columns, structure_finding

CORRECTIONS: Mapping[Correction, Callable[[npt.ArrayLike], FloatArray]] = MappingProxyType(
    {
        Correction.BONFERRONI: multiplicity.bonferroni,
        Correction.HOLM: multiplicity.holm,
        Correction.BH: multiplicity.benjamini_hochberg,
        Correction.BY: multiplicity.benjamini_yekutieli,
    }
)

_FIRST = {Outcome.FAIL: 0, Outcome.INCONCLUSIVE: 1, Outcome.PASS: 2}


def detect_drift(
    columns: Iterable[ColumnPair], policy: DriftPolicy, *, p_values: Mapping[str, float] | None = None
) -> Verdict:
    """Compare two samples column by column; only the pair of columns at hand is in memory.

    :param columns: name, column in the data that the champion was trained on, column to judge; each name once.
    :param policy: when a difference counts.
    :param p_values: raw p-values of another backend by feature, used instead of ours; effects and rows stay ours, and
        a p-value that is not a number makes its feature INCONCLUSIVE.
    :return: the verdict, FAIL for drift; a result per feature and per finding, the largest effects first.
    :raises BadInput: when columns of a sample differ in length, or the policy or ``p_values`` name a column that
        neither sample has.
    """
    given = p_values or {}
    _check_p_values(given)
    findings: list[Finding] = []
    names: list[str] = []
    lengths: tuple[set[int], set[int]] = (set(), set())
    for name, reference, current in columns:
        for seen, column in zip(lengths, (reference, current), strict=True):
            if column is not None:
                seen.add(column.rows)
        if name not in policy.ignore:
            names.append(name)
            findings.extend(_findings(name, reference, current, policy, given.get(name)))
        # Large columns: none may be alive while the next one is read.
        del reference, current
    _check_lengths(*lengths)
    _check_names(policy, given, names)
    results = _decide(findings, policy)
    if not results:
        nothing = "There is no column to compare."
        results = [(0.0, RuleResult(rule="columns", outcome=Outcome.INCONCLUSIVE, reason=nothing))]
    results.sort(key=lambda item: (_FIRST[item[1].outcome], -item[0], item[1].rule))
    return _verdict([result for _, result in results], findings, len(names), policy)


def _findings(
    name: str, reference: Summary | None, current: Summary | None, policy: DriftPolicy, p_value: float | None
) -> list[Finding]:
    broken = structure_finding(name, reference, current)
    if broken is not None or reference is None or current is None:
        return [broken] if broken is not None else []
    return compare_columns(name, reference, current, policy, p_value=p_value)


def _decide(findings: list[Finding], policy: DriftPolicy) -> list[tuple[float, RuleResult]]:
    """Judge every finding; only those with a test and enough rows share the correction."""
    tests = [finding.test for finding in findings if finding.test is not None]
    adjusted = iter(CORRECTIONS[policy.correction]([test.p_value for test in tests]).tolist())
    # The strictest bound of every correction but BY is alpha / m; for BY it is smaller by its harmonic factor.
    strictest = policy.alpha / max(1, len(tests))
    if policy.correction is Correction.BY and tests:
        strictest /= float(np.sum(1 / np.arange(1, len(tests) + 1)))
    results = []
    for finding in findings:
        if finding.test is None:
            results.append((finding.size, finding.result()))
        else:
            results.append((finding.size, _judge(finding, finding.test, next(adjusted), strictest, policy)))
    return results


def _judge(finding: Finding, test: ColumnTest, adjusted: float, strictest: float, policy: DriftPolicy) -> RuleResult:
    smallest, threshold = test.smallest(strictest), test.threshold
    shown = f"{adjusted:.2g}" if adjusted > 0 else "below 1e-300"
    significant, material = adjusted < policy.alpha, finding.size >= 1
    if significant and material:
        outcome, end = Outcome.FAIL, f"drift (adjusted p {shown})"
    elif material:
        outcome, end = Outcome.INCONCLUSIVE, f"large enough to matter, but not proven (adjusted p {shown})"
    elif smallest > threshold and not significant:
        outcome = Outcome.INCONCLUSIVE
        end = f"underpowered: these rows show no {test.effect} below {smallest:.3f}, and {threshold:g} is material"
    elif significant:
        outcome, end = (
            Outcome.PASS,
            f"a change below the {test.effect} of {threshold:g} that matters (adjusted p {shown})",
        )
    else:
        outcome, end = Outcome.PASS, f"no drift; the smallest {test.effect} it could have seen is {smallest:.3f}"
    numbers = {"alpha": policy.alpha, "correction": policy.correction.value, "p_value": test.p_value}
    numbers |= {"adjusted_p_value": adjusted, "smallest_effect_seen": smallest, "method": test.method}
    return finding.result(outcome, end, numbers)


def _verdict(results: list[RuleResult], findings: list[Finding], features: int, policy: DriftPolicy) -> Verdict:
    """Combine: any drifted feature decides, or, where the policy allows a share of them, more than that share."""
    whole = Verdict.from_rules(results)
    if policy.max_drifted_share == 0 or whole.outcome is not Outcome.FAIL:
        return whole
    failed = {result.rule for result in results if result.outcome is Outcome.FAIL}
    # A broken structure is no matter of degree: it decides whatever the share.
    broken = any(finding.decisive for finding in findings if finding.rule in failed)
    drifted = {finding.feature for finding in findings if finding.rule in failed}
    share = len(drifted) / features
    if broken or share > policy.max_drifted_share:
        return whole
    reason = f"{len(drifted)} of {features} features drifted, within the share of {policy.max_drifted_share:g} allowed."
    inconclusive = any(result.outcome is Outcome.INCONCLUSIVE for result in results)
    outcome = Outcome.INCONCLUSIVE if inconclusive else Outcome.PASS
    numbers = {"drifted": len(drifted), "features": features, "max_drifted_share": policy.max_drifted_share}
    first = RuleResult(rule="drifted_share", outcome=Outcome.PASS, reason=reason, numbers=numbers)
    return Verdict(outcome=outcome, rules=(first, *results), marks=("drift_within_share",))


def _check_lengths(reference: set[int], current: set[int]) -> None:
    for which, lengths in (("reference", reference), ("current", current)):
        if len(lengths) > 1:
            raise BadInput(f"The {which} columns have different lengths: {', '.join(map(str, sorted(lengths)))}.")


def _check_names(policy: DriftPolicy, p_values: Mapping[str, float], compared: list[str]) -> None:
    known = {*compared, *policy.ignore}
    for what, named, allowed in (("policy", policy.features, known), ("p-values", p_values, set(compared))):
        strange = sorted(set(named) - allowed)
        if strange:
            has = ", ".join(sorted(allowed)[:20]) or "none"
            raise BadInput(f"The {what} name the feature {strange[0]!r}, which is not compared; there are: {has}.")


def _check_p_values(p_values: Mapping[str, float]) -> None:
    for name, value in p_values.items():
        if not math.isnan(value) and not 0 <= value <= 1:
            raise BadInput(f"The p-value of {name!r} is {value!r}; it must be between 0 and 1.")
