"""Stored profiles when rows are erased and snapshots pruned, and on the command line."""

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.cli import profiles as commands
from airflow_provider_mlops.core.retention import Rule
from airflow_provider_mlops.hooks.pruning import Pruner
from airflow_provider_mlops.hooks.storage import Storage
from tests.integration.test_profile_operator import judged, profile_folders, rules, write_policy
from tests.support.lab import DATASET, Lab
from tests.support.prediction_logs import log_labels, log_scores


def erase(lab: Lab, key: str) -> dict[str, Any]:
    """Erase one row."""
    (lab.root / "keys.txt").write_text(f"{key}\n")
    return lab.run("erase", key_column="row_id", keys_file="keys.txt", reason="request 7")


def test_an_erasure_removes_the_profiles_of_such_rows(make_lab: Any) -> None:
    """The profile of the day goes and is named; INCONCLUSIVE until it is made of the rows that are left."""
    lab = make_lab("drifted")
    write_policy(lab)
    lab.run("profile", partition_key="2020-04", window=2)
    march, april = lab.records("profile")
    erase(lab, "2020-04/17")
    (record,) = lab.records("erasure", f"dataset/{DATASET}")
    missed = judged(lab, window=2)
    again = lab.run("profile", partition_key="2020-04", window=2)
    found = judged(lab, window=2)

    assert record.body["profiles"] == [april.body["path"]]
    assert (missed.outcome, found.outcome) == ("INCONCLUSIVE", "FAIL")
    assert missed.body["verdict"]["rules"][0]["numbers"]["partition_keys"] == ["2020-04"]
    assert [one["rows"] for one in again["profiles"]] == [800, 799]
    assert again["profiles"][0]["record"] == march.hash


def test_erased_rows_of_the_reference_take_its_bins_along(make_lab: Any) -> None:
    """Edges are values: another reference is frozen by the rows that are left, and everything is counted anew."""
    lab = make_lab("drifted")
    write_policy(lab)
    lab.run("profile", partition_key="2020-04", window=2)
    before = lab.records("profile")
    manifest = lab.records("training")[0].body["manifest"]
    trained = {item["snapshot_id"]: item["partition_key"] for item in manifest["train"]["snapshots"]}
    erase(lab, f"{next(iter(trained.values()))}/5")
    left = profile_folders(lab)
    missed = judged(lab, window=2)
    lab.run("profile", partition_key="2020-04", window=2)
    found = judged(lab, window=2)
    after = lab.records("profile")[len(before) :]

    assert left == []
    assert (missed.outcome, found.outcome) == ("INCONCLUSIVE", "FAIL")
    assert len(after) == 2
    assert {one.body["profile_spec"] for one in after}.isdisjoint(one.body["profile_spec"] for one in before)


def test_a_profile_that_was_made_again_outlives_later_erasures(make_lab: Any) -> None:
    """Classes freeze the same bins from the rows that are left, so the profile of a day lies where it lay before."""
    lab = make_lab("promoted")
    write_policy(lab)
    digest = lab.facts["train"]["manifest_hash"]
    log = log_scores(Storage(), lab.model, "2020-04", [0.5] * 700, dataset=DATASET, manifest_hash=digest)
    log_labels(Storage(), lab.model, log, [1.0, 0.0] * 350)
    manifest = lab.records("training")[0].body["manifest"]
    trained = manifest["train"]["snapshots"][0]["partition_key"]
    lab.run("profile", partition_key="2020-04", kind="label")
    erase(lab, f"{trained}/5")
    missed = judged(lab, kind="label")
    again = lab.run("profile", partition_key="2020-04", kind="label")
    erase(lab, "2020-03/7")
    first, second = lab.records("profile")

    assert first.body["path"] == second.body["path"]
    assert missed.outcome == "INCONCLUSIVE"
    assert [one["record"] for one in again["profiles"]] == [second.hash]
    assert "profiles" not in rules(judged(lab, kind="label"))


def test_a_profile_by_live_bins_outlives_its_snapshot(make_lab: Any) -> None:
    """What the champion's reference counted stays when its rows are pruned, and goes when no model needs the bins."""
    lab = make_lab("drifted")
    write_policy(lab)
    for key in ("2020-05", "2020-06"):
        lab.accept(key)
    lab.run("profile", partition_key="2020-06", window=3)
    april = lab.facts["snapshots"]["2020-04"]
    pruner = Pruner(DATASET, Storage(), Rule(keep=1, audit_days=0), None)
    plan = pruner.plan()
    pruner.prune(plan)

    assert april in {item.snapshot_id for item in plan.plan.remove}
    assert plan.profiles == []
    assert judged(lab, partition_key="2020-06", window=3).outcome == "FAIL"
    assert all(Path(lab.storage, record.body["path"]).is_dir() for record in lab.records("profile"))


def test_profiles_by_no_live_bins_go_with_their_snapshots(make_lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no model needs the reference any more, its bins and its profiles go with their snapshots, on record."""
    lab = make_lab("drifted")
    write_policy(lab)
    lab.run("profile", partition_key="2020-04", window=2)
    for key in ("2020-05", "2020-06"):
        lab.accept(key)
    monkeypatch.setattr("airflow_provider_mlops.hooks.pruning.models_of", lambda *_: {})
    pruner = Pruner(DATASET, Storage(), Rule(keep=1, audit_days=0), None)
    record = pruner.prune(pruner.plan())

    assert record is not None
    assert len(record.body["profiles"]) == 4
    assert profile_folders(lab) == []


def called(lab: Lab, command: Any, **given: Any) -> None:
    """Call a command with its defaults."""
    root = str(lab.storage)
    defaults = {"model": lab.model, "kind": "feature", "json": False, "storage_root": root}
    command(Namespace(**{**defaults, "ledger_root": f"{root}/ledger", **given}))


def test_the_commands_list_show_and_compare(make_lab: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """By partition, by digits of the hash, and the reference by its name."""
    lab = make_lab("drifted")
    write_policy(lab)
    lab.run("profile", partition_key="2020-04", window=2)
    digest = lab.records("profile")[-1].body["profile"]
    capsys.readouterr()
    called(lab, commands.list_profiles)
    listed = capsys.readouterr().out
    called(lab, commands.show, profile="2020-04")
    shown = capsys.readouterr().out
    called(lab, commands.show, profile=digest.removeprefix("sha256:")[:10], json=True)
    read = json.loads(capsys.readouterr().out)
    called(lab, commands.compare, one="reference", other="2020-04")
    compared = capsys.readouterr().out

    assert [line.split()[0] for line in listed.splitlines()] == ["partition", "2020-03", "2020-04"]
    assert f"Profile {digest}: 800 rows." in shown
    assert [item["column"] for item in read["columns"]] == sorted(item["column"] for item in read["columns"])
    assert read["columns"][1]["values"] == 800
    assert compared.splitlines()[2].startswith("signal")
    assert "moved by 3." in compared or "moved by 2.9" in compared


@pytest.mark.parametrize(
    ("command", "given", "says"),
    [
        (commands.show, {"profile": "2020-09"}, "has no profile '2020-09'"),
        (commands.show, {"profile": "abc"}, "has no profile 'abc'"),
        (commands.list_profiles, {"kind": "skew"}, "must be one of: feature"),
    ],
)
def test_a_wrong_call_says_what_there_is(
    make_lab: Any, capsys: pytest.CaptureFixture[str], command: Any, given: dict[str, Any], says: str
) -> None:
    """Exit code 2, one line."""
    lab = make_lab("promoted")
    with pytest.raises(SystemExit) as stopped:
        called(lab, command, **given)

    assert stopped.value.code == 2
    assert says in capsys.readouterr().err
