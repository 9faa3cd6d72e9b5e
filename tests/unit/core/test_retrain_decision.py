"""Whether to retrain: what calls for it, what forbids it, and on which rows."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.retrain_decision import Decision, Known, decide, probe_rule
from airflow_provider_mlops.core.retrain_policy import RetrainPolicy
from airflow_provider_mlops.core.verdict import Outcome, RuleResult

MONTHS = {"2013-01": 1000, "2013-02": 1000, "2013-03": 1000, "2013-04": 3000}
MARCH = datetime(2013, 4, 1, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An empty chain of a model."""
    return Ledger(tmp_path, "model/flight_delays")


def verdict(ledger: Ledger, key: str, outcome: str = "FAIL", record_kind: str = "drift", **body: Any) -> Record:
    """Append a verdict."""
    mode = body.pop("mode", "live")
    body = {"partition_key": key, "champion_version": "1", **body}
    name = f"{record_kind} {len(ledger.records())}"
    return ledger.append(kind=record_kind, key=name, body=body, outcome=outcome, mode=mode)


def judged_rule(kind: str, outcome: str) -> dict[str, Any]:
    """Return a rule of a performance verdict."""
    return {"rule": kind, "outcome": outcome, "reason": "", "numbers": {"kind": kind}}


def claim(ledger: Ledger, key: str, *cited: Record) -> Record:
    """Append a claim."""
    body = {"partition_key": key, "drift_record_hashes": [record.hash for record in cited]}
    return ledger.append(kind="retrain_claim", key=f"{len(ledger.records())}", body=body)


def policy(**rules: Any) -> RetrainPolicy:
    """Read a policy that answers each drift, and what else is given."""
    return RetrainPolicy.from_mapping({"schema": 1, "name": "p", "triggers": {"drift": {}}, **rules})


def judged(ledger: Ledger, wanted: RetrainPolicy, now: str = "2013-04", **known: Any) -> Decision:
    """Decide for the run of a partition."""
    facts: dict[str, Any] = {"accepted": MONTHS, "champion": "1", "trained_until": MARCH, **known}
    return decide(wanted, Known(now=Partition.parse(now), records=ledger.records(), **facts))


def broken(decision: Decision) -> list[str]:
    """Return the names of the rules that do not hold."""
    return [rule.rule for rule in decision.verdict.rules if rule.outcome is not Outcome.PASS]


def reason(decision: Decision, name: str) -> str:
    """Return the reason of a rule."""
    return next(rule.reason for rule in decision.verdict.rules if rule.rule == name)


def test_drift_calls_for_a_retraining(ledger: Ledger) -> None:
    """The decision names what it answers, the partition to train on, and why in plain words."""
    found = verdict(ledger, "2013-04")
    decision = judged(ledger, policy())

    assert decision.verdict.passed
    assert decision.triggers == ("drift:feature",)
    assert (decision.drift, decision.performance) == ((found.hash,), ())
    assert (decision.training_partition, decision.window) == ("2013-04", None)
    assert "1 of the newest 1 windows of feature drift FAIL" in reason(decision, "trigger")
    assert "3,000 accepted rows are new" in reason(decision, "new_rows")


def test_nothing_calls_for_one_without_drift(ledger: Ledger) -> None:
    """No verdict, PASS, and what audits and dry runs found start nothing."""
    assert broken(judged(ledger, policy())) == ["trigger"]
    verdict(ledger, "2013-04", "PASS")
    verdict(ledger, "2013-04", mode="audit")
    verdict(ledger, "2013-04", mode="dry_run")

    assert broken(judged(ledger, policy())) == ["trigger"]


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ("FAIL PASS FAIL", Outcome.PASS),
        ("FAIL FAIL PASS", Outcome.FAIL),
        ("PASS PASS FAIL", Outcome.FAIL),
        ("FAIL", Outcome.FAIL),
        ("INCONCLUSIVE PASS FAIL", Outcome.INCONCLUSIVE),
        ("FAIL PASS INCONCLUSIVE", Outcome.INCONCLUSIVE),
        ("FAIL FAIL INCONCLUSIVE FAIL", Outcome.PASS),
        ("INCONCLUSIVE INCONCLUSIVE PASS", Outcome.FAIL),
    ],
)
def test_k_of_n_and_the_newest(ledger: Ledger, outcomes: str, expected: Outcome) -> None:
    """Two of three must FAIL, the newest among them; what could not be judged is not taken for a FAIL."""
    days = outcomes.split()
    for day, outcome in enumerate(days, 1):
        verdict(ledger, f"2013-04-{day:02}", outcome)
    decision = judged(ledger, policy(triggers={"drift": {"k": 2, "n": 3}}), f"2013-04-{len(days):02}")

    assert decision.verdict.rules[0].outcome is expected


def test_a_judged_again_window_counts_once(ledger: Ledger) -> None:
    """The newest verdict of a partition counts, as after a clear with a new policy."""
    verdict(ledger, "2013-04-01")
    verdict(ledger, "2013-04-02")
    verdict(ledger, "2013-04-02", "PASS")

    assert broken(judged(ledger, policy(), "2013-04-02")) == ["trigger"]


def test_kinds_are_never_added_up(ledger: Ledger) -> None:
    """One window of feature drift and one of label drift are not two of one; kinds that are not named do not count."""
    verdict(ledger, "2013-04-01", kind="label")
    verdict(ledger, "2013-04-02", kind="feature")
    two = policy(triggers={"drift": {"k": 2, "n": 2}})
    label = policy(triggers={"drift": {"kinds": ["label"]}})

    assert "trigger" in broken(judged(ledger, two, "2013-04-02"))
    assert judged(ledger, label, "2013-04-02").triggers == ("drift:label",)
    assert len(judged(ledger, label, "2013-04-02").drift) == 1


def test_drift_from_an_earlier_champion_does_not_count(ledger: Ledger) -> None:
    """Windows that were compared with another model's data say nothing of this one."""
    verdict(ledger, "2013-04-01", champion_version="1")
    verdict(ledger, "2013-04-02", champion_version="2")

    assert "trigger" in broken(judged(ledger, policy(triggers={"drift": {"k": 2, "n": 2}}), "2013-04-02"))


def test_drift_that_was_answered_calls_for_nothing(ledger: Ledger) -> None:
    """A second event of the same verdict starts no second retraining; the next window does."""
    found = verdict(ledger, "2013-04-01")
    claim(ledger, "2013-04-01", found)
    assert "a retraining has answered the newest" in reason(judged(ledger, policy(), "2013-04-01"), "trigger")
    verdict(ledger, "2013-04-02")

    assert judged(ledger, policy(), "2013-04-02").verdict.passed


def test_several_events_make_one_retraining(ledger: Ledger) -> None:
    """The run of the newest verdict answers all; that of an older one stands back, whichever comes first."""
    first, second = verdict(ledger, "2013-03"), verdict(ledger, "2013-04")

    assert broken(judged(ledger, policy(), "2013-03", trained_until=None)) == ["newest"]
    decision = judged(ledger, policy())
    assert (decision.verdict.passed, decision.drift) == (True, (first.hash, second.hash))
    claim(ledger, "2013-04", first, second)
    assert broken(judged(ledger, policy(), "2013-03", trained_until=None)) == ["trigger", "not_behind"]


def test_performance_below_its_bound_calls_for_one(ledger: Ledger) -> None:
    """A FAIL does, and a metric whose whole interval is below the bound; estimates only where the policy says so."""
    measured = {"roc_auc": {"now": {"value": 0.88, "low": 0.85, "high": 0.9}}}
    low = verdict(ledger, "2013-04", "PASS", "performance", realised=measured)
    bound = policy(triggers={"performance": {"below": {"roc_auc": 0.92}}})

    assert judged(ledger, bound).performance == (low.hash,)
    assert judged(ledger, bound).triggers == ("performance:realised",)
    assert broken(judged(ledger, policy(triggers={"performance": {"below": {"roc_auc": 0.89}}}))) == ["trigger"]


@pytest.mark.parametrize("measured", [{}, {"roc_auc": {"now": None, "promotion": None, "reason": "no labels"}}])
def test_a_bound_of_what_was_not_measured_leaves_the_answer_open(ledger: Ledger, measured: dict[str, Any]) -> None:
    """No figure is no good figure: the decision says so, and what other rules found broken stays broken."""
    bound = policy(triggers={"performance": {"below": {"roc_auc": 0.92}}})
    passed = {"rules": [judged_rule("realised", "PASS")]}
    verdict(ledger, "2013-04", "PASS", "performance", realised=measured, verdict=passed)
    open_one = judged(ledger, bound)
    failed = {"rules": [judged_rule("realised", "FAIL")]}
    verdict(ledger, "2013-04", "FAIL", "performance", realised=measured, verdict=failed)

    assert open_one.verdict.outcome is Outcome.INCONCLUSIVE
    assert judged(ledger, bound).verdict.passed


def test_a_bound_that_is_kept_calls_for_nothing(ledger: Ledger) -> None:
    """The newest window is fine, whatever the one before it was; nothing is open."""
    for key, high in (("2013-03", 0.9), ("2013-04", 0.95)):
        measured = {"roc_auc": {"now": {"value": high - 0.01, "low": high - 0.02, "high": high}}}
        verdict(ledger, key, "PASS", "performance", realised=measured)
    decision = judged(ledger, policy(triggers={"performance": {"below": {"roc_auc": 0.92}, "k": 1, "n": 2}}))

    assert broken(decision) == ["trigger"]
    assert "and not the newest" in reason(decision, "trigger")


def test_the_window_of_the_policy_is_that_of_the_training(ledger: Ledger) -> None:
    """Sliding over the newest partitions, expanding from a month on, or all before where the policy names none."""
    verdict(ledger, "2013-04")

    assert judged(ledger, policy(window={"partitions": 3})).window == {"partitions": 3}
    assert judged(ledger, policy(window={"since": "2013-02"})).window == {"since": "2013-02"}
    assert judged(ledger, policy()).window is None


def test_estimated_performance_counts_by_policy_only(ledger: Ledger) -> None:
    """It assumes that no concept has drifted."""
    verdict(ledger, "2013-04", "FAIL", "performance", verdict={"rules": [judged_rule("estimated", "FAIL")]})

    assert broken(judged(ledger, policy(triggers={"performance": {}}))) == ["trigger"]
    assert judged(ledger, policy(triggers={"performance": {"estimated": True}})).verdict.passed


def test_what_no_retraining_mends_calls_for_none(ledger: Ledger) -> None:
    """A verdict that FAILs by its latency alone says that the performance that was realised is fine."""
    rules = [judged_rule("latency", "FAIL"), judged_rule("realised", "PASS"), judged_rule("realised", "INCONCLUSIVE")]
    verdict(ledger, "2013-04", "FAIL", "performance", verdict={"rules": rules})

    decision = judged(ledger, policy(triggers={"performance": {}}))
    assert decision.verdict.rules[0].outcome is Outcome.INCONCLUSIVE
    assert decision.performance == ()
    latency = judged(ledger, policy(triggers={"performance": {"kinds": ["latency"]}}))
    assert latency.triggers == ("performance:latency",)


@pytest.mark.parametrize(("days", "due"), [(30, True), (31, False)])
def test_a_model_does_not_stand_for_ever(ledger: Ledger, days: int, due: bool) -> None:
    """Thirty days of data after the end of its training rows, or after the last retraining, one is due."""
    decision = judged(ledger, policy(triggers={"schedule": {"days": days}}))
    assert decision.verdict.passed is due
    claim(ledger, "2013-04")

    assert broken(judged(ledger, policy(triggers={"schedule": {"days": days}}))) == ["trigger"]


def test_new_data_calls_for_one(ledger: Ledger) -> None:
    """So many accepted rows or partitions since the champion's training; rows that nobody counted leave it open."""
    assert judged(ledger, policy(triggers={"data": {"rows": 3000}})).triggers == ("data",)
    assert judged(ledger, policy(triggers={"data": {"partitions": 1}})).triggers == ("data",)
    assert broken(judged(ledger, policy(triggers={"data": {"rows": 3001}}))) == ["trigger"]
    unknown = judged(ledger, policy(triggers={"data": {"rows": 1}}), accepted={"2013-04": None})
    assert unknown.verdict.outcome is Outcome.INCONCLUSIVE


def test_the_cool_down_is_kept(ledger: Ledger) -> None:
    """In days of data time since the last retraining."""
    claim(ledger, "2013-04-01")
    verdict(ledger, "2013-04-07")
    calm = policy(cooldown_days=7)

    assert broken(judged(ledger, calm, "2013-04-07")) == ["cooldown"]
    assert "6 days since the retraining of 2013-04-01; the cool-down is 7 days" in reason(
        judged(ledger, calm, "2013-04-07"), "cooldown"
    )
    verdict(ledger, "2013-04-08")
    assert judged(ledger, calm, "2013-04-08").verdict.passed


def test_the_budget_of_a_month_is_kept(ledger: Ledger) -> None:
    """Retrainings of the calendar month; the next month has its own."""
    claim(ledger, "2013-03-02")
    claim(ledger, "2013-03-05")
    for key in ("2013-03-20", "2013-04-01"):
        verdict(ledger, key)
        assert judged(ledger, policy(budget_per_month=2), key, trained_until=None).verdict.passed is (key > "2013-04")


def test_too_few_new_rows_forbid_it(ledger: Ledger) -> None:
    """Of a month that was trained on in part the rest counts, by time; without new rows the same model would come."""
    verdict(ledger, "2013-04")
    middle = datetime(2013, 4, 16, tzinfo=UTC)

    assert "1,500 accepted rows" in reason(judged(ledger, policy(), trained_until=middle), "new_rows")
    assert broken(judged(ledger, policy(min_new_rows=3001))) == ["new_rows"]
    assert broken(judged(ledger, policy(), trained_until=datetime(2013, 5, 1, tzinfo=UTC))) == ["new_rows"]
    unknown = judged(ledger, policy(), accepted={"2013-04": None})
    assert (unknown.verdict.outcome, broken(unknown)) == (Outcome.INCONCLUSIVE, ["new_rows"])


@pytest.mark.parametrize(
    ("accepted", "partition"),
    [
        (MONTHS, "2013-04"),
        ({"2013-02": 10, "2013-03": 10, "2013-05": 10}, "2013-03"),
        ({"2013-04-16": 10, "2013-04-18": 10}, "2013-04-16"),
        ({"2013-05": 10}, None),
        ({}, None),
    ],
)
def test_a_day_is_trained_on_months(ledger: Ledger, accepted: dict[str, int], partition: str | None) -> None:
    """The day's month once it is accepted, else the newest before it; nothing of what begins later."""
    verdict(ledger, "2013-04-17")
    decision = judged(ledger, policy(min_new_rows=0), "2013-04-17", accepted=accepted)

    assert decision.training_partition == partition
    assert decision.verdict.outcome is (Outcome.INCONCLUSIVE if partition is None else Outcome.PASS)


def test_the_window_may_begin_with_the_drift(ledger: Ledger) -> None:
    """From the first of the row of bad windows; one that could not be judged does not interrupt it, a PASS does."""
    for day, outcome in enumerate(["FAIL", "PASS", "FAIL", "INCONCLUSIVE", "FAIL"], 1):
        verdict(ledger, f"2013-04-{day:02}", outcome)
    since = policy(window={"since": "drift", "partitions": 3})

    assert judged(ledger, since, "2013-04-05").window == {"since": "2013-04-03", "partitions": 3}
    scheduled = policy(window={"since": "drift"}, triggers={"schedule": {"days": 1}})
    assert judged(ledger, scheduled, "2013-04-05").window is None


def test_a_probe_that_cannot_tell_does_as_the_policy_says() -> None:
    """By default it does not hold a retraining back, but the verdict is marked."""
    found = RuleResult(rule="probe", outcome=Outcome.INCONCLUSIVE, reason="Too few rows.")

    rule, marks = probe_rule(found, policy(probe={}))
    assert (rule.outcome, marks) == (Outcome.PASS, ("probe_inconclusive",))
    assert rule.reason == "Too few rows. The policy retrains all the same."
    assert probe_rule(found, policy(probe={"on_inconclusive": "wait"})) == (found, ())
