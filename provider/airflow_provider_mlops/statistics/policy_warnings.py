"""What looks wrong with a policy before it has judged anything: it may be meant so, but mostly is not."""

from collections.abc import Iterator, Mapping

from airflow_provider_mlops.core.policy import Policy
from airflow_provider_mlops.core.rules import (
    BlockIfWorse,
    Maximum,
    MaxLooks,
    MetricRule,
    Minimum,
    NonInferior,
    Superior,
)
from airflow_provider_mlops.statistics.policy_assumptions import Assumptions
from airflow_provider_mlops.statistics.policy_rows import Need
from airflow_provider_mlops.statistics.policy_words import higher_is_better
from airflow_provider_mlops.statistics.sample_size import POWER

EXAMPLE_SLICES = 12
_BEST = {False: 0.0, True: 1.0}


def warnings_of(policy: Policy, assumed: Assumptions) -> list[str]:
    """List what is suspicious about a policy.

    :param policy: the policy.
    :param assumed: what is taken for true, with what an evaluation measured.
    :return: one sentence each, what it leads to and the way out.
    """
    return [
        *_nothing_measured(policy),
        *_slices(policy),
        *_wide_margins(policy, assumed),
        *_looks(policy),
        *_erosion(policy),
    ]


def power_notes(policy: Policy, needs: Mapping[str, Need], rows: int | None) -> list[str]:
    """Say what the single rules' rows mean for the whole: all must pass, and rows may depend on one another.

    :param policy: the policy.
    :param needs: what each rule needs, by its name.
    :param rows: test rows at hand, None when unknown.
    :return: one sentence each.
    """
    notes = []
    if policy.dependence is not None:
        notes.append(
            "The numbers without a measured spread are for independent rows; rows that belong together carry less, "
            "so more are needed."
        )
    sliced = [rule for rule in policy.rules if isinstance(rule, MetricRule) and _is_required(rule)]
    if sliced and not any(rule.values for rule in sliced):
        notes.append(
            f"80 % is the power of one value of a slice. All must pass: of {EXAMPLE_SLICES} values of that size, all "
            f"do with a probability of {POWER**EXAMPLE_SLICES:.2f} when the models are truly equal (if independent)."
        )
    notes.extend(
        _all_pass(rule, len(rule.values), needs[rule.name], rows, policy.alpha) for rule in sliced if rule.values
    )
    return notes


def rows_at_hand(rule: object, rows: int) -> float:
    """Return how many of the test rows a rule can use, those of a slice taken as equally many in each value.

    :param rule: the rule.
    :param rows: all test rows.
    :return: the rows per decision.
    """
    return rows / len(rule.values) if isinstance(rule, MetricRule) and rule.values else rows


def _all_pass(rule: MetricRule, values: int, need: Need, rows: int | None, alpha: float) -> str:
    power = need.power(rows / values, alpha) if rows else None
    if power is None:
        return (
            f"Rule {rule.name!r} must pass for {values} values of {rule.slice!r}: at 80 % power each, all pass with a "
            f"probability of {POWER**values:.2f} when the models are truly equal (if independent)."
        )
    return (
        f"Rule {rule.name!r} must pass for {values} values of {rule.slice!r}: with {rows:,} rows, equally many in "
        f"each, all pass with a probability of {power**values:.2f} (if independent), one with {power:.2f}."
    )


def _is_required(rule: MetricRule) -> bool:
    return rule.slice is not None and not isinstance(rule, BlockIfWorse)


def _nothing_measured(policy: Policy) -> Iterator[str]:
    if not any(isinstance(rule, Minimum | Maximum | NonInferior | Superior) for rule in policy.rules):
        yield (
            "No rule demands that a metric be proved (minimum, maximum, non_inferior, superior): every verdict will be "
            "INCONCLUSIVE. Add one."
        )
    elif not any(isinstance(rule, Minimum | Maximum) for rule in policy.rules):
        yield (
            "No rule is a minimum or a maximum: the first model, which has no champion to be compared with, will be "
            "INCONCLUSIVE. Add one."
        )


def _slices(policy: Policy) -> Iterator[str]:
    for rule in policy.rules:
        if not isinstance(rule, MetricRule) or rule.slice is None:
            continue
        if rule.min_rows is None:
            yield (
                f"Rule {rule.name!r} slices by {rule.slice!r} without min_rows: a value with three rows is judged like "
                "one with three thousand. Set min_rows."
            )
        if not rule.values and not isinstance(rule, BlockIfWorse):
            yield (
                f"Rule {rule.name!r} names no values of {rule.slice!r}: a value that disappears from the test rows is "
                "not missed. List those that must be there under values."
            )


def _wide_margins(policy: Policy, assumed: Assumptions) -> Iterator[str]:
    """Name rules whose margin is so wide that the absolute limit of the same metric always speaks first."""
    limits = {(rule.metric, rule.threshold): rule for rule in policy.rules if isinstance(rule, Minimum | Maximum)}
    for rule in policy.rules:
        if not isinstance(rule, NonInferior) or ":" in rule.metric:
            continue
        limit = limits.get((rule.metric, rule.threshold))
        if limit is None:
            continue
        distance, best = _room(limit, assumed)
        if rule.margin >= distance:
            yield (
                f"Rule {rule.name!r} has the margin {rule.margin:g}, but the limit {limit.value:g} of {limit.name!r} "
                f"is only {distance:.3g} away from {best}: it speaks before the margin does. Choose a smaller margin."
            )


def _room(limit: Minimum | Maximum, assumed: Assumptions) -> tuple[float, str]:
    """Return how far the limit is from what was measured, else from the best there is."""
    measured = assumed.interval(limit, "candidate")
    if measured is not None:
        return abs(measured.value - limit.value), f"the value of {assumed.source}"
    return abs(_BEST[higher_is_better(limit)] - limit.value), "the best value there is"


def _looks(policy: Policy) -> Iterator[str]:
    if not any(isinstance(rule, MaxLooks) for rule in policy.rules):
        yield (
            "No rule limits the looks at the same test rows: candidates can be tried until one passes by luck. Add one "
            "of the kind max_looks."
        )


def _erosion(policy: Policy) -> Iterator[str]:
    compared = [rule for rule in policy.rules if isinstance(rule, NonInferior | Superior)]
    champion_only = all(rule.against == "champion" for rule in compared)
    if champion_only and any(isinstance(rule, NonInferior) for rule in compared):
        yield (
            "Every comparison is with the champion: ten releases may each lose a margin. Add a non_inferior rule with "
            "against: golden."
        )
