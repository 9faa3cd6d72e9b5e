"""The audit report, the event log and lineage on the command line, from real records."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from airflow_provider_mlops import sources
from airflow_provider_mlops.core.evidence import accepted_snapshots
from tests.conftest import MakeLab
from tests.support.command import run_command
from tests.support.lab import DATASET, Lab


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """A lab whose second model has replaced the first, and the second was replayed."""
    lab = make_lab("replaced")
    lab.run("replay", run_type="manual", version="2")
    return lab


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command and return its exit code, and what it wrote to both outputs."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run_command(*words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_the_report_says_who_was_champion_and_what_is_missing(lab: Lab, said: Any, tmp_path: Path) -> None:
    """A page and JSON: two champions, two trainings, one of them never replayed, nothing signed."""
    code, out, _ = said("audit", "report", "--model", lab.model, "--output", str(tmp_path / "report"))
    report = json.loads((tmp_path / "report" / "audit_report.json").read_text())
    page = (tmp_path / "report" / "audit_report.html").read_text()

    assert code == 0
    assert [(c["version"], c["by"], c["to"] is None) for c in report["champions"]] == [
        ("1", "promotion", False),
        ("2", "promotion", True),
    ]
    assert report["champions"][1]["trained_on"] == ["2020-01", "2020-02"]
    assert [(t["partition_key"], t["level"]) for t in report["trainings"]] == [("2020-02", None), ("2020-03", "L0")]
    assert any("training of 2020-02" in line and "never replayed" in line for line in report["missing"])
    assert any("not signed" in line for line in report["missing"])
    assert "missing: training of 2020-02" in out
    assert "data:image/png;base64" in page
    assert "<script" not in page


def test_erased_rows_are_accounted_for(lab: Lab, said: Any) -> None:
    """How many, of which partition, why, and the tombstone that says which."""
    keys = lab.root / "keys.txt"
    keys.write_text("2020-01/1\n")
    lab.run("erase", run_type="manual", key_column="row_id", keys_file=str(keys), reason="DSR-1")
    _, out, _ = said("audit", "report", "--model", lab.model, "--json")
    report = json.loads(out)
    (erased,), trainings = report["erasures"], report["trainings"]
    (record,) = lab.records("erasure", f"dataset/{DATASET}")

    assert (erased["rows"], erased["partitions"], erased["reason"]) == (1, ["2020-01"], "DSR-1")
    assert erased["tombstone"] == record.body["tombstone"]
    assert [(t["erased_rows"], t["erased_test_rows"], t["erasures"]) for t in trainings] == [(1, 0, [record.hash])] * 2
    assert sum("1 of its rows were lawfully erased since" in line for line in report["missing"]) == 2


def test_retention_is_told_with_its_record(lab: Lab, said: Any, tmp_path: Path) -> None:
    """The rule, what went when by which record, and which training that concerns; no rule where nothing went."""
    words = ("audit", "report", "--model", lab.model)
    (none,) = json.loads(said(*words, "--json")[1])["retention"]
    assert (none["dataset"], none["rule"], none["snapshots_removed"]) == (DATASET, None, 0)
    lab.accept("2019-12")
    lab.accept("2020-04")
    prune = ("snapshots", "prune", DATASET, "--keep", "1", "--audit-days", "0", "--yes")
    assert said(*prune)[0] == 0
    ledger = lab.ledger(f"dataset/{DATASET}")
    (record,) = ledger.records("pruning")
    lost = lab.facts["snapshots"]["2020-01"]
    body = {**record.body, "planned_on": ledger.records()[-1].hash, "snapshots": [{"snapshot_id": lost}], "kept": 3}
    forced = ledger.append(kind="pruning", key="forced", body=body)
    report = json.loads(said(*words, "--json")[1])
    (rule,), (first, second) = report["retention"], report["prunings"]

    assert (rule["rule"]["keep"], rule["record"], rule["prunings"]) == (1, forced.hash, 2)
    assert [item["partition_keys"] for item in first["removed"]] == [["2019-12"]]
    assert (first["record"], second["snapshots"], second["rule"]["keep"]) == (record.hash, [lost], 1)
    assert [[item["snapshot_id"] for item in t["pruned"]] for t in report["trainings"]] == [[lost], [lost]]
    assert sum(f"was pruned on {forced.time[:10]} (record {forced.hash})" in line for line in report["missing"]) == 2
    said(*words, "--output", str(tmp_path))
    page = (tmp_path / "audit_report.html").read_text()
    assert "the newest partition, what a version in use" in page
    assert record.hash in page


def test_every_replay_is_told(lab: Lab, said: Any) -> None:
    """With its level, causes and certificate; one that came to none, too."""
    lab.run("train", run_type="backfill", run_id="audit", partition_key="2020-02")
    replays = json.loads(said("audit", "report", "--model", lab.model, "--json")[1])["replays"]

    assert [(r["partition_key"], r["level"], r["outcome"], r["causes"]) for r in replays] == [
        ("2020-03", "L0", "PASS", []),
        ("2020-02", "L0", "PASS", []),
    ]
    assert [r["certificate"] is None for r in replays] == [False, True]
    assert replays[1]["run_id"] == "audit"


def test_a_span_of_days_leaves_out_the_others(lab: Lab, said: Any) -> None:
    """Nothing was recorded in the year 2000; whoever is champion now was none then."""
    span = ("--from", "2000-01-01", "--to", "2000-12-31")
    code, out, _ = said("audit", "report", "--model", lab.model, *span, "--json")
    report = json.loads(out)

    assert code == 0
    assert (report["champions"], report["trainings"], report["decisions"], report["records"]) == ([], [], [], 0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "no_such"], "it has: late_events"),
        (["--model", "late_events", "--from", "yesterday"], "write it as 2026-01-31"),
        (["--model", "late_events", "--from", "2026-02-01", "--to", "2026-01-01"], "is before the first"),
    ],
)
@pytest.mark.parametrize("command", ["report", "events"])
@pytest.mark.usefixtures("lab")
def test_a_wrong_call_says_what_is_wrong(said: Any, command: str, words: list[str], message: str) -> None:
    """One line, exit code 2."""
    code, _, err = said("audit", command, *words)

    assert code == 2
    assert message in " ".join(err.split())


def test_the_event_log_has_a_line_for_every_record(lab: Lab, said: Any) -> None:
    """Whoever reads it needs no other program than one for JSON."""
    code, out, _ = said("audit", "events", "--model", lab.model)
    events = [json.loads(line) for line in out.splitlines()]

    assert code == 0
    assert [event["record"] for event in events] == [record.hash for record in lab.ledger().records()]
    assert {"training", "gate", "promotion", "certificate"} <= {event["event"] for event in events}


def uses(said: Any, snapshot_id: str) -> list[tuple[Any, ...]]:
    """Ask what used a snapshot."""
    code, out, _ = said("lineage", "snapshot", snapshot_id, "--json")
    assert code == 0
    return [(item["use"], item["version"], item["partition_key"]) for item in json.loads(out)]


def test_a_snapshot_leads_to_what_used_it(lab: Lab, said: Any) -> None:
    """January was trained on twice; February was tested on first, and trained on afterwards."""
    snapshots = lab.facts["snapshots"]

    assert uses(said, snapshots["2020-01"]) == [("trained on", "1", "2020-02"), ("trained on", "2", "2020-03")]
    assert uses(said, snapshots["2020-02"]) == [("tested on", "1", "2020-02"), ("trained on", "2", "2020-03")]


def test_a_snapshot_leads_to_what_used_its_rows_under_another_name(lab: Lab, said: Any) -> None:
    """What was accepted of it, what an erasure has left of it, a window of it; by models of other datasets, too."""
    january = lab.facts["snapshots"]["2020-01"]
    window = lab.run("snapshot", dataset="windows", partition_key="2020-03", source=sources.snapshots(DATASET))
    (lab.root / "keys.txt").write_text("2020-01/7\n")
    lab.run("erase", key_column="row_id", keys_file=str(lab.root / "keys.txt"), reason="DSR")
    lab.ledger("model/other").append(
        kind="predictions",
        key="p",
        body={"snapshot_id": window["snapshot_id"], "model_version": "1", "partition_key": "2020-03", "rows": 3},
    )
    left = accepted_snapshots(lab.ledger(f"dataset/{DATASET}").records())["2020-01"]

    assert left != january
    for asked in (january, left):
        assert uses(said, asked) == [
            ("trained on", "1", "2020-02"),
            ("trained on", "2", "2020-03"),
            ("scored", "1", "2020-03"),
        ]
    _, out, _ = said("lineage", "snapshot", left)
    assert f"with what holds rows of it, by a validation or an erasure: {january}" in out
    assert f"with what names it, a window: {window['snapshot_id']}" in out


def test_a_prediction_leads_to_its_training_data(lab: Lab, said: Any) -> None:
    """From an id in the log to version, partitions and snapshot; an unknown id is told."""
    snapshot = lab.facts["snapshots"]["2020-03"]
    lab.run("score", partition_key="2020-03", snapshot_id=snapshot, dataset=DATASET)
    (part,) = (lab.storage / "predictions").glob("*/2020-03/*/part-*.parquet")
    row = pq.read_table(part).slice(5, 1).to_pylist()[0]
    code, out, _ = said("lineage", "prediction", "--model", lab.model, row["prediction_id"], "--json")
    told = json.loads(out)

    assert code == 0
    assert told["prediction"]["row_id"] == row["row_id"]
    assert told["model_version"] == row["model_version"]
    assert [item["partition_key"] for item in told["trained_on"]] == ["2020-01"]
    assert uses(said, snapshot)[-1][:2] == ("scored", row["model_version"])
    code, _, err = said("lineage", "prediction", "--model", lab.model, "f" * 64)
    assert code == 2
    assert "has no prediction" in err
