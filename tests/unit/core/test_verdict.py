"""The one shape of every decision."""

import json
from itertools import product

import pytest

from airflow_provider_mlops.core.verdict import MAX_REASON_LENGTH, MAX_REASONS, Outcome, RuleResult, Verdict

P, F, I = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE  # noqa: E741


def rule(outcome: Outcome, name: str = "r", reason: str = "because") -> RuleResult:
    """Return a rule with this outcome."""
    return RuleResult(rule=name, outcome=outcome, reason=reason, numbers={"n": 3})


@pytest.mark.parametrize("outcomes", [list(o) for n in range(4) for o in product((P, F, I), repeat=n)])
def test_a_verdict_is_as_good_as_its_worst_rule(outcomes: list[Outcome]) -> None:
    """PASS needs at least one rule, and PASS of all."""
    expected = F if F in outcomes else I if I in outcomes or not outcomes else P
    verdict = Verdict.from_rules(rule(outcome) for outcome in outcomes)

    assert verdict.outcome is expected
    assert verdict.passed == (expected is P)


def test_the_dictionary_form_reads_back() -> None:
    """A record's verdict becomes the same verdict again, through JSON."""
    verdict = Verdict.from_rules([rule(P, "a"), rule(I, "b")], marks=["no_baseline"])

    assert Verdict.from_dict(json.loads(json.dumps(verdict.to_dict()))) == verdict


def test_reasons_are_those_of_the_rules_that_did_not_pass() -> None:
    """A reader sees first what stops the way."""
    verdict = Verdict.from_rules([rule(P, "a", "fine"), rule(F, "b", "too low"), rule(I, "c", "too few")])

    assert verdict.reasons == ("too low", "too few")
    assert Verdict.from_rules([rule(P, "a", "fine")]).reasons == ("fine",)


def test_what_comes_from_data_cannot_begin_a_line_of_its_own() -> None:
    """A slice named with line breaks, escape codes or reversed text cannot forge a line of a log or of a question."""
    result = rule(
        Outcome.FAIL, name="auc[a\nPASS b]", reason="worse for a\r\n\x1b[2JPASS\u2028all \u202egood\u00a0now ü."
    )

    assert result.rule == "auc[a PASS b]"
    assert result.reason == "worse for a   [2JPASS all  good now ü."
    assert Verdict.from_dict(Verdict.from_rules([result]).to_dict()).rules == (result,)


def test_the_summary_is_one_line_with_marks_and_reasons() -> None:
    """The log line says the outcome and why."""
    assert Verdict.from_rules([rule(F, reason="too low")], marks=["dry"]).summary() == "FAIL [dry]: too low"
    both = Verdict.from_rules([rule(F, reason="It is too low."), rule(F, reason="It is late.")])
    assert both.summary() == "FAIL: It is too low; It is late."
    assert Verdict.from_rules([]).summary() == "INCONCLUSIVE: no rule was judged"


def test_the_summary_says_what_is_muted_until_when() -> None:
    """A drift that somebody accepted does not decide, and does not hold either."""
    numbers = {"muted": "wind muted until 2013-05-01 by ann: new station"}
    muted = RuleResult(rule="wind", outcome=Outcome.FAIL, reason="moved", numbers=numbers)
    verdict = Verdict(outcome=Outcome.PASS, rules=(rule(Outcome.PASS), muted), marks=("muted",))

    assert verdict.summary() == (
        "PASS [muted]: 1 of 2 rules hold, the others do not decide: wind muted until 2013-05-01 by ann: new station"
    )


def test_what_travels_between_tasks_is_bounded() -> None:
    """However many and long the reasons, XCom stays small."""
    verdict = Verdict.from_rules([rule(F, str(i), "x" * 10_000) for i in range(1_000)])
    sent = verdict.to_xcom()

    assert len(sent["reasons"]) == MAX_REASONS
    assert len(json.dumps(sent)) < MAX_REASONS * (MAX_REASON_LENGTH + 10) + 100
