"""The model that a command is asked about: found by its name, and a misspelt one is not taken for a new one."""

import re
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_mlops.cli import audit, audit_summary, card, metrics, mute, profiles
from airflow_provider_mlops.cli.models import model_records
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.ledger import Ledger

COMMANDS: dict[str, Callable[[Namespace], None]] = {
    "audit report": audit.report,
    "audit events": audit.events,
    "audit summary": audit_summary.summary,
    "lineage version": audit.of_version,
    "lineage prediction": audit.of_prediction,
    "card": card.show,
    "metrics write": metrics.write,
    "mute add": mute.add,
    "mute list": mute.list_mutes,
    "mute end": mute.end,
    "profiles list": profiles.list_profiles,
}


def test_a_model_is_found_by_its_name_or_its_chain(tmp_path: Path) -> None:
    """Both ways of writing it are known from other commands."""
    record = Ledger(tmp_path, "model/flights").append(kind="gate", key="k", body={})

    assert [r.hash for r in model_records("flights", str(tmp_path))] == [record.hash]
    assert [r.hash for r in model_records("model/flights", str(tmp_path))] == [record.hash]


def test_a_misspelt_model_is_answered_with_the_one_that_was_meant(tmp_path: Path) -> None:
    """The models that there are stand in the error."""
    Ledger(tmp_path, "model/flights").append(kind="gate", key="k", body={})
    Ledger(tmp_path, "dataset/other").append(kind="snapshot", key="k", body={})
    with pytest.raises(BadInput, match=r"it has: flights\. Did you mean flights\?"):
        model_records("flghts", str(tmp_path))
    with pytest.raises(BadInput, match="--ledger-root"):
        model_records("flights", str(tmp_path / "none"))


def call(root: Path, **given: object) -> Namespace:
    """Make the arguments of any of the commands."""
    options = dict.fromkeys(("since", "until", "output", "backfill", "audit", "partition", "dir"))
    named = {"model": "flghts", "version": "1", "prediction_id": "p", "kind": "feature", "reason": "r", "record": "0"}
    flags = {"json": False, "all": True, "feature": "x", "rule": None}
    roots = {"ledger_root": str(root), "storage_root": str(root)}
    return Namespace(**{**options, **named, **flags, **roots, **given})


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_names_the_model_that_was_meant(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No empty table, no gauges of nothing, no ledger for a typing error."""
    Ledger(tmp_path, "model/flights").append(kind="gate", key="k", body={})
    with pytest.raises(SystemExit) as ended:
        COMMANDS[name](call(tmp_path, until="2099-01-01" if name == "mute add" else None))
    shown = capsys.readouterr()

    assert ended.value.code == 2
    assert re.search(r"No model 'flghts' in .*; it has: flights\. Did you mean flights\?", shown.err)
    assert shown.out == ""
    assert not (tmp_path / "model" / "flghts").exists()


def test_gauges_of_no_model_are_a_wrong_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty ledger, mostly the wrong one, is not a success."""
    with pytest.raises(SystemExit):
        metrics.write(call(tmp_path, model=None, dir=str(tmp_path)))

    assert f"No model has a ledger in {tmp_path}." in capsys.readouterr().err


def test_an_empty_list_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, so that a program that reads the table finds nothing."""
    Ledger(tmp_path, "model/flights").append(kind="gate", key="k", body={})
    mute.list_mutes(call(tmp_path, model="flights", all=False))
    profiles.list_profiles(call(tmp_path, model="flights"))
    shown = capsys.readouterr()

    assert (shown.out, shown.err.splitlines()) == (
        "",
        ["Model 'flights' has no mute that holds.", "Model 'flights' has no recorded profile of kind 'feature'."],
    )
