"""What there is to say about one column: broken structure, nulls, infinities, and the test of its distribution."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import special

from airflow_provider_mlops.core.drift_policy import CATEGORICAL_EFFECTS, NUMERIC_EFFECTS, DriftPolicy
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.statistics import distances, effect_bounds
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.columns import BinnedNumbers, Categories, Numbers, Summary
from airflow_provider_mlops.statistics.drift_categories import compare_categories_seen
from airflow_provider_mlops.statistics.finding import SHOWN, ColumnTest, Finding, GivenTest, broken, listed, with_test
from airflow_provider_mlops.statistics.number_comparison import compare_numbers
from airflow_provider_mlops.statistics.profile_spec import NEW
from airflow_provider_mlops.statistics.seeds import derive_seed


def structure_finding(name: str, reference: Summary | None, current: Summary | None) -> Finding | None:
    """Find a column that is gone, new, or of another type.

    :param name: the column.
    :param reference: the column in the reference, None when it has none.
    :param current: the column now, None when there is none.
    :return: the finding, always FAIL; None when the column can be compared.
    """
    if reference is None:
        text, kind = f"{name} is new: the reference does not have it (ignore it if that is meant)", "new"
    elif current is None:
        text, kind = f"{name} is missing from the current data", "missing_column"
    elif reference.kind != current.kind:
        text, kind = f"{name} was {reference.kind} and is now {current.kind}", "type_change"
    else:
        return None
    return broken(name, name, text, {"finding": kind})


def compare_columns(
    name: str,
    reference: Summary,
    current: Summary,
    policy: DriftPolicy,
    *,
    given: Mapping[str, GivenTest] | None = None,
) -> list[Finding]:
    """Compare a column that both samples have.

    :param name: the column.
    :param reference: the column in the reference.
    :param current: the column now, of the same kind.
    :param policy: when a difference counts.
    :param given: tests made elsewhere by rule (the column, or ``column:nulls``), instead of ours.
    :return: the distribution first, then nulls and infinities where there are any.
    """
    if isinstance(reference, Numbers | BinnedNumbers) and isinstance(current, Numbers | BinnedNumbers):
        findings = _compare_numbers(name, reference, current, policy)
    elif isinstance(reference, Categories) and isinstance(current, Categories):
        findings = _compare_categories(name, reference, current, policy)
    else:
        was, now = reference.kind, current.kind
        raise BadInput(f"{name} is {was} in the reference and {now} now: ask structure_finding first.")
    dependent = policy.dependence is not None or policy.calibration is not None
    return [_given(finding, (given or {}).get(finding.rule), dependent) for finding in findings]


def _given(finding: Finding, given: GivenTest | None, dependent: bool) -> Finding:
    """Put a test made elsewhere in place of ours, which would be wrong about dependent rows."""
    if finding.test is None or (given is None and not dependent):
        return finding
    if given is None or math.isnan(given.p_value):
        problem = given.problem if given is not None else "no test of rows that hang together was made"
        numbers = {key: value for key, value in finding.numbers.items() if key != "effects"}
        return replace(finding, text=f"{finding.feature}: {problem}", test=None, size=0.0, numbers=numbers)
    return replace(finding, test=given.in_place_of(finding.test))


def _compare_numbers(
    name: str, was: Numbers | BinnedNumbers, now: Numbers | BinnedNumbers, policy: DriftPolicy
) -> list[Finding]:
    n, m = was.present, now.present
    findings = _nulls(name, (was.nulls, n), (now.nulls, m), policy) + _infinite(name, was.infinite, now.infinite)
    early = _not_compared(name, (was.nulls, n), (now.nulls, m), policy)
    if early is not None:
        return [early, *findings]
    found = compare_numbers(was, now)
    counts = (found.old, found.new)
    effects = {
        "ks": found.ks,
        "psi": distances.psi(*counts),
        "jensen_shannon": distances.jensen_shannon(*counts),
        "wasserstein": found.moved,
    }
    thresholds = _of_kind(policy.thresholds_of(name), NUMERIC_EFFECTS)
    test = ColumnTest(
        p_value=distances.ks_p_value(found.ks, n, m),
        effect="KS distance",
        threshold=thresholds["ks"],
        # What bins may hide could not have been seen either.
        smallest=lambda alpha: min(1.0, distances.smallest_ks(alpha, n, m) + found.slack),
        method=found.method,
        bounds=lambda alpha: {
            "ks": (effect_bounds.ks_bound(found.ks, n, m, alpha), thresholds["ks"]),
            **_count_bounds(name, {"psi": counts, "jensen_shannon": counts}, thresholds, alpha),
        },
    )
    text = f"{name}{found.constant}: KS distance {found.shown}, PSI {effects['psi']:.3f}{found.moved_shown}"
    numbers: dict[str, Any] = {"n_reference": n, "n_current": m, **found.at_most}
    return [with_test(name, text, effects, thresholds, test, numbers), *findings]


def _compare_categories(name: str, was: Categories, now: Categories, policy: DriftPolicy) -> list[Finding]:
    n, m = was.counts.total(), now.counts.total()
    findings = _nulls(name, (was.nulls, n), (now.nulls, m), policy)
    early = _not_compared(name, (was.nulls, n), (now.nulls, m), policy)
    if early is not None:
        return [early, *findings]
    names = sorted({*was.counts, *now.counts})
    old, new = (np.array([side.counts[key] for key in names], dtype=np.float64) for side in (was, now))
    merged = distances.merge_rare(old, new)
    statistic, p_chi = distances.chi_squared(*merged)
    effects = {
        "cramers_v": distances.cramers_v(*merged),
        "psi": distances.psi(*merged),
        "jensen_shannon": distances.jensen_shannon(old, new),
    }
    thresholds = _of_kind(policy.thresholds_of(name), CATEGORICAL_EFFECTS)
    test = ColumnTest(
        p_value=p_chi,
        effect="Cramer's V",
        threshold=thresholds["cramers_v"],
        smallest=lambda alpha: distances.smallest_cramers_v(alpha, *merged) if len(merged[0]) > 1 else 0.0,
        method="chi_squared",
        bounds=lambda alpha: _count_bounds(
            name, {"cramers_v": merged, "psi": merged, "jensen_shannon": (old, new)}, thresholds, alpha
        ),
    )
    appeared = [key for key in names if not was.counts[key]]
    vanished = [key for key in names if not now.counts[key]]
    text = f"{name}: Cramer's V {effects['cramers_v']:.3f}, PSI {effects['psi']:.3f}"
    # What a profile counts together as new has no name to list.
    named = [key for key in appeared if key != NEW]
    text += listed(", new categories", named) or (", new categories" if appeared else "")
    text += listed(", vanished categories", vanished)
    numbers: dict[str, Any] = {"n_reference": n, "n_current": m, "categories": len(names), "chi_squared": statistic}
    numbers |= {"new": appeared[:SHOWN], "new_count": len(appeared), "new_rows": sum(now.counts[k] for k in appeared)}
    numbers |= {"vanished": vanished[:SHOWN], "vanished_count": len(vanished)}
    moved = compare_categories_seen(name, was.counts, now.counts, policy)
    return [with_test(name, text, effects, thresholds, test, numbers), *moved, *findings]


def _count_bounds(
    name: str,
    counts: Mapping[str, tuple[FloatArray, FloatArray]],
    thresholds: Mapping[str, float],
    alpha: float,
) -> dict[str, tuple[float | None, float]]:
    """Bound what is computed from counts, where the policy has a threshold for it."""
    effects = {"cramers_v": distances.cramers_v, "psi": distances.psi, "jensen_shannon": distances.jensen_shannon}
    return {
        key: (effect_bounds.counts_bound(effects[key], *pair, alpha, derive_seed(name, key)), thresholds[key])
        for key, pair in counts.items()
        if key in thresholds
    }


def _not_compared(name: str, was: tuple[int, int], now: tuple[int, int], policy: DriftPolicy) -> Finding | None:
    """Say why a distribution cannot be compared: no values, or too few of them."""
    (old_nulls, n), (new_nulls, m) = was, now
    numbers = {"n_reference": n, "n_current": m, "min_rows": policy.min_rows}
    enough = old_nulls + n >= policy.min_rows and new_nulls + m >= policy.min_rows
    if n == 0 and m == 0 and enough:
        text = f"{name} is null in every row of both samples: nothing to compare"
        return Finding(feature=name, rule=name, text=text, outcome=Outcome.PASS, numbers=numbers)
    if enough and n == 0 and m >= policy.min_rows:
        return broken(name, name, f"{name} was null in every row and now has {m:,} values", numbers)
    if enough and m == 0 and n >= policy.min_rows:
        return broken(name, name, f"{name} is null in every row of the current data", numbers)
    if min(n, m) < policy.min_rows:
        text = f"{name} is underpowered: {n:,} reference and {m:,} current values, at least {policy.min_rows:,} needed"
        return Finding(feature=name, rule=name, text=text, numbers={**numbers, "underpowered": True})
    return None


def _nulls(name: str, was: tuple[int, int], now: tuple[int, int], policy: DriftPolicy) -> list[Finding]:
    """Compare the share of nulls, where either sample has one."""
    n, m = sum(was), sum(now)
    if was[0] + now[0] == 0 or min(n, m) == 0:
        return []
    rule, old, new = f"{name}:nulls", was[0] / n, now[0] / m
    text = f"{name} is null in {new:.1%} of the rows, in the reference in {old:.1%}"
    numbers = {"n_reference": n, "n_current": m, "reference": old, "current": new}
    if min(n, m) < policy.min_rows:
        text += f"; underpowered with fewer than {policy.min_rows:,} rows"
        return [Finding(feature=name, rule=rule, text=text, numbers={**numbers, "underpowered": True})]
    threshold = policy.thresholds_of(name)["missing"]
    pooled = (was[0] + now[0]) / (n + m)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    test = ColumnTest(
        p_value=distances.two_shares(was[0], n, now[0], m),
        effect="change of share",
        threshold=threshold,
        smallest=lambda alpha: float(-special.ndtri(alpha / 2)) * error,
        method="two_shares",
        bounds=lambda alpha: {"missing": (effect_bounds.share_bound(was[0], n, now[0], m, alpha), threshold)},
    )
    return [with_test(name, text, {"missing": abs(new - old)}, {"missing": threshold}, test, numbers, rule=rule)]


def _infinite(name: str, was: int, now: int) -> list[Finding]:
    """Report infinities; those that the reference never had are a break."""
    if was + now == 0:
        return []
    text = f"{name} has {now:,} infinite values, the reference {was:,}"
    numbers = {"reference": was, "current": now}
    if was == 0:
        return [broken(name, f"{name}:infinite", text, numbers)]
    return [Finding(feature=name, rule=f"{name}:infinite", text=text, outcome=Outcome.PASS, numbers=numbers)]


def _of_kind(thresholds: Mapping[str, float], effects: tuple[str, ...]) -> Mapping[str, float]:
    return {name: limit for name, limit in thresholds.items() if name in effects}
