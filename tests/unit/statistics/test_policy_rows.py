"""How many rows a rule needs, each number with its assumption."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.policy import Policy
from airflow_provider_mlops.core.rules import KINDS
from airflow_provider_mlops.statistics.auc import auc_interval
from airflow_provider_mlops.statistics.policy_assumptions import Assumptions
from airflow_provider_mlops.statistics.policy_rows import Need, need_of
from airflow_provider_mlops.statistics.policy_spreads import auc_variance
from airflow_provider_mlops.statistics.sample_size import row_variance, rows_for_ratio
from tests.unit.statistics.test_policy_words import EACH_KIND, policy

MEASURED = {
    "brier": {
        "candidate": {"value": 0.15, "low": 0.148, "high": 0.152, "n": 10_000, "method": "student_t"},
        "difference": {"value": -0.003, "low": -0.004, "high": -0.002, "n": 10_000, "method": "student_t_paired"},
    }
}


def need(kind: str, assumed: Assumptions | None = None, alpha: float = 0.05, **keys: Any) -> Need:
    """Return what one rule needs."""
    found: Policy = policy({"name": "r", "kind": kind, **keys}, alpha=alpha)
    return need_of(found.rules[0], found, assumed or Assumptions())


@pytest.mark.parametrize(
    ("discordance", "margin", "rows"),
    [(0.02, 0.005, 4_947), (0.05, 0.01, 3_092), (0.08, 0.02, 1_237), (0.15, 0.005, 37_096)],
)
def test_accuracy_needs_the_rows_of_the_published_table(discordance: float, margin: float, rows: int) -> None:
    """The square of 1.645 + 0.842, times the discordance, by the square of the margin."""
    found = need("non_inferior", Assumptions(discordance=discordance), metric="accuracy", margin=margin)

    assert found.rows == rows
    assert found.given == (
        f"if both models are truly equal, and {100 * discordance:g} % of the rows are decided differently"
    )


def test_four_fifths_needs_the_rows_of_the_published_table() -> None:
    """5 % positive decisions in both groups: 4,718 rows per group for a ratio above 0.8, here rounded up."""
    found = need(
        "fairness", Assumptions(base_rate=0.05), metric="demographic_parity_ratio", value=0.8, group=["sex", "age"]
    )

    assert found.rows == rows_for_ratio(0.05, 0.05, limit=0.8)
    assert (found.rows, found.of) == (4_719, "rows of each group of 'sex' x 'age'")


def test_the_bound_of_a_95th_percentile_needs_59_timings() -> None:
    """0.95^59 is the first power below 0.05."""
    assert need("infrastructure", p95_latency_ms=50).rows == 59
    assert need("infrastructure", p95_latency_ms=50, alpha=0.01).rows == 90
    assert need("infrastructure").rows is None


def test_positives_ask_for_rows() -> None:
    """1,500 positives at one positive in five need 7,500 rows."""
    assert need("min_rows", rows=5_000, positives=1_500).rows == 7_500
    assert need("min_rows", rows=5_000).rows == 5_000


@pytest.mark.parametrize("kind", KINDS)
def test_no_number_without_its_assumption(kind: str) -> None:
    """Every kind of rule says why it needs what it needs, or why nobody can say."""
    found = need(kind, **EACH_KIND[kind])

    assert found.given


@pytest.mark.parametrize("kind", ["minimum", "non_inferior", "superior", "block_if_worse", "flip_rate", "fairness"])
def test_the_rows_have_the_power_that_they_are_for(kind: str) -> None:
    """80 %, at the rule's own error rate."""
    keys = EACH_KIND[kind]
    found = need(kind, **keys)
    assert found.rows is not None

    assert found.power(found.rows, 0.05) == pytest.approx(0.8, abs=0.001)
    assert (found.power(found.rows * 4, 0.05) or 0) > 0.99


def test_a_minimum_of_rows_is_enough_or_not() -> None:
    """There is no power in counting."""
    found = need("min_rows", rows=5_000)

    assert (found.power(4_999, 0.05), found.power(5_000, 0.05)) == (0.0, 1.0)


def test_hanley_and_mcneil_agree_with_delong() -> None:
    """The assumed spread of ROC-AUC is the measured one, for exponential scores, on which the formula rests."""
    rng = np.random.default_rng(3)
    rows, rate = 40_000, 0.2
    labels = rng.random(rows) < rate
    auc = 0.75
    scores = rng.exponential(np.where(labels, auc / (1 - auc), 1.0))
    measured = row_variance(auc_interval(labels, scores, 0.9), 0.9)

    assert auc_variance(auc, rate) == pytest.approx(measured, rel=0.05)


def test_a_measured_spread_replaces_the_assumed_one() -> None:
    """From the width of the recorded interval, and the value recorded with it."""
    assumed = Assumptions(measured=MEASURED, source="the evaluation of 2013-04")
    found = need("non_inferior", assumed, metric="brier", margin=0.002)
    limit = need("maximum", assumed, metric="brier", value=0.16)

    assert found.rows == pytest.approx(10_000 * (0.001 / 1.645 * 2.486 / 0.002) ** 2, rel=0.01)
    assert "spreads per row as in the evaluation of 2013-04" in found.given
    assert limit.rows == pytest.approx(10_000 * (0.002 / 1.645 * 2.486 / 0.01) ** 2, rel=0.01)
    assert "Brier score was 0.15 in the evaluation of 2013-04" in limit.given


@pytest.mark.parametrize(
    ("kind", "keys"), [("maximum", {"value": 0.15}), ("superior", {"by": 0.003}), ("superior", {"by": 0.01})]
)
def test_rows_do_not_help_a_model_beyond_the_limit(kind: str, keys: dict[str, float]) -> None:
    """What was measured on the wrong side of the limit will not pass on more rows."""
    found = need(kind, Assumptions(measured=MEASURED), metric="brier", **keys)

    assert found.rows is None
    assert "no number of rows would make that pass" in found.given


def test_a_threshold_of_its_own_was_not_measured() -> None:
    """The recorded intervals are of the default threshold."""
    measured = {"accuracy": MEASURED["brier"]}
    found = need("non_inferior", Assumptions(measured=measured), metric="accuracy", margin=0.01, threshold=0.3)

    assert "decided differently" in found.given


def test_dependent_rows_are_counted_as_independent_and_it_is_said() -> None:
    """A formula does not know what belongs together; a measured interval does."""
    rule = {"name": "r", "kind": "non_inferior", "metric": "brier", "margin": 0.002}
    found = policy(rule, dependence={"cluster": "customer"})
    measured = Assumptions(measured=MEASURED, source="the evaluation of 2013-04")

    assert need_of(found.rules[0], found, Assumptions()).given.endswith(", for independent rows")
    assert "independent" not in need_of(found.rules[0], found, measured).given


def test_a_metric_without_a_formula_asks_for_an_evaluation() -> None:
    """F1 has no spread that could be assumed."""
    found = need("non_inferior", metric="f1", margin=0.01)

    assert (found.rows, "--model" in found.given) == (None, True)


@pytest.mark.parametrize("name", ["discordance", "base_rate"])
@pytest.mark.parametrize("value", [0, 1, -0.1, 1.5, float("nan")])
def test_an_assumption_must_be_a_share(name: str, value: float) -> None:
    """No number of rows comes from nonsense."""
    with pytest.raises(BadInput, match=name.replace("_", " ")):
        replace(Assumptions(), **{name: value})  # type: ignore[arg-type]
