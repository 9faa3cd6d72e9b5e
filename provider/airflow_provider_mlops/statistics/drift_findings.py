"""What there is to say about one column: broken structure, nulls, infinities, and the test of its distribution."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import special

from airflow_provider_mlops.core.drift_policy import CATEGORICAL_EFFECTS, NUMERIC_EFFECTS, DriftPolicy
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.statistics import distances
from airflow_provider_mlops.statistics.columns import Categories, Numbers, Summary

SHOWN = 5


@dataclass(frozen=True, slots=True)
class ColumnTest:
    """A test that takes part in the correction.

    :param p_value: raw p-value.
    :param effect: name of the effect whose smallest visible size is known.
    :param threshold: size of that effect that is material.
    :param smallest: the smallest such effect that is significant at an error rate.
    :param method: name of the test.
    """

    p_value: float
    effect: str
    threshold: float
    smallest: Callable[[float], float]
    method: str


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
    return _broken(name, name, text, {"finding": kind})


def compare_columns(
    name: str, reference: Summary, current: Summary, policy: DriftPolicy, *, p_value: float | None = None
) -> list[Finding]:
    """Compare a column that both samples have.

    :param name: the column.
    :param reference: the column in the reference.
    :param current: the column now, of the same kind.
    :param policy: when a difference counts.
    :param p_value: p-value of another backend, instead of ours.
    :return: the distribution first, then nulls and infinities where there are any.
    """
    if isinstance(reference, Numbers) and isinstance(current, Numbers):
        return _compare_numbers(name, reference, current, policy, p_value)
    if isinstance(reference, Categories) and isinstance(current, Categories):
        return _compare_categories(name, reference, current, policy, p_value)
    raise BadInput(f"{name} is {reference.kind} in the reference and {current.kind} now: ask structure_finding first.")


def _compare_numbers(
    name: str, was: Numbers, now: Numbers, policy: DriftPolicy, p_value: float | None
) -> list[Finding]:
    n, m = len(was.ordered), len(now.ordered)
    findings = _nulls(name, (was.nulls, n), (now.nulls, m), policy) + _infinite(name, was.infinite, now.infinite)
    early = _not_compared(name, (was.nulls, n), (now.nulls, m), policy, p_value)
    if early is not None:
        return [early, *findings]
    ks = distances.ks_statistic(was.ordered, now.ordered)
    edges = distances.quantile_edges(was.ordered)
    old, new = distances.bin_counts(was.ordered, edges), distances.bin_counts(now.ordered, edges)
    effects = {
        "ks": ks,
        "psi": distances.psi(old, new),
        "jensen_shannon": distances.jensen_shannon(old, new),
        "wasserstein": distances.wasserstein(was.ordered, now.ordered),
    }
    thresholds = _of_kind(policy.thresholds_of(name), NUMERIC_EFFECTS)
    test = ColumnTest(
        p_value=distances.ks_p_value(ks, n, m) if p_value is None else p_value,
        effect="KS distance",
        threshold=thresholds["ks"],
        smallest=lambda alpha: distances.smallest_ks(alpha, n, m),
        method="ks_two_sample" if p_value is None else "given",
    )
    moved = effects["wasserstein"]
    shift = "" if moved is None else f", moved by {moved:.2f} standard deviations"
    text = f"{name}{_constant(was, now)}: KS distance {ks:.3f}, PSI {effects['psi']:.3f}{shift}"
    return [_tested(name, text, effects, thresholds, test, {"n_reference": n, "n_current": m}), *findings]


def _compare_categories(
    name: str, was: Categories, now: Categories, policy: DriftPolicy, p_value: float | None
) -> list[Finding]:
    n, m = was.counts.total(), now.counts.total()
    findings = _nulls(name, (was.nulls, n), (now.nulls, m), policy)
    early = _not_compared(name, (was.nulls, n), (now.nulls, m), policy, p_value)
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
        p_value=p_chi if p_value is None else p_value,
        effect="Cramer's V",
        threshold=thresholds["cramers_v"],
        smallest=lambda alpha: distances.smallest_cramers_v(alpha, *merged) if len(merged[0]) > 1 else 0.0,
        method="chi_squared" if p_value is None else "given",
    )
    appeared = [key for key in names if not was.counts[key]]
    vanished = [key for key in names if not now.counts[key]]
    text = f"{name}: Cramer's V {effects['cramers_v']:.3f}, PSI {effects['psi']:.3f}"
    text += _listed(", new categories", appeared) + _listed(", vanished categories", vanished)
    numbers: dict[str, Any] = {"n_reference": n, "n_current": m, "categories": len(names), "chi_squared": statistic}
    numbers |= {"new": appeared[:SHOWN], "new_count": len(appeared), "new_rows": sum(now.counts[k] for k in appeared)}
    numbers |= {"vanished": vanished[:SHOWN], "vanished_count": len(vanished)}
    return [_tested(name, text, effects, thresholds, test, numbers), *findings]


def _not_compared(
    name: str, was: tuple[int, int], now: tuple[int, int], policy: DriftPolicy, p_value: float | None
) -> Finding | None:
    """Say why a distribution cannot be compared: no values, too few of them, or no p-value."""
    (old_nulls, n), (new_nulls, m) = was, now
    numbers = {"n_reference": n, "n_current": m, "min_rows": policy.min_rows}
    enough = old_nulls + n >= policy.min_rows and new_nulls + m >= policy.min_rows
    if n == 0 and m == 0 and enough:
        text = f"{name} is null in every row of both samples: nothing to compare"
        return Finding(feature=name, rule=name, text=text, outcome=Outcome.PASS, numbers=numbers)
    if enough and n == 0 and m >= policy.min_rows:
        return _broken(name, name, f"{name} was null in every row and now has {m:,} values", numbers)
    if enough and m == 0 and n >= policy.min_rows:
        return _broken(name, name, f"{name} is null in every row of the current data", numbers)
    if min(n, m) < policy.min_rows:
        text = f"{name} is underpowered: {n:,} reference and {m:,} current values, at least {policy.min_rows:,} needed"
        return Finding(feature=name, rule=name, text=text, numbers=numbers)
    if p_value is not None and math.isnan(p_value):
        text = f"{name}: the backend's p-value is not a number"
        return Finding(feature=name, rule=name, text=text, numbers=numbers)
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
        return [Finding(feature=name, rule=rule, text=text, numbers=numbers)]
    threshold = policy.thresholds_of(name)["missing"]
    pooled = (was[0] + now[0]) / (n + m)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    test = ColumnTest(
        p_value=distances.two_shares(was[0], n, now[0], m),
        effect="change of share",
        threshold=threshold,
        smallest=lambda alpha: float(-special.ndtri(alpha / 2)) * error,
        method="two_shares",
    )
    return [_tested(name, text, {"missing": abs(new - old)}, {"missing": threshold}, test, numbers, rule=rule)]


def _infinite(name: str, was: int, now: int) -> list[Finding]:
    """Report infinities; those that the reference never had are a break."""
    if was + now == 0:
        return []
    text = f"{name} has {now:,} infinite values, the reference {was:,}"
    numbers = {"reference": was, "current": now}
    if was == 0:
        return [_broken(name, f"{name}:infinite", text, numbers)]
    return [Finding(feature=name, rule=f"{name}:infinite", text=text, outcome=Outcome.PASS, numbers=numbers)]


def _tested(
    name: str,
    text: str,
    effects: Mapping[str, float | None],
    thresholds: Mapping[str, float],
    test: ColumnTest,
    numbers: Mapping[str, Any],
    rule: str | None = None,
) -> Finding:
    size = max((effects[key] or 0.0) / limit for key, limit in thresholds.items())
    kept = {**numbers, "effects": dict(effects), "thresholds": dict(thresholds)}
    return Finding(feature=name, rule=rule or name, text=text, size=size, test=test, numbers=kept)


def _broken(name: str, rule: str, text: str, numbers: Mapping[str, Any]) -> Finding:
    return Finding(
        feature=name, rule=rule, text=text, size=math.inf, outcome=Outcome.FAIL, decisive=True, numbers=numbers
    )


def _of_kind(thresholds: Mapping[str, float], effects: tuple[str, ...]) -> Mapping[str, float]:
    return {name: limit for name, limit in thresholds.items() if name in effects}


def _constant(was: Numbers, now: Numbers) -> str:
    before, after = was.ordered[0] == was.ordered[-1], now.ordered[0] == now.ordered[-1]
    if before and after:
        return f" (constant {was.ordered[0]:g}, now constant {now.ordered[0]:g})"
    if before or after:
        return " (was constant)" if before else f" (now constant {now.ordered[0]:g})"
    return ""


def _listed(title: str, names: list[str]) -> str:
    if not names:
        return ""
    shown = ", ".join(name[:40] for name in names[:SHOWN])
    return f"{title} {shown}" + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
