"""What other tools learn of a snapshot: OpenLineage by its provider's own extractor, hook lineage, MLflow's inputs."""

import hashlib
import json
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.openlineage.extractors.manager import ExtractorManager
from airflow.providers.openlineage.plugins.adapter import OpenLineageAdapter
from airflow.sdk import DAG
from airflow.sdk.lineage import HookLineageCollector
from airflow.utils.state import TaskInstanceState
from openlineage.client import OpenLineageClient
from openlineage.client.transport.file import FileConfig, FileTransport

from airflow_provider_mlops import sources
from airflow_provider_mlops.hooks import lineage
from tests.conftest import MakeLab
from tests.support.airflow import fake_context
from tests.support.lab import DATASET, SYNTHETIC, Lab
from tests.support.sources import PostgresServer


def taken_lineage(lab: Lab, source: Any, key: str = "2020-01", **more: Any) -> tuple[dict[str, Any], Any]:
    """Take a snapshot and ask the OpenLineage provider what it sees of the task."""
    arguments = {"source": source, "partition_key": key, "time_column": None, **more}
    task = lab.task("snapshot", **arguments)
    DAG("lifecycle", schedule=None).add_task(task)
    taken = task.execute(fake_context(task, lab.root))
    return taken, ExtractorManager().extract_metadata(
        SimpleNamespace(run_id="run"), task, TaskInstanceState.SUCCESS, SimpleNamespace(task_id="snapshot")
    )


def named(datasets: Any) -> list[tuple[str, str]]:
    """Return namespace and name of datasets."""
    return [(item.namespace, item.name) for item in datasets]


def test_files_to_openlineage(make_lab: MakeLab) -> None:
    """The folder that the glob begins in, and the dataset's folder with the snapshot as its version."""
    lab = make_lab("empty")
    (lab.root / "data").mkdir()
    (lab.root / "data" / "a.csv").write_text("id,name\n1,a\n")
    taken, found = taken_lineage(lab, sources.files("data/*.csv", "csv"))
    (output,) = found.outputs

    assert named(found.inputs) == [("file", str(lab.root / "data"))]
    assert named(found.outputs) == [("file", str(lab.storage / "snapshots" / DATASET))]
    assert output.facets["version"].datasetVersion == taken["snapshot_id"]
    assert [(field.name, field.type) for field in output.facets["schema"].fields] == [
        ("id", "int64"),
        ("name", "string"),
    ]
    assert output.outputFacets["outputStatistics"].rowCount == 1
    assert output.outputFacets["outputStatistics"].size > 0


def test_a_query_to_openlineage(
    make_lab: MakeLab, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tables, as the provider's parser finds them, on the server that the connection names."""
    with postgres_server.open() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS lin_a (id int, at timestamptz)")
        connection.execute("CREATE TABLE IF NOT EXISTS lin_b (id int)")
        connection.execute("INSERT INTO lin_a VALUES (1, '2020-01-02')")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", postgres_server.connection())
    query = (
        "SELECT a.id FROM lin_a a LEFT JOIN lin_b b ON a.id = b.id WHERE a.at >= :start AND a.at < :end ORDER BY a.id"
    )
    _, found = taken_lineage(make_lab("empty"), sources.sql("warehouse", query))
    server = f"postgres://127.0.0.1:{postgres_server.ports.postgres}"

    assert sorted(named(found.inputs)) == [(server, "airflow.public.lin_a"), (server, "airflow.public.lin_b")]
    assert postgres_server.password not in repr(found)


def test_a_window_to_openlineage(make_lab: MakeLab) -> None:
    """One dataset of snapshots leads to another; a function has no inputs that anybody could name."""
    lab = make_lab("accepted")
    _, found = taken_lineage(lab, sources.snapshots(DATASET), "2020-04", dataset="window")

    assert named(found.inputs) == [("file", str(lab.storage / "snapshots" / DATASET))]
    assert named(found.outputs) == [("file", str(lab.storage / "snapshots" / "window"))]
    _, found = taken_lineage(lab, f"{SYNTHETIC}:read_partition", "2020-05")
    assert found.inputs == []
    assert len(found.outputs) == 1


def test_a_tracked_file_to_openlineage(make_lab: MakeLab) -> None:
    """The file beside its pointer, with the MD5 that the pointer names as its version."""
    lab, text = make_lab("empty"), "id\n1\n"
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    (lab.root / "a.csv").write_text(text)
    (lab.root / "a.csv.dvc").write_text(f"outs:\n- md5: {digest}\n  path: a.csv\n")
    taken, found = taken_lineage(lab, sources.dvc("a.csv.dvc"))

    assert named(found.inputs) == [("file", str(lab.root / "a.csv"))]
    assert versions(found.inputs) == [("a.csv", digest)]
    assert versions(found.outputs) == [(DATASET, taken["snapshot_id"])]


def test_what_the_provider_sends(make_lab: MakeLab, tmp_path: Path) -> None:
    """The provider's own adapter writes a valid event of it: inputs, output, version, columns and counts as JSON."""
    lab = make_lab("empty")
    (lab.root / "a.csv").write_text("id,name\n1,a\n")
    taken, found = taken_lineage(lab, sources.files("*.csv", "csv"))
    config = FileConfig(log_file_path=str(tmp_path / "events.jsonl"), append=True)
    adapter = OpenLineageAdapter(client=OpenLineageClient(transport=FileTransport(config)))
    now = "2020-02-01T00:00:00+00:00"
    adapter.complete_task(
        run_id=str(uuid.uuid4()), job_name="lifecycle.snapshot", end_time=now, task=found, nominal_start_time=now,
        nominal_end_time=now, owners=None, tags=None, job_description=None, job_description_type=None, run_facets=None,
    )  # fmt: skip
    (sent,) = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    (read,), (made,) = sent["inputs"], sent["outputs"]

    assert sent["eventType"] == "COMPLETE"
    assert (read["namespace"], read["name"]) == ("file", str(lab.root))
    assert made["name"] == str(lab.storage / "snapshots" / DATASET)
    assert made["facets"]["version"]["datasetVersion"] == taken["snapshot_id"]
    assert [field["name"] for field in made["facets"]["schema"]["fields"]] == ["id", "name"]
    assert made["outputFacets"]["outputStatistics"]["rowCount"] == 1


def test_addresses_carry_no_connection() -> None:
    """OpenLineage names a bucket, not how we reach it."""
    assert lineage.address("s3://minio@bucket/a/b") == ("s3://bucket", "a/b")
    assert lineage.address("file:///a/b") == ("file", "/a/b")
    assert lineage.address("/a/b") == ("file", "/a/b")


def test_hook_lineage(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tools that read Airflow's collector see where the snapshot lies."""
    collector = HookLineageCollector()
    monkeypatch.setattr("airflow.sdk.lineage.get_hook_lineage_collector", lambda: collector)
    lab = make_lab("empty")
    (lab.root / "a.csv").write_text("id\n1\n")
    source = sources.files(f"file://{lab.root}/*.csv", "csv")
    taken = lab.run("snapshot", partition_key="2020-01", source=source, time_column=None)
    (output,) = collector.collected_assets.outputs
    (read,) = collector.collected_assets.inputs

    assert output.asset.uri == f"file://{taken['uri']}"
    assert read.asset.uri == f"file://{lab.root}"


def test_mlflow_names_the_snapshots_of_a_training(make_lab: MakeLab) -> None:
    """Dataset inputs of the run: cut digest, full id as a tag, where it lies, trained on or held out; once only."""
    lab = make_lab("accepted")
    result = lab.run("train", partition_key="2020-03")
    ids = lab.facts["snapshots"]
    inputs = lab.client.get_run(result["mlflow_run_id"]).inputs.dataset_inputs
    found = {}
    for item in inputs:
        tags = {tag.key: tag.value for tag in item.tags}
        profile = json.loads(item.dataset.profile)
        found[profile["partition_key"]] = tags["mlflow.data.context"]
        snapshot_id = ids[profile["partition_key"]]
        assert tags["mlops.snapshot_id"] == profile["snapshot_id"] == snapshot_id
        assert item.dataset.name == DATASET
        assert item.dataset.digest == snapshot_id.removeprefix("sha256:")[:36]
        assert Path(json.loads(item.dataset.source)["uri"]).is_dir()

    assert found == {"2020-01": "training", "2020-02": "training", "2020-03": "testing"}
    lab.run("train", partition_key="2020-03")
    assert len(lab.client.get_run(result["mlflow_run_id"]).inputs.dataset_inputs) == len(inputs)


def test_mlflow_resolves_the_source(make_lab: MakeLab) -> None:
    """MLflow's own reader of dataset sources understands ours."""
    import mlflow.data

    lab = make_lab("accepted")
    result = lab.run("train", partition_key="2020-02")
    (item, *_) = lab.client.get_run(result["mlflow_run_id"]).inputs.dataset_inputs

    assert mlflow.data.get_source(item.dataset).uri.startswith(str(lab.storage))


def step_lineage(lab: Lab, step: str, **arguments: Any) -> Any:
    """Run a step and ask the OpenLineage provider what it sees of the task."""
    task = lab.task(step, **arguments)
    DAG("lifecycle", schedule=None).add_task(task)
    task.execute(fake_context(task, lab.root, run_id="run"))
    return ExtractorManager().extract_metadata(
        SimpleNamespace(run_id="run"), task, TaskInstanceState.SUCCESS, SimpleNamespace(task_id=step)
    )


def versions(datasets: Any) -> list[tuple[str, str]]:
    """Return name and version of datasets."""
    return [(Path(item.name).name, item.facets["version"].datasetVersion) for item in datasets]


def test_a_validation_to_openlineage(make_lab: MakeLab) -> None:
    """What was judged leads to what was accepted, set aside and reported."""
    lab = make_lab("accepted")
    judged = lab.facts["snapshots"]["2020-02"]
    found = step_lineage(lab, "quarantine", partition_key="2020-02", snapshot_id=judged)
    (record,) = [one for one in lab.records("validation", f"dataset/{DATASET}") if one.body["quarantine"]]
    made = {(Path(item.name).parent.name, item.facets["version"].datasetVersion) for item in found.outputs}

    assert versions(found.inputs) == [(DATASET, judged)]
    assert ("snapshots", record.body["accepted_snapshot_id"]) in made
    assert ("quarantine", record.body["quarantine"]["snapshot_id"]) in made


def test_a_training_to_openlineage(make_lab: MakeLab) -> None:
    """Snapshots lead to the model by its manifest; code, parameters, commit and record are facets of the run."""
    lab = make_lab("accepted")
    found = step_lineage(lab, "train", partition_key="2020-03")
    (record,) = lab.records("training")
    manifest, ids = record.body["manifest"], lab.facts["snapshots"]

    assert versions(found.inputs) == [(DATASET, ids[key]) for key in ("2020-01", "2020-02", "2020-03")]
    assert found.inputs[0].namespace == "file"
    assert versions(found.outputs) == [(lab.model, record.body["manifest_hash"])]
    assert (found.outputs[0].namespace, found.outputs[0].name) == ("mlflow", f"models/{lab.model}")
    assert found.run_facets["mlops_manifest"].code_files == manifest["code_files"]
    assert found.run_facets["mlops_manifest"].manifest_hash == record.body["manifest_hash"]
    assert found.run_facets["mlops_manifest"].git == record.body["git"]
    assert found.run_facets["mlops_record"].hash == record.hash
    assert found.run_facets["mlops_record"]._schemaURL == "urn:airflow-provider-mlops:openlineage:record:v1"


def test_scores_predictions_and_drift_to_openlineage(make_lab: MakeLab) -> None:
    """The model that a training made is what evaluations, scorings, drift verdicts and replays read."""
    lab = make_lab("promoted")
    lab.facts["snapshots"]["2020-04"] = lab.accept("2020-04", "drifted")
    model, ids = (lab.model, lab.facts["train"]["manifest_hash"]), lab.facts["snapshots"]
    evaluated = step_lineage(lab, "evaluate", manifest_hash=model[1])
    scored = step_lineage(lab, "score", partition_key="2020-03")
    drifted = step_lineage(lab, "drift", partition_key="2020-04")
    replayed = step_lineage(lab, "replay", version="1")
    (log,), (drift,), (certificate,) = (lab.records(kind) for kind in ("predictions", "drift", "certificate"))

    assert model in versions(evaluated.inputs)
    assert versions(evaluated.outputs) == [(lab.model, lab.records("evaluation")[0].body["scores_id"])]
    assert versions(scored.inputs) == [model, (DATASET, ids["2020-03"])]
    assert versions(scored.outputs) == [(lab.model, log.body["log_id"])]
    assert scored.outputs[0].outputFacets["outputStatistics"].rowCount == 800
    assert versions(drifted.inputs) == [model, (DATASET, ids["2020-04"]), (DATASET, ids["2020-01"])]
    assert versions(drifted.outputs) == [(lab.model, drift.body["report"]["hash"])]
    assert versions(replayed.outputs) == [(lab.model, certificate.body["certificate_hash"])]
