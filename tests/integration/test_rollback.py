"""Rolling back: to the last version that was verified and still loads, once, by whoever is first."""

import importlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import mlflow
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_provider_mlops.hooks import rollback as operator
from airflow_provider_mlops.hooks import serving_check
from tests.conftest import MakeLab
from tests.support.faults import watched
from tests.support.lab import Lab
from tests.support.runner import ExecutionApi, run_in_task_runner
from tests.support.server import free_port

ROOT = Path(__file__).parents[2]
LOADS = {"loads": True, "probe_identical": True, "error": None}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every version load: the tests that are about loading load for real."""
    monkeypatch.setattr(operator, "dry_load", lambda *_: LOADS)


def third(lab: Lab) -> str:
    """Make a third champion of the third month; return its gate's record."""
    found = lab.judge("2020-03", train_params={"strength": 0.5})
    lab.run("promote", gate_record=found["gate"]["record"])
    assert lab.aliases()["champion"] == "3"
    return str(found["gate"]["record"])


def test_goes_back_to_the_version_before(make_lab: MakeLab) -> None:
    """The version before is loaded in a clean process and takes the alias; the record says why, and from where."""
    lab = make_lab("replaced")
    found = lab.run("rollback")

    assert (found["version"], found["previous_version"], found["moved"]) == ("1", "2", True)
    assert lab.aliases()["champion"] == "1"
    (record,) = lab.records("rollback")
    assert record.outcome == "PASS"
    assert record.body["reason"] == "too many false alarms"
    assert (record.body["partition_key"], record.body["version_partition_key"]) == ("2020-03", "2020-02")
    assert record.body["tried"] == [{"version": "1", **LOADS}]
    assert lab.client.get_model_version(lab.model, "1").tags["mlops.moved.champion"] == record.hash


@pytest.mark.usefixtures("quick")
def test_a_retry_goes_back_once(make_lab: MakeLab) -> None:
    """The same task again finds what it did; another run goes back once more; then there is nothing left."""
    lab = make_lab("replaced")
    third(lab)
    first = lab.run("rollback", run_id="manual__1")
    assert lab.run("rollback", run_id="manual__1") == first
    assert (first["version"], len(lab.records("rollback"))) == ("2", 1)

    assert lab.run("rollback", run_id="manual__2")["version"] == "1"
    with pytest.raises(AirflowFailException, match="nothing to roll back to"):
        lab.run("rollback", run_id="manual__3")
    # A task of a run whose rollback was followed by others moves nothing.
    lab.run("rollback", run_id="manual__1")
    assert lab.aliases()["champion"] == "1"


def test_a_version_that_does_not_load_is_passed_over(make_lab: MakeLab) -> None:
    """A version whose archive was changed is not restored, and the record says what was tried."""
    lab = make_lab("replaced")
    third(lab)
    second = lab.records("training")[1].body
    location = lab.client.get_logged_model(second["logged_model_id"]).artifact_location
    archive = next(lab.root.glob(f"**/{location.rsplit('/', 2)[-2]}/artifacts/model.skops"))
    archive.write_bytes(archive.read_bytes() + b"x")

    assert lab.run("rollback")["version"] == "1"
    tried = lab.records("rollback")[0].body["tried"]
    assert [(one["version"], one["loads"]) for one in tried] == [("2", False), ("1", True)]
    assert "SHA-256 is not the recorded one" in tried[0]["error"]


def test_nothing_moves_when_nothing_loads(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A named version that does not load is not restored."""
    lab = make_lab("replaced")
    monkeypatch.setattr(serving_check.check_serving, "__kwdefaults__", {"timeout": 0.01, "memory_mib": 1_000})
    with pytest.raises(AirflowFailException, match="No version to roll back to loads: version 1: The process did not"):
        lab.run("rollback", target_version="1")
    assert (lab.aliases()["champion"], lab.records("rollback")) == ("2", [])


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"reason": "  "}, "A rollback needs a reason"),
        ({"reason": "x" * 501}, "got 501"),
        ({"target_version": "2"}, "Version 2 holds the alias 'champion' already"),
        ({"target_version": "7"}, "Version 7 never held the alias 'champion' by a valid record; these did: 1"),
        ({"target_version": "../../etc"}, "never held the alias"),
        ({"expected_version": "1"}, "is on 2, not on version 1: nothing is rolled back"),
    ],
)
def test_what_is_refused(make_lab: MakeLab, arguments: dict[str, Any], message: str) -> None:
    """What cannot be restored is refused with the way out, and nothing moves."""
    lab = make_lab("replaced")
    with pytest.raises(AirflowFailException, match=message):
        lab.run("rollback", **arguments)
    assert (lab.aliases()["champion"], lab.records("rollback")) == ("2", [])


@pytest.mark.usefixtures("quick")
def test_what_was_rolled_back_from_stays_away(make_lab: MakeLab) -> None:
    """A cleared promotion does not bring a version back that was rolled back from, but for a reason."""
    lab = make_lab("replaced")
    gate = lab.facts["gate"]["record"]
    lab.run("rollback")
    with pytest.raises(AirflowSkipException, match="Version 2 was rolled back from"):
        lab.run("promote", gate_record=gate)
    assert lab.aliases()["champion"] == "1"

    lab.run("promote", gate_record=gate, force_reason="the alarms were right")
    record = lab.records("promotion")[-1]
    assert lab.aliases()["champion"] == "2"
    assert record.body["force_reason"] == "the alarms were right"
    assert record.body["verdict"]["marks"] == ["forced"]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("mode", ["audit", "dry_run"])
def test_nothing_moves_in_other_modes(make_lab: MakeLab, mode: str) -> None:
    """An audit does nothing, a dry run decides and records as dry."""
    lab = make_lab("replaced")
    assert lab.run("rollback", conf={"mode": mode})["moved"] is False
    assert lab.aliases()["champion"] == "2"
    assert [record.mode for record in lab.records("rollback")] == ([] if mode == "audit" else ["dry_run"])


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("number", [0, 1, 2])
def test_promotion_and_rollback_at_once(make_lab: MakeLab, number: int) -> None:
    """Of a promotion and a rollback that follow the same move one wins, the other is told."""
    lab = make_lab("replaced")
    gate = lab.judge("2020-03", train_params={"strength": 0.5})["gate"]["record"]
    pending = [lambda: lab.run("rollback")]

    def on_effect(effect: int, _: str, after: bool) -> None:
        if pending and (effect, after) == (number, False):
            pending.pop()()

    with watched(on_effect), suppress(AirflowSkipException):
        lab.run("promote", gate_record=gate)

    moves = [record for kind in ("promotion", "rollback") for record in lab.records(kind) if record.outcome == "PASS"]
    newest = max(moves, key=lambda record: record.seq)
    assert lab.aliases()["champion"] == newest.body["version"]
    if number == 0:
        assert newest.kind == "rollback"
        assert "Version 1 was put in place by a rollback" in lab.records("promotion")[-1].body["reason"]
    assert lab.ledger().verify() == []


@pytest.mark.usefixtures("quick")
def test_registry_that_ends_half_way(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry is down between the record and the move: the task fails to be retried, the retry finishes."""
    lab = make_lab("replaced")

    def down(*_: Any, **__: Any) -> Any:
        raise mlflow.exceptions.MlflowException(f"Max retries exceeded: 127.0.0.1:{free_port()}")

    with monkeypatch.context() as patched:
        patched.setattr(mlflow.MlflowClient, "set_registered_model_alias", down)
        with pytest.raises(Exception, match="cannot be reached"):
            lab.run("rollback")
    assert (lab.aliases()["champion"], len(lab.records("rollback"))) == ("2", 1)

    lab.run("rollback")
    assert (lab.aliases()["champion"], len(lab.records("rollback"))) == ("1", 1)


def run_form(conf: dict[str, Any]) -> tuple[str, BaseException | None]:
    """Run the task of the shipped Dag in Airflow's task runner, with a filled-in form."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        dag = importlib.reload(importlib.import_module("dags.model_rollback")).dag
    return run_in_task_runner(dag.get_task("rollback"), ExecutionApi(run_type="manual", conf=conf))


def test_the_form_rolls_back(make_lab: MakeLab) -> None:
    """The shipped Dag: model and reason are enough; the other fields may stay empty."""
    lab = make_lab("replaced")
    asked = {"model": lab.model, "reason": "too many 'false' {{ alarms }}", "target_version": "", "bad_version": "2"}
    state, error = run_form(asked)

    assert (state, error) == ("success", None)
    assert lab.aliases()["champion"] == "1"
    (record,) = lab.records("rollback")
    assert record.body["reason"] == "too many 'false' {{ alarms }}"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"reason": "slow", "bad_version": "1"}, "is on 2, not on version 1"),
        ({"reason": "slow", "target_version": "7"}, "Version 7 never held the alias"),
        ({"reason": "slow", "model": "../x"}, "Model name '../x' must be of"),
        ({"reason": "   "}, "needs a reason of 1 to"),
    ],
)
def test_a_form_that_cannot_be_right_moves_nothing(make_lab: MakeLab, asked: dict[str, str], message: str) -> None:
    """It says what is wrong."""
    lab = make_lab("replaced")
    state, error = run_form({"model": lab.model, **asked})

    assert state == "failed"
    assert message in str(error)
    assert lab.aliases()["champion"] == "2"
