"""Muting an accepted drift, by the form and on the command line."""

import argparse
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_provider_mlops.cli import mute as command
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.mute import active_mutes
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.operators.mute import MuteDriftOperator
from tests.support.airflow import fake_context

SOON = (datetime.now(UTC) + timedelta(days=10)).date().isoformat()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root of the ledgers; the model has a verdict."""
    Ledger(tmp_path / "ledger", "model/delays").append(kind="drift", key="k", body={})
    return tmp_path / "ledger"


def ask(root: Path, *, user: str | None = "ann", run_id: str = "manual__1", **given: Any) -> dict[str, Any]:
    """Run the form's task as a person."""
    run = {name: given.pop(name) for name in ("run_type", "conf") if name in given}
    arguments = {"model_name": "delays", "feature": "wind", "until": SOON, "reason": "new station", **given}
    task = MuteDriftOperator(task_id="mute", ledger_root=str(root), **arguments)
    DAG("model_mute_drift", schedule=None).add_task(task)
    context = fake_context(task, root.parent, run_id=run_id, **{"run_type": "manual", **run})
    context["dag_run"].triggering_user_name = user
    return task.execute(context)


def holding(root: Path) -> list[str]:
    """Return the hashes of the mutes that hold."""
    return [mute.record for mute in active_mutes(Ledger(root, "model/delays").records(), datetime.now(UTC))]


def mutes(root: Path) -> list[Record]:
    """Return the mutes, also those that do not hold."""
    return Ledger(root, "model/delays").records("mute")


def call(function: Any, root: Path, **given: Any) -> None:
    """Call a command."""
    arguments = {"model": "delays", "feature": None, "rule": None, "kind": None, "all": False, "json": False}
    function(argparse.Namespace(**{**arguments, "ledger_root": str(root), **given}))


def test_a_person_mutes_a_feature(root: Path) -> None:
    """The record says what, until when, who and why; a retry and another run find it."""
    muted = ask(root)

    assert muted["who"] == "ann"
    assert (muted["feature"], muted["rule"], muted["drift_kind"]) == ("wind", None, None)
    assert holding(root) == [muted["record"]]
    assert ask(root) == muted
    assert ask(root, run_id="manual__2")["record"] == muted["record"]
    assert ask(root, run_id="manual__3", reason="other words")["record"] == muted["record"]
    assert len(mutes(root)) == 1


def test_a_misspelt_model_is_refused(root: Path) -> None:
    """The drift of the model that was meant would go on ringing, and nobody would know why."""
    with pytest.raises(AirflowFailException, match="Model 'delay' has no record in"):
        ask(root, model_name="delay")
    assert not (root / "model" / "delay").exists()


def test_a_retry_after_its_end_finds_the_mute(root: Path) -> None:
    """It was recorded; that it was ended since does not record it once more."""
    muted = ask(root)
    call(command.end, root, record=muted["record"], reason="mended")

    assert ask(root) == muted
    assert holding(root) == []
    assert ask(root, run_id="manual__2")["record"] != muted["record"]
    assert len(holding(root)) == 1


def test_nobody_cannot_mute(root: Path) -> None:
    """A schedule accepts no drift."""
    with pytest.raises(AirflowFailException, match="who accepts the drift"):
        ask(root, user=None)
    assert mutes(root) == []


def test_audits_and_dry_runs_mute_nothing(root: Path) -> None:
    """A dry run records the mute as dry."""
    with pytest.raises(AirflowSkipException):
        ask(root, run_type="backfill")
    ask(root, conf={"mode": "dry_run"})

    assert holding(root) == []
    assert [record.mode for record in mutes(root)] == ["dry_run"]


def test_the_command_mutes_lists_and_ends(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who is the user of the operating system; a mute is ended by the first digits of its hash."""
    call(command.add, root, feature="wind", kind="skew", until=SOON, reason="new station")
    assert "feature 'wind' of skew drift muted until" in capsys.readouterr().out
    call(command.list_mutes, root, json=True)
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["feature"], row["drift_kind"], row["holds"]) == ("wind", "skew", True)

    call(command.end, root, record=row["record"].removeprefix("sha256:")[:12], reason="mended")
    capsys.readouterr()
    call(command.list_mutes, root)
    assert "wind" not in capsys.readouterr().out
    call(command.list_mutes, root, all=True)
    assert "wind" in capsys.readouterr().out


def test_a_wrong_call_says_the_way_out(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It exits with 2 and records nothing."""
    with pytest.raises(SystemExit) as ended:
        call(command.add, root, until=SOON, reason="all of it")
    assert ended.value.code == 2
    assert "a whole model is not muted" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        call(command.end, root, record="0" * 8, reason="gone")
    assert ended.value.code == 2
    assert "No mute '00000000' holds; these do: none." in capsys.readouterr().err
