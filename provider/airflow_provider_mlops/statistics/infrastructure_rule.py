"""The rule about serving: judged from what a clean process found out about the registry's bytes."""

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.gate import decide_maximum
from airflow_provider_mlops.core.rules import Infrastructure
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.statistics.leakage_rule import number_of
from airflow_provider_mlops.statistics.quantiles import quantile_interval
from airflow_provider_mlops.statistics.sample_size import rows_to_decide

_CHECKS: Mapping[str, tuple[str, str]] = {
    "loads": ("loads in a clean process", "does not load in a clean process"),
    "accepts_signature": ("accepts its signature", "does not accept its signature"),
    "rejects_wrong_signature": ("rejects a wrong one", "does not reject a wrong signature"),
    "probe_identical": ("predicts the probe rows identically", "predicts the probe rows differently"),
}
P95 = 0.95
MAX_REASON = 300


def judge_infrastructure(rule: Infrastructure, facts: Mapping[str, Any], alpha: float) -> Iterator[RuleResult]:
    """Judge whether the model serves.

    :param rule: the rule.
    :param facts: what the evaluation recorded: ``infrastructure``.
    :param alpha: one-sided error rate of the bound on the latency.
    :return: a result for the checks that are always demanded, and one per limit.
    """
    found = facts.get("infrastructure")
    if not isinstance(found, Mapping):
        reason = "The evaluation did not try how the model serves: more rows would not help, evaluate with that check."
        yield RuleResult(rule=rule.name, outcome=Outcome.INCONCLUSIVE, reason=reason)
        return
    yield _serves(rule, found)
    if rule.p95_latency_ms is not None:
        yield _latency(rule.name, found, rule.p95_latency_ms, alpha)
    if rule.peak_memory_mib is not None:
        yield _memory(rule.name, found, rule.peak_memory_mib)


def _serves(rule: Infrastructure, found: Mapping[str, Any]) -> RuleResult:
    numbers = {name: found.get(name) for name in (*_CHECKS, "probe_rows", "load_seconds", "error")}
    broken = [no for name, (_, no) in _CHECKS.items() if found.get(name) is False]
    unknown = [yes for name, (yes, _) in _CHECKS.items() if not isinstance(found.get(name), bool)]
    error = f": {str(found['error'])[:MAX_REASON]}" if found.get("error") else ""
    if broken:
        outcome, reason = Outcome.FAIL, f"The model {' and '.join(broken)}{error}."
    elif unknown:
        outcome = Outcome.INCONCLUSIVE
        reason = f"It is not known whether the model {' and '.join(unknown)}{error}; more rows would not help."
    elif error:
        outcome, reason = Outcome.INCONCLUSIVE, f"The check how the model serves did not end well{error}."
    else:
        outcome, reason = Outcome.PASS, f"The model {', '.join(yes for yes, _ in _CHECKS.values())}."
    return RuleResult(rule=rule.name, outcome=outcome, reason=reason, numbers=numbers)


def _latency(name: str, found: Mapping[str, Any], limit: float, alpha: float) -> RuleResult:
    name, values = f"{name}[p95_latency_ms]", found.get("latency_ms") or []
    numbers: dict[str, Any] = {"n": len(values), "limit": limit, "alpha": alpha, "warm_up": found.get("warm_up")}
    try:
        measured = quantile_interval(values, P95, 1 - 2 * alpha)
    except BadInput as error:
        reason = f"The 95th percentile of the latency cannot be measured: {error}"
        return RuleResult(rule=name, outcome=Outcome.INCONCLUSIVE, reason=reason, numbers=numbers)
    outcome = decide_maximum(measured, limit)
    numbers |= {"candidate": measured.value, "low": measured.low, "high": measured.high, "method": measured.method}
    numbers["bound"] = "low" if outcome is Outcome.FAIL else "high"
    start = f"The 95th percentile of the time for one row is {measured.value:.3g} ms, at most {measured.high:.3g} ms"
    if outcome is Outcome.PASS:
        reason = f"{start}, within the limit {limit:g} ms."
    elif outcome is Outcome.FAIL:
        reason = f"{start}, at least {measured.low:.3g} ms, above the limit {limit:g} ms."
    else:
        rows = rows_to_decide(measured, limit, alpha=alpha)
        numbers["rows_needed"] = rows
        way = f"about {rows:,} would" if rows else "and more would hardly help: it is too close to the limit"
        reason = (
            f"{start}: the interval reaches past the limit {limit:g} ms; {len(values):,} calls cannot decide, {way}."
        )
    return RuleResult(rule=name, outcome=outcome, reason=reason, numbers=numbers)


def _memory(name: str, found: Mapping[str, Any], limit: float) -> RuleResult:
    name, peak = f"{name}[peak_memory_mib]", number_of(found.get("peak_memory_mib"))
    numbers = {"candidate": peak, "limit": limit}
    if peak is None:
        reason = "The peak memory of the process that serves was not measured; more rows would not help."
        return RuleResult(rule=name, outcome=Outcome.INCONCLUSIVE, reason=reason, numbers=numbers)
    outcome, relation = (Outcome.PASS, "within") if peak <= limit else (Outcome.FAIL, "above")
    reason = f"The process that serves takes {peak:,.0f} MiB at its peak, {relation} the limit {limit:g} MiB."
    return RuleResult(rule=name, outcome=outcome, reason=reason, numbers=numbers)
