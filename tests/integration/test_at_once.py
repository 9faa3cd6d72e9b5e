"""Two tasks at once: the same one twice, and two candidates that want the same alias."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import mlflow
import pytest
from airflow.sdk.exceptions import AirflowSkipException

from tests.conftest import MakeLab
from tests.support.faults import Kill, TaskProcesses, watched
from tests.support.lab import Lab
from tests.support.steps import MORE, arguments_of
from tests.support.steps import STEPS as WORKING

STEPS = {**WORKING, **MORE}
POINTS = [
    pytest.param(step, number, id=f"{step}-{number}-{name}")
    for step, facts in STEPS.items()
    for number, name in facts.points
]


def meanwhile(number: int, act: Callable[[], Any]) -> Callable[[int, str, bool], None]:
    """Return a watcher that does something just before a side effect, once."""
    pending = [act]

    def on_effect(effect: int, name: str, after: bool) -> None:
        if pending and (effect, after) == (number, False):
            pending.pop()()

    return on_effect


@pytest.mark.parametrize(("step", "number"), POINTS)
def test_overtaken_task_agrees(make_lab: MakeLab, step: str, number: int) -> None:
    """A task that was overtaken by the same task, just before a side effect, ends with the other's result."""
    lab = make_lab(STEPS[step].stage)
    arguments = arguments_of(step, lab)
    found: list[dict[str, Any]] = []

    def other() -> None:
        found.append(lab.run(step, **arguments))
        found[0]["census"] = lab.census()

    with watched(meanwhile(number, other)):
        result = lab.run(step, **arguments)

    if step == "reconcile":  # which says what it found itself: the one heals, the other finds it healed
        result["differences"] = found[0]["differences"]
    assert {**result, "census": lab.census()} == found[0]


def test_clocks_that_disagree(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tasks that made an MLflow run each, where the later one's clock is behind, still leave one run."""
    lab = make_lab("accepted")
    create = mlflow.MlflowClient.create_run
    found: list[dict[str, Any]] = []

    def overtaken(client: Any, *args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(mlflow.MlflowClient, "create_run", create)
        found.append(lab.run("train", partition_key="2020-02"))
        return create(client, *args, start_time=1, **kwargs)

    monkeypatch.setattr(mlflow.MlflowClient, "create_run", overtaken)

    assert lab.run("train", partition_key="2020-02") == found[0]
    census = lab.census()
    assert (census["runs"], census["models"]) == ({"FINISHED": 1}, 1)
    assert lab.client.get_run(found[0]["mlflow_run_id"]).info.lifecycle_stage == "active"


@pytest.mark.parametrize("step", ["snapshot", "train", "search", "verified", "elsewhere", "register", "promote"])
def test_same_task_twice_in_parallel(make_lab: MakeLab, task_processes: TaskProcesses, step: str) -> None:
    """Two processes with the same task: everything is there once. One may be asked to try again."""
    lab = make_lab(STEPS[step].stage)
    arguments = arguments_of(step, lab)
    codes = task_processes.run_together(lab, [(step, arguments), (step, arguments)])
    assert 0 in codes
    assert set(codes) <= {0, 1}

    together = lab.census()
    lab.run(step, **arguments)
    assert together == lab.census()
    assert together["problems"] == []
    assert max([*together["runs"].values(), together["versions"], 0]) <= 1
    assert set(together["records"].values()) <= {1, 3}  # the three months of the stage


def two_candidates(lab: Lab) -> list[str]:
    """Let a second candidate pass the gate against the same champion; return both gates' records."""
    other = lab.judge("2020-03", train_params={"strength": 0.5})
    assert other["gate"]["champion_version"] == lab.facts["gate"]["champion_version"] == "1"
    return [lab.facts["gate"]["record"], other["gate"]["record"]]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_two_candidates_interleaved(make_lab: MakeLab, number: int) -> None:
    """Of two candidates that passed against the same champion the first to be recorded wins."""
    lab = make_lab("challenged")
    first, second = two_candidates(lab)

    def other() -> None:
        with suppress(AirflowSkipException):
            lab.run("promote", gate_record=second)

    with watched(meanwhile(number, other)), suppress(AirflowSkipException):
        lab.run("promote", gate_record=first)

    winner = "3" if number == 0 else "2"
    assert lab.aliases()["champion"] == winner
    assert sorted(r.outcome for r in lab.records("promotion")) == ["FAIL", "PASS", "PASS"]
    assert [r.body["version"] for r in lab.records("promotion") if r.outcome == "PASS"] == ["1", winner]


@pytest.mark.parametrize("when", ["before", "after"])
def test_candidate_promoted_while_the_alias_is_read(
    make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """What was read of the registry before another promotion is not taken for a rollback after it."""
    lab = make_lab("challenged")
    first, second = two_candidates(lab)
    read = mlflow.MlflowClient.get_model_version_by_alias

    def overtaken(client: Any, *args: Any) -> Any:
        monkeypatch.setattr(mlflow.MlflowClient, "get_model_version_by_alias", read)
        found = read(client, *args)
        lab.run("promote", gate_record=second)
        return found if when == "after" else read(client, *args)

    monkeypatch.setattr(mlflow.MlflowClient, "get_model_version_by_alias", overtaken)
    with pytest.raises(AirflowSkipException, match="Version 2 is not promoted"):
        lab.run("promote", gate_record=first)

    assert lab.aliases()["champion"] == "3"
    assert sorted(r.outcome for r in lab.records("promotion")) == ["FAIL", "PASS", "PASS"]


def test_two_candidates_in_parallel(make_lab: MakeLab, task_processes: TaskProcesses) -> None:
    """Two processes promote different candidates: one wins, the other is refused, the alias is the winner's."""
    lab = make_lab("challenged")
    gates = two_candidates(lab)
    codes = task_processes.run_together(lab, [("promote", {"gate_record": gate}) for gate in gates])

    assert sorted(codes) == [0, 1]  # the refusal ends the task by an exception
    moved = [r for r in lab.records("promotion") if r.outcome == "PASS"]
    assert len(moved) == 2
    assert lab.aliases()["champion"] == moved[-1].body["version"]
    assert lab.ledger().verify() == []


def twenty_candidates(lab: Lab) -> list[str]:
    """Make twenty versions whose gates have passed them against the same champion; return the gates' records."""
    ledger, client = lab.ledger(), lab.client
    training, registration, gate = (ledger.records(kind)[-1] for kind in ("training", "registration", "gate"))
    source = client.get_model_version(lab.model, "2")
    hashes = []
    for number in range(20):
        made = client.create_model_version(lab.model, source.source, run_id=source.run_id)
        manifest_hash, version = f"sha256:{number}", str(made.version)
        for record, changes in (
            (training, {"manifest_hash": manifest_hash}),
            (registration, {"manifest_hash": manifest_hash, "version": version}),
            (gate, {"candidate_version": version}),
        ):
            outcome, body = record.outcome, {**record.body, **changes}
            made_record = ledger.append(kind=record.kind, key=f"{record.kind}-{number}", body=body, outcome=outcome)
        hashes.append(made_record.hash)
    return hashes


def test_twenty_candidates_in_parallel(make_lab: MakeLab, task_processes: TaskProcesses) -> None:
    """Of twenty processes with a candidate each exactly one wins, and every other one is told who did."""
    lab = make_lab("challenged")
    gates = twenty_candidates(lab)
    codes = task_processes.run_together(lab, [("promote", {"gate_record": gate}) for gate in gates])

    assert sorted(codes) == [0] + 19 * [1]
    records = [record for record in lab.records("promotion") if record.body["gate_record_hash"] in gates]
    (winner,) = [record.body["version"] for record in records if record.outcome == "PASS"]
    refusals = [record.body["reason"] for record in records if record.outcome == "FAIL"]
    assert len(refusals) == 19
    assert all(f"ersion {winner} was promoted at" in why or f"on version {winner}, but" in why for why in refusals)
    assert lab.aliases()["champion"] == winner
    assert lab.ledger().verify() == []


def test_loser_is_told_what_to_do(make_lab: MakeLab) -> None:
    """The refusal of the loser says who won, and its retry says the same."""
    lab = make_lab("challenged")
    first, second = two_candidates(lab)
    lab.run("promote", gate_record=first)
    for _ in range(2):
        with pytest.raises(AirflowSkipException, match="on version 2, but the candidate was compared with version 1"):
            lab.run("promote", gate_record=second)
    assert len(lab.records("promotion")) == 3


def test_alias_that_was_moved_by_hand(make_lab: MakeLab) -> None:
    """An alias that something else moved meanwhile is left alone, and the refusal says so."""
    lab = make_lab("challenged")
    two_candidates(lab)
    lab.client.set_registered_model_alias(lab.model, "champion", "3")

    with pytest.raises(AirflowSkipException, match="on version 3, but the candidate was compared with version 1"):
        lab.run("promote", gate_record=lab.facts["gate"]["record"])
    assert lab.aliases()["champion"] == "3"


def test_alias_that_was_moved_back_by_hand(make_lab: MakeLab) -> None:
    """After a rollback by hand a candidate that was compared with the restored champion may be promoted."""
    lab = make_lab("challenged")
    first, second = two_candidates(lab)
    lab.run("promote", gate_record=first)
    lab.client.set_registered_model_alias(lab.model, "champion", "1")

    assert lab.run("promote", gate_record=second)["moved"] is True
    assert lab.aliases()["champion"] == "3"


def test_half_done_move_is_not_overtaken(make_lab: MakeLab, task_processes: TaskProcesses) -> None:
    """Between the record of a promotion and its move nobody else is promoted; the retry finishes the move."""
    lab = make_lab("challenged")
    first, second = two_candidates(lab)
    task_processes.run(lab, "promote", {"gate_record": first}, Kill(index=0, after=True))
    assert lab.aliases()["champion"] == "1"

    with pytest.raises(AirflowSkipException, match="on version 2, but the candidate was compared with version 1"):
        lab.run("promote", gate_record=second)
    assert lab.run("promote", gate_record=first)["moved"] is True
    assert lab.aliases()["champion"] == "2"


def test_champion_that_was_deleted(make_lab: MakeLab) -> None:
    """Once the champion's version is gone from the registry nothing is promoted against it, and the reason says so."""
    lab = make_lab("challenged")
    lab.client.delete_model_version(lab.model, "1")
    with pytest.raises(AirflowSkipException, match="no version, but the candidate was compared with version 1"):
        lab.run("promote", gate_record=lab.facts["gate"]["record"])
