"""What the gate's decisions do in the long run: the figures that the documentation promises, drawn again.

Two classifiers are drawn as the counts of rows that only one of them gets right; the decisions are the gate's own, on
Tango's intervals. The promised figures are of the normal approximation; the score interval is a little stricter.
"""

from functools import cache

import numpy as np
import pytest
from scipy import special

from airflow_provider_mlops.core.gate import decide_non_inferior
from airflow_provider_mlops.core.measure import Interval
from airflow_provider_mlops.core.policy import Policy
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.statistics.arrays import BoolArray, IntArray
from airflow_provider_mlops.statistics.gate import judge
from airflow_provider_mlops.statistics.paired import tango
from airflow_provider_mlops.statistics.score_table import ScoreTable
from airflow_provider_mlops.statistics.watched_slices import proved_by_holm

ALPHA = 0.05
DISCORDANT = 0.05
SLICES = 12


@cache
def interval(gained: int, lost: int, n: int, level: float) -> Interval:
    return tango(gained, lost, n, level)


def counts(shape: int | tuple[int, int], n: int, *, worse: float = 0.0, seed: int = 5) -> tuple[IntArray, IntArray]:
    """Draw how many rows only the candidate, and only the champion, gets right."""
    gained, lost = (DISCORDANT - worse) / 2, (DISCORDANT + worse) / 2
    drawn = np.random.default_rng(seed).multinomial(n, [gained, lost, 1 - DISCORDANT], size=shape)
    return drawn[..., 0], drawn[..., 1]


def passes(gained: IntArray, lost: IntArray, n: int, margin: float) -> BoolArray:
    """Judge each by the gate's own decision."""

    def one(b: int, c: int) -> bool:
        difference = interval(int(b), int(c), n, 1 - 2 * ALPHA)
        return decide_non_inferior(difference, margin, higher_is_better=True) is Outcome.PASS

    return np.asarray(np.vectorize(one, otypes=[bool])(gained, lost))


def table(gained: int, lost: int, n: int) -> ScoreTable:
    """Build rows with these counts, half of the others right by both."""
    labels = np.arange(n) % 2.0
    right = np.ones(n, dtype=bool)
    ours, theirs = right.copy(), right.copy()
    ours[gained : gained + lost] = False
    theirs[:gained] = False
    return ScoreTable(labels, np.where(ours, labels, 1 - labels), np.where(theirs, labels, 1 - labels))


@pytest.mark.parametrize(("gained", "lost"), [(40, 45), (30, 60), (20, 110), (0, 0)])
def test_the_gate_decides_as_the_simulation_does(gained: int, lost: int) -> None:
    """The simulated decision is the one that a policy's rule comes to on rows with these counts."""
    rule = {"name": "r", "kind": "non_inferior", "metric": "accuracy", "margin": 0.02}
    policy = Policy.from_mapping({"schema": 1, "name": "p", "rules": [rule]})
    (result,) = judge(policy, table(gained, lost, 2_000), evaluation_id="e", looks=1).rules

    expected = interval(gained, lost, 2_000, 1 - 2 * ALPHA)
    assert (result.numbers["low"], result.numbers["high"]) == pytest.approx((expected.low, expected.high))
    assert result.numbers["discordant"] == gained + lost
    assert (result.outcome is Outcome.PASS) == bool(passes(np.array([gained]), np.array([lost]), 2_000, 0.02)[0])


@pytest.mark.parametrize(("n", "each", "every"), [(200, 0.60, 0.002), (500, 0.91, 0.33), (2_000, 1.0, 1.0)])
def test_required_slices_cost_power(n: int, each: float, every: float) -> None:
    """An equal model passes one slice of twelve often, and all of them far less often, with a margin of 3 points."""
    runs = 2_000
    planned = special.ndtr(0.03 / np.sqrt(DISCORDANT / n) - special.ndtri(1 - ALPHA))
    held = passes(*counts((runs, SLICES), n), n, 0.03)
    one = held.mean()

    assert (planned, planned**SLICES) == pytest.approx((each, every), abs=0.005)
    assert planned - 0.07 < one < planned + 0.01
    assert held.all(axis=1).mean() == pytest.approx(one**SLICES, abs=4 * np.sqrt(0.25 / runs))


def test_all_must_pass_keeps_the_risk_at_alpha() -> None:
    """A model that is worse by the margin in one slice alone, where all others are safe, slips through at most so."""
    n, runs, margin = 2_000, 2_000, 0.02
    held = passes(*counts(runs, n, worse=margin), n, margin)
    others = passes(*counts((runs, 3), n, worse=-0.02, seed=6), n, margin).all(axis=1)

    assert others.mean() > 0.99
    assert (held & others).mean() <= ALPHA + 4 * np.sqrt(ALPHA * (1 - ALPHA) / runs)


def test_a_point_rule_per_slice_blocks_good_models() -> None:
    """No slice of 200 rows may drop by 3 points: three in ten equal models are blocked."""
    gained, lost = counts((4_000, SLICES), 200)
    drop = (lost - gained) / 200
    blocked = ((drop > 0.03).any(axis=1).mean() + (drop >= 0.03).any(axis=1).mean()) / 2

    assert blocked == pytest.approx(0.30, abs=0.04)


@pytest.mark.parametrize("n", [200, 1_000])
def test_watched_slices_block_a_good_model_at_most_at_alpha(n: int) -> None:
    """Twelve slices, truly equal: any false alarm among them has at most probability alpha."""
    runs = 1_500
    blocked = sum(map(bool, holm_of(n, runs, worse=0.0)))

    assert 0 < blocked / runs <= ALPHA + 4 * np.sqrt(ALPHA * (1 - ALPHA) / runs)


def test_watched_slices_without_correction_would_block_far_more_often() -> None:
    """What Holm's steps are for: at alpha itself, every third good model is blocked."""
    gained, lost = counts((1_500, SLICES), 1_000)
    raw = np.vectorize(lambda b, c: interval(int(b), int(c), 1_000, 1 - 2 * ALPHA).high < 0, otypes=[bool])(
        gained, lost
    )

    assert raw.any(axis=1).mean() > 0.3


def test_watched_slices_find_real_harm() -> None:
    """Worse by three points in every slice of 1,000 rows: found nearly always, and in most of the slices."""
    found = [len(proved) for proved in holm_of(1_000, 300, worse=0.03)]

    assert np.mean(np.array(found) > 0) > 0.98
    assert np.mean(found) > SLICES / 2


def holm_of(n: int, runs: int, *, worse: float) -> list[list[int]]:
    """Judge the slices of each run by the gate's own steps."""
    gained, lost = counts((runs, SLICES), n, worse=worse)
    return [
        proved_by_holm(
            lambda i, among, b=b, c=c: interval(int(b[i]), int(c[i]), n, 1 - 2 * ALPHA / among),  # type: ignore[misc]
            SLICES,
            0.0,
            higher=True,
        )
        for b, c in zip(gained, lost, strict=True)
    ]


@pytest.mark.parametrize(("n", "probability"), [(2_000, 0.26), (5_000, 0.48), (20_000, 0.94)])
def test_many_rows_make_the_margin_the_contract(n: int, probability: float) -> None:
    """A candidate half a point worse passes a margin of one point, the surer the more rows there are."""
    held = passes(*counts(1_500, n, worse=0.005), n, 0.01)

    assert held.mean() == pytest.approx(probability, abs=4 * np.sqrt(probability * (1 - probability) / 1_500))
