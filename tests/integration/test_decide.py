"""Deciding to retrain: one of many events does, each answer is a record, a probe shows whether it would help."""

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.record import Record
from tests.conftest import MakeLab
from tests.support.faults import TaskProcesses
from tests.support.lab import Lab

DAYS = [f"2020-{month:02}-{day:02}" for month in (4, 5) for day in range(1, 31)]
EVENTS, WORKERS = 500, 4


def policy(lab: Lab, **rules: Any) -> None:
    """Write the lab's retrain policy."""
    import yaml

    (lab.root / "retrain.yaml").write_text(
        yaml.safe_dump({"schema": 1, "name": "events", "triggers": {"drift": {}}, **rules})
    )


def rule(record: Record, name: str) -> dict[str, Any]:
    """Return what a rule of a record's verdict found."""
    return next(rule for rule in record.body["verdict"]["rules"] if rule["rule"] == name)


def test_a_drift_is_answered_by_one_retraining(make_lab: MakeLab) -> None:
    """The claim and the decision are records; the run of a second event is skipped, and that is a record too."""
    lab = make_lab("alarmed")
    decided = lab.run("decide", partition_key="2020-04", run_id="first")

    with pytest.raises(AirflowSkipException, match="a retraining has answered the newest"):
        lab.run("decide", partition_key="2020-04", run_id="second")
    done, avoided = lab.records("retrain")
    (claim,) = lab.records("retrain_claim")
    assert (done.outcome, avoided.outcome) == ("PASS", "FAIL")
    assert decided["record"] == done.hash
    assert decided["claim"] == done.body["claim"] == claim.hash
    assert decided["drift_records"] == claim.body["drift_record_hashes"] == [lab.facts["drift"]["record"]]
    assert (decided["training_partition_key"], decided["window"]) == ("2020-04", None)
    assert (decided["triggers"], avoided.body["triggers"], avoided.body["claim"]) == (["drift:feature"], [], None)


def test_how_to_train_is_handed_on(make_lab: MakeLab) -> None:
    """Window, parameters to start from and the kind of fit: what the policy says is what the training is given."""
    lab = make_lab("alarmed")
    policy(lab, window={"partitions": 2}, params_from="@champion", fit="warm")
    decided = lab.run("decide", partition_key="2020-04")

    assert (decided["window"], decided["params_from"], decided["fit"]) == ({"partitions": 2}, "@champion", "warm")
    assert lab.records("retrain")[-1].body["params_from"] == "@champion"


def test_a_claim_of_the_older_operator_counts(make_lab: MakeLab) -> None:
    """Dags of both kinds answer a drift once."""
    lab = make_lab("alarmed")
    lab.run("claim", partition_key="2020-04", run_id="first")

    with pytest.raises(AirflowSkipException, match="has answered"):
        lab.run("decide", partition_key="2020-04", run_id="second")


def test_an_avoided_retraining_says_why_in_numbers(make_lab: MakeLab) -> None:
    """The drift waits on, and the next event finds it."""
    lab = make_lab("alarmed")
    policy(lab, min_new_rows=100_000)
    with pytest.raises(AirflowSkipException, match=r"accepted rows are new to the champion \(since 2020-02-01\)"):
        lab.run("decide", partition_key="2020-04")
    policy(lab)
    lab.run("decide", partition_key="2020-04", run_id="later")

    avoided, done = lab.records("retrain")
    assert (avoided.outcome, avoided.body["drift_record_hashes"]) == ("FAIL", [lab.facts["drift"]["record"]])
    assert rule(avoided, "new_rows")["numbers"]["new_rows"] == 2400
    assert done.outcome == "PASS"


def test_audits_and_dry_runs_start_nothing(make_lab: MakeLab) -> None:
    """A dry run records what it would have decided; an audit records nothing."""
    lab = make_lab("alarmed")
    with pytest.raises(AirflowSkipException, match="In audit mode"):
        lab.run("decide", partition_key="2020-04", run_type="backfill")
    with pytest.raises(AirflowSkipException, match=r"In dry_run mode nothing is retrained\. PASS"):
        lab.run("decide", partition_key="2020-04", conf={"mode": "dry_run"})

    assert [(record.mode, record.outcome) for record in lab.records("retrain")] == [("dry_run", "PASS")]
    assert lab.records("retrain_claim") == []


def test_a_policy_with_an_unknown_key_is_refused(make_lab: MakeLab) -> None:
    """Nothing is claimed by a policy that nobody has understood."""
    lab = make_lab("alarmed")
    policy(lab, cool_down=7)

    with pytest.raises(AirflowFailException, match="unknown key 'cool_down'"):
        lab.run("decide", partition_key="2020-04")
    assert lab.records("retrain_claim") == lab.records("retrain") == []


@pytest.mark.parametrize(("name", "why"), [("auc", "There is no metric 'auc'"), ("brier", "brier, for which lower is")])
def test_a_bound_that_could_never_be_broken_is_refused(make_lab: MakeLab, name: str, why: str) -> None:
    """A metric that there is not, or that is better when lower."""
    lab = make_lab("alarmed")
    policy(lab, triggers={"performance": {"below": {name: 0.9}}})
    with pytest.raises(AirflowFailException, match=why):
        lab.run("decide", partition_key="2020-04")


def test_the_key_of_a_day_trains_on_months(make_lab: MakeLab) -> None:
    """A verdict about a day of April leads to a training on the months, with the last days of April held out."""
    lab = make_lab("alarmed")
    daily_drift(lab.ledger(), "2020-04-17")
    policy(lab, triggers={"drift": {"kinds": ["prediction"]}}, window={"since": "drift"})
    decided = lab.run("decide", partition_key="2020-04-17")
    trained = lab.run(
        "train",
        partition_key=decided["training_partition_key"],
        window={name: decided["window"].get(name, "") for name in ("since", "partitions")},
        holdout_days=7,
    )

    manifest = lab.records("training")[-1].body["manifest"]
    assert (decided["partition_key"], trained["partition_key"]) == ("2020-04-17", "2020-04")
    assert decided["window"] == {"since": "2020-04-17"}
    assert [item["partition_key"] for item in manifest["train"]["snapshots"]] == ["2020-04"]
    assert manifest["train"]["until"] == manifest["test"]["since"] == "2020-04-22T00:00:00+00:00"


def test_a_probe_finds_what_recent_rows_teach(make_lab: MakeLab) -> None:
    """The champion is wrong about April: a small model of its first weeks is better on its last, surely."""
    lab = make_lab("alarmed")
    policy(lab, probe={"days": 14, "test_days": 10, "metric": "accuracy", "on_inconclusive": "wait"})
    decided = lab.run("decide", partition_key="2020-04")

    (record,) = lab.records("retrain")
    assert decided["verdict"]["outcome"] == "PASS"
    found = record.body["probe"]
    assert found["gain"]["low"] > 0
    assert (found["train_since"][:10], found["test_since"][:10]) == ("2020-04-05", "2020-04-19")
    assert found["test_snapshot_ids"] == [lab.facts["snapshots"]["2020-04"]]
    assert "retraining should help" in rule(record, "probe")["reason"]


def test_a_probe_that_finds_no_gain_avoids_a_retraining(make_lab: MakeLab) -> None:
    """The ranking of the champion is as good as ever: moved signals keep their order. That is a look at these rows."""
    from airflow_provider_mlops.core.evidence import looks_at

    lab = make_lab("alarmed")
    policy(lab, probe={"days": 14, "test_days": 10, "model": "linear", "least_gain": 0.3})
    with pytest.raises(AirflowSkipException, match="recent rows teach nothing"):
        lab.run("decide", partition_key="2020-04")

    (record,) = lab.records("retrain")
    assert (record.outcome, rule(record, "probe")["outcome"]) == ("FAIL", "FAIL")
    assert looks_at(lab.ledger().records(), lab.facts["snapshots"]["2020-04"], "none") == 1


def test_a_probe_that_cannot_tell_is_recorded(make_lab: MakeLab) -> None:
    """By default it does not hold a retraining back; where the policy says wait, nothing is retrained."""
    lab = make_lab("alarmed")
    about_equal = {"days": 14, "test_days": 10, "model": "linear", "least_gain": -0.012}
    policy(lab, probe={**about_equal, "on_inconclusive": "wait"})
    with pytest.raises(AirflowSkipException, match="these rows cannot tell"):
        lab.run("decide", partition_key="2020-04")
    policy(lab, probe=about_equal)
    lab.run("decide", partition_key="2020-04", run_id="later")

    waited, done = lab.records("retrain")
    assert waited.outcome == "INCONCLUSIVE"
    assert done.body["verdict"]["marks"] == ["probe_inconclusive"]


def test_a_champion_that_knows_the_newest_rows_is_not_probed(make_lab: MakeLab) -> None:
    """On rows that it was trained on it would look better than it is."""
    lab = make_lab("alarmed")
    policy(lab, probe={"days": 14, "test_days": 100, "on_inconclusive": "wait"})

    with pytest.raises(AirflowSkipException, match="on rows that it knows it cannot be compared"):
        lab.run("decide", partition_key="2020-04")
    assert lab.records("retrain")[0].body["probe"] is None


def test_a_storm_of_events_makes_one_retraining(make_lab: MakeLab, task_processes: TaskProcesses) -> None:
    """Hundreds of verdicts, and the runs of their events in several processes: one claims all, none is lost."""
    lab = make_lab("accepted")
    ledger = lab.ledger()
    for number in range(EVENTS):
        daily_drift(ledger, DAYS[number % len(DAYS)], number=number)
    runs = [("decide", {"partition_key": key, "run_id": f"asset_triggered__{key}"}) for key in DAYS]
    codes = task_processes.run_batches(lab, [runs[number::WORKERS] for number in range(WORKERS)])

    (claim,) = lab.records("retrain_claim")
    decided = lab.records("retrain")
    assert codes == [0] * WORKERS
    assert (claim.body["partition_key"], len(claim.body["drift_record_hashes"])) == (DAYS[-1], EVENTS)
    assert [record.body["partition_key"] for record in decided if record.outcome == "PASS"] == [DAYS[-1]]
    assert {record.body["partition_key"] for record in decided} == set(DAYS)
    assert lab.ledger().verify() == []


def daily_drift(ledger: Ledger, key: str, number: int = 0) -> Record:
    """Append a drift verdict of a day."""
    body = {"partition_key": key, "champion_version": None, "kind": "prediction"}
    return ledger.append(kind="drift", key=f"{key} {number}", body=body, outcome="FAIL")


def test_a_model_of_several_classes_is_probed(make_lab: MakeLab) -> None:
    """Classes that swapped their places since: a small model of recent rows is right more often, surely."""
    lab = make_lab("kinds")
    lab.accept("2020-04", "tests.integration.test_several_classes:swapped_and_warmer")
    lab.run("drift", partition_key="2020-04")
    policy(lab, probe={"days": 14, "test_days": 10, "model": "linear", "on_inconclusive": "wait"})
    decided = lab.run("decide", partition_key="2020-04")

    found = lab.records("retrain")[-1].body["probe"]
    assert decided["verdict"]["outcome"] == "PASS"
    assert (found["metric"], found["gain"]["low"] > 0) == ("multiclass_accuracy", True)
