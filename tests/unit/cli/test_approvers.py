"""`airflow mlops approvers`: groups against the users that the auth manager knows."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.cli import approvers
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.hooks.approvers import approver_groups

GROUPS = {"owners": ["ann", {"id": "bob", "name": "Bob", "also": ["bob@example.com"]}]}


@pytest.fixture(autouse=True)
def _users(monkeypatch: pytest.MonkeyPatch) -> None:
    """Users of SimpleAuthManager, and a mapping."""
    monkeypatch.setenv("AIRFLOW__CORE__AUTH_MANAGER", SIMPLE)
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "ann:op,bob:op,vic:viewer")
    monkeypatch.setenv("AIRFLOW__MLOPS__APPROVER_GROUPS", json.dumps(GROUPS))


SIMPLE = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"


def ask(command: Any, **given: Any) -> None:
    """Call a command."""
    command(argparse.Namespace(**{"file": None, "json": False, "group": "owners", "role": None, **given}))


def test_members_are_listed_with_what_the_auth_manager_knows(capsys: pytest.CaptureFixture[str]) -> None:
    """All of them are known: no complaint."""
    ask(approvers.list_groups)

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["group", "id", "name", "known", "also"]
    assert lines[2].split() == ["owners", "bob", "Bob", "yes", "bob@example.com"]


def test_a_member_that_nobody_knows_is_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """He could never answer."""
    (tmp_path / "groups.yaml").write_text("owners: [ann, 7]\n")
    with pytest.raises(SystemExit) as ended:
        ask(approvers.list_groups, file=str(tmp_path / "groups.yaml"), json=True)

    shown = capsys.readouterr()
    assert ended.value.code == 1
    assert [row["known"] for row in json.loads(shown.out)] == [True, False]
    assert "knows no user 7" in shown.err


def test_a_group_is_made_from_a_role(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """In the form that the option takes."""
    ask(approvers.make, role=["OP"])

    made = capsys.readouterr().out
    assert json.loads(made) == {"owners": [{"id": "ann", "name": "ann"}, {"id": "bob", "name": "bob"}]}
    monkeypatch.setenv("AIRFLOW__MLOPS__APPROVER_GROUPS", made)
    assert [member.id for member in approver_groups()[0]["owners"]] == ["ann", "bob"]


def test_a_role_that_nobody_has_names_the_roles(capsys: pytest.CaptureFixture[str]) -> None:
    """Instead of an empty group, by which nobody could answer."""
    with pytest.raises(SystemExit) as ended:
        ask(approvers.make, role=["chief"])

    assert ended.value.code == 2
    assert "there are: op, viewer" in capsys.readouterr().err


def test_users_of_fab_have_numbers(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As its answers are signed; the address counts for four eyes."""
    found = [approvers.Known("4", "ann", ("Op",), "ann@example.com")]
    monkeypatch.setenv("AIRFLOW__CORE__AUTH_MANAGER", FAB)
    monkeypatch.setattr(approvers, "_fab_users", lambda: found)
    ask(approvers.make)

    assert json.loads(capsys.readouterr().out) == {"owners": [{"id": "4", "name": "ann", "also": ["ann@example.com"]}]}


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("", "is not set"),
        ("{not json", "is not valid JSON"),
        ("groups.yaml", "absolute path"),
        ("/nowhere/groups.yaml", "cannot be read"),
        ('{"owners": []}', "at least one member"),
    ],
)
def test_an_option_that_names_nobody_is_an_error(monkeypatch: pytest.MonkeyPatch, option: str, words: str) -> None:
    """A group must not be empty by accident."""
    monkeypatch.setenv("AIRFLOW__MLOPS__APPROVER_GROUPS", option)
    with pytest.raises(BadInput, match=words):
        approver_groups()
