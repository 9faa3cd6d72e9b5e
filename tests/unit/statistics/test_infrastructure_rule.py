"""The rule about serving: a model that does not serve fails, what was not tried is inconclusive."""

from typing import Any

import pytest

from airflow_provider_mlops.core.rules import Infrastructure
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.statistics.infrastructure_rule import judge_infrastructure

SERVES: dict[str, Any] = {
    "loads": True,
    "accepts_signature": True,
    "rejects_wrong_signature": True,
    "probe_identical": True,
    "probe_rows": 20,
    "latency_ms": [5 + i / 100 for i in range(200)],
    "warm_up": 5,
    "peak_memory_mib": 180.5,
    "error": None,
    "load_seconds": 0.4,
}
RULE = Infrastructure(name="serves", p95_latency_ms=50.0, peak_memory_mib=512.0)


def outcomes(found: Any, rule: Infrastructure = RULE) -> dict[str, Outcome]:
    results = judge_infrastructure(rule, {"infrastructure": found}, 0.05)
    return {result.rule: result.outcome for result in results}


def test_a_model_that_serves_passes() -> None:
    """One result for the checks, one per limit, with the numbers behind it."""
    serves, latency, memory = judge_infrastructure(RULE, {"infrastructure": SERVES}, 0.05)

    assert {serves.outcome, latency.outcome, memory.outcome} == {Outcome.PASS}
    assert latency.numbers["high"] <= 50
    assert latency.numbers["candidate"] <= latency.numbers["high"] < max(SERVES["latency_ms"])
    assert memory.reason == "The process that serves takes 180 MiB at its peak, within the limit 512 MiB."


@pytest.mark.parametrize("check", ["loads", "accepts_signature", "rejects_wrong_signature", "probe_identical"])
def test_a_check_that_failed_fails_with_its_error(check: str) -> None:
    """Each of the four is demanded of every model."""
    (result, *_) = judge_infrastructure(RULE, {"infrastructure": SERVES | {check: False, "error": "no module x"}}, 0.05)

    assert result.outcome is Outcome.FAIL
    assert result.reason.endswith(": no module x.")


@pytest.mark.parametrize("check", ["loads", "accepts_signature", "rejects_wrong_signature", "probe_identical"])
def test_a_check_that_was_not_made_is_inconclusive(check: str) -> None:
    """Not known is not yes."""
    assert outcomes(SERVES | {check: None})["serves"] is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("odd", [0, 1, "yes", "false"])
def test_only_true_is_a_passed_check(odd: Any) -> None:
    """A number or a word is no answer, though 0 equals False and 1 equals True."""
    assert outcomes(SERVES | {"loads": odd})["serves"] is Outcome.INCONCLUSIVE


def test_nothing_tried_is_inconclusive() -> None:
    """Evaluations without the check."""
    assert outcomes(None) == {"serves": Outcome.INCONCLUSIVE}
    assert outcomes(SERVES | {"error": "killed"})["serves"] is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ([10.0] * 59, Outcome.PASS),
        ([10.0] * 58, Outcome.INCONCLUSIVE),
        ([], Outcome.INCONCLUSIVE),
        (None, Outcome.INCONCLUSIVE),
        ([10.0] * 99 + [float("nan")], Outcome.INCONCLUSIVE),
        (["fast"] * 99, Outcome.INCONCLUSIVE),
        ([80.0] * 100, Outcome.FAIL),
        ([10.0] * 94 + [80.0] * 6, Outcome.INCONCLUSIVE),
    ],
)
def test_latency_is_judged_on_its_bound(values: Any, outcome: Outcome) -> None:
    """59 calls are the fewest that bound the 95th percentile; the estimate alone decides nothing."""
    assert outcomes(SERVES | {"latency_ms": values})["serves[p95_latency_ms]"] is outcome


@pytest.mark.parametrize(
    ("peak", "outcome"),
    [(512.0, Outcome.PASS), (513, Outcome.FAIL), (None, Outcome.INCONCLUSIVE), (float("nan"), Outcome.INCONCLUSIVE)],
)
def test_peak_memory_keeps_its_limit(peak: float | None, outcome: Outcome) -> None:
    """A peak that nobody measured is not within any limit."""
    assert outcomes(SERVES | {"peak_memory_mib": peak})["serves[peak_memory_mib]"] is outcome


def test_limits_that_are_not_set_are_not_judged() -> None:
    """Only the checks that are always demanded."""
    assert outcomes(SERVES, Infrastructure(name="s")) == {"s": Outcome.PASS}


def test_an_undecided_latency_says_how_many_calls_would_decide() -> None:
    """Ninety of a hundred calls are fast: more of them would tell."""
    values = [10.0] * 94 + [40.0] * 4 + [80.0] * 2
    (_, latency, _) = judge_infrastructure(RULE, {"infrastructure": SERVES | {"latency_ms": values}}, 0.05)

    assert latency.outcome is Outcome.INCONCLUSIVE
    assert "100 calls cannot decide, " in latency.reason
    assert "rows_needed" in latency.numbers
