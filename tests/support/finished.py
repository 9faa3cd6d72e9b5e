"""A finished lifecycle: judged, approved, served, drifted, muted, drilled, replayed, rows erased, a month empty.

A retraining was decided, and a model trained by a function of a Dag file that reads a file beside it.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_provider_mlops.hooks.profiles import profile_of, reference_of
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.operators.fire_drill import DriftFireDrillOperator
from airflow_provider_mlops.operators.mute import MuteDriftOperator
from tests.support.airflow import fake_context
from tests.support.approval import UNDECIDED
from tests.support.dag_files import forget, load
from tests.support.keys import private_pem
from tests.support.lab import DATASET, MONTHS, SYNTHETIC, Lab, Stages

SIGNER = "the deployment"
CONNECTION = "AIRFLOW_CONN_MLOPS_LEDGER_DEFAULT"
DAG_FILE = """\
from pathlib import Path

from airflow.sdk import DAG, task
from tests.support.elsewhere import fit_strength

with DAG("of_a_file", schedule=None) as dag:

    @task.mlops_train(
        model_name="late_events", dataset="events", features=["signal", "noise"], label_column="late",
        partition_key="2020-03",
    )
    def train(features, labels, *, seed):
        strength = float((Path(__file__).parent.parent / "weights" / "strength.txt").read_text())
        return fit_strength(features, labels, seed=seed, strength=strength)

    train()
"""


def finish(stages: Stages, root: Path) -> Lab:
    """Make a lab in which every kind of evidence lies."""
    lab = stages.copy("empty", root)
    lab.variables[CONNECTION] = json.dumps({"conn_type": "mlops_ledger", "password": private_pem(SIGNER)})
    with pytest.MonkeyPatch.context() as monkeypatch:
        lab.enter(monkeypatch)
        _release(lab)
        _serve(lab)
        _watch(lab)
        _train_by_a_file(lab)
        lab.run("replay", run_type="manual", version="1")
        (lab.root / "keys.txt").write_text("2020-01/7\n")
        lab.run("erase", key_column="row_id", keys_file=str(lab.root / "keys.txt"), reason="asked for it")
        (lab.root / "keys.txt").unlink()
        # What is done every day keeps the end of both chains: the record cites the dataset's, the registry keeps it.
        lab.run("score", partition_key="2020-04")
    return lab


def _release(lab: Lab) -> None:
    lab.facts["snapshots"] = {key: lab.accept(key) for key in MONTHS}
    lab.run("quarantine", partition_key="2020-02", snapshot_id=lab.facts["snapshots"]["2020-02"])
    lab.run("check", partition_key="2020-02")
    found = lab.judge("2020-02")
    lab.run("promote", gate_record=found["gate"]["record"])
    (lab.root / "undecided.yaml").write_text(UNDECIDED)
    gate = lab.run("gate", evaluation_id=found["evaluate"]["evaluation_id"], policy="undecided.yaml")
    lab.run("answer", gate_record=gate["record"])
    lab.run("card", version="1")


def _serve(lab: Lab) -> None:
    lab.run("score", partition_key="2020-03")
    lab.run("labels", partition_key="2020-03")
    lab.run("performance", partition_key="2020-03")


def _train_by_a_file(lab: Lab) -> None:
    file, weights = lab.root / "dags" / "of_a_file.py", lab.root / "weights"
    file.parent.mkdir()
    weights.mkdir()
    file.write_text(DAG_FILE)
    (weights / "strength.txt").write_text("2.0")
    task = load(file).dag.get_task("train")
    task.execute(fake_context(task, lab.root))
    forget(file)


def _mute(lab: Lab) -> None:
    until = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    task = MuteDriftOperator(task_id="mute", model_name=lab.model, feature="noise", until=until, reason="new sensor")
    DAG("mutes", schedule=None).add_task(task)
    context = fake_context(task, lab.root, run_type="manual", run_id="manual__1")
    context["dag_run"].triggering_user_name = "ann"
    task.execute(context)


def _watch(lab: Lab) -> None:
    lab.facts["snapshots"]["2020-04"] = lab.accept("2020-04", "drifted")
    lab.run("drift", partition_key="2020-04")
    lab.run("decide", partition_key="2020-04")
    settings: dict[str, Any] = {"model_name": lab.model, "dataset": DATASET, "policy": "drift.yaml", "size": "0.6"}
    task = DriftFireDrillOperator(task_id="drill", shifts="nulls", **settings)
    DAG("fire", schedule=None).add_task(task)
    task.execute(fake_context(task, lab.root))
    _mute(lab)
    # A partition without rows: nobody has judged it.
    lab.run("snapshot", partition_key="2020-05", source=f"{SYNTHETIC}:empty", allow_empty=True)
    storage = Storage(str(lab.storage))
    ids = lab.facts["snapshots"]
    reference = reference_of(storage, DATASET, [{"snapshot_id": ids["2020-03"]}], {"signal": "feature"})
    profile_of(storage, DATASET, ids["2020-04"], reference.spec)
