"""Erasing the rows of a data subject from a whole lifecycle."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from airflow_provider_mlops.core.evidence import accepted_snapshots
from airflow_provider_mlops.hooks.rows import read_rows
from airflow_provider_mlops.hooks.storage import Storage
from tests.support.command import run_command
from tests.support.lab import DATASET, Lab, Stages, copy_lab

CHAIN = f"dataset/{DATASET}"
KEY = "2020-01/7"


@pytest.fixture(scope="module")
def kept(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A champion for the second of three months."""
    return stages.copy("promoted", tmp_path_factory.mktemp("kept") / "lab")


@pytest.fixture
def lab(kept: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A copy of it."""
    lab = copy_lab(kept, tmp_path / "lab")
    lab.enter(monkeypatch)
    return lab


def erase(*words: str, key: str = KEY) -> int:
    """Erase a row by its id."""
    return run_command(
        "snapshots", "erase", "--dataset", DATASET, "--key-column", "row_id", "--key", key, "--reason", "DSR-1", *words
    )


def holders(lab: Lab, key: str = KEY) -> list[str]:
    """Every file that has the key in it."""
    found = []
    for path in lab.storage.rglob("*"):
        if path.is_file() and path.suffix == ".parquet":
            if key in pq.read_table(path).column("row_id").to_pylist():
                found.append(path.relative_to(lab.storage).as_posix())
        elif path.is_file() and key in path.read_text():
            found.append(path.relative_to(lab.storage).as_posix())
    return found


def accepted(lab: Lab) -> dict[str, str]:
    """The accepted snapshots."""
    return accepted_snapshots(lab.ledger(CHAIN).records())


def test_the_plan_changes_nothing(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """It names each place with the number of rows."""
    before = holders(lab)
    assert erase() == 0
    shown = capsys.readouterr().out

    assert "snapshots" in shown
    assert "Nothing was changed" in shown
    assert holders(lab) == before != []
    assert lab.records("erasure", CHAIN) == []


def test_erased_is_nowhere(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """Not in a snapshot, not in scores, not in a report, not in the ledger; the accepted snapshot lacks one row."""
    old = lab.facts["snapshots"]["2020-01"]
    assert erase("--yes") == 0
    (record,) = lab.records("erasure", CHAIN)
    new = accepted(lab)["2020-01"]

    assert holders(lab) == []
    assert record.hash in capsys.readouterr().out
    assert [(item["snapshot_id"], item["replaced_by"], item["rows_erased"]) for item in record.body["snapshots"]] == [
        (old, new, 1)
    ]
    assert len(read_rows(Storage(), DATASET, [{"snapshot_id": new}])) == 799
    assert erase("--yes") == 0
    assert len(lab.records("erasure", CHAIN)) == 1
    assert run_command("snapshots", "verify", "--all") == 0


def test_test_rows_leave_the_scores_too(lab: Lab) -> None:
    """Per-row scores are found by the row id; the gate's table has a row less."""
    key = "2020-02/5"
    scores = lab.records("evaluation")[-1].body["scores_id"]
    assert erase("--yes", key=key) == 0
    (record,) = lab.records("erasure")

    assert holders(lab, key) == []
    assert record.body["scores"][0]["scores_id"] == scores
    assert record.body["scores"][0]["rows_erased"] == 1


def test_a_replay_names_the_cause(lab: Lab) -> None:
    """The model differs, and that is no failure: rows that it was trained on were lawfully erased."""
    erase("--yes")
    found = lab.run("train", partition_key="2020-02", run_type="backfill")
    (record,) = lab.records("replay")

    assert found["replay"]["level"] == "erased"
    assert record.outcome == "INCONCLUSIVE"
    assert record.body["differences"][0].startswith("rows: differs by 1 lawfully erased rows")


def test_an_audit_scores_the_rows_that_are_left(lab: Lab) -> None:
    """The recorded scores without the erased row are the same, bit by bit."""
    manifest_hash = lab.facts["train"]["manifest_hash"]
    erase("--yes", key="2020-02/5")
    lab.run("evaluate", manifest_hash=manifest_hash, run_type="backfill")
    record = lab.records("evaluation")[-1]

    assert (record.mode, record.outcome) == ("audit", "PASS")
    assert record.body["test"]["erased_rows"] == 1


def test_the_erased_do_not_come_back(lab: Lab) -> None:
    """A source that still gives the rows is refused; trainings and promotions go on with the rest."""
    erase("--yes")
    with pytest.raises(Exception, match="The source still gives rows that were erased"):
        lab.run("snapshot", partition_key="2020-01")
    assert holders(lab) == []
    found = lab.judge("2020-03")
    lab.run("promote", gate_record=found["gate"]["record"])

    assert lab.records("promotion")[-1].outcome == "PASS"


def test_what_is_kept_of_it_proves_what_was_erased(lab: Lab) -> None:
    """Who has the salt and the key can show that it was meant; a changed tombstone is found."""
    from airflow_provider_mlops.core.erasure import check_tombstone, was_erased
    from airflow_provider_mlops.core.errors import EvidenceBroken

    erase("--yes")
    (record,) = lab.records("erasure", CHAIN)
    (path,) = lab.storage.glob("tombstones/*/*/manifest.json")
    found = json.loads(path.read_text())

    assert was_erased(found, KEY)
    assert not was_erased(found, "2020-01/8")
    check_tombstone(found, record.body)
    path.chmod(0o600)
    path.write_text(json.dumps({**found, "subjects": []}))
    with pytest.raises(EvidenceBroken, match="was changed"):
        check_tombstone(json.loads(path.read_text()), record.body)
    assert run_command("snapshots", "verify", "--all") == 1
