"""The loop: what is served is watched, drift asks for a retraining, and a policy answers."""

from tests.e2e.conftest import DAYS, MONITOR, RETRAIN, SCORE, WATCHED, World


def test_every_day_is_scored_by_the_champion_of_its_time(scored: World) -> None:
    """Version 2 serves May until something takes its place; every flight has a prediction, and a label or none."""
    records = scored.ledger().records()
    logs = {r.body["partition_key"]: r.body for r in records if r.kind == "predictions"}
    labels = {r.body["partition_key"]: r.body for r in records if r.kind == "labels"}

    assert {run["state"] for run in scored.api.runs(SCORE)} == {"success"}
    assert sorted(logs) == sorted(labels) == list(DAYS)
    assert {body["model_version"] for body in logs.values()} == {"2"}
    assert all(body["scored"] == body["rows"] > 500 for body in logs.values())
    assert all(body["matured"] and 0.8 < body["labelled"] / body["rows"] <= 1 for body in labels.values())


def test_features_drift_while_scores_and_performance_stay(monitored: World) -> None:
    """The season has turned: the weather is not that of January and February, and the model copes."""
    records = [r for r in monitored.ledger().records() if r.run["dag_id"] == MONITOR]
    found = {(r.kind, r.body.get("kind"), r.body["partition_key"]): r for r in records}
    outcomes = {key: record.outcome for key, record in found.items()}

    for day in WATCHED:
        assert outcomes["drift", "feature", day] == "FAIL"
        assert outcomes["drift", "prediction", day] == "PASS"
    assert [r.outcome for r in records if r.kind == "performance"] == ["PASS", "PASS"]
    rules = found["drift", "feature", WATCHED[0]].body["verdict"]["rules"]
    assert "temperature" in [rule["rule"] for rule in rules if rule["outcome"] == "FAIL"]


def test_each_verdict_asks_once_and_starts_a_run_of_its_day(monitored: World) -> None:
    """One event and one run for each day with drift; the key is that of the verdict."""
    runs = monitored.api.runs(RETRAIN)

    assert sorted(run["partition_key"] for run in runs) == list(WATCHED)
    assert {(run["run_type"], run["state"]) for run in runs} == {("asset_triggered", "success")}
    assert len(monitored.api.asset_events(MONITOR)) == len(WATCHED)


def test_one_retraining_is_avoided_and_one_happens(monitored: World) -> None:
    """The first bad window is not enough; the second one is, and it answers both."""
    records = monitored.ledger().records()
    decisions = {r.body["partition_key"]: r for r in records if r.kind == "retrain"}
    (claim,) = (r for r in records if r.kind == "retrain_claim")

    assert {day: record.outcome for day, record in decisions.items()} == {WATCHED[0]: "FAIL", WATCHED[1]: "PASS"}
    assert claim.body["partition_key"] == WATCHED[1]
    assert len(claim.body["drift_record_hashes"]) == 2


def test_the_retraining_holds_out_the_newest_days(monitored: World) -> None:
    """It trains on April without its last 20 days, tests on these, and takes the alias."""
    records = monitored.ledger().records()
    training = [r for r in records if r.kind == "training" and r.run["dag_id"] == RETRAIN]
    manifest = training[0].body["manifest"]

    assert manifest["train"]["until"] == manifest["test"]["since"] == "2013-04-11T00:00:00+00:00"
    assert [s["partition_key"] for s in manifest["train"]["snapshots"]] == ["2013-02", "2013-03", "2013-04"]
    promoted = [r for r in records if r.kind == "promotion" and r.run["dag_id"] == RETRAIN]
    assert monitored.champion() == promoted[0].body["version"]
