"""Rules about the test rows themselves: how many, how often looked at, from when."""

from typing import Any

import numpy as np
import pytest

from airflow_provider_mlops.core.rules import DataAge, MaxLooks, MinRows
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.statistics.evidence_rules import judge_age, judge_looks, judge_rows, wears_out
from airflow_provider_mlops.statistics.score_table import ScoreTable

PASS, INCONCLUSIVE = Outcome.PASS, Outcome.INCONCLUSIVE
FACTS = {
    "time_range": ["2013-03-01T00:00:00+00:00", "2013-03-31T12:00:00+00:00"],
    "newest_label": "2013-03-31",
    "as_of": "2013-04-10T00:00:00+00:00",
}


def test_positives_are_only_named_where_there_are_classes() -> None:
    """A regression has none."""
    table = ScoreTable(np.linspace(0, 9, 50), np.zeros(50), task="regression")
    result = judge_rows(MinRows(name="rows", rows=10), table)

    assert result.outcome is PASS
    assert result.reason == "There are 50 test rows, enough for the minimum 10."


def test_rows_without_weight_do_not_count() -> None:
    """Nine hundred rows of weight zero are no evidence, and equal weights take nothing away."""
    labels = np.tile([0.0, 1.0], 500)
    some, same = np.where(np.arange(1000) < 100, 0.3, 0.0), np.full(1000, 1e-300)
    rule = MinRows(name="rows", rows=101, positives=10)
    found = [judge_rows(rule, ScoreTable(labels, labels, weights=weights)) for weights in (some, same)]

    assert [result.outcome for result in found] == [INCONCLUSIVE, PASS]
    assert "1,000 test rows, 500 of them positive, worth 100 by their weights and 50 positive ones" in found[0].reason
    assert found[1].numbers["effective_n"] == 1000


@pytest.mark.parametrize(
    ("looks", "value", "warns"),
    [(1, None, False), (2, None, False), (3, None, True), (2, 2, True), (1, 2, False), (1, 1, False), (3, 9, True)],
)
def test_test_rows_wear_out_from_the_third_look_or_the_last_allowed(looks: int, value: int | None, warns: bool) -> None:
    """The first look wears nothing out."""
    assert wears_out(looks, value) is warns


def test_the_last_look_warns_in_words() -> None:
    """Whoever reads it knows what to do next time."""
    result = judge_looks(MaxLooks(name="looks", value=3), 3)

    assert result.outcome is PASS
    assert result.reason.startswith("This is look 3 of 3 at these test rows. They wear out")


@pytest.mark.parametrize(
    ("keys", "outcome", "words"),
    [
        ({"min_days": 28.0}, PASS, "The test rows span 30.5 days, at least 28."),
        ({"min_days": 40.0}, INCONCLUSIVE, "span 30.5 days, fewer than 40: rows of 9.5 more days decide."),
        ({"max_age_days": 10.0}, PASS, "The newest labelled test row is 10.0 days old, at most 10."),
        ({"max_age_days": 7.0}, INCONCLUSIVE, "is 10.0 days old, more than 7: label newer rows."),
    ],
)
def test_age_and_span_of_the_test_rows(keys: dict[str, float], outcome: Outcome, words: str) -> None:
    """Too short or too old is INCONCLUSIVE: such rows cannot tell about today."""
    (result,) = judge_age(DataAge(name="age", **keys), FACTS)

    assert result.outcome is outcome
    assert words in result.reason


def test_a_label_from_the_future_is_named() -> None:
    """Nobody looks for a time column that is there: it is the moment of the evaluation that does not fit."""
    facts = {"newest_label": "2014-01-01", "as_of": "2013-04-10"}
    (result,) = judge_age(DataAge(name="age", max_age_days=1.0), facts)

    assert result.outcome is INCONCLUSIVE
    assert result.reason.startswith("The newest label is of 2014-01-01, after the evaluation as of 2013-04-10")


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"time_range": None, "newest_label": None, "as_of": "2013-04-10"},
        {"time_range": ["2013-03-01"], "newest_label": 3, "as_of": None},
        {"time_range": ["soon", "later"], "newest_label": "x", "as_of": "y"},
        {"time_range": ["2013-04-02", "2013-04-01"], "newest_label": "2014-01-01", "as_of": "2013-04-10"},
    ],
)
def test_an_age_that_nobody_recorded_is_inconclusive(facts: dict[str, Any]) -> None:
    """Missing, unreadable, from the future: no evidence."""
    results = list(judge_age(DataAge(name="age", min_days=1.0, max_age_days=1000.0), facts))

    assert [result.outcome for result in results] == [INCONCLUSIVE, INCONCLUSIVE]
    assert [result.rule for result in results] == ["age[min_days]", "age[max_age_days]"]
