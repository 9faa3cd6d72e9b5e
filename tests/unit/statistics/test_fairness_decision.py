"""What the bounds say about groups: error rates and power by simulation, and Holm's steps."""

import numpy as np
import pytest

from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.statistics.fairness_compare import Comparison
from airflow_provider_mlops.statistics.fairness_decision import (
    _beyond,
    _kept,
    _ratio_proved,
    _ratio_violated,
    decide,
    holm_steps,
    is_within,
)
from airflow_provider_mlops.statistics.fairness_groups import Cells
from airflow_provider_mlops.statistics.fairness_intervals import Shares, ratio_bounds
from airflow_provider_mlops.statistics.multiplicity import holm

ALPHA, RUNS = 0.05, 4_000
BASE_RATE, HUGE = 0.3, 1e9


def tolerance(rate: float, runs: int = RUNS) -> float:
    """Four standard errors of a simulated rate."""
    return 4 * float(np.sqrt(rate * (1 - rate) / runs))


def drawn(n: int, share: float, seed: int, runs: int = RUNS) -> Shares:
    cases = np.random.default_rng(seed).binomial(n, share, runs).astype(float)
    return Shares(cases, np.full(runs, float(n)))


def pairs(n: int, share: float, reference: float, seed: int = 1) -> tuple[Shares, Shares]:
    return drawn(n, share, seed), drawn(n, reference, seed + 1)


def proofs(n: int, share: float, reference: float) -> float:
    return float(_ratio_proved(ratio_bounds(*pairs(n, share, reference), 1 - 2 * ALPHA), 0.8).mean())


@pytest.mark.parametrize(("n", "share", "reference"), [(990, 0.45, 0.50), (3_812, 0.18, 0.20), (4_718, 0.05, 0.05)])
def test_power_of_the_ratio(n: int, share: float, reference: float) -> None:
    """These rows per group prove a ratio above 0.8 four times in five."""
    assert proofs(n, share, reference) == pytest.approx(0.8, abs=tolerance(0.8) + 0.01)


@pytest.mark.parametrize(("n", "reference"), [(100, 0.2), (990, 0.5), (4_718, 0.0625)])
def test_a_ratio_of_four_fifths_is_rarely_proved_to_be_above(n: int, reference: float) -> None:
    """Truly at the limit, PASS has at most probability alpha."""
    assert proofs(n, 0.8 * reference, reference) <= ALPHA + tolerance(ALPHA)


@pytest.mark.parametrize(("n", "share"), [(50, 0.5), (200, 0.2), (2_000, 0.3)])
def test_equal_groups_are_rarely_called_unequal(n: int, share: float) -> None:
    """Both directions together, FAIL has at most probability alpha, also where 0.8 is within reach of chance."""
    violated = _ratio_violated(ratio_bounds(*pairs(n, share, share), 1 - ALPHA), 0.8)

    assert violated.mean() <= ALPHA + tolerance(ALPHA)


def test_evidence_finds_what_is_wrong() -> None:
    """A ratio of 0.6 is found, whichever of the two is the reference."""
    there, back = pairs(500, 0.3, 0.5), pairs(500, 0.5, 0.3)

    assert _ratio_violated(ratio_bounds(*there, 1 - ALPHA), 0.8).mean() > 0.99
    assert _ratio_violated(ratio_bounds(*back, 1 - ALPHA), 0.8).mean() > 0.99
    assert _ratio_proved(ratio_bounds(*back, 1 - 2 * ALPHA), 0.8).mean() < 0.01


def test_holm_keeps_the_error_rate_of_eight_groups() -> None:
    """Eight groups treated like their reference: any FAIL has at most probability alpha; uncorrected it has more."""
    runs, groups, n, share = 2_000, 8, 80, 0.4
    random = np.random.default_rng(5)
    cases = random.binomial(n, share, (runs, groups)).astype(float).ravel()
    reference = np.repeat(random.binomial(n, share, runs).astype(float), groups)
    rows = np.full(runs * groups, float(n))

    def any_fails(error: float) -> float:
        bounds = ratio_bounds(Shares(cases, rows), Shares(reference, rows), 1 - error)
        return float(_ratio_violated(bounds, 0.8).reshape(runs, groups).any(axis=1).mean())

    assert any_fails(ALPHA / groups) <= ALPHA + tolerance(ALPHA, runs)
    assert any_fails(ALPHA) > 2 * ALPHA


@pytest.mark.parametrize("seed", range(20))
def test_steps_equal_holm_of_p_values(seed: int) -> None:
    """Asking wider and wider intervals is Holm's procedure."""
    p = np.random.default_rng(seed).beta(0.4, 4, 8)
    rejected, _ = holm_steps(lambda error: p <= error, len(p), ALPHA)

    assert rejected.tolist() == (holm(p) <= ALPHA).tolist()


def test_the_last_step_of_holm_is_told() -> None:
    """Two of three rejected: the third was judged at the whole error rate."""
    assert holm_steps(lambda error: np.array([0.001, 0.01, 0.5]) <= error, 3, ALPHA)[1] == pytest.approx(ALPHA)


def groups_against_a_known_reference(
    metric: str, *, n: int, found: float, false_alarms: float, runs: int = 2_000
) -> Comparison:
    """Draw many groups; the reference, of true rates 0.6 and 0.2, is so large that it has no chance in it."""
    random = np.random.default_rng(9)
    positives = random.binomial(n, BASE_RATE, runs)
    hits, alarms = random.binomial(positives, found), random.binomial(n - positives, false_alarms)
    table = np.empty((runs + 1, 2, 2))
    table[:-1] = np.stack([n - positives - alarms, alarms, positives - hits, hits], axis=1).reshape(runs, 2, 2)
    table[-1] = HUGE * np.array([[0.7 * 0.8, 0.7 * 0.2], [0.3 * 0.4, 0.3 * 0.6]])
    return Comparison(metric, Cells(table, np.zeros(runs + 1), np.zeros(runs + 1)), runs)


@pytest.mark.parametrize(
    ("metric", "found", "false_alarms"),
    [
        ("equal_opportunity_difference", 0.5, 0.2),
        ("equal_opportunity_difference", 0.7, 0.2),
        ("false_positive_rate_difference", 0.6, 0.3),
        ("equalized_odds_difference", 0.5, 0.2),
        ("equalized_odds_difference", 0.5, 0.3),
        ("demographic_parity_difference", 0.7, 0.3),
    ],
)
def test_a_gap_at_the_limit_is_rarely_decided(metric: str, found: float, false_alarms: float) -> None:
    """Truly a tenth apart with a limit of a tenth: PASS and FAIL have at most probability alpha each."""
    comparison = groups_against_a_known_reference(metric, n=600, found=found, false_alarms=false_alarms)
    passes = _kept(comparison.bounds(1 - 2 * ALPHA), 0.1)[:-1].mean()
    fails = _beyond(comparison.bounds(1 - ALPHA), 0.1)[:-1].mean()

    assert passes <= ALPHA + tolerance(ALPHA, 2_000)
    assert fails <= ALPHA + tolerance(ALPHA, 2_000)


@pytest.mark.parametrize(
    "metric", ["equal_opportunity_difference", "equalized_odds_difference", "demographic_parity_difference"]
)
def test_a_gap_is_proved_either_way_with_enough_rows(metric: str) -> None:
    """No gap is proved within a tenth, a gap of a fifth beyond it."""
    alike = groups_against_a_known_reference(metric, n=3_000, found=0.6, false_alarms=0.2)
    apart = groups_against_a_known_reference(metric, n=3_000, found=0.35, false_alarms=0.0)

    assert _kept(alike.bounds(1 - 2 * ALPHA), 0.1)[:-1].mean() > 0.95
    assert _beyond(apart.bounds(1 - ALPHA), 0.1)[:-1].mean() > 0.95


def test_decide_gives_each_group_its_outcome() -> None:
    """Alike, worse, better and small, against the first: PASS, FAIL, FAIL, INCONCLUSIVE."""
    rows = np.array([5_000, 5_000, 5_000, 5_000, 30])
    selected = np.array([2_000, 2_010, 1_000, 3_500, 11])
    table = np.zeros((5, 2, 2))
    table[:, 0, 0], table[:, 0, 1] = rows - selected, selected
    comparison = Comparison("demographic_parity_ratio", Cells(table, np.zeros(5), np.zeros(5)), 0)
    decision = decide(comparison, np.arange(1, 5), 0.8, ALPHA)

    assert decision.outcomes == (Outcome.PASS, Outcome.FAIL, Outcome.FAIL, Outcome.INCONCLUSIVE)
    assert decision.share == pytest.approx(ALPHA / 2)


def test_what_has_no_bounds_is_decided_neither_way() -> None:
    """NaN proves nothing."""
    cells = Cells(np.zeros((2, 2, 2)), np.zeros(2), np.zeros(2))
    for metric in ("demographic_parity_ratio", "equal_opportunity_difference", "calibration_gap"):
        assert decide(Comparison(metric, cells, 0), np.array([1]), 0.8, ALPHA).outcomes == (Outcome.INCONCLUSIVE,)


@pytest.mark.parametrize(("value", "kept"), [(0.79, False), (0.8, True), (1.25, True), (1.26, False)])
def test_a_ratio_is_within_from_both_sides(value: float, kept: bool) -> None:
    """The less favoured over the more favoured, whichever is the reference."""
    assert is_within(value, "demographic_parity_ratio", 0.8) is kept
