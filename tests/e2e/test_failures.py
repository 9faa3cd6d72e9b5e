"""What a person meets when something goes wrong."""

import os
import signal
import subprocess
import time

import psutil
import pytest

from tests.e2e.conftest import LIFECYCLE, Audit, World


def test_a_partition_without_data_fails_at_once_and_says_why(audit: Audit) -> None:
    """No flights in 2031: the task fails without a retry, the reason is one line, nothing is stored."""
    api = audit.world.api
    run = api.trigger(LIFECYCLE, partition_key="2031-01")
    run = api.wait_for_run(LIFECYCLE, run["dag_run_id"], timeout=120)
    tasks = {t["task_id"]: t for t in api.tasks(LIFECYCLE, run["dag_run_id"])}

    assert run["state"] == "failed"
    assert tasks["lifecycle.snapshot"]["state"] == "failed"
    assert tasks["lifecycle.snapshot"]["try_number"] == 1
    assert "gave no rows for 2031-01" in api.log(LIFECYCLE, run["dag_run_id"], "lifecycle.snapshot")
    assert audit.world.ledger("dataset/flights").latest(kind="snapshot", partition_key="2031-01") is None


def test_a_killed_training_is_finished_by_the_retry(audit: Audit) -> None:
    """SIGKILL of the task's process: Airflow tries again, one MLflow run, one version, one record stay."""
    world, api = audit.world, audit.world.api
    api.wait(
        lambda: all(r["state"] in ("success", "failed") for r in api.runs(LIFECYCLE)), 120, lambda: "still running"
    )
    run = api.trigger(LIFECYCLE, partition_key="2013-05")
    run_id = run["dag_run_id"]

    def task(task_id: str) -> dict:
        return next(t for t in api.tasks(LIFECYCLE, run_id) if t["task_id"] == task_id)

    api.wait(lambda: task("lifecycle.train")["state"] == "running", 120, lambda: "train never ran", pause=0.05)
    pid = task("lifecycle.train")["pid"]
    time.sleep(0.5)
    os.kill(pid, signal.SIGKILL)
    finished = api.wait_for_run(LIFECYCLE, run_id, timeout=240)

    assert finished["state"] == "success"
    assert task("lifecycle.train")["try_number"] == 2
    records = [r for r in world.ledger().records() if r.run["run_id"] == run_id]
    kinds = [r.kind for r in records]
    assert kinds.count("training") == kinds.count("registration") == kinds.count("evaluation") == 1
    assert kinds.count("gate") == 1
    tags = f"tags.`airflow.run_id` = '{run_id}' and tags.`airflow.task_id` = 'lifecycle.train'"
    experiments = [e.experiment_id for e in world.mlflow.search_experiments()]
    assert len(world.mlflow.search_runs(experiments, tags)) == 1
    assert len(world.mlflow.search_model_versions(f"name = 'flight_delays' and tag.`airflow.run_id` = '{run_id}'")) == 1
    assert world.ledger().verify() == []


@pytest.mark.parametrize(("arguments", "code"), [(["verify"], 0), (["list"], 0), (["show", "model/flight_delay"], 2)])
def test_the_ledger_command(audit: Audit, arguments: list[str], code: int) -> None:
    """`airflow mlops ledger` reads the ledgers; a typo gets the name that was meant."""
    command = ["airflow", "mlops", "ledger", *arguments]
    done = subprocess.run(command, env=audit.world.airflow.env, capture_output=True, text=True, check=False)

    assert done.returncode == code, done.stdout + done.stderr
    assert "model/flight_delays" in done.stdout + done.stderr


def test_only_loopback_addresses_listen(world: World) -> None:
    """No process of the embedded Airflow can be reached from outside."""
    ours = {
        child.pid
        for entry in world.airflow.processes.known()
        if (p := entry.process())
        for child in [p, *p.children(recursive=True)]
    }
    listening = [c for c in psutil.net_connections("inet") if c.status == psutil.CONN_LISTEN and c.pid in ours]

    assert listening
    assert {c.laddr.ip for c in listening} <= {"127.0.0.1", "::1"}


def test_the_connection_form_tests_the_connection(world: World) -> None:
    """The button in the UI asks MLflow, and says what it found."""
    body = {"connection_id": "probe", "conn_type": "mlflow", "host": world.airflow.ports.mlflow_url}
    good = world.api.request("POST", "/connections/test", json=body)
    bad = world.api.request("POST", "/connections/test", json={**body, "host": "http://127.0.0.1:1"})

    assert good["status"] is True, good
    assert bad["status"] is False
