"""Erasing the rows of a data subject from prediction logs and from the labels joined to them."""

import shutil
import signal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.prediction_log import prediction_ids
from airflow_provider_mlops.hooks.prediction_log import (
    find_labelled,
    find_prediction,
    find_predictions,
    read_labelled,
    read_predictions,
)
from airflow_provider_mlops.hooks.storage import Storage
from tests.support.command import KilledError, killed_at, run_command
from tests.support.faults import Kill, TaskProcesses
from tests.support.lab import DATASET, Lab, Stages, copy_lab

CHAIN = f"dataset/{DATASET}"
PARTITION, KEY = "2020-03", "2020-03/7"
PARTS = {"batch_rows": 100, "part_rows": 300}


@pytest.fixture(scope="module")
def kept(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """March is scored in parts, and its labels are joined."""
    lab = stages.copy("promoted", tmp_path_factory.mktemp("kept") / "lab")
    with pytest.MonkeyPatch.context() as monkeypatch:
        lab.enter(monkeypatch)
        lab.run("score", partition_key=PARTITION, **PARTS)
        lab.run("labels", partition_key=PARTITION)
    return lab


@pytest.fixture
def lab(kept: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A copy of it."""
    lab = copy_lab(kept, tmp_path / "lab")
    lab.enter(monkeypatch)
    return lab


def erase(*words: str, key: str = KEY) -> int:
    """Erase a row by its id."""
    words = ("--key-column", "row_id", "--key", key, "--reason", "DSR-1", "--yes", *words)
    return run_command("snapshots", "erase", "--dataset", DATASET, *words)


def holding(lab: Lab, key: str = KEY) -> list[str]:
    """Every file that names the row."""
    found = []
    for path in lab.storage.rglob("*.parquet"):
        table = pq.read_table(path)
        if "row_id" in table.column_names and key in table.column("row_id").to_pylist():
            found.append(path.relative_to(lab.storage).as_posix())
    return found


def check_erased(lab: Lab) -> None:
    """The row is in no file; logs and labels are read without it."""
    records = lab.ledger().records()
    rows = pa.Table.from_batches(read_predictions(Storage(), find_predictions(records), ["row_id"]))
    labelled = pa.Table.from_batches(read_labelled(Storage(), find_labelled(records), ["row_id"]))

    assert holding(lab) == []
    assert (rows.num_rows, labelled.num_rows) == (799, 799)
    assert KEY not in rows["row_id"].to_pylist()
    assert [lab.ledger(chain).verify() for chain in (CHAIN, f"model/{lab.model}")] == [[], []]


def test_rows_are_gone_from_logs_and_labels(lab: Lab) -> None:
    """Both are written anew without them, and the record counts what went; nothing of a row stands in it."""
    assert len(holding(lab)) == 3
    assert erase() == 0
    check_erased(lab)

    (record,) = lab.records("erasure", CHAIN)
    others = record.body["others"]
    assert [(item["folder"], item["rows_erased"], item["rows_left"]) for item in others] == [
        ("predictions", 1, 799)
    ] * 2
    assert KEY not in str(record.body)
    assert erase() == 0
    assert len(lab.records("erasure", CHAIN)) == 1


def test_audit_after_an_erasure(lab: Lab) -> None:
    """The rest is scored again and compared with the rest of the log; the audit says how many rows were erased."""
    erase()
    lab.run("score", partition_key=PARTITION, run_type="backfill")
    audit = lab.records("predictions")[-1]

    assert (audit.mode, audit.outcome) == ("audit", "PASS")
    assert audit.body["recorded"]["erased_rows"] == 1
    assert lab.run("labels", partition_key=PARTITION, run_type="backfill")["labelled"] > 0


def test_prediction_of_an_erased_row_leads_nowhere(lab: Lab) -> None:
    """Whoever asks for its id gets no row; the others are found."""
    (record,) = find_predictions(lab.ledger().records())
    ids = prediction_ids(lab.model, record.body["manifest_hash"], DATASET, [KEY, "2020-03/8"])
    assert find_prediction(Storage(), lab.model, ids[0]).row["row_id"] == KEY
    erase()

    with pytest.raises(BadInput, match="has no prediction"):
        find_prediction(Storage(), lab.model, ids[0])
    assert find_prediction(Storage(), lab.model, ids[1]).row["row_id"] == "2020-03/8"


def test_two_erasures_follow_each_other(lab: Lab) -> None:
    """What was rewritten is rewritten again, and read where the rest lies now."""
    erase(key="2020-03/500")
    erase()
    assert holding(lab, "2020-03/500") + holding(lab) == []
    records = lab.ledger().records()
    rows = pa.Table.from_batches(read_predictions(Storage(), find_predictions(records), ["row_id"]))
    assert rows.num_rows == 798
    assert len(list((lab.storage / "predictions" / lab.model / PARTITION).iterdir())) == 2


def test_log_that_was_stored_after_the_erasure(lab: Lab) -> None:
    """A task that was at work while rows were erased stores them afterwards: the next call finds them all the same."""
    (record,) = find_predictions(lab.ledger().records())
    folder = lab.storage / "predictions" / lab.model / PARTITION / record.body["log_id"].removeprefix("sha256:")
    shutil.copytree(folder, lab.root / "late")
    erase()
    shutil.copytree(lab.root / "late", folder.with_name("f" * 64))
    assert len(holding(lab)) == 1

    assert erase() == 0
    assert holding(lab) == []


def test_unfinished_parts_are_removed(lab: Lab, task_processes: TaskProcesses) -> None:
    """Parts that a kill left behind hold rows too; the next try scores what is left."""
    arguments = {"partition_key": PARTITION, "arm": "shadow", **PARTS}
    assert task_processes.run(lab, "score", arguments, Kill(1, after=True)) == -signal.SIGKILL
    assert len(holding(lab)) == 4
    erase()
    assert holding(lab) == []
    assert lab.run("score", **arguments)["rows"] == 799


@pytest.mark.parametrize("number", range(8))
def test_killed_erasure_is_finished(lab: Lab, number: int) -> None:
    """Wherever it is killed, the next call finishes it."""
    with killed_at(number, after=True), pytest.raises(KilledError):
        erase()
    assert erase() == 0
    check_erased(lab)


def test_whole_log_is_gone(lab: Lab, tmp_path: Path) -> None:
    """Of a partition whose rows are all erased no prediction is left, and reading it gives none."""
    file = tmp_path / "keys.txt"
    file.write_text("\n".join(f"{PARTITION}/{number}" for number in range(800)))
    words = ["--key-column", "row_id", "--keys-file", str(file), "--reason", "DSR", "--yes"]
    assert run_command("snapshots", "erase", "--dataset", DATASET, *words) == 0
    records = lab.ledger().records()

    assert list(read_predictions(Storage(), find_predictions(records))) == []
    assert list(read_labelled(Storage(), find_labelled(records))) == []
    assert not list(lab.storage.glob("predictions/*/*/*/*.parquet"))


def test_subject_by_another_column(lab: Lab) -> None:
    """Rows are found by whom they are about, though the log does not say it."""
    words = ["--key-column", "group", "--key", "a", "--reason", "DSR", "--yes"]
    assert run_command("snapshots", "erase", "--dataset", DATASET, *words) == 0
    (record,) = find_predictions(lab.ledger().records())
    left = sum(batch.num_rows for batch in read_predictions(Storage(), [record], ["row_id"]))
    assert 0 < left < 800
    assert all("/" in name for name in holding(lab, "none"))


def test_what_is_no_log_stops_it(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """A file among the logs that belongs to none may hold rows: nothing is erased."""
    (lab.storage / "predictions" / "notes.csv").write_text(KEY)
    assert erase() == 2
    assert "predictions/notes.csv is no part of a prediction log" in capsys.readouterr().err
    assert lab.records("erasure", CHAIN) == []
