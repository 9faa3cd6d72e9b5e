"""An evaluation from its models to the body of its record."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.evaluation import (
    CANDIDATE,
    CHAMPION,
    GOLDEN,
    Asked,
    Contenders,
    models_of,
)
from airflow_provider_mlops.hooks.gone import erased_test_rows
from airflow_provider_mlops.hooks.leakage import leakage_facts, time_facts
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.scores_store import read_score_frame, recorded_scores, score_table, store_scores
from airflow_provider_mlops.hooks.scoring import Scoring, score_test_rows
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.statistics.gate import measure_all
from airflow_provider_mlops.statistics.metrics import metric_named
from airflow_provider_mlops.statistics.seeds import derive_seed

if TYPE_CHECKING:
    from pathlib import Path

LEVEL = 0.90
_SCORED = ("row_id", "label", CANDIDATE, CHAMPION, GOLDEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """What is looked at besides the scores.

    :param leakage: whether the training rows are compared with the test rows.
    :param infrastructure: whether the model is loaded and timed in a process of its own.
    :param artifacts: whether the model's files are looked at.
    :param explain: ``permutation``, ``shap`` or None.
    """

    leakage: bool = True
    infrastructure: bool = True
    artifacts: bool = True
    explain: str | None = None


class Evaluation:
    """One evaluation.

    :param storage: where snapshots and evaluations lie.
    :param hook: the MLflow connection.
    :param model_name: name of the registered model.
    :param contenders: the models by role.
    :param asked: what is asked of the test rows.
    :param log: where progress is told.
    """

    def __init__(
        self, storage: Storage, hook: MlflowHook, model_name: str, contenders: Contenders, asked: Asked, log: Any
    ) -> None:
        self.storage, self.hook, self.model_name = storage, hook, model_name
        self.contenders, self.asked, self.log = contenders, asked, log

    def run(self, checks: Checks, as_of: str) -> dict[str, Any]:
        """Score, measure and check.

        :param checks: what is looked at besides the scores.
        :param as_of: when the evaluation is made, ISO 8601.
        :return: the body of the record.
        """
        check_metrics(self.asked.metrics, self.contenders[CANDIDATE].task)
        scoring = score_test_rows(self.storage, self.hook, self.contenders, self.asked, self.log)
        candidate, decision = self.contenders[CANDIDATE], self.decision()
        # The columns of the file are what its manifest calls by that name.
        facts = {"kind": "scores", **{"kept" if name == "columns" else name: it for name, it in decision.items()}}
        scores_id, uri = store_scores(self.storage, self.model_name, scoring.scored, facts)
        evaluation_id = sha256_of({"scores": scores_id, **decision})
        table = score_table(scoring.scored.frame, scoring.scored.facts(), self.thresholds())
        self.log.info("Measuring %s.", ", ".join(self.asked.metrics))
        together = self.asked.dependence
        metrics = measure_all(table, self.asked.metrics, LEVEL, evaluation_id=evaluation_id, dependence=together)
        test = candidate.manifest["test"]
        return {
            "partition_key": candidate.training.body["partition_key"],
            "evaluation_id": evaluation_id,
            "task": candidate.task,
            "classes": candidate.classes,
            **{role: self._identity(role) for role in (CANDIDATE, CHAMPION, GOLDEN)},
            "test": {"snapshot_id": test["snapshot_id"], "since": test["since"], **self._erased()},
            "rows": table.rows,
            "positives": table.positives,
            "unlabelled": scoring.scored.unlabelled,
            "metrics": metrics,
            "scores_id": scores_id,
            "scores_uri": uri,
            "thresholds": self.thresholds(),
            "slices": list(self.asked.slices),
            "dependence": together.to_dict() if together else None,
            "columns": {
                "kept": list(self.asked.columns),
                "weight": self.asked.weight,
                "entity": self.asked.entity,
            },
            "variants": {
                name: {**spec, "altered": scoring.altered[name]} for name, spec in self.asked.variants.items()
            },
            **time_facts(scoring.rows, scoring.labelled, candidate.manifest["time_column"]),
            "as_of": as_of,
            "leakage": self._leakage(scoring) if checks.leakage else None,
            "infrastructure": self._infrastructure() if checks.infrastructure else None,
            "artifacts": self._artifacts() if checks.artifacts else None,
            "importance": self._importance(scoring, checks.explain, evaluation_id) if checks.explain else None,
        }

    def decision(self) -> dict[str, Any]:
        """Return what the scores and the metrics depend on, JSON-safe."""
        return {"model": self.model_name, **models_of(self.contenders), **self.asked.decision()}

    def thresholds(self) -> dict[str, float]:
        """Return the operating threshold of each model that froze one."""
        found = {role: contender.threshold for role, contender in self.contenders.items()}
        return {role: value for role, value in found.items() if value is not None}

    def _erased(self) -> dict[str, int]:
        """Say how many test rows are missing because they were erased; nothing where none were."""
        rows = erased_test_rows(self.storage, self.contenders[CANDIDATE].manifest)
        if rows:
            self.log.info("The test rows differ by %s lawfully erased rows from the recorded ones.", f"{rows:,}")
        return {"erased_rows": rows} if rows else {}

    def _identity(self, role: str) -> dict[str, Any] | None:
        return self.contenders[role].identity() if role in self.contenders else None

    def _leakage(self, scoring: Scoring) -> dict[str, Any]:
        started = time.monotonic()
        candidate = self.contenders[CANDIDATE]
        labels = scoring.labels.to_numpy()
        found = leakage_facts(self.storage, candidate, scoring.labelled, labels, self.asked.entity)
        rows = f"{found['train_rows']:,}"
        self.log.info("Compared the test rows with %s training rows in %.1f s.", rows, time.monotonic() - started)
        return found

    def _infrastructure(self) -> dict[str, Any]:
        from airflow_provider_mlops.hooks.serving_check import check_serving
        from airflow_provider_mlops.hooks.training import probe_rows

        started = time.monotonic()
        candidate = self.contenders[CANDIDATE]
        found = check_serving(self.hook, candidate.training, probe_rows(self.storage, candidate.manifest))
        seconds = time.monotonic() - started
        if found["error"] is not None:
            self.log.warning("The model does not serve in a clean process (%.1f s): %s", seconds, found["error"])
        else:
            self.log.info("Loaded the model in a clean process and asked it for predictions in %.1f s.", seconds)
        return found

    def _artifacts(self) -> dict[str, Any]:
        from airflow_provider_mlops.hooks.artifact_check import check_artifacts

        found = check_artifacts(self.hook, self.contenders[CANDIDATE].training)
        if found["error"] is not None:
            self.log.warning("The model's files could not be looked at: %s", found["error"])
        else:
            files, pickles = len(found["files"]), len(found["pickles"])
            self.log.info("Looked at %d files of the model and found %d pickles.", files, pickles)
        return found

    def _importance(self, scoring: Scoring, method: str, evaluation_id: str) -> dict[str, Any]:
        from airflow_provider_mlops.hooks.explain import explain

        started = time.monotonic()
        candidate, champion = self.contenders[CANDIDATE], self.contenders.get(CHAMPION)
        found = explain(
            scoring.estimators[CANDIDATE],
            scoring.estimators.get(CHAMPION),
            scoring.labelled[candidate.manifest["features"]],
            scoring.labels.to_numpy(),
            champion_features=scoring.labelled[champion.manifest["features"]] if champion else None,
            task=candidate.task,
            method=method,
            seed=derive_seed(evaluation_id, "importance"),
        )
        self.log.info("Explained by %s importance in %.1f s.", method, time.monotonic() - started)
        return found


def check_metrics(names: Iterable[str], task: str) -> None:
    """Refuse metrics that cannot be measured, before anything is scored.

    :param names: names of the metrics.
    :param task: task of the models.
    :raises BadInput: when there is no metric of a name, it belongs to another task, or it is one's own.
    """
    for name in names:
        if ":" in name:
            raise BadInput(
                f"The metric {name!r} is one's own: put it into the policy, which states its direction; the gate "
                "measures it from the stored scores."
            )
        if (found := metric_named(name).task) != task:
            raise BadInput(f"The metric {name!r} is of the task {found}, the models are of the task {task}.")


def same_scores(storage: Storage, model_name: str, ours: Mapping[str, Any], recorded: Mapping[str, Any]) -> bool:
    """Whether two evaluations gave the same scores to the same rows, bit by bit.

    Other slices, metrics or altered rows may have been asked for since; the models' scores are what is compared.

    :param storage: where evaluations lie.
    :param model_name: name of the registered model.
    :param ours: body of one evaluation's record.
    :param recorded: body of the other's.
    :raises EvidenceBroken: when stored scores are missing or were changed.
    """
    if ours["scores_id"] == recorded["scores_id"]:
        return True
    frames = [read_score_frame(storage, model_name, body["scores_id"])[0] for body in (ours, recorded)]
    scored = [[name for name in frame.columns if name.split(":")[0] in _SCORED] for frame in frames]
    return scored[0] == scored[1] and frames[0][scored[0]].equals(frames[1][scored[1]])


def write_artifacts(storage: Storage, model_name: str, body: Mapping[str, Any], folder: Path, log: Any) -> None:
    """Draw an evaluation's figures and write its tables.

    :param storage: where evaluations lie.
    :param model_name: name of the registered model.
    :param body: body of its record.
    :param folder: an empty folder.
    :param log: where is told what could not be drawn.
    :raises EvidenceBroken: when the scores are missing or were changed.
    """
    from airflow_provider_mlops.hooks.artifacts import write_evaluation_artifacts

    table = recorded_scores(storage, model_name, body)
    left_out = write_evaluation_artifacts(folder, body, table, model_name=model_name)
    for name, reason in left_out.items():
        log.info("Not drawn: %s: %s", name, reason)
