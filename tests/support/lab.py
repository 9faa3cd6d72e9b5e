"""A laboratory: storage, ledger, MLflow, policy and suite of one test, with the lifecycle's steps as methods."""

import json
import os
import shutil
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG

from airflow_provider_mlops import assets
from airflow_provider_mlops.core.chains import chains
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.operators.breach import RollbackOnBreachOperator
from airflow_provider_mlops.operators.card import ModelCardOperator
from airflow_provider_mlops.operators.check import CheckTrainingDataOperator
from airflow_provider_mlops.operators.decide import DecideRetrainOperator
from airflow_provider_mlops.operators.drift import DetectDriftOperator
from airflow_provider_mlops.operators.environment import PromoteToEnvironmentOperator
from airflow_provider_mlops.operators.erase import EraseRowsOperator
from airflow_provider_mlops.operators.evaluate import EvaluateModelOperator
from airflow_provider_mlops.operators.gate import GateModelOperator
from airflow_provider_mlops.operators.join_labels import JoinLabelsOperator
from airflow_provider_mlops.operators.notify import NotifyOperator
from airflow_provider_mlops.operators.performance import MonitorPerformanceOperator
from airflow_provider_mlops.operators.profile import ProfileDatasetOperator
from airflow_provider_mlops.operators.promote import PromoteModelOperator
from airflow_provider_mlops.operators.reconcile import ReconcileRegistryOperator
from airflow_provider_mlops.operators.register import RegisterModelOperator
from airflow_provider_mlops.operators.replay import ReplayModelOperator
from airflow_provider_mlops.operators.retire import RetireModelOperator
from airflow_provider_mlops.operators.retrain import ClaimRetrainingOperator
from airflow_provider_mlops.operators.rollback import RollbackModelOperator
from airflow_provider_mlops.operators.score import ScoreBatchOperator
from airflow_provider_mlops.operators.snapshot import SnapshotDatasetOperator
from airflow_provider_mlops.operators.train import TrainModelOperator
from airflow_provider_mlops.operators.validate import ValidateDatasetOperator
from tests.support.airflow import fake_context
from tests.support.approval import AnsweredApproval, AskingApproval, Desk, RemindingApproval, Sender

if TYPE_CHECKING:
    import pytest
    from mlflow import MlflowClient

SYNTHETIC = "tests.support.synthetic"
LEARN = "tests.support.learning:learn"
TASKS = "tests.support.training_tasks"
PLAIN = "tests.support.elsewhere:fit_plain"
DATASET, MODEL = "events", "late_events"
MONTHS = ("2020-01", "2020-02", "2020-03")
DATABASE = "mlflow.db"
AS_OF = "2020-04-01T00:00:00+00:00"

SUITE = """\
name: events
expectations:
  - {type: expect_column_values_to_not_be_null, kwargs: {column: row_id}}
  - {type: expect_column_values_to_be_between, kwargs: {column: signal, min_value: -9, max_value: 9}}
"""
QUARANTINE = """\
name: events
quarantine: {max_share: 0.1}
expectations:
  - {type: expect_column_values_to_not_be_null, kwargs: {column: row_id}}
  - {type: expect_table_row_count_to_be_between, kwargs: {min_value: 700, max_value: 790}}
  - type: expect_column_values_to_be_between
    kwargs: {column: signal, min_value: -2, max_value: 2}
    severity: quarantine
  - {type: expect_column_values_to_be_between, kwargs: {column: noise, max_value: 1}, severity: warning}
"""
CONTRACT = """\
schema: 1
name: events
version: 1
columns:
  row_id: {type: string, nullable: false}
  time: {type: "timestamp[us, tz=UTC]", nullable: false}
  signal: {type: double, unit: sigma}
  noise: {type: double}
  group: {type: string, categories: [a, b]}
  late: {type: double}
"""
CHECKS = """\
schema: 1
name: events
checks:
  - {name: usual_rows, kind: row_count, first: pass}
  - {name: no_duplicates, kind: duplicates}
  - {name: no_overlap, kind: overlap, key: [row_id]}
  - {name: in_order, kind: time_order, column: time}
  - name: labelled
    kind: labels
    column: late
    classes: [0, 1]
    min_rows: 50
    min_coverage: 0.8
    annotation_id: row_id
  - {name: groups, kind: groups, column: group, max_difference: 0.15}
"""
POLICY = """\
schema: 1
name: late_events
alpha: 0.05
rules:
  - {name: enough_rows, kind: min_rows, rows: 300, positives: 50}
  - {name: auc_minimum, kind: minimum, metric: roc_auc, value: 0.6}
  - {name: auc_non_inferior, kind: non_inferior, metric: roc_auc, margin: 0.05}
"""
DRIFT_POLICY = """\
schema: 1
name: events
alpha: 0.05
correction: bonferroni
min_rows: 100
thresholds: {ks: 0.3, cramers_v: 0.3, missing: 0.3}
"""
RETRAIN_POLICY = """\
schema: 1
name: events
triggers:
  drift: {}
on_breach:
  rollback: {within: 2}
"""
PERFORMANCE_POLICY = """\
schema: 1
name: late_events
min_rows: 100
metrics:
  - {metric: roc_auc, minimum: 0.6, max_drop: 0.1}
  - {metric: brier, max_drop: 0.1}
latency: {p95_ms: 200}
error_rate: 0.05
concept: {max_shift: 0.1}
"""
KINDS_POLICY = """\
schema: 1
name: late_events
rules:
  - {name: accuracy_minimum, kind: minimum, metric: multiclass_accuracy, value: 0.5}
"""
KINDS_PERFORMANCE = """\
schema: 1
name: late_events
min_rows: 100
metrics:
  - {metric: multiclass_accuracy, minimum: 0.6, max_drop: 0.1}
  - {metric: macro_f1, max_drop: 0.1}
  - {metric: multiclass_log_loss, max_drop: 0.2}
concept: {max_shift: 0.2}
"""


@dataclass
class Lab:
    """Everything that one test writes into, below one folder.

    :param root: the folder; it is the Dag bundle too.
    :param host: tracking URI of MLflow; default: a SQLite file below the root.
    :param model: name of the registered model.
    :param login: user of MLflow; none by default.
    :param password: its password.
    :param facts: what the steps of earlier stages returned, by step.
    :param variables: further environment variables of its tasks.
    """

    root: Path
    host: str = ""
    model: str = MODEL
    login: str = ""
    password: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    xcoms: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.host = self.host or f"sqlite:///{self.root / DATABASE}"

    @property
    def storage(self) -> Path:
        """The storage root."""
        return self.root / "storage"

    @property
    def client(self) -> "MlflowClient":
        """A client of this lab's MLflow."""
        from mlflow import MlflowClient

        return MlflowClient(self.host, self.host)

    def mlflow_connection(self) -> dict[str, str]:
        """Return the connection to this lab's MLflow."""
        credentials = {"login": self.login, "password": self.password} if self.login else {}
        return {"conn_type": "mlflow", "host": self.host, **credentials}

    def environment(self) -> dict[str, str]:
        """Return the environment of this lab's tasks."""
        return {
            "AIRFLOW_CONN_MLFLOW_DEFAULT": json.dumps(self.mlflow_connection()),
            "AIRFLOW__MLOPS__STORAGE_ROOT": str(self.storage),
            **self.variables,
        }

    def enter(self, monkeypatch: "pytest.MonkeyPatch") -> None:
        """Make this the lab of the process: MLflow on SQLite keeps artifacts below the working directory."""
        from mlflow.tracking._tracking_service import utils

        # MLflow remembers where the artifacts of a run are, which is in the lab that this one was copied from.
        utils._artifact_repos_cache.clear()
        for name, value in self.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(self.root)

    def serve(self, host: str) -> None:
        """Use the MLflow at an address, under a model name that no other test uses."""
        self.host = host
        self.model = f"{MODEL}_{os.urandom(4).hex()}"

    def connect(self, monkeypatch: "pytest.MonkeyPatch", **connection: Any) -> None:
        """Use another MLflow connection."""
        monkeypatch.setenv("AIRFLOW_CONN_MLFLOW_DEFAULT", json.dumps({"conn_type": "mlflow", **connection}))

    def task(self, step: str, **arguments: Any) -> Any:
        """Make the operator of a step, with this lab's defaults."""
        operator, defaults = self._steps()[step]
        return operator(task_id=step, **{**defaults, **arguments})

    def run(
        self,
        step: str,
        *,
        run_type: str = "scheduled",
        conf: dict[str, Any] | None = None,
        run_id: str = "",
        **arguments: Any,
    ) -> dict[str, Any]:
        """Run a step as a task; what it emitted and pushed is in `events` and `xcoms` afterwards."""
        task = self.task(step, **arguments)
        DAG("lifecycle", schedule=None).add_task(task)
        run_id = run_id or f"{run_type}__{arguments.get('partition_key', 'run')}"
        context = fake_context(task, self.root, run_type=run_type, conf=conf, run_id=run_id)
        try:
            result: dict[str, Any] = task.execute(context)
        finally:
            self.events = context["outlet_events"].emitted
            self.xcoms = context["ti"].xcoms
        return result

    def accept(self, key: str, source: str = "read_partition") -> str:
        """Take and validate the snapshot of a partition, and return its id."""
        taken = self.run("snapshot", partition_key=key, source=source if ":" in source else f"{SYNTHETIC}:{source}")
        self.run("validate", partition_key=key, snapshot_id=taken["snapshot_id"])
        return str(taken["snapshot_id"])

    def judge(self, key: str, run_id: str = "", **train: Any) -> dict[str, Any]:
        """Train, register, evaluate and gate a candidate for a partition; return the results by step."""
        found = {"train": self.run("train", partition_key=key, run_id=run_id, **train)}
        manifest_hash = found["train"]["manifest_hash"]
        found["register"] = self.run("register", manifest_hash=manifest_hash, run_id=run_id)
        found["evaluate"] = self.run("evaluate", manifest_hash=manifest_hash, run_id=run_id)
        found["gate"] = self.run("gate", evaluation_id=found["evaluate"]["evaluation_id"], run_id=run_id)
        return found

    def promote(self, key: str, run_id: str = "", **train: Any) -> dict[str, Any]:
        """Judge a candidate for a partition and make it champion; return the results by step."""
        found = self.judge(key, run_id, **train)
        return {**found, "promote": self.run("promote", gate_record=found["gate"]["record"], run_id=run_id)}

    def ledger(self, chain: str = "") -> Ledger:
        """Open a ledger; default: the model's."""
        return Ledger(self.storage / "ledger", chain or f"model/{self.model}")

    def records(self, kind: str, chain: str = "") -> list[Record]:
        """Return the records of a kind."""
        return self.ledger(chain).records(kind)

    def snapshot_folders(self) -> list[Path]:
        """Return the readable snapshots."""
        return sorted(path.parent for path in self.storage.glob("snapshots/*/*/manifest.json"))

    def aliases(self) -> dict[str, str]:
        """Return version by alias of the model."""
        found = self.client.search_registered_models(f"name = '{self.model}'")
        return {alias: str(version) for alias, version in found[0].aliases.items()} if found else {}

    def tags(self) -> dict[str, list[str]]:
        """Return the names of our tags by version."""
        found = self.client.search_model_versions(f"name = '{self.model}'")
        return {item.version: sorted(name for name in item.tags if name.startswith("mlops.")) for item in found}

    def census(self) -> dict[str, Any]:
        """Count everything that must not be there twice."""
        client, root = self.client, self.storage / "ledger"
        names = (self.model, f"dataset/{DATASET}")
        found = [client.get_experiment_by_name(name) for name in names]
        where = [experiment.experiment_id for experiment in found if experiment]
        models = client.search_logged_models(where) if where else []
        records = [record for chain in chains(root) for record in Ledger(root, chain).records()]
        return {
            "folders": Counter(path.parent.parent.parent.name for path in self.storage.glob("*/*/*/manifest.json")),
            "logs": sorted(path.parent.name for path in self.storage.glob("predictions/*/*/*/manifest.json")),
            "runs": Counter(run.info.status for run in client.search_runs(where)) if where else Counter(),
            "models": sum(str(model.status) in ("READY", "LoggedModelStatus.READY") for model in models),
            "versions": len(client.search_model_versions(f"name = '{self.model}'")),
            "aliases": self.aliases(),
            "tags": self.tags(),
            **Desk.lies_there(self.root),
            "records": Counter((record.kind, record.mode, record.outcome) for record in records),
            "problems": [problem for chain in chains(root) for problem in Ledger(root, chain).verify()],
        }

    def _steps(self) -> dict[str, tuple[type[Any], dict[str, Any]]]:
        dataset, model = {"dataset": DATASET}, {"model_name": self.model}
        columns = {"features": ["signal", "noise"], "label_column": "late", "time_column": "time"}
        train = {**dataset, **model, **columns, "train_function": f"{SYNTHETIC}:train"}
        plain = {**train, "train_function": PLAIN}
        return {
            "snapshot": (
                SnapshotDatasetOperator,
                {
                    **dataset,
                    "source": f"{SYNTHETIC}:read_partition",
                    "time_column": "time",
                    "outlets": [assets.snapshot_alias(DATASET)],
                },
            ),
            "validate": (ValidateDatasetOperator, {**dataset, "suite": "suite.yaml"}),
            "check": (CheckTrainingDataOperator, {**dataset, "checks": "checks.yaml"}),
            "quarantine": (
                ValidateDatasetOperator,
                {
                    **dataset,
                    "suite": "quarantine.yaml",
                    "contract": "contract.yaml",
                    "mlflow_conn_id": "mlflow_default",
                },
            ),
            "train": (TrainModelOperator, train),
            "search": (
                TrainModelOperator,
                {
                    **train,
                    "search": {
                        "method": "grid",
                        "space": {"strength": [0.1, 1.0]},
                        "metric": "roc_auc",
                        "folds": {"n": 1},
                    },
                },
            ),
            "learn_on": (
                TrainModelOperator,
                {
                    **train,
                    "train_function": LEARN,
                    "params_from": "@champion",
                    "fit": "incremental",
                    "batch_rows": 300,
                },
            ),
            "register": (RegisterModelOperator, {**model, "outlets": [assets.candidate_alias(self.model)]}),
            "evaluate": (
                EvaluateModelOperator,
                # What takes seconds is asked for by the tests that are about it.
                {**model, "slices": ["group"], "as_of": AS_OF, "infrastructure": False, "explain": None},
            ),
            "gate": (GateModelOperator, {**model, "policy": "policy.yaml"}),
            "promote": (PromoteModelOperator, model),
            "answer": (AnsweredApproval, model),
            "ask": (AskingApproval, model),
            "remind": (RemindingApproval, model),
            "notify": (NotifyOperator, {**model, "notifiers": [Sender()]}),
            "card": (ModelCardOperator, model),
            "rollback": (RollbackModelOperator, {**model, "reason": "too many false alarms"}),
            "retire": (RetireModelOperator, {**model, "reason": "superseded", "retain_until": "2030-12-31"}),
            "environment": (PromoteToEnvironmentOperator, model),
            "reconcile": (ReconcileRegistryOperator, {**model, "grace_seconds": 0}),
            "drift": (
                DetectDriftOperator,
                {**dataset, **model, "policy": "drift.yaml", "outlets": [assets.drift_alias(self.model)]},
            ),
            "profile": (ProfileDatasetOperator, {**dataset, **model, "policy": "drift.yaml"}),
            "performance": (
                MonitorPerformanceOperator,
                {**model, "policy": "performance.yaml", "outlets": [assets.performance_alias(self.model)]},
            ),
            "claim": (ClaimRetrainingOperator, model),
            "breach": (RollbackOnBreachOperator, {**model, "policy": "retrain.yaml"}),
            "decide": (DecideRetrainOperator, {**dataset, **model, "policy": "retrain.yaml"}),
            "labels": (
                JoinLabelsOperator,
                {
                    **model,
                    "labels": f"{SYNTHETIC}:labels",
                    "label_column": "late",
                    "label_time_column": "time",
                    "maturity": timedelta(days=3),
                },
            ),
            "score": (ScoreBatchOperator, {**dataset, **model, "outlets": [assets.predictions_alias(self.model)]}),
            "erase": (EraseRowsOperator, dataset),
            "replay": (ReplayModelOperator, model),
            # By a function that needs nothing of this project, and so runs in other processes too.
            "verified": (TrainModelOperator, {**plain, "determinism": "verify"}),
            "elsewhere": (TrainModelOperator, {**plain, "python": sys.executable}),
            "judged_again": (GateModelOperator, {**model, "policy": "policy.yaml"}),
        }


class Stages:
    """Labs at each stage of the lifecycle, each made once from the one before it, and copied for the tests.

    - ``empty``: nothing yet.
    - ``accepted``: three months are taken and validated.
    - ``trained``, ``registered``, ``evaluated``, ``judged``, ``promoted``: a champion for the second month.
    - ``challenged``: a candidate for the third month has passed the gate.
    - ``replaced``: it is champion, a stage of its own: the later ones come after ``challenged``.
    - ``drifted``: the fourth month, accepted, has another signal than the champion was trained on; not yet judged.
    - ``alarmed``: the drift verdict is recorded.
    - ``scored``: the champion of ``promoted`` has scored the third month.
    - ``learned``: after ``accepted``, a champion for the second month that can learn on; four months are accepted.
    - ``kinds``: after ``empty``, a champion for the second month whose label is one of three words; it has scored the
      third.

    :param folder: where they are kept.
    """

    ORDER = (
        "empty",
        "accepted",
        "trained",
        "registered",
        "evaluated",
        "judged",
        "promoted",
        "challenged",
        "replaced",
        "drifted",
        "alarmed",
        "scored",
        "learned",
        "kinds",
    )

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: dict[str, Lab] = {}

    def copy(self, stage: str, root: Path) -> Lab:
        """Copy a stage to a folder."""
        return copy_lab(self._stage(stage), root)

    def database(self) -> Path:
        """Return an empty MLflow database."""
        return self._stage("empty").root / DATABASE

    def _stage(self, stage: str) -> Lab:
        if stage not in self._made:
            self._made[stage] = self._make(stage)
        return self._made[stage]

    def _make(self, stage: str) -> Lab:
        import pytest

        root = self.folder / stage
        if stage == "empty":
            return _empty(root)
        apart = {"drifted": "challenged", "scored": "promoted", "learned": "accepted", "kinds": "empty"}
        before = apart.get(stage) or self.ORDER[self.ORDER.index(stage) - 1]
        lab = copy_lab(self._stage(before), root)
        with pytest.MonkeyPatch.context() as monkeypatch:
            lab.enter(monkeypatch)
            _advance(lab, stage)
        return lab


def _advance(lab: Lab, stage: str) -> None:
    facts = lab.facts
    match stage:
        case "accepted":
            facts["snapshots"] = {key: lab.accept(key) for key in MONTHS}
        case "trained":
            facts["train"] = lab.run("train", partition_key="2020-02")
        case "registered":
            facts["register"] = lab.run("register", manifest_hash=facts["train"]["manifest_hash"])
        case "evaluated":
            facts["evaluate"] = lab.run("evaluate", manifest_hash=facts["train"]["manifest_hash"])
        case "judged":
            facts["gate"] = lab.run("gate", evaluation_id=facts["evaluate"]["evaluation_id"])
        case "promoted" | "replaced":
            facts["promote"] = lab.run("promote", gate_record=facts["gate"]["record"])
        case "challenged":
            facts.update(lab.judge("2020-03"))
        case _:
            _serve(lab, stage)


def _serve(lab: Lab, stage: str) -> None:
    match stage:
        case "drifted":
            lab.facts["snapshots"]["2020-04"] = lab.accept("2020-04", "drifted")
        case "alarmed":
            lab.facts["drift"] = lab.run("drift", partition_key="2020-04")
        case "scored":
            lab.facts["score"] = lab.run("score", partition_key="2020-03")
        case "learned":
            lab.facts["snapshots"]["2020-04"] = lab.accept("2020-04")
            lab.promote("2020-02", train_function=LEARN, train_params={"alpha": 0.01})
        case "kinds":
            (lab.root / "policy.yaml").write_text(KINDS_POLICY)
            (lab.root / "performance.yaml").write_text(KINDS_PERFORMANCE)
            lab.facts["snapshots"] = {key: lab.accept(key, f"{TASKS}:with_kinds") for key in MONTHS}
            lab.facts.update(lab.promote("2020-02", task="multiclass", train_function=f"{TASKS}:fit_kinds"))
            lab.facts["score"] = lab.run("score", partition_key="2020-03")


def _empty(root: Path) -> Lab:
    root.mkdir()
    files = {
        "suite.yaml": SUITE,
        "quarantine.yaml": QUARANTINE,
        "contract.yaml": CONTRACT,
        "checks.yaml": CHECKS,
        "policy.yaml": POLICY,
        "drift.yaml": DRIFT_POLICY,
        "retrain.yaml": RETRAIN_POLICY,
        "performance.yaml": PERFORMANCE_POLICY,
    }
    for name, text in files.items():
        (root / name).write_text(text)
    lab = Lab(root)
    lab.client.search_experiments()
    return lab


def copy_lab(lab: Lab, root: Path) -> Lab:
    """Copy a lab with its MLflow to a folder."""
    shutil.copytree(lab.root, root)
    _relocate(root / DATABASE, str(lab.root), str(root))
    return Lab(root, facts=json.loads(json.dumps(lab.facts)))


def _relocate(database: Path, old: str, new: str) -> None:
    """Change the absolute paths of artifacts that MLflow keeps."""
    with closing(sqlite3.connect(database)) as connection, connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            for column in connection.execute(f"PRAGMA table_info({table})").fetchall():
                name = column[1]
                if name in ("artifact_location", "artifact_uri", "source", "storage_location"):
                    connection.execute(f"UPDATE {table} SET {name} = replace({name}, ?, ?)", (old, new))
