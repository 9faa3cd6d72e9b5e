"""Messages about records."""

from typing import Any

import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.messages import message_key, message_of
from airflow_provider_mlops.core.record import Record


def record(kind: str, outcome: str | None = None, **body: Any) -> Record:
    """Make a record of a model."""
    return Record(
        chain="model/flights",
        seq=3,
        prev_hash=None,
        kind=kind,
        key="k",
        mode="live",
        time="2020-01-01T00:00:00.000000Z",
        outcome=outcome,
        body={"partition_key": "2013-03", **body},
        run={"dag_id": "d", "run_id": "r"},
        hash="sha256:abc",
    )


MOVE = {"alias": "champion", "version": "3", "previous_version": "2"}
APPROVAL = {"version": "3", "decision": "rejected", "approver": "ann", "reason": "no"}


@pytest.mark.parametrize(
    ("told", "subject", "severity"),
    [
        (record("gate", "PASS", candidate_version="3"), "flights: the gate says PASS to version 3", "info"),
        (record("gate", "INCONCLUSIVE", candidate_version="3"), "flights: the gate says INCONCLUSIVE", "warning"),
        (record("gate", "FAIL", candidate_version="3"), "flights: the gate says FAIL to version 3", "error"),
        (record("approval", "FAIL", **APPROVAL), "flights: version 3 rejected by ann: no", "warning"),
        (record("promotion", "PASS", **MOVE), "flights: promotion: champion is on version 3, was on version 2", "info"),
        (record("promotion", "FAIL", **MOVE), "flights: version 3 was refused (promotion)", "warning"),
        (record("rollback", "PASS", **MOVE), "flights: rollback: champion is on version 3", "warning"),
        (record("retirement", "PASS", **{**MOVE, "version": None}), "champion is on no version", "warning"),
        (record("drift", "FAIL"), "flights: drift in 2013-03", "error"),
        (
            record("performance", "FAIL", champion_version="3"),
            "flights: version 3 does worse than it must in 2013-03",
            "error",
        ),
        (record("retrain", "FAIL"), "flights: retraining is avoided, 2013-03", "info"),
        (record("retrain", "PASS"), "flights: will be retrained, 2013-03", "warning"),
        (record("fire_drill", "FAIL"), "flights: fire drill on 2013-03: an alarm that must ring did not", "error"),
    ],
)
def test_the_headline_says_what_happened(told: Record, subject: str, severity: str) -> None:
    """And how much it matters."""
    message = message_of(told)

    assert subject in message.subject
    assert message.severity == severity
    assert "sha256:abc" in message.text


def test_data_cannot_write_markdown_html_or_a_second_header() -> None:
    """A reason may hold anything."""
    hostile = "<b>x</b> [here](http://evil) `a` | b @all\r\nBcc: x\N{SNOWMAN}"
    message = message_of(record("approval", "FAIL", **{**APPROVAL, "reason": hostile}))

    assert "\n" not in message.subject
    assert message.subject.isascii()
    assert len(message.subject) <= 99
    assert "<b>" not in message.html
    assert "<b>" not in message.slack
    assert "[here](" not in message.markdown
    assert "http://" not in message.markdown
    assert "\r" not in message.text


def test_a_reminder_is_another_message_of_the_same_record() -> None:
    """With a key of its own, and an escalation counts as an error."""
    asked = record("approval_request", version="3")

    assert message_of(asked, moment="escalation").subject == "Escalation: flights: version 3 waits for an approval"
    assert message_of(asked, moment="escalation").severity == "error"
    assert len({message_key(asked, "mail", moment) for moment in ("", "reminder", "escalation")}) == 3
    assert message_key(asked, "mail") != message_key(asked, "slack")


def test_few_reasons_are_shown_of_many() -> None:
    """The record holds them all."""
    rules = [{"rule": f"r{n}", "outcome": "FAIL", "reason": "bad", "numbers": {}} for n in range(9)]
    text = message_of(record("gate", "FAIL", candidate_version="3", verdict={"rules": rules}), url="http://a/b").text

    assert "- r4: bad" in text
    assert "- r5: bad" not in text
    assert text.endswith("- and 4 more\n\nhttp://a/b")


def test_nothing_is_told_about_other_records() -> None:
    """They are no decisions."""
    with pytest.raises(BadInput, match="'training' record"):
        message_of(record("training"))


def test_drift_is_told_with_its_cause_and_its_report() -> None:
    """Who is called at night sees what moved, since when, and what changed upstream."""
    feature = {"feature": "x", "how": ["unit change: 1.609"], "slices": ["origin = JFK"], "since": "2013-02"}
    report = {"uri": "/data/r", "hash": "sha256:1", "features": [feature], "upstream": ["the query changed"]}
    text = message_of(record("drift", "FAIL", report=report)).text

    assert "Report: /data/r/index.html" in text
    assert "- Cause: x: unit change: 1.609; in origin = JFK (since 2013-02)" in text
    assert "- Cause: upstream: the query changed" in text


def open_rule(rule: str = "wind", **numbers: Any) -> dict[str, Any]:
    """A rule that could not decide."""
    return {"rule": rule, "outcome": "INCONCLUSIVE", "reason": f"{rule} is left open.", "numbers": numbers}


@pytest.mark.parametrize(
    ("rule", "way"),
    [
        (open_rule("profiles", partition_keys=["2013-03"]), "run ProfileDatasetOperator"),
        (open_rule("reference"), "nothing, where no version served yet"),
        (open_rule(feature="wind", underpowered=True), "judge more rows together"),
        (open_rule("slices", not_assessed=["origin=JFK (3 and 4)"]), "judge more rows together"),
        (open_rule("slices", effects={"ks": 0.2}, thresholds={"ks": 0.1}), "look at the report"),
        (open_rule(effects={"ks": 0.2}, thresholds={"ks": 0.1}), "look at the report"),
        (
            open_rule(effects={"ks": 0.05}, thresholds={"ks": 0.1}, ks_at_most=0.12),
            "judge these partitions by their rows",
        ),
        (open_rule(effects={"wasserstein": None}, thresholds={"wasserstein": 0.1}), "remove what the reason names"),
        (open_rule(kind="realised", low=0.5, high=0.6), "look at the report"),
        (open_rule(kind="latency", low=0.5, high=None), "judge more rows together"),
        (open_rule(kind="realised", limit=0.5), "remove what the reason names"),
    ],
)
def test_an_open_verdict_says_why_and_what_to_do(rule: dict[str, Any], way: str) -> None:
    """Whoever is told that nothing can be told learns the cause and the way out, once each."""
    body = {"champion_version": "3", "verdict": {"outcome": "INCONCLUSIVE", "rules": [rule, {**rule}]}}
    for kind in ("drift", "performance"):
        message = message_of(record(kind, "INCONCLUSIVE", **body))

        assert "cannot be judged in 2013-03" in message.subject
        assert f"- {rule['rule']}: {rule['reason']}" in message.text
        assert message.text.count("What to do: ") == 1
        assert f"- What to do: {way}" in message.text
        assert "What to do: " in message.markdown


def test_a_verdict_that_decides_needs_no_way_out() -> None:
    """What drifted is told; that another feature has too few rows stands beside it, without advice."""
    rules = [{**open_rule(underpowered=True)}, {**open_rule("rain"), "outcome": "FAIL"}]

    assert "What to do" not in message_of(record("drift", "FAIL", verdict={"rules": rules})).text
