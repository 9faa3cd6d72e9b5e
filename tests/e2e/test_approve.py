"""A human answers an undecided verdict, in the real Airflow."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_mlops.embedded.api import AirflowApi
from airflow_provider_mlops.embedded.runtime import REVIEWER
from tests.e2e.conftest import Audit, World

APPROVE = "flight_delays_approve"


@pytest.fixture(scope="module")
def world_after(audit: Audit) -> World:
    """The world when everything else has happened: an approval must not come between an audit and its story."""
    audit.world.api.unpause(APPROVE)
    return audit.world


@pytest.fixture(scope="module")
def reviewer(world_after: World) -> Iterator[AirflowApi]:
    """Airflow as the second user sees it."""
    api = AirflowApi(world_after.airflow.ports.airflow_url, REVIEWER, world_after.airflow.secrets.reviewer_password)
    yield api
    api.close()


def ask(world: World, gate_record: str) -> dict[str, Any]:
    """Start a run about a verdict as admin, and wait until it waits for a human."""
    run = world.api.trigger(APPROVE, conf={"gate_record": gate_record})

    def waiting() -> bool:
        states = {task["task_id"]: task["state"] for task in world.api.tasks(APPROVE, run["dag_run_id"])}
        return states["approve"] in {"awaiting_input", "deferred"}

    world.api.wait(waiting, 60, lambda: f"{world.api.tasks(APPROVE, run['dag_run_id'])}")
    # Airflow 3.3.2 fails a task that is answered while its process still ends; people are slower.
    time.sleep(10)
    return run


def test_the_starter_is_refused_and_another_one_answers(world_after: World, reviewer: AirflowApi) -> None:
    """Who started the run may not approve it; another user's answer is a record.

    The champion has changed since the verdict, so that the answer is void and nothing is promoted.
    """
    api, ledger = world_after.api, world_after.ledger()
    # Of April: another test may have judged May since.
    (undecided,) = (
        record
        for record in ledger.records("gate")
        if (record.mode, record.outcome, record.body["partition_key"]) == ("live", "INCONCLUSIVE", "2013-04")
    )

    own = ask(world_after, undecided.hash)
    api.answer(APPROVE, own["dag_run_id"], "approve", "Approve", params={"reason": "I like it."})
    assert api.wait_for_run(APPROVE, own["dag_run_id"])["state"] == "failed"
    # The log is written by another process than the state.
    refusal = "admin started this run and may not approve it"
    api.wait(lambda: refusal in api.log(APPROVE, own["dag_run_id"], "approve"), 30, lambda: "The log gives no reason.")
    assert ledger.records("approval") == []

    run = ask(world_after, undecided.hash)
    question = reviewer.request(
        "GET", f"/dags/{APPROVE}/dagRuns/{run['dag_run_id']}/taskInstances/approve/-1/hitlDetails"
    )
    assert "The gate says INCONCLUSIVE" in question["subject"]
    assert "An approval would be void" in question["body"]
    assert "| Metric | Candidate | Champion |" in question["body"]
    promotions = ledger.records("promotion")
    reviewer.answer(APPROVE, run["dag_run_id"], "approve", "Approve", params={"reason": "Looked at April."})
    assert api.wait_for_run(APPROVE, run["dag_run_id"])["state"] == "success"

    (answer,) = ledger.records("approval")
    assert answer.body["gate_record_hash"] == undecided.hash
    assert (answer.body["approver"], answer.body["reason"]) == (REVIEWER, "Looked at April.")
    assert (answer.outcome, answer.body["decision"]) == ("FAIL", "void")
    assert ledger.records("promotion") == promotions
