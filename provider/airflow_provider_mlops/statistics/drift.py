"""Has a dataset drifted away from its reference? One column at a time, then one correction, then one verdict.

FAIL means drift, and needs three things: the adjusted p-value below alpha, an effect at its threshold, and enough
rows. A column whose test could not have seen a material effect is INCONCLUSIVE (underpowered), never PASS.
"""

import math
from collections.abc import Iterable, Mapping

from airflow_provider_mlops.core.drift_policy import DriftPolicy
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.verdict import Verdict
from airflow_provider_mlops.statistics.columns import ColumnPair
from airflow_provider_mlops.statistics.drift_decision import Muted, decide
from airflow_provider_mlops.statistics.drift_findings import compare_columns, structure_finding
from airflow_provider_mlops.statistics.finding import Finding, GivenTest


def detect_drift(
    columns: Iterable[ColumnPair],
    policy: DriftPolicy,
    *,
    p_values: Mapping[str, float] | None = None,
    tests: Mapping[str, GivenTest] | None = None,
    importance: Mapping[str, float] | None = None,
    muted: Muted | None = None,
) -> Verdict:
    """Compare two samples column by column; only the pair of columns at hand is in memory.

    :param columns: name, column in the data that the champion was trained on, column to judge; each name once.
    :param policy: when a difference counts.
    :param p_values: raw p-values of another backend by feature, used instead of ours; effects and rows stay ours, and
        a p-value that is not a number makes its feature INCONCLUSIVE.
    :param tests: tests of rows that hang together, by rule (the column, ``column:nulls``, ...); a policy that names a
        dependence or a calibration has no other.
    :param importance: weight by feature for a policy with ``severity``; None when it is not known.
    :param muted: which drift was accepted.
    :return: the verdict, FAIL for drift; a result per feature and per finding, the largest effects first.
    :raises BadInput: when columns of a sample differ in length, or the policy or ``p_values`` name a column that
        neither sample has.
    """
    _check_p_values(p_values or {})
    given = {name: GivenTest(p_value=value) for name, value in (p_values or {}).items()} | dict(tests or {})
    names, findings = find(columns, policy, given)
    _check_names(policy, p_values or {}, names)
    return decide(findings, policy, features=names, importance=importance, muted=muted)


def find(
    columns: Iterable[ColumnPair], policy: DriftPolicy, given: Mapping[str, GivenTest] | None = None
) -> tuple[list[str], list[Finding]]:
    """Go through the columns once, and keep what there is to say about each.

    :param columns: name, column in the reference, column to judge; each name once.
    :param policy: when a difference counts.
    :param given: tests made elsewhere by rule, instead of ours.
    :return: names of the columns that were compared, and what was found.
    :raises BadInput: when columns of a sample differ in length.
    """
    findings: list[Finding] = []
    names: list[str] = []
    lengths: tuple[set[int], set[int]] = (set(), set())
    for name, reference, current in columns:
        for seen, column in zip(lengths, (reference, current), strict=True):
            if column is not None:
                seen.add(column.rows)
        if name not in policy.ignore:
            names.append(name)
            structure = structure_finding(name, reference, current)
            if structure is not None:
                findings.append(structure)
            elif reference is not None and current is not None:
                findings.extend(compare_columns(name, reference, current, policy, given=given))
        # Large columns: none may be alive while the next one is read.
        del reference, current
    _check_lengths(*lengths)
    return names, findings


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
