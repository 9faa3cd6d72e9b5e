"""The loop: drift starts a retraining, and nothing else does."""

from tests.e2e.conftest import MONITOR, RETRAIN, World


def test_every_month_has_a_drift_verdict(monitored: World) -> None:
    """No champion served January and February; March is quiet; April drifted, and says why."""
    drift = {r.body["partition_key"]: r for r in monitored.ledger().records("drift")}
    outcomes = {key: record.outcome for key, record in drift.items()}

    assert outcomes == {
        "2013-01": "INCONCLUSIVE",
        "2013-02": "INCONCLUSIVE",
        "2013-03": "PASS",
        "2013-04": "FAIL",
    }
    failing = [rule["rule"] for rule in drift["2013-04"].body["verdict"]["rules"] if rule["outcome"] == "FAIL"]
    assert "temperature" in failing


def test_drift_starts_exactly_one_retraining(monitored: World) -> None:
    """One event, one run, of the partition of the verdict."""
    (run,) = monitored.api.runs(RETRAIN)

    assert run["run_type"] == "asset_triggered"
    assert run["partition_key"] == "2013-04"
    assert run["state"] == "success"
    assert len(monitored.api.asset_events(MONITOR)) == 1


def test_the_retraining_holds_out_the_newest_days(monitored: World) -> None:
    """It trains on April without its last 20 days, tests on these, and takes the alias."""
    records = monitored.ledger().records()
    claim = next(r for r in records if r.kind == "retrain_claim")
    training = [r for r in records if r.kind == "training" and r.run["dag_id"] == RETRAIN]
    manifest = training[0].body["manifest"]

    assert claim.body["partition_key"] == "2013-04"
    assert manifest["train"]["until"] == manifest["test"]["since"] == "2013-04-11T00:00:00+00:00"
    assert [s["partition_key"] for s in manifest["train"]["snapshots"]] == ["2013-02", "2013-03", "2013-04"]
    promoted = [r for r in records if r.kind == "promotion" and r.run["dag_id"] == RETRAIN]
    assert monitored.champion() == promoted[0].body["version"]
