"""Retiring a version for good, and aliases that something else has moved."""

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_provider_mlops.hooks import rollback as rollback_operator
from tests.conftest import MakeLab
from tests.support.faults import Kill, TaskProcesses

LOADS = {"loads": True, "probe_identical": True, "error": None}


def test_retired_version_is_out_of_use(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no alias, says so by its tags, and is neither promoted nor restored again."""
    lab = make_lab("replaced")
    lab.client.set_registered_model_alias(lab.model, "golden", "1")
    found = lab.run("retire", version="1")

    assert (found["aliases"], found["moved"], found["retain_until"]) == (["golden"], True, "2030-12-31")
    assert lab.aliases() == {"candidate": "2", "champion": "2"}
    (record,) = lab.records("retirement")
    tags = lab.client.get_model_version(lab.model, "1").tags
    assert (tags["mlops.retired"], tags["mlops.retain_until"]) == (record.hash, "2030-12-31")

    monkeypatch.setattr(rollback_operator, "dry_load", lambda *_: LOADS)
    for target in ("", "1"):
        with pytest.raises(AirflowFailException, match="was retired"):
            lab.run("rollback", target_version=target)
    with pytest.raises(AirflowSkipException, match="Version 1 was retired"):
        lab.run("promote", gate_record=lab.records("gate")[0].hash, force_reason="please")
    assert lab.run("retire", version="1") == found


def test_champion_is_retired_only_on_purpose(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A champion is kept, unless the task says that the model may be without one."""
    lab = make_lab("replaced")
    with pytest.raises(AirflowFailException, match="Version 2 is the champion: roll back or promote another one first"):
        lab.run("retire", version="2")
    assert lab.records("retirement") == []

    assert lab.run("retire", version="2", drop_champion=True)["aliases"] == ["candidate", "champion"]
    assert lab.aliases() == {}
    assert [record.body["alias"] for record in lab.records("retirement")] == [None, "champion"]
    # Nobody serves, but somebody may again: the version before.
    monkeypatch.setattr(rollback_operator, "dry_load", lambda *_: LOADS)
    assert lab.run("rollback")["version"] == "1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"version": "1", "reason": ""}, "A retirement needs a reason"),
        ({"version": "1", "retain_until": "soon"}, "retain_until='soon' must be a day"),
        ({"version": "7"}, "Version 7 of model"),
    ],
)
def test_what_cannot_be_retired(make_lab: MakeLab, arguments: dict[str, Any], message: str) -> None:
    """What is not said, or not there, is refused."""
    lab = make_lab("replaced")
    with pytest.raises(AirflowFailException, match=message):
        lab.run("retire", **arguments)
    assert lab.records("retirement") == []


@pytest.mark.parametrize(("found", "finding"), [("1", "moved"), (None, "deleted")])
def test_alias_is_put_back(make_lab: MakeLab, found: str | None, finding: str) -> None:
    """An alias that something else moved or deleted is put back, with a record; then all is well."""
    lab = make_lab("replaced")
    if found is None:
        lab.client.delete_registered_model_alias(lab.model, "champion")
    else:
        lab.client.set_registered_model_alias(lab.model, "champion", found)

    (difference,) = lab.run("reconcile")["differences"]
    assert {name: difference[name] for name in ("finding", "ledger_version", "registry_version", "action")} == {
        "finding": finding,
        "ledger_version": "2",
        "registry_version": found,
        "action": "heal",
    }
    assert lab.aliases()["champion"] == "2"
    assert lab.records("reconciliation")[0].hash == difference["record"]
    assert lab.run("reconcile")["differences"] == []


@pytest.mark.parametrize("action", ["fail", "warn"])
def test_alarm(make_lab: MakeLab, action: str) -> None:
    """The alarm is a record, the same one once, and nothing moves."""
    lab = make_lab("replaced")
    lab.client.set_registered_model_alias(lab.model, "champion", "1")
    for _ in range(2):
        if action == "fail":
            with pytest.raises(AirflowFailException, match="is on version 1, the ledger has put it on version 2"):
                lab.run("reconcile", on_difference=action)
        else:
            assert lab.run("reconcile", on_difference=action)["differences"][0]["finding"] == "moved"
    assert lab.aliases()["champion"] == "1"
    assert [record.outcome for record in lab.records("reconciliation")] == ["FAIL"]


def test_promotion_after_a_heal(make_lab: MakeLab) -> None:
    """Who is champion is not changed by a reconciliation: a candidate that was judged before it is promoted."""
    lab = make_lab("challenged")
    lab.client.delete_registered_model_alias(lab.model, "champion")
    lab.run("reconcile")
    assert lab.run("promote", gate_record=lab.facts["gate"]["record"])["version"] == "2"
    lab.client.set_registered_model_alias(lab.model, "champion", "1")
    lab.run("reconcile")
    assert lab.run("promote", gate_record=lab.facts["gate"]["record"])["version"] == "2"
    assert (lab.aliases()["champion"], len(lab.records("promotion"))) == ("2", 2)


def test_half_done_move_is_finished(make_lab: MakeLab, task_processes: TaskProcesses) -> None:
    """A promotion that was killed for good between record and move is finished; a young one is let be."""
    lab = make_lab("challenged")
    task_processes.run(lab, "promote", {"gate_record": lab.facts["gate"]["record"]}, Kill(index=0, after=True))
    assert lab.run("reconcile", grace_seconds=600)["differences"] == []
    assert lab.aliases()["champion"] == "1"

    assert lab.run("reconcile")["differences"][0]["finding"] == "half_done"
    assert lab.aliases()["champion"] == "2"


def test_champion_that_the_ledger_does_not_know(make_lab: MakeLab) -> None:
    """A champion without any record cannot be healed: it is an alarm."""
    lab = make_lab("judged")
    assert lab.run("reconcile")["differences"] == []
    lab.client.set_registered_model_alias(lab.model, "champion", "1")
    with pytest.raises(AirflowFailException, match="take the version in with `airflow mlops adopt`"):
        lab.run("reconcile")


def test_version_that_is_gone(make_lab: MakeLab) -> None:
    """A champion whose version was deleted cannot be put back; the error says what to do."""
    lab = make_lab("replaced")
    lab.client.delete_model_version(lab.model, "2")
    with pytest.raises(AirflowFailException, match="not in the registry any more"):
        lab.run("reconcile")
