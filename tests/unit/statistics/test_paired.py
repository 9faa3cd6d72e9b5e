"""McNemar's test and Tango's interval, against SciPy and against their promises."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as reference

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.gate import decide_non_inferior
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.statistics.paired import mcnemar, tango


@pytest.mark.parametrize(("b", "c"), [(0, 1), (3, 9), (12, 12), (20, 4)])
def test_mcnemar_is_exact_for_few_discordant_rows(b: int, c: int) -> None:
    """Below 25 discordant rows it is the exact binomial test."""
    assert mcnemar(b, c) == pytest.approx(stats.binomtest(b, b + c).pvalue, rel=1e-12)


def test_mcnemar_is_chi_squared_for_many_discordant_rows() -> None:
    """From 25 discordant rows on it is the chi-squared test without correction."""
    assert mcnemar(40, 60) == pytest.approx(stats.chi2.sf(20**2 / 100, 1), rel=1e-12)


@pytest.mark.parametrize(("b", "c"), [(0, 1), (3, 9), (12, 12), (20, 4), (12, 13), (40, 60), (500, 431)])
def test_mcnemar_equals_statsmodels(b: int, c: int) -> None:
    """On both sides of 25 discordant rows the p-value is that of statsmodels, to ten digits."""
    theirs = reference(np.array([[100, b], [c, 100]]), exact=b + c < 25, correction=False)

    assert mcnemar(b, c) == pytest.approx(float(theirs.pvalue), abs=1e-10)


def test_mcnemar_without_discordant_rows_says_nothing() -> None:
    """No discordant row, no evidence."""
    assert mcnemar(0, 0) == 1.0


def test_tango_without_discordant_rows_is_not_empty() -> None:
    """Without discordant rows the bounds are z² / (n + z²), as Tango (1998) derives."""
    z = stats.norm.ppf(0.975)
    ours = tango(0, 0, 50, 0.95)

    assert (ours.low, ours.high) == pytest.approx((-(z**2) / (50 + z**2), z**2 / (50 + z**2)), abs=1e-9)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 500))
def test_tango_mirrors_and_holds_its_value(b: int, c: int, rest: int) -> None:
    """Swapping the models mirrors the interval; the estimate is always inside."""
    n = b + c + rest + 1
    ours, mirrored = tango(b, c, n, 0.9), tango(c, b, n, 0.9)

    assert -1 <= ours.low <= ours.value <= ours.high <= 1
    assert (ours.low, ours.high) == pytest.approx((-mirrored.high, -mirrored.low), abs=1e-9)


def test_tango_nears_the_normal_interval_on_many_rows() -> None:
    """With many rows it is the estimate plus and minus 1.645 standard errors."""
    ours = tango(4_000, 4_200, 100_000, 0.9)
    half = 1.6449 * math.sqrt(0.082 - 0.002**2) / math.sqrt(100_000)

    assert (ours.low, ours.high) == pytest.approx((-0.002 - half, -0.002 + half), abs=2e-6)


def _pass_rate(n: int, gained: float, lost: float, margin: float, runs: int = 2_000) -> float:
    draws = np.random.default_rng(7).multinomial(n, [gained, lost, 1 - gained - lost], size=runs)
    decided = [decide_non_inferior(tango(int(b), int(c), n, 0.9), margin, higher_is_better=True) for b, c, _ in draws]
    return decided.count(Outcome.PASS) / runs


@pytest.mark.parametrize("n", [500, 5_000])
def test_a_candidate_worse_by_the_margin_passes_at_most_at_alpha(n: int) -> None:
    """The risk of a false promotion is at most 5 % (plus three standard errors of 2,000 runs)."""
    assert _pass_rate(n, 0.035, 0.045, 0.01) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 2_000)


@pytest.mark.parametrize(("n", "power"), [(500, 0.20), (2_000, 0.48), (5_000, 0.80), (20_000, 1.00)])
def test_power_is_what_the_design_promises(n: int, power: float) -> None:
    """An equal candidate with 8 % discordant rows passes a margin of one point as often as calculated."""
    tolerance = 3 * math.sqrt(max(power * (1 - power), 0.001) / 2_000) + 0.015

    assert _pass_rate(n, 0.04, 0.04, 0.01) == pytest.approx(power, abs=tolerance)


@pytest.mark.parametrize(("n", "rate"), [(500, 0.35), (2_000, 0.22), (5_000, 0.11)])
def test_a_gate_by_point_estimates_promotes_worse_models(n: int, rate: float) -> None:
    """What the bound prevents: a candidate half a point worse has the better accuracy as often as calculated."""
    draws = np.random.default_rng(8).multinomial(n, [0.0375, 0.0425, 0.92], size=4_000)
    promoted = float(np.mean(draws[:, 0] >= draws[:, 1]))
    # Ties pass a point gate too: they make it a little worse than the normal curve says.
    tolerance = 4 * math.sqrt(rate * (1 - rate) / 4_000) + 0.02

    assert promoted == pytest.approx(rate, abs=tolerance)


@pytest.mark.parametrize(("b", "c", "n"), [(-1, 0, 5), (3, 3, 5)])
def test_impossible_counts_are_refused(b: int, c: int, n: int) -> None:
    """Counts must fit their rows."""
    with pytest.raises(BadInput):
        tango(b, c, n, 0.9)


def test_no_rows_are_not_measurable() -> None:
    """No rows, no difference."""
    with pytest.raises(NotMeasurable):
        tango(0, 0, 0, 0.9)
