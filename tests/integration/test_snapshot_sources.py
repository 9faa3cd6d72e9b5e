"""The operator on every kind of source: what record, manifest and log hold, and what is refused."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_provider_mlops import sources
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.operators.snapshot import SnapshotDatasetOperator
from tests.conftest import MakeLab
from tests.support.lab import DATASET, SYNTHETIC, Lab
from tests.support.sources import Lines
from tests.support.synthetic import rows_of

CHAIN = f"dataset/{DATASET}"
QUERY = "SELECT row_id, time, signal FROM events WHERE time >= :start AND time < :end ORDER BY row_id"


@pytest.fixture
def lab(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """An empty lab with the rows of a month as a table, as CSV, as JSON lines and as Parquet."""
    lab = make_lab("empty")
    rows = rows_of("2020-01", 40)[["row_id", "signal"]]
    (lab.root / "data").mkdir()
    rows.to_csv(lab.root / "data" / "2020-01.csv", index=False)
    lines = [json.dumps(row) for row in rows.to_dict("records")]
    (lab.root / "data" / "2020-01.jsonl").write_text("\n".join(lines))
    pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), lab.root / "data" / "2020-01.parquet")
    with closing(sqlite3.connect(lab.root / "lite.db")) as connection, connection:
        rows.assign(time="2020-01-05").to_sql("events", connection)
    monkeypatch.setenv("AIRFLOW_CONN_LITE", json.dumps({"conn_type": "sqlite", "host": str(lab.root / "lite.db")}))
    return lab


def take(lab: Lab, source: Any, key: str = "2020-01", **more: Any) -> dict[str, Any]:
    """Take a snapshot without a time column."""
    return lab.run("snapshot", **{"source": source, "partition_key": key, "time_column": None, **more})


def manifest_of(taken: dict[str, Any]) -> dict[str, Any]:
    """Read the manifest of a snapshot."""
    return dict(json.loads((Path(taken["uri"]) / "manifest.json").read_text()))


def test_record_and_manifest_say_where_the_rows_are_from(lab: Lab) -> None:
    """Kind, hashes, partition, bundle, who made it; the record is bound to the manifest."""
    source = sources.sql("lite", QUERY)
    taken = take(lab, source)
    (record,) = lab.records("snapshot", CHAIN)
    manifest = manifest_of(taken)

    assert record.body["source"] == "sql:lite"
    assert record.body["source_kind"] == "sql"
    assert record.body["query_hash"] == sha256_of(QUERY)
    assert record.body["partition_keys"] == ["2020-01"]
    assert record.body["bundle"] == {"name": None, "version": None}
    assert record.body["made_by"] == {**record.run, "user": None}
    for name in ("source", "source_kind", "source_hash", "query_hash", "source_code_hash", "bundle", "made_by"):
        assert manifest[name] == record.body[name], name
    assert manifest["manifest_sha256"] == record.body["manifest_sha256"]
    assert manifest["query_parameters"] == ["start", "end"]
    assert QUERY not in json.dumps(manifest)


def test_each_kind_gives_the_same_rows(lab: Lab) -> None:
    """The same rows from a table, a CSV, JSON lines or Parquet are one snapshot, found again."""
    query = 'SELECT row_id, signal FROM events ORDER BY "index"'
    built = [
        sources.sql("lite", query),
        sources.files("data/2020-01.csv", "csv"),
        sources.files("data/*.jsonl", "jsonl"),
        sources.files("data/*.parquet", "parquet"),
    ]
    ids = {json.dumps(source): take(lab, source)["snapshot_id"] for source in built}

    assert len(set(ids.values())) == 1
    assert len(lab.snapshot_folders()) == 1
    assert len(lab.records("snapshot", CHAIN)) == 1


def test_the_record_says_what_was_read_now(lab: Lab) -> None:
    """Rows that were stored before from elsewhere, also by the first release: the record names this run's source."""
    first = take(lab, sources.files("data/*.csv", "csv"))
    path = Path(first["uri"]) / "manifest.json"
    manifest = json.loads(path.read_text())
    old = {name: manifest[name] for name in ("dataset", "partition_keys", "rows", "columns", "files", "snapshot_id")}
    path.chmod(0o644)
    path.write_text(json.dumps({"schema": 1, **old, "source": "a:b", "time_range": None}))
    second = take(lab, sources.files("data/*.parquet", "parquet"), "2020-02")
    record = lab.records("snapshot", CHAIN)[-1]

    assert second["snapshot_id"] == first["snapshot_id"]
    assert record.body["source"] == "data/*.parquet"
    assert record.body["source_files"]["names"] == ["2020-01.parquet"]
    assert record.body["manifest_sha256"].startswith("sha256:")


def test_source_is_templated_and_serialised(lab: Lab) -> None:
    """Templates render inside the mapping; the Dag that holds it can be stored."""
    from airflow.sdk import DAG
    from airflow.serialization.serialized_objects import DagSerialization

    source = sources.files("data/{{ key }}.csv", "csv", options={"delimiter": "{{ sign }}"})
    task = lab.task("snapshot", source=source, partition_key="2020-01")
    with DAG("d", schedule=None) as dag:
        dag.add_task(task)
    DagSerialization.to_dict(dag)
    task.render_template_fields({"key": "2020-01", "sign": ",", "task": task})

    assert task.source == {"kind": "files", "url": "data/2020-01.csv", "format": "csv", "options": {"delimiter": ","}}


def test_the_log_tells_source_progress_and_outcome(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first line with the source, a last one with rows, bytes, seconds and id; no parameter's value."""
    log = Lines()
    monkeypatch.setattr(SnapshotDatasetOperator, "log", log)
    query = "SELECT row_id, signal FROM events WHERE row_id <> :secret ORDER BY row_id"
    taken = take(lab, sources.sql("lite", query, parameters={"secret": "hunter22"}))
    text = "\n".join(log.lines)

    assert "Reading partition 2020-01 of dataset events from sql:lite (sha256:" in text
    assert f"{taken['snapshot_id']}: 40 rows, 0.0 MB as Parquet," in text
    assert f"Its manifest: {taken['uri']}/manifest.json" in text
    assert "hunter22" not in text
    assert "hunter22" not in json.dumps([record.to_dict() for record in lab.records("snapshot", CHAIN)])
    assert "hunter22" not in (Path(taken["uri"]) / "manifest.json").read_text()


def test_the_link_leads_to_the_manifest(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the address by which the storage root is read; a root of the task's own has none."""
    monkeypatch.setenv("AIRFLOW__MLOPS__REPORTS_URL", "https://files.example/mlops/")
    taken = take(lab, sources.files("data/*.csv", "csv"))
    path = f"snapshots/{DATASET}/{taken['snapshot_id'].removeprefix('sha256:')}/manifest.json"
    assert lab.xcoms == {"mlops_links": {"snapshot": f"https://files.example/mlops/{path}"}}

    take(lab, sources.files("data/*.csv", "csv"), storage_root=str(lab.root / "other"))
    assert lab.xcoms == {}


def test_an_audit_reads_no_source(lab: Lab) -> None:
    """The recorded snapshot is returned, also when the source is gone, and when the record is an old one."""
    taken = take(lab, sources.files("data/*.csv", "csv"))
    (lab.root / "data" / "2020-01.csv").unlink()

    assert take(lab, sources.files("data/*.csv", "csv"), run_type="backfill") == taken
    old = {"partition_key": "2019-12", "snapshot_id": "sha256:00", "rows": 1, "uri": "/x", "source": "a:b"}
    lab.ledger(CHAIN).append(kind="snapshot", key="old", body=old, run={}, mode="live")
    assert take(lab, "a:b", "2019-12", run_type="backfill")["snapshot_id"] == "sha256:00"


def test_a_window_names_snapshots_and_copies_none(lab: Lab) -> None:
    """The window's id follows from its members; its manifest lists them, no file lies beside it."""
    for key in ("2020-01", "2020-02", "2020-03"):
        lab.accept(key)
    before = len(list(lab.storage.rglob("*.parquet")))
    whole = take(lab, sources.snapshots(DATASET), "2020-04", dataset="window")
    two = take(lab, sources.snapshots(DATASET, window=2), "2020-04", dataset="window")
    since = take(lab, sources.snapshots(DATASET, since="2020-03"), "2020-04", dataset="window")
    current = take(lab, sources.snapshots(DATASET, window=1, include_current=True), "2020-03", dataset="window")

    def members(taken: dict[str, Any]) -> list[str]:
        return [item["partition_key"] for item in manifest_of(taken)["members"]]

    assert members(whole) == ["2020-01", "2020-02", "2020-03"]
    assert members(two) == ["2020-02", "2020-03"]
    assert members(since) == ["2020-03"]
    assert members(current) == ["2020-02", "2020-03"]
    assert (whole["rows"], two["rows"], since["rows"]) == (2400, 1600, 800)
    assert len(list(lab.storage.rglob("*.parquet"))) == before
    record = lab.records("snapshot", "dataset/window")[0]
    assert record.body["partition_keys"] == ["2020-01", "2020-02", "2020-03"]
    assert record.body["source"] == f"snapshots:{DATASET}"


def test_a_window_is_cut_by_a_day(lab: Lab) -> None:
    """Where it begins inside a partition, the time column says which rows belong to it."""
    lab.accept("2020-01")
    source = sources.snapshots(DATASET, since="2020-01-15")
    cut = manifest_of(take(lab, source, "2020-02", dataset="window", time_column="time"))["cut"]

    assert cut == {"time_column": "time", "since": "2020-01-15T00:00:00+00:00", "until": None}
    with pytest.raises(AirflowFailException, match="lies inside partition 2020-01: set time_column"):
        take(lab, source, "2020-02", dataset="window")


def test_a_window_that_is_cut_is_counted(lab: Lab) -> None:
    """What a cut leaves is read from the time column alone; where it leaves no row, there is no window."""
    lab.accept("2020-01")  # 800 rows, fifty minutes apart: the last day is the 28th
    taken = take(lab, sources.snapshots(DATASET, since="2020-01-15"), "2020-02", dataset="window", time_column="time")
    rows = rows_of("2020-01")
    assert taken["rows"] == manifest_of(taken)["rows"] == (rows["time"] >= "2020-01-15").sum()

    late = {"source": sources.snapshots(DATASET, since="2020-01-30"), "dataset": "window", "time_column": "time"}
    before = lab.census()
    with pytest.raises(AirflowFailException, match=r"gave no rows for 2020-02\. Where .* allow_empty=True"):
        take(lab, key="2020-02", **late)
    assert lab.census() == before
    assert take(lab, key="2020-02", **late, allow_empty=True)["rows"] == 0
    with pytest.raises(AirflowFailException, match="'when' is not one of the columns"):
        take(lab, key="2020-02", **{**late, "time_column": "when"})


def test_a_window_of_rows_that_were_set_aside_is_counted(lab: Lab) -> None:
    """The accepted rows are fewer than those that were taken."""
    taken = lab.run("snapshot", partition_key="2020-01")
    accepted = lab.run("quarantine", partition_key="2020-01", snapshot_id=taken["snapshot_id"])
    window = take(lab, sources.snapshots(DATASET), "2020-02", dataset="window")

    assert window["rows"] == accepted["rows"] < taken["rows"]


def test_a_window_without_partitions_is_skipped(lab: Lab) -> None:
    """The first partition of a dataset has nothing before it."""
    lab.accept("2020-01")
    with pytest.raises(AirflowSkipException, match="no accepted partition in the window of 2020-01"):
        take(lab, sources.snapshots(DATASET), dataset="window")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"kind": "sql", "conn_id": "lite", "querry": "x"}, "BadInput: .*unknown key 'querry'; did you mean 'query'"),
        (sources.sql("lite", "SELECT * FROM nope ORDER BY 1"), "BadInput: .*no such table: nope"),
        (sources.sql("nope", "SELECT 1 AS a ORDER BY a"), "BadInput: There is no connection 'nope'"),
        (sources.sql("lite", "SELECT row_id FROM events WHERE 0 ORDER BY 1"), "'sql:lite' gave no rows for 2020-01"),
        (sources.files("data/*.tsv", "csv"), r"No file matches data/\*\.tsv"),
        (sources.files("../*.csv", "csv"), "must not be empty or hold '..'"),
        (sources.function(f"{SYNTHETIC}:no_function"), "has no function 'no_function'"),
        (sources.snapshots("../other"), "Dataset name '../other' must be of"),
        (sources.snapshots("flghts"), r"Dataset 'flghts' has no record in .*; it has: none"),
        (sources.dvc("data/nope.csv.dvc"), "is the .dvc file part of the Dag bundle"),
    ],
)
def test_what_is_wrong_ends_the_task(lab: Lab, source: Any, words: str) -> None:
    """For good, in a line, with nothing half-written."""
    before = lab.census()
    with pytest.raises(AirflowFailException, match=words):
        take(lab, source)
    assert lab.census() == before
    assert list(lab.storage.glob(".staging/*")) == []


@pytest.mark.parametrize("dataset", ["../x", "a/b", "", ".", "x\n"])
def test_a_dataset_that_is_no_name(lab: Lab, dataset: str) -> None:
    """Before anything is read."""
    with pytest.raises(AirflowFailException, match="Dataset name"):
        take(lab, sources.files("data/*.csv", "csv"), dataset=dataset)


def test_a_dead_database_is_retried(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exception is no final one, so that Airflow tries again."""
    from airflow_provider_mlops.core.errors import TransientError

    dead = {"conn_type": "postgres", "host": "127.0.0.1", "port": 1, "extra": {"connect_timeout": 2}}
    monkeypatch.setenv("AIRFLOW_CONN_DEAD", json.dumps(dead))
    with pytest.raises(TransientError, match="Connection 'dead' cannot be opened"):
        take(lab, sources.sql("dead", "SELECT 1 AS a ORDER BY a"))
