"""Each kind of operator in Airflow's real task runner: templates, XComs, events, links, skips, final failures."""

from typing import Any

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task
from sklearn.linear_model import LogisticRegression

from airflow_provider_mlops import assets
from airflow_provider_mlops.core.errors import TransientError
from airflow_provider_mlops.sensors.dataset import AcceptedSnapshotSensor
from tests.conftest import MakeLab
from tests.support.lab import DATASET, SYNTHETIC, Lab
from tests.support.runner import ExecutionApi, run_in_task_runner
from tests.support.served import days
from tests.support.server import free_port
from tests.support.steps import STEPS, arguments_of

# Kept apart from the arguments: a task that names no partition takes the run's.
KEYS = {
    "snapshot": "2020-05",
    "validate": "2020-02",
    "quarantine": "2020-02",
    "check": "2020-02",
    "train": "2020-02",
    "search": "2020-02",
    "learn_on": "2020-03",
    "drift": "2020-04",
    "profile": "2020-04",
    "claim": "2020-04",
    "score": "2020-03",
    "labels": "2020-03",
    "performance": days(8)[-1],
    "decide": "2020-04",
    "breach": "2020-04",
}


def run(lab: Lab, step: str, api: ExecutionApi, **arguments: Any) -> tuple[str, BaseException | None]:
    """Run a step whose partition key is the run's, and return its state and error."""
    given = {name: value for name, value in arguments_of(step, lab).items() if name != "partition_key"}
    api.partition_key = KEYS.get(step)
    return run_in_task_runner(lab.task(step, **{**given, **arguments}), api)


@pytest.mark.parametrize("step", STEPS)
def test_success(make_lab: MakeLab, step: str) -> None:
    """Each step succeeds, renders its templates, and pushes a result that names its record."""
    lab = make_lab(STEPS[step].stage)
    api = ExecutionApi()
    state, error = run(lab, step, api)

    assert (state, error) == ("success", None)
    result = api.pushed["return_value"]
    named = result["differences"][0] if step == "reconcile" else result
    assert named["record"].startswith("sha256:")
    if step in KEYS:
        assert api.rendered["partition_key"] == KEYS[step]
        assert api.pushed["return_value"]["partition_key"] == KEYS[step]


@pytest.mark.parametrize(
    ("step", "alias", "asset", "facts"),
    [
        ("snapshot", assets.snapshot_alias(DATASET), assets.snapshot(DATASET), {"dataset", "snapshot_id", "rows"}),
        (
            "register",
            assets.candidate_alias("late_events"),
            assets.candidate("late_events"),
            {"model_name", "version", "manifest_hash"},
        ),
        (
            "drift",
            assets.drift_alias("late_events"),
            assets.drift("late_events"),
            {"model_name", "kind", "window", "cause", "champion_version", "record_hash", "reasons"},
        ),
        (
            "score",
            assets.predictions_alias("late_events"),
            assets.predictions("late_events"),
            {"model_name", "model_version", "log_id", "rows", "record_hash"},
        ),
    ],
)
def test_events(make_lab: MakeLab, step: str, alias: Any, asset: Any, facts: set[str]) -> None:
    """A live run emits one event through the alias; its extra is what `assets` documents."""
    lab = make_lab(STEPS[step].stage)
    api = ExecutionApi()
    run(lab, step, api)

    (event,) = api.ended["outlet_events"]
    assert api.ended["task_outlets"] == [{"name": alias.name, "uri": None, "type": "AssetAlias"}]
    assert event["source_alias_name"] == alias.name
    assert event["dest_asset_key"] == {"name": asset.name, "uri": asset.uri}
    assert set(event["extra"]) == {"schema", "partition_key", "mode"} | facts
    assert (event["extra"]["schema"], event["extra"]["mode"]) == (1, "live")


@pytest.mark.parametrize(
    "silent", [{"run_type": "backfill"}, {"conf": {"mode": "dry_run"}}, {"conf": {"mode": "audit"}}], ids=str
)
@pytest.mark.parametrize("step", ["snapshot", "register", "drift"])
def test_no_events_outside_live_runs(make_lab: MakeLab, step: str, silent: dict[str, Any]) -> None:
    """A backfill and a dry run succeed and emit nothing through their aliases."""
    lab = make_lab("alarmed")
    api = ExecutionApi(**silent)
    api.partition_key = "2020-02"
    given = arguments_of(step, lab) if step == "register" else {}
    state, _ = run_in_task_runner(lab.task(step, **given), api)

    assert state == "success"
    assert api.ended["outlet_events"] == []


def test_no_event_without_drift(make_lab: MakeLab) -> None:
    """A month without drift is green and silent."""
    lab = make_lab("promoted")
    api = ExecutionApi(partition_key="2020-03")
    state, _ = run_in_task_runner(lab.task("drift"), api)

    assert state == "success"
    assert (api.pushed["return_value"]["verdict"]["outcome"], api.ended["outlet_events"]) == ("PASS", [])


@pytest.mark.parametrize(
    ("step", "links"),
    [
        ("train", {"MLflow run": "runs", "MLflow experiment": "experiments"}),
        ("register", {"MLflow run": "runs", "Model version": "versions/1"}),
        ("evaluate", {"MLflow run": "runs", "Model version": "versions/1"}),
        ("promote", {"Model version": "versions/1"}),
    ],
)
def test_links(served_lab: Lab, step: str, links: dict[str, str]) -> None:
    """The task's links lead to pages of MLflow; Airflow asks for them by the key of the link."""
    lab = served_lab
    lab.facts.update(lab.judge("2020-02"))
    api = ExecutionApi()
    state, _ = run(lab, step, api)

    assert state == "success"
    found = {key.removeprefix("_link_"): url for key, url in api.pushed.items() if key.startswith("_link_")}
    expected = {
        link.xcom_key.removeprefix("_link_"): link.name
        for link in lab.task(step, **arguments_of(step, lab)).operator_extra_links
    }
    assert {expected[key] for key in found} == set(links)
    for key, url in found.items():
        assert url.startswith(f"{lab.host}/#/")
        assert links[expected[key]] in url


def test_no_links_without_a_web_address(make_lab: MakeLab) -> None:
    """MLflow on a database has no pages: the links are empty."""
    lab = make_lab(STEPS["train"].stage)
    api = ExecutionApi()
    run(lab, "train", api)
    assert {url for key, url in api.pushed.items() if key.startswith("_link_")} == {""}


def test_refused_candidate_skips_what_follows(make_lab: MakeLab) -> None:
    """A gate that says no is green, pushes its verdict, and skips the tasks directly after it."""
    lab = make_lab("accepted")
    found = lab.judge("2020-02", train_params={"sign": -1})
    with DAG("contract", schedule=None):
        gate = lab.task("gate", evaluation_id=found["evaluate"]["evaluation_id"])
        gate >> [EmptyOperator(task_id="promote"), EmptyOperator(task_id="tell")]
    api = ExecutionApi()
    state, _ = run_in_task_runner(gate, api)

    assert state == "success"
    assert sorted(api.skipped) == ["promote", "tell"]
    assert api.pushed["return_value"]["verdict"]["outcome"] == "FAIL"


def test_passed_candidate_skips_nothing(make_lab: MakeLab) -> None:
    """A gate that says yes lets the next task run."""
    lab = make_lab("evaluated")
    with DAG("contract", schedule=None):
        gate = lab.task("gate", **arguments_of("gate", lab))
        gate >> EmptyOperator(task_id="promote")
    api = ExecutionApi()
    run_in_task_runner(gate, api)
    assert api.skipped == []


def test_refusal_may_fail_the_task(make_lab: MakeLab) -> None:
    """With on_refusal="fail" a refused candidate fails the gate for good, after the verdict was recorded."""
    lab = make_lab("accepted")
    found = lab.judge("2020-02", train_params={"sign": -1})
    api = ExecutionApi()
    gate = lab.task("gate", evaluation_id=found["evaluate"]["evaluation_id"], on_refusal="fail")
    state, _ = run_in_task_runner(gate, api)

    assert (state, api.ended["state"]) == ("failed", "failed")
    assert [record.outcome for record in lab.records("gate")] == ["FAIL"]


def test_nothing_to_train_on_is_skipped(make_lab: MakeLab) -> None:
    """The first partition's training is skipped."""
    lab = make_lab("accepted")
    api = ExecutionApi(partition_key="2020-01")
    state, _ = run_in_task_runner(lab.task("train"), api)
    assert state == "skipped"


@pytest.mark.parametrize(
    ("step", "wrong"),
    [
        ("snapshot", {"source": "no_module:f"}),
        ("validate", {"suite": "no.yaml"}),
        ("train", {"label_column": "missing"}),
        ("register", {"manifest_hash": "sha256:0"}),
        ("evaluate", {"slices": ["missing"]}),
        ("gate", {"policy": "no.yaml"}),
        ("promote", {"gate_record": "sha256:0"}),
        ("drift", {"policy": "no.yaml"}),
        ("claim", {"partition_key": "no"}),
    ],
)
def test_final_failure_is_not_retried(make_lab: MakeLab, step: str, wrong: dict[str, Any]) -> None:
    """What a retry cannot change fails at once, though retries are left."""
    lab = make_lab(STEPS[step].stage)
    api = ExecutionApi(max_tries=5)
    state, error = run(lab, step, api, **wrong)

    assert (state, api.ended["state"]) == ("failed", "failed")
    assert type(error).__name__ == "AirflowFailException"


@pytest.mark.parametrize("step", ["train", "register", "evaluate", "promote"])
def test_broken_world_is_retried(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """An MLflow that cannot be reached leaves the task up for retry."""
    lab = make_lab(STEPS[step].stage)
    lab.connect(monkeypatch, host=f"http://127.0.0.1:{free_port()}", extra={"retries": 0})
    api = ExecutionApi()
    state, error = run(lab, step, api)

    assert state == "up_for_retry"
    assert isinstance(error, TransientError)


def test_source_that_loses_its_database_is_retried(make_lab: MakeLab) -> None:
    """So does a source that fails half-way."""
    lab = make_lab("empty")
    api = ExecutionApi()
    state, _ = run(lab, "snapshot", api, source=f"{SYNTHETIC}:fails_half_way")
    assert state == "up_for_retry"


def test_templates_read_the_task_before(make_lab: MakeLab) -> None:
    """A step takes ids from the result of the step before by template, as the task groups wire it."""
    lab = make_lab("trained")
    api = ExecutionApi(xcoms={"group.train": lab.facts["train"]})
    template = "{{ ti.xcom_pull(task_ids='group.train')['manifest_hash'] }}"
    run_in_task_runner(lab.task("register", manifest_hash=template), api)

    assert api.rendered["manifest_hash"] == lab.facts["train"]["manifest_hash"]
    assert api.pushed["return_value"]["version"] == "1"


@pytest.mark.parametrize(
    ("key", "expected"), [("2020-02", "success"), ("2020-05", "up_for_reschedule"), ("Feb", "failed")]
)
def test_sensor(make_lab: MakeLab, key: str, expected: str) -> None:
    """The sensor waits for an accepted snapshot, returns it, and fails for good on a key that is none."""
    lab = make_lab("accepted")
    api = ExecutionApi(partition_key=key)
    sensor = AcceptedSnapshotSensor(task_id="wait", dataset=DATASET, mode="reschedule")
    state, _ = run_in_task_runner(sensor, api)

    assert state == expected
    if state == "success":
        snapshot_id = lab.facts["snapshots"][key]
        assert api.pushed["return_value"] == {"dataset": DATASET, "partition_key": key, "snapshot_id": snapshot_id}


def test_decorated_function_trains(make_lab: MakeLab) -> None:
    """A function under @task.mlops_train is the training step; what the call gives are its parameters."""
    lab = make_lab("accepted")

    @task.mlops_train(
        model_name=lab.model, dataset=DATASET, features=["signal", "noise"], label_column="late", time_column="time"
    )
    def fit(features: Any, labels: Any, *, seed: int, strength: float) -> Any:
        return LogisticRegression(C=strength, random_state=seed).fit(features, labels)

    with DAG("contract", schedule=None):
        step = fit(strength=0.5).operator
    api = ExecutionApi(partition_key="2020-02")
    state, error = run_in_task_runner(step, api)

    assert (state, error) == ("success", None)
    (record,) = lab.records("training")
    assert record.body["manifest"]["params"] == {"strength": 0.5}
    assert record.body["manifest"]["function"].endswith("fit")
    assert api.pushed["return_value"]["manifest_hash"] == record.body["manifest_hash"]
