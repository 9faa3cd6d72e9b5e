"""The reference lifecycle through the real scheduler."""

import re
from itertools import pairwise

from tests.e2e.conftest import LIFECYCLE, MONTHS, RELEASE_NOTE, World

PLACES = ["snapshot", "validate", "check", "train", "register", "evaluate", "gate", "promote"]


def test_every_month_ran_once_in_order(lifecycle: World) -> None:
    """The scheduler ran a partition a month, one after the other, all green."""
    runs = lifecycle.live_runs()

    assert [run["partition_key"] for run in runs] == list(MONTHS)
    assert {run["state"] for run in runs} == {"success"}
    assert all(a["end_date"] <= b["start_date"] for a, b in pairwise(runs))


def test_the_story_has_promotions_and_a_refusal(lifecycle: World) -> None:
    """January has nothing to train on, February and March are promoted, April is refused."""
    runs = {run["dag_run_id"] for run in lifecycle.live_runs()}
    records = [r for r in lifecycle.ledger().records() if r.run["run_id"] in runs]
    trainings = {r.body["partition_key"]: r.outcome for r in records if r.kind == "training"}
    gates = {r.body["partition_key"]: r.outcome for r in records if r.kind == "gate"}
    promotions = {r.body["partition_key"]: r.body["version"] for r in records if r.kind == "promotion"}

    assert trainings["2013-01"] == "INCONCLUSIVE"
    assert gates == {"2013-02": "PASS", "2013-03": "PASS", "2013-04": "INCONCLUSIVE"}
    assert sorted(promotions) == ["2013-02", "2013-03"]


def test_a_refused_month_is_green_and_skips_the_promotion(lifecycle: World) -> None:
    """A refusal is a normal result: the gate succeeds, the step after it is skipped."""
    run = lifecycle.live_run("2013-04")
    states = {t["task_id"]: t["state"] for t in lifecycle.api.tasks(LIFECYCLE, run["dag_run_id"])}

    assert states["lifecycle.gate"] == "success"
    assert states["lifecycle.promote"] == "skipped"
    verdict = lifecycle.api.xcom(LIFECYCLE, run["dag_run_id"], "lifecycle.gate")["verdict"]
    assert verdict["outcome"] == "INCONCLUSIVE"
    assert "brier" in verdict["reasons"][0]


def test_the_chains_are_intact(lifecycle: World) -> None:
    """Every record holds the hash of the one before it."""
    assert lifecycle.ledger().verify() == []
    assert lifecycle.ledger("dataset/flights").verify() == []


def test_mlflow_and_airflow_point_at_each_other(lifecycle: World) -> None:
    """The MLflow run names its task, the task links to run and experiment."""
    run = lifecycle.live_run("2013-03")
    result = lifecycle.api.xcom(LIFECYCLE, run["dag_run_id"], "lifecycle.train")
    tags = lifecycle.mlflow.get_run(result["mlflow_run_id"]).data.tags
    path = f"/dags/{LIFECYCLE}/dagRuns/{run['dag_run_id']}/taskInstances/lifecycle.train/links"
    links = lifecycle.api.request("GET", path)["extra_links"]

    assert tags["airflow.dag_id"] == LIFECYCLE
    assert tags["airflow.run_id"] == run["dag_run_id"]
    assert tags["airflow.task_id"] == "lifecycle.train"
    assert tags["airflow.partition_key"] == "2013-03"
    assert tags["airflow.url"].startswith(lifecycle.airflow.ports.airflow_url)
    assert links["MLflow run"].partition("?")[0].endswith(result["mlflow_run_id"])
    assert "/experiments/" in links["MLflow experiment"]


def test_logs_are_short_and_without_noise(lifecycle: World) -> None:
    """A step's log tells its own story: no warnings of libraries, no stack traces."""
    run = lifecycle.live_run("2013-03")
    for place in PLACES:
        log = lifecycle.api.log(LIFECYCLE, run["dag_run_id"], f"lifecycle.{place}")
        noisy = [
            line for line in log.splitlines() if re.search(r"Traceback|DeprecatedImport|Downloading artifacts", line)
        ]

        assert noisy == [], place
        assert len(log.splitlines()) < 100, place


def test_the_watcher_tells_of_the_new_champion(lifecycle: World) -> None:
    """A Dag with schedule=[champion] starts when the alias moved, and finds the reason in the ledger."""
    api = lifecycle.api
    api.wait_for_runs(RELEASE_NOTE, count=1, timeout=60)
    notes = {}
    for run in api.runs(RELEASE_NOTE):
        notes |= api.xcom(RELEASE_NOTE, run["dag_run_id"], "release_note")

    assert "PASS" in notes[sorted(notes)[-1]]
