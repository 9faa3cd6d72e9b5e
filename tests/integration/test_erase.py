"""Erasing the rows of a data subject from a whole lifecycle."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.sdk.exceptions import AirflowSkipException

from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.evidence import accepted_snapshots
from airflow_provider_mlops.hooks import row_holders
from airflow_provider_mlops.hooks.rows import read_rows, snapshot_path
from airflow_provider_mlops.hooks.storage import Storage
from tests.conftest import ROOT
from tests.support.command import KilledError, killed_at, run_command
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


def test_a_killed_erasure_is_finished_by_the_next(lab: Lab, tmp_path: Path) -> None:
    """Before each side effect: until the record stands all is as it was; afterwards the next call ends it."""
    key, pristine = "2020-02/5", tmp_path / "pristine"
    shutil.copytree(lab.storage, pristine)
    number, ended = 0, False
    while not ended:
        shutil.rmtree(lab.storage)
        shutil.copytree(pristine, lab.storage)
        with killed_at(number) as seen:
            try:
                erase("--yes", key=key)
                ended = True
            except KilledError:
                pass
        recorded = bool(lab.records("erasure", CHAIN))
        if not recorded:
            assert holders(lab, key)
            assert accepted(lab) == lab.facts["snapshots"]
        # Whom the next call is for does not matter; the same call ends what was not recorded yet.
        assert erase("--yes", key="2020-03/1" if recorded else key) == 0
        assert holders(lab, key) == [], (number, seen)
        assert [path for path in (lab.storage / ".removed").rglob("*") if path.is_file()] == []
        assert len(lab.records("erasure")) == 1
        assert accepted(lab)["2020-02"] != lab.facts["snapshots"]["2020-02"]
        assert lab.ledger(CHAIN).verify() == []
        number += 1
    assert number > 15


def test_two_at_once_leave_neither(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second rewrote the same snapshot before the first recorded: it is void, plans again, and both are gone."""
    from airflow_provider_mlops.hooks import erasing

    real, inner = erasing.tombstone, []

    def other(**arguments: Any) -> Any:
        if not inner:
            inner.append(True)
            assert erase("--yes", key="2020-01/8") == 0
        return real(**arguments)

    monkeypatch.setattr(erasing, "tombstone", other)
    monkeypatch.setattr(erasing, "one_at_a_time", lambda *_: nullcontext())
    assert erase("--yes") == 0

    assert holders(lab) == holders(lab, "2020-01/8") == []
    assert len(read_rows(Storage(), DATASET, [{"snapshot_id": accepted(lab)["2020-01"]}])) == 798
    assert len(lab.records("erasure", CHAIN)) == 3
    tombstones = {path.parent.name for path in lab.storage.glob("tombstones/*/*/manifest.json")}
    assert len(tombstones) == 2
    assert run_command("snapshots", "verify", "--all") == 0


def test_processes_at_once_leave_neither(lab: Lab) -> None:
    """Real processes, each with keys of its own."""
    code = (
        "import sys; from tests.support.command import run_command;"
        "sys.exit(run_command('snapshots', 'erase', '--dataset', 'events', '--key-column', 'row_id', '--key', "
        "sys.argv[1], '--reason', 'DSR', '--yes'))"
    )
    environment = {**os.environ, **lab.environment(), "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    keys = ["2020-01/1", "2020-01/2"]
    processes = [subprocess.Popen([sys.executable, "-c", code, key], env=environment) for key in keys]

    assert [process.wait() for process in processes] == [0, 0]
    assert [holders(lab, key) for key in keys] == [[], []]
    assert lab.ledger(CHAIN).verify() == []


def test_a_partition_of_one_subject_is_gone_whole(lab: Lab, tmp_path: Path) -> None:
    """No row is left: the partition has no accepted snapshot, and a replay has no rows to read."""
    file = tmp_path / "keys.txt"
    file.write_text("\r\n".join(f"2020-01/{number}" for number in range(800)))
    words = ["snapshots", "erase", "--dataset", DATASET, "--key-column", "row_id", "--keys-file", str(file)]
    assert run_command(*words, "--reason", "DSR", "--yes") == 0
    (record,) = lab.records("erasure", CHAIN)

    assert record.body["keys"] == 800
    assert record.body["snapshots"][0]["replaced_by"] is None
    assert "2020-01" not in accepted(lab)
    with pytest.raises(EvidenceBroken, match="lawfully erased"):
        read_rows(Storage(), DATASET, [{"snapshot_id": lab.facts["snapshots"]["2020-01"]}])


def test_nothing_personal_is_recorded(lab: Lab) -> None:
    """Neither a key, nor a plain hash of one, nor the salt stands in any ledger."""
    erase("--yes")
    (path,) = lab.storage.glob("tombstones/*/*/manifest.json")
    salt = json.loads(path.read_text())["salt"]
    ledger = "".join(file.read_text() for file in (lab.storage / "ledger").rglob("*.json"))

    assert salt not in ledger
    assert KEY not in ledger
    assert hashlib.sha256(KEY.encode()).hexdigest() not in ledger


def test_a_discarded_salt_proves_nothing(lab: Lab) -> None:
    """The choice is the operator's; asking then is an error, not a no."""
    from airflow_provider_mlops.core.erasure import was_erased

    erase("--yes", "--discard-salt")
    (path,) = lab.storage.glob("tombstones/*/*/manifest.json")

    with pytest.raises(BadInput, match=r"salt .* was discarded"):
        was_erased(json.loads(path.read_text()), KEY)


def test_what_keeps_rows_elsewhere_takes_part(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies among the predictions and is no log stops every erasure; a holder of its own is erased from too."""
    folder = lab.storage / "predictions" / "part"
    folder.mkdir(parents=True)
    (folder / "log.txt").write_text(KEY)
    assert erase("--yes") == 2
    assert lab.records("erasure", CHAIN) == []

    class Log:
        folder = "predictions"

        def row_id_columns(self, storage: Storage, dataset: str) -> set[str]:
            return set()

        def find(self, storage: Storage, rows: Any) -> list[dict[str, Any]]:
            there = (folder / "log.txt").exists() and KEY in rows.subject.keys
            return [{"path": "part", "rows_erased": 1}] if there else []

        def rewrite(self, storage: Storage, rows: Any, found: Any) -> dict[str, Any]:
            return {**found, "replaced_by": None}

        def remove(self, storage: Storage, found: Any) -> None:
            (folder / "log.txt").unlink(missing_ok=True)

    monkeypatch.setattr(row_holders, "_HOLDERS", {})
    row_holders.register_holder(Log())
    assert erase("--yes") == 0
    (record,) = lab.records("erasure", CHAIN)

    assert record.body["others"] == [{"folder": "predictions", "path": "part", "replaced_by": None, "rows_erased": 1}]
    assert not (folder / "log.txt").exists()


def test_what_cannot_be_searched_stops_it(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """A snapshot without the key column may hold the rows all the same; passing it over is a choice."""
    from airflow_provider_mlops.backends.parquet import write_snapshot

    storage = Storage()
    with storage.staging() as folder:
        made = write_snapshot([pa.table({"other": [1]})], folder, {"partition_keys": ["2019-12"]})
        storage.publish(folder, snapshot_path(DATASET, made["snapshot_id"]))
    assert erase("--yes") == 2
    assert "have no column 'row_id'" in capsys.readouterr().err
    assert holders_of_text(lab) != []
    assert erase("--yes", "--ignore-unsearchable") == 0
    assert holders_of_text(lab) == []


def holders_of_text(lab: Lab) -> list[str]:
    """Every snapshot that has the key in its column of row ids."""
    found = []
    for path in lab.storage.glob("snapshots/*/*/*.parquet"):
        table = pq.read_table(path)
        if "row_id" in table.column_names and KEY in table.column("row_id").to_pylist():
            found.append(path.name)
    return found


def test_changed_evidence_stops_it(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """A snapshot whose bytes were changed, and a chain that is broken: nothing is erased."""
    before = {path: path.read_bytes() for path in lab.storage.rglob("*.parquet")}
    (folder,) = lab.storage.glob(f"snapshots/*/{lab.facts['snapshots']['2020-03'].removeprefix('sha256:')}")
    broken = next(folder.glob("*.parquet"))
    broken.write_bytes(before[broken][:-1])
    assert erase("--yes") == 1
    assert broken.name in capsys.readouterr().err
    broken.write_bytes(before[broken])

    record = Path(lab.storage / "ledger" / CHAIN / "00000001.json")
    record.chmod(0o600)
    record.write_text(record.read_text().replace("2020", "2021", 1))
    assert erase("--yes") == 1
    assert {path: path.read_bytes() for path in lab.storage.rglob("*.parquet")} == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--dataset", "event"], "Did you mean events?"),
        (["--dataset", "../../etc"], "No dataset '../../etc'"),
        (["--key-column", "rowid"], "No snapshot of dataset 'events' has a column 'rowid'"),
        (["--key-column", "signal", "--key", "1.5"], "only whole numbers are found in it"),
        (["--key-column", " "], "key column must be a text"),
        (["--key", ""], "There is no key"),
        (["--keys-file", "/no/where"], "cannot be read"),
        (["--keys-file", "/dev/null", "--key", ""], "There is no key"),
        (["--reason", " "], "reason must be a text"),
        (["--reason", "x" * 301], "at most 300"),
    ],
)
def test_wrong_calls_are_answered(lab: Lab, capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    """Exit code 2, and a line that says what is allowed; no key is shown."""
    given = {"--dataset": DATASET, "--key-column": "row_id", "--key": "secret-key", "--reason": "DSR"}
    given |= dict(zip(words[::2], words[1::2], strict=True))
    assert run_command("snapshots", "erase", *(word for pair in given.items() for word in pair), "--yes") == 2
    shown = capsys.readouterr()

    assert said in shown.err
    assert "secret-key" not in shown.out + shown.err
    assert lab.records("erasure", CHAIN) == []


@pytest.mark.parametrize("key", ["no such", "' OR 1=1 --", "2020-01/7 ", "\udcff", "2020-01/%", "*"])
def test_a_key_that_nobody_has_erases_nothing(lab: Lab, capsys: pytest.CaptureFixture[str], key: str) -> None:
    """Keys are compared whole, never read as a pattern or a query."""
    before = holders(lab)
    assert erase("--yes", key=key) in (0, 2)
    assert holders(lab) == before
    assert lab.records("erasure", CHAIN) == []


def test_the_operator_is_the_same_in_a_task(lab: Lab, tmp_path: Path) -> None:
    """Keys come from a file; a dry run says what it would do, an audit is skipped."""
    file = tmp_path / "keys.txt"
    file.write_text(f"{KEY}\n\n2020-01/9\n")
    arguments = {"keys_file": str(file), "key_column": "row_id", "reason": "DSR-7"}
    dry = lab.run("erase", conf={"mode": "dry_run"}, **arguments)
    assert (dry["rows"], dry["snapshots"], dry["records"]) == (2, 1, [])
    with pytest.raises(AirflowSkipException):
        lab.run("erase", run_type="backfill", **arguments)
    assert holders(lab) != []

    found = lab.run("erase", run_type="manual", run_id="manual__1", **arguments)

    (record,) = lab.records("erasure", CHAIN)
    assert (found["rows"], found["records"]) == (2, [record.hash])
    assert record.run["run_id"] == "manual__1"
    assert holders(lab) == []
    assert lab.run("erase", **arguments)["records"] == []


QUARANTINE = """\
name: events
expectations:
  - {type: expect_column_values_to_not_be_null, kwargs: {column: row_id}}
  - type: expect_column_values_to_be_between
    kwargs: {column: signal, min_value: -1, max_value: 9}
    severity: quarantine
quarantine: {max_share: 0.5}
"""


@pytest.fixture
def apart(lab: Lab) -> dict[str, Any]:
    """A month of which some rows were set aside; its Data Docs are logged to MLflow too."""
    (lab.root / "quarantine.yaml").write_text(QUARANTINE)
    taken = lab.run("snapshot", partition_key="2020-05")
    suite = {"suite": "quarantine.yaml", "mlflow_conn_id": "mlflow_default"}
    return lab.run("validate", partition_key="2020-05", snapshot_id=taken["snapshot_id"], **suite)


def keys_in(lab: Lab, folder: str, snapshot_id: str) -> list[str]:
    """The row ids of a stored snapshot."""
    (place,) = lab.storage.glob(f"{folder}/*/{snapshot_id.removeprefix('sha256:')}")
    return [key for file in sorted(place.glob("*.parquet")) for key in pq.read_table(file)["row_id"].to_pylist()]


@pytest.mark.parametrize("folder", ["quarantine", "snapshots"])
def test_what_was_set_aside_is_erased_too(lab: Lab, apart: dict[str, Any], folder: str) -> None:
    """The source, the accepted rows or those set aside, reports and their copy in MLflow; the rest stays accepted."""
    aside = keys_in(lab, "quarantine", apart["quarantine"]["snapshot_id"])
    kept = keys_in(lab, "snapshots", apart["snapshot_id"])
    # A manifest states the first and the last text of a column, which a short key may be the beginning of.
    key = next(one for one in (aside if folder == "quarantine" else kept) if len(one) == len("2020-05/100"))
    run_id = lab.records("validation", CHAIN)[-1].body["mlflow_run_id"]
    assert lab.client.list_artifacts(run_id, "validation")
    assert list(lab.storage.glob("reports/*/*/result.json"))

    assert erase("--yes", key=key) == 0
    (record,) = lab.records("erasure", CHAIN)

    assert holders(lab, key) == []
    assert {item["folder"] for item in record.body["snapshots"]} == {"snapshots", folder}
    assert lab.client.list_artifacts(run_id, "validation") == []
    now = keys_in(lab, "snapshots", accepted(lab)["2020-05"])
    assert now == [other for other in kept if other != key]
    assert record.body["pages"] == [run_id]
    latest = lab.records("validation", CHAIN)[-1]
    assert (latest.outcome, latest.body["accepted_snapshot_id"]) == ("PASS", accepted(lab)["2020-05"])
    assert erase("--yes", key=key) == 0
    assert len(lab.records("erasure", CHAIN)) == 1


def test_reports_that_no_record_tells_of_go_too(lab: Lab, apart: dict[str, Any]) -> None:
    """A validation that was killed left one before its record; another is about rows that were pruned since."""
    reports = lab.storage / "reports" / DATASET
    (known,) = (
        path for path in reports.iterdir() if json.loads((path / "result.json").read_text()).get("before_quarantine")
    )
    unrecorded = reports / ("0" * 64)
    shutil.copytree(known, unrecorded)
    pruned = lab.facts["snapshots"]["2020-03"]
    # The lab is a copy: its records name the reports by the addresses of then.
    shown = next(r.body["report_uri"] for r in lab.records("validation", CHAIN) if r.body["snapshot_id"] == pruned)
    body = {
        "planned_on": lab.ledger(CHAIN).records()[-1].hash,
        "snapshots": [{"folder": "snapshots", "snapshot_id": pruned, "partition_keys": ["2020-03"]}],
        "scores": [],
    }
    lab.ledger(CHAIN).append(kind="pruning", key="p", body=body, run={})
    aside = keys_in(lab, "quarantine", apart["quarantine"]["snapshot_id"])
    key = next(one for one in aside if len(one) == len("2020-05/100"))

    assert erase("--yes", key=key) == 0

    assert not unrecorded.exists()
    assert not (reports / Path(shown).name).exists()
    assert known.exists() is False
    assert len(list(reports.iterdir())) == 2


def test_a_window_reads_the_rows_that_are_left(lab: Lab) -> None:
    """Its members are named by the ids of then."""
    from airflow_provider_mlops.backends.parquet import write_window

    members = [
        {"dataset": DATASET, "partition_key": key, "snapshot_id": lab.facts["snapshots"][key]}
        for key in ("2020-01", "2020-02")
    ]
    storage = Storage()
    with storage.staging() as folder:
        made = write_window(members, folder, {"dataset": DATASET, "partition_keys": ["2020-01", "2020-02"]})
        storage.publish(folder, snapshot_path(DATASET, made["snapshot_id"]))
    window = [{"snapshot_id": made["snapshot_id"]}]
    before = len(read_rows(Storage(), DATASET, window))
    assert erase("--yes") == 0

    rows = read_rows(Storage(), DATASET, window)
    assert len(rows) == before - 1
    assert KEY not in set(rows["row_id"])
    assert run_command("snapshots", "verify", "--all") == 0


def test_scores_that_were_stored_afterwards_are_found(lab: Lab, tmp_path: Path) -> None:
    """An evaluation was at work meanwhile: no snapshot tells whose its rows are any more; the test rows lack them."""
    lab.run("evaluate", manifest_hash=lab.facts["train"]["manifest_hash"], slices=[], run_id="late")
    scores = lab.records("evaluation")[-1].body["scores_id"]
    folder = lab.storage / "evaluations" / lab.model / scores.removeprefix("sha256:")
    folder.rename(tmp_path / "late")
    words = ["snapshots", "erase", "--dataset", DATASET, "--key-column", "group", "--key", "a", "--reason", "DSR"]
    assert run_command(*words, "--yes") == 0
    (tmp_path / "late").rename(folder)

    assert run_command(*words, "--yes") == 0

    assert not folder.exists()
    first, second = (record.body["scores"] for record in lab.records("erasure", CHAIN))
    assert [item["scores_id"] for item in second] == [scores]
    assert second[0]["rows_erased"] == first[0]["rows_erased"] > 100
