"""A scratch place for attacks: scores, ledger and context of a run that never was."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.testing.attacks import FILE, Attack

if TYPE_CHECKING:
    from airflow_provider_mlops.core.ledger import Ledger
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.hooks.storage import Storage
    from airflow_provider_mlops.statistics.score_table import ScoreTable

DEAD = "mlops_attack_dead_registry"
PARTITION = "2024-02"
_LOOPBACK = "127.0.0.1"


@dataclass
class _TaskInstance:
    """The part of a task instance that the operators use; what is pushed goes nowhere."""

    task_id: str
    bundle_instance: Any
    dag_id: str = "attack"
    run_id: str = "attack"
    try_number: int = 1
    map_index: int = -1
    log_url: str = ""
    pushed: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep a value."""
        self.pushed[key] = value


def store_spoilt(storage: Storage, model: str, table: ScoreTable, attack: Attack | None = None) -> str:
    """Keep scores as an evaluation does, and break what was kept.

    :param storage: a scratch storage.
    :param model: name of the model.
    :param table: the scores.
    :param attack: how to break the file, None for not at all.
    :return: id of the scores, as a record would name it.
    """
    from airflow_provider_mlops.hooks.scores_store import ScoredRows, scores_path, store_scores

    frame, classes = _frame(table)
    on_file = attack is not None and attack.breaks == FILE
    if attack is not None and attack.name == "duplicate_rows":
        frame, on_file = attack.spoil(frame), False
    scores_id, _ = store_scores(storage, model, ScoredRows(frame, 0, table.task, classes), {"kind": "scores"})
    if attack is not None and on_file:
        attack.spoil(Path(storage.root) / scores_path(model, scores_id))
    return scores_id


def _frame(table: ScoreTable) -> tuple[Any, list[int] | None]:
    from airflow_provider_mlops.backends.optional import load
    from airflow_provider_mlops.hooks.scores_store import VARIANT, score_columns

    classes = list(range(table.candidate.shape[1])) if table.task == "multiclass" else None
    columns: dict[str, Any] = {"row_id": [f"row {number}" for number in range(table.rows)], "label": table.labels}
    models = {"candidate": table.candidate, "champion": table.champion, "golden": table.golden}
    models |= {f"{VARIANT}:{name}": scores for name, scores in table.variants.items()}
    for name, scores in models.items():
        columns |= {} if scores is None else score_columns(name, scores, classes)
    columns |= {} if table.weights is None else {"weight": table.weights}
    columns |= {name: column.astype(str) for name, column in table.slices.items()}
    return load("pandas", "parquet").DataFrame(columns), classes


def write_history(ledger: Ledger) -> None:
    """Record a champion, version 1, and a candidate, version 2.

    :param ledger: an empty scratch ledger.
    """
    for version in ("1", "2"):
        identity = _identity(version)
        manifest = {"test": {"snapshot_id": sha256_of("test"), "since": None}, "task": "binary", "train": {}}
        training = {**identity, "partition_key": PARTITION, "manifest": manifest}
        training |= {"mlflow_run_id": version, "mlflow_experiment_id": "0", "logged_model_id": version}
        ledger.append(kind="training", key=f"training {version}", body=training)
        registered = {**identity, "partition_key": PARTITION, "version": version}
        ledger.append(kind="registration", key=f"registration {version}", body=registered)


def write_evaluation(ledger: Ledger, name: str, table: ScoreTable, scores_id: str, facts: Mapping[str, Any]) -> Record:
    """Record an evaluation of the candidate against the champion.

    :param ledger: the scratch ledger, with its history.
    :param name: tells evaluations apart.
    :param table: the scores.
    :param scores_id: id of the stored scores.
    :param facts: what it recorded besides.
    :return: the record.
    """
    body = {
        **{key: value for key, value in facts.items() if key != "releases_since_golden"},
        "partition_key": PARTITION,
        "evaluation_id": sha256_of({"attack": name}),
        "candidate": {"version": "2", **_identity("2")},
        "champion": None if table.champion is None else {"version": "1", **_identity("1")},
        "golden": None if table.golden is None else {"version": "1", **_identity("1")},
        "test": {"snapshot_id": sha256_of({"test of": name}), "since": None},
        "task": table.task,
        "thresholds": dict(table.thresholds),
        "rows": table.rows,
        "positives": table.positives,
        "unlabelled": 0,
        "metrics": {},
        "scores_id": scores_id,
        "scores_uri": "",
    }
    return ledger.append(kind="evaluation", key=f"evaluation {name}", body=body)


def manifest_hash(version: str) -> str:
    """Return the manifest hash of a version of the scratch history.

    :param version: ``1``, the champion, or ``2``, the candidate.
    """
    return str(_identity(version)["manifest_hash"])


def scratch_context(task: Any, root: Path) -> dict[str, Any]:
    """Make the part of Airflow's context that the operators of this package read.

    :param task: the task to run.
    :param root: root of the Dag bundle.
    :return: a context of a scheduled run.
    """
    ti = _TaskInstance(task.task_id, SimpleNamespace(path=root))
    dag_run = SimpleNamespace(run_type="scheduled", conf={}, partition_key=PARTITION, run_id="attack")
    return {"ti": ti, "task_instance": ti, "task": task, "dag_run": dag_run, "outlet_events": {}}


@contextmanager
def dead_registry() -> Iterator[str]:
    """Offer an MLflow connection to a port of this machine on which nobody listens.

    :return: context manager that gives the id of the connection.
    """
    with socket.socket() as reserved:
        reserved.bind((_LOOPBACK, 0))
        # Bound but not listening: whoever connects is refused at once, and nobody else gets the port meanwhile.
        port = reserved.getsockname()[1]
        extra = {"retries": 0, "timeout": 2}
        connection = {"conn_type": "mlflow", "host": f"http://{_LOOPBACK}:{port}", "extra": extra}
        name = f"AIRFLOW_CONN_{DEAD.upper()}"
        os.environ[name] = json.dumps(connection)
        try:
            yield DEAD
        finally:
            del os.environ[name]


def _identity(version: str) -> dict[str, Any]:
    return {"model_digest": sha256_of({"model": version}), "manifest_hash": sha256_of({"manifest": version})}
