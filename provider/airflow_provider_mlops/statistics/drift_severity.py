"""What the drift of features means for the whole: any decides, or a share of them, or a share of the importance."""

from collections.abc import Mapping, Sequence

from airflow_provider_mlops.core.drift_policy import DriftPolicy
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.statistics.finding import Finding

WITHIN_SHARE, WITHIN_SEVERITY, UNWEIGHTED = "drift_within_share", "drift_within_severity", "severity_unweighted"

Judged = Sequence[tuple[Finding, RuleResult]]


def whole_verdict(
    judged: Judged,
    policy: DriftPolicy,
    *,
    features: Sequence[str],
    importance: Mapping[str, float] | None = None,
) -> Verdict:
    """Combine the results of single findings.

    :param judged: findings with their results, in the order to keep; a result whose numbers have ``muted`` does not
        decide.
    :param policy: when a difference counts.
    :param features: the columns that were compared.
    :param importance: weight by feature; None when it is not known.
    :return: the verdict.
    """
    results = [result for _, result in judged]
    deciding = [(finding, result) for finding, result in judged if "muted" not in result.numbers]
    whole = Verdict(outcome=_combined([result for _, result in deciding], results), rules=tuple(results))
    graded = policy.max_drifted_share > 0 or policy.severity is not None
    if not graded or whole.outcome is not Outcome.FAIL:
        return whole
    failed = [finding for finding, result in deciding if result.outcome is Outcome.FAIL]
    drifted = sorted({finding.feature for finding in failed})
    first, mark = _graded(drifted, policy, features, importance)
    # A broken structure is no matter of degree: it decides whatever the share.
    broken = any(finding.decisive for finding in failed)
    marks = (UNWEIGHTED,) if policy.severity is not None and mark else ()
    if broken or first.outcome is Outcome.FAIL:
        return Verdict(outcome=Outcome.FAIL, rules=(*results, first), marks=marks)
    inconclusive = any(result.outcome is Outcome.INCONCLUSIVE for result in results)
    outcome = Outcome.INCONCLUSIVE if inconclusive else Outcome.PASS
    within = WITHIN_SHARE if policy.severity is None else WITHIN_SEVERITY
    return Verdict(outcome=outcome, rules=(first, *results), marks=(within, *marks))


def weights_of(features: Sequence[str], given: Mapping[str, float] | None) -> tuple[dict[str, float], list[str]]:
    """Weigh features by importance; none below zero, and what has no weight gets the largest: it fails closed.

    :param features: the columns that were compared.
    :param given: weight by feature, None when nothing is known.
    :return: weight by feature, equal ones where nothing is known; and the features whose weight is not known.
    """
    known = {name: max(0.0, float(given[name])) for name in features if given and given.get(name) is not None}
    top = max(known.values(), default=0.0)
    if top <= 0:
        return dict.fromkeys(features, 1.0), sorted(features)
    return {name: known.get(name, top) for name in features}, sorted(set(features) - set(known))


def _combined(deciding: Sequence[RuleResult], results: Sequence[RuleResult]) -> Outcome:
    if results and not deciding:
        return Outcome.PASS
    return Verdict.from_rules(deciding).outcome


def _graded(
    drifted: Sequence[str], policy: DriftPolicy, features: Sequence[str], importance: Mapping[str, float] | None
) -> tuple[RuleResult, bool]:
    """Judge how much has drifted; and whether a weight was missing."""
    count = len(features)
    if policy.severity is None:
        share, limit = len(drifted) / max(1, count), policy.max_drifted_share
        more = share > limit
        end = "more than" if more else "within"
        reason = f"{len(drifted)} of {count} features drifted, {end} the share of {limit:g} allowed."
        numbers = {"drifted": len(drifted), "features": count, "max_drifted_share": limit}
        return RuleResult(rule="drifted_share", outcome=_outcome(more), reason=reason, numbers=numbers), False
    given = policy.severity.weights if policy.severity.weights is not None else importance
    weights, unknown = weights_of(features, given)
    severity = sum(weights[name] for name in drifted) / sum(weights.values())
    more = severity > policy.severity.max
    end = "more than" if more else "within"
    reason = (
        f"{len(drifted)} of {count} features drifted; they have {severity:.1%} of the importance, {end} the "
        f"{policy.severity.max:.1%} allowed"
    )
    if unknown:
        reason += f" ({len(unknown)} without a known weight: {', '.join(unknown[:5])})"
    figures = {"severity": severity, "max": policy.severity.max, "drifted": list(drifted[:50]), "features": count}
    figures |= {"unweighted": unknown[:50], "weights": {name: weights[name] for name in drifted[:50]}}
    return RuleResult(rule="severity", outcome=_outcome(more), reason=f"{reason}.", numbers=figures), bool(unknown)


def _outcome(more: bool) -> Outcome:
    return Outcome.FAIL if more else Outcome.PASS
