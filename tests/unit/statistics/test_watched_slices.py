"""Watched slices: harm that is proved blocks, too few rows are listed, and what cannot be measured never passes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.core.policy import Policy
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.statistics.gate import judge
from airflow_provider_mlops.statistics.metric import Options
from airflow_provider_mlops.statistics.question import Question
from airflow_provider_mlops.statistics.score_table import ScoreTable
from airflow_provider_mlops.statistics.scores import Pair
from airflow_provider_mlops.statistics.watched_slices import proved_by_holm

CARRIERS = ("AA", "B6", "DL", "UA")
LEVEL = {"name": "rows", "kind": "minimum", "metric": "accuracy", "value": 0.01}


def table(n: int = 500, *, harmed: str = "", harm: float = 0.2, rare: int = 0) -> ScoreTable:
    """Build slices of n rows; in one of them the candidate gets a share of the rows wrong."""
    carrier = np.array([name for name in CARRIERS for _ in range(n)] + ["OO"] * rare, dtype=object)
    labels = np.arange(len(carrier)) % 2.0
    random = np.random.default_rng(4)
    wrong = random.random(len(carrier)) < 0.02
    theirs = np.where(random.random(len(carrier)) < 0.02, 1 - labels, labels)
    wrong |= (carrier == harmed) & (random.random(len(carrier)) < harm)
    return ScoreTable(labels, np.where(wrong, 1 - labels, labels), theirs, {"carrier": carrier})


def run(rows: ScoreTable, **keys: Any) -> RuleResult:
    rule = {"name": "watch", "kind": "block_if_worse", "metric": "accuracy", "slice": "carrier", **keys}
    policy = Policy.from_mapping({"schema": 1, "name": "p", "rules": [LEVEL, rule]})
    return judge(policy, rows, evaluation_id="e", looks=1).rules[1]


def test_no_harm_passes() -> None:
    """Every slice stands in the numbers, with its interval."""
    result = run(table())

    assert result.outcome is Outcome.PASS
    assert result.reason == "accuracy by carrier: none of 4 slices is proved worse."
    assert [one["slice_value"] for one in result.numbers["slices"]] == list(CARRIERS)
    assert all(one["low"] <= one["difference"] <= one["high"] for one in result.numbers["slices"])


def test_proved_harm_fails_and_names_the_slice() -> None:
    """One slice is enough, whatever the others gained."""
    result = run(table(harmed="DL"))

    assert result.outcome is Outcome.FAIL
    assert result.reason.endswith("1 of 4 slices proved worse, corrected for their number: DL.")
    assert [one["slice_value"] for one in result.numbers["slices"] if one["worse"]] == ["DL"]


def test_harm_within_the_margin_is_no_harm() -> None:
    """Proved worse, but not by more than what the policy calls harm."""
    assert run(table(harmed="DL", harm=0.1), margin=0.3).outcome is Outcome.PASS


def test_slices_with_too_few_rows_are_listed_and_do_not_block() -> None:
    """Thirty rows prove nothing; whoever reads the verdict sees that nobody looked."""
    result = run(table(rare=30), min_rows=100)

    assert result.outcome is Outcome.PASS
    assert result.reason.endswith("; too few rows to say: OO.")
    assert result.numbers["not_assessed"] == [{"slice_value": "OO", "n": 30}]


def test_the_better_direction_is_the_metrics_own() -> None:
    """A loss that grows is harm."""
    result = run(table(harmed="DL"), metric="brier")

    assert result.outcome is Outcome.FAIL
    assert [one["slice_value"] for one in result.numbers["slices"] if one["worse"]] == ["DL"]


def test_metrics_that_draw_are_watched_too() -> None:
    """F1 by slices, the same seed as any rule about it."""
    result = run(table(200, harmed="UA", harm=0.4), metric="f1")

    assert result.outcome is Outcome.FAIL
    assert all(one["draws"] in (2_000, 10_000) and one["seed"] > 0 for one in result.numbers["slices"])


def test_far_out_bounds_of_harm_are_drawn_with_ten_thousand() -> None:
    """With twelve slices a bound lies at 0.4 %: eight of two thousand draws are too few to place it."""
    rows = table(300, harmed="UA", harm=0.5)
    spread = np.array([f"{name}{i % 3}" for i, name in enumerate(rows.slices["carrier"])], dtype=object)
    result = run(ScoreTable(rows.labels, rows.candidate, rows.champion, {"carrier": spread}), metric="f1")

    assert {one["draws"] for one in result.numbers["slices"] if one["worse"]} == {10_000}
    assert {one["slice_value"] for one in result.numbers["slices"] if one["worse"]} == {"UA0", "UA1", "UA2"}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"min_rows": 10_000}, "no slice has the minimum of 10,000 rows"),
        ({"values": ["AA", "WN"]}, "the test rows have no carrier WN"),
        ({"slice": "origin"}, "no slice column 'origin'; they have: carrier"),
    ],
)
def test_what_nobody_could_watch_never_passes(keys: dict[str, Any], words: str) -> None:
    """Nothing assessed, a named value missing, no such column."""
    result = run(table(), **keys)

    assert result.outcome is Outcome.INCONCLUSIVE
    assert words in result.reason


def test_a_slice_that_cannot_be_measured_never_passes() -> None:
    """NaN scores in a slice that has its rows."""
    rows = table()
    broken = rows.candidate.copy()
    broken[3] = np.nan
    result = run(ScoreTable(rows.labels, broken, rows.champion, rows.slices), min_rows=100)

    assert result.outcome is Outcome.INCONCLUSIVE
    assert "carrier AA cannot be measured" in result.reason


def test_proved_harm_is_not_hidden_by_what_cannot_be_measured() -> None:
    """FAIL outweighs INCONCLUSIVE."""
    rows = table(harmed="DL")
    broken = rows.candidate.copy()
    broken[3] = np.nan

    assert run(ScoreTable(rows.labels, broken, rows.champion, rows.slices)).outcome is Outcome.FAIL


def test_each_step_asks_less_of_the_rest() -> None:
    """Holm: with one proved at alpha / 3, the next is judged at alpha / 2, as slow steps by hand give it."""
    highs = {(0, 3): -0.1, (1, 3): 0.01, (1, 2): -0.01, (2, 3): 0.2, (2, 2): 0.1, (2, 1): 0.001}
    asked: list[tuple[int, int]] = []

    def measure(number: int, among: int) -> Interval:
        asked.append((number, among))
        return Interval(-0.2, -0.3, highs[number, among], 100, "test")

    assert proved_by_holm(measure, 3, 0.0, higher=True) == [0, 1]
    assert asked == [(0, 3), (1, 3), (2, 3), (1, 2), (2, 2), (2, 1)]


def test_nothing_is_proved_of_nothing() -> None:
    """No slice, no step."""
    assert proved_by_holm(lambda number, among: pytest.fail("asked"), 0, 0.0, higher=True) == []


def test_harm_that_more_draws_cannot_measure_never_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of ten thousand draws without a value: neither proved nor passed by."""
    measure = Question.difference

    def fragile(self: Question, pair: Pair, level: float, limit: float, draws: int = 2_000) -> tuple[Interval, Options]:
        if draws > 2_000:
            raise NotMeasurable("a resample gives no value")
        difference, options = measure(self, pair, level, limit, draws)
        high = -1e-9 if self.value == "UA" else 1.0
        return replace(difference, value=difference.low, high=max(high, difference.low)), options

    monkeypatch.setattr(Question, "difference", fragile)
    rows = table(300)
    parts = [f"{name}{i // 2 % 4}" for i, name in enumerate(rows.slices["carrier"])]
    spread = np.where(rows.slices["carrier"] == "UA", "UA", np.array(parts))
    result = run(ScoreTable(rows.labels, rows.candidate, rows.champion, {"carrier": spread}))

    assert result.outcome is not Outcome.PASS
    assert result.numbers["not_measurable"] == [{"slice_value": "UA", "reason": "a resample gives no value"}]
