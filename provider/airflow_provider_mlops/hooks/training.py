"""Training from a manifest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.base import check_no_new_class
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.manifest import BINARY, MULTICLASS, task_of
from airflow_provider_mlops.core.search import shown_trials, with_params
from airflow_provider_mlops.hooks.data_files import Reads, root_of
from airflow_provider_mlops.hooks.fitting import Base, Fitting
from airflow_provider_mlops.hooks.rows import read_rows
from airflow_provider_mlops.hooks.search import search_columns, search_params
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.hooks.train_function import environment_after
from airflow_provider_mlops.hooks.training_checkpoint import TrainingCheckpoint

if TYPE_CHECKING:
    import pandas as pd

PROBE_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Training:
    """A fitted estimator and the facts that identify it.

    :param estimator: the fitted estimator.
    :param sample: the first feature rows, for the model's signature and the probe.
    :param rows: labelled rows that were trained on.
    :param unlabelled: rows that were left out because they have no label.
    :param model_digest: canonical digest of the saved model.
    :param prediction_digest: hash of the scores on the first 1,000 training rows.
    :param environment: interpreter and library versions.
    :param seconds: wall time of the fit.
    :param cpu_seconds: processor time of the fit.
    :param task: ``binary``, ``multiclass`` or ``regression``.
    :param classes: the classes of a multiclass label, in the order of the scores; else None.
    :param operating_threshold: the frozen threshold, None where none is chosen.
    :param search: what a search over parameters found, with all its trials; None where none was asked for.
    :param data_files: SHA-256 by path of the bundle's files that the function has read; None for too many to keep.
    """

    estimator: Any
    sample: pd.DataFrame
    rows: int
    unlabelled: int
    model_digest: str
    prediction_digest: str
    environment: dict[str, Any]
    seconds: float
    cpu_seconds: float
    task: str = BINARY
    classes: list[str] | list[int] | None = None
    operating_threshold: dict[str, Any] | None = None
    search: dict[str, Any] | None = None
    data_files: dict[str, str] | None = None

    def facts(self) -> dict[str, Any]:
        """Return what the training record holds of it."""
        return {
            "rows": self.rows,
            "unlabelled": self.unlabelled,
            "model_digest": self.model_digest,
            "prediction_digest": self.prediction_digest,
            "environment": self.environment,
            "fit_seconds": round(self.seconds, 3),
            "fit_cpu_seconds": round(self.cpu_seconds, 3),
            "task": self.task,
            "classes": self.classes,
            "operating_threshold": self.operating_threshold,
            "data_files": self.data_files,
            **({"search": shown_trials(self.search)} if self.search and "trials" in self.search else {}),
        }


def train_from_manifest(
    manifest: Mapping[str, Any],
    function: Callable[..., Any],
    storage: Storage,
    log: Any,
    *,
    base: Base | None = None,
    checkpoint: TrainingCheckpoint | None = None,
    root: Path | None = None,
) -> Training:
    """Train what a manifest describes, on rows that are proved by their hashes.

    :param manifest: as `core.manifest.training_manifest` builds it.
    :param function: the training function.
    :param storage: where the snapshots lie.
    :param log: where progress is told.
    :param base: what the manifest cites as its base; None where it cites none.
    :param checkpoint: where the state of an unfinished training is kept; None to keep none.
    :param root: folder below which what the function reads is recorded; None for where it is imported from.
    :return: the estimator and its facts.
    :raises BadInput: when the rows cannot be trained on.
    :raises EvidenceBroken: when a snapshot is missing or was changed.
    """
    from airflow_provider_mlops.backends import scikit_learn as sk

    task = task_of(manifest)
    frame = _training_rows(storage, manifest)
    label = manifest["label"]
    classes = sk.class_list(frame, label) if task == MULTICLASS else None
    if base is not None:
        check_no_new_class(base.classes, classes or [])
        classes = base.classes
    features, labels, unlabelled = sk.split_features(
        frame, features=manifest["features"], label=label, task=task, classes=classes
    )
    log.info("Training on %s labelled rows with seed %s.", f"{len(features):,}", manifest["seed"])
    reads = Reads(function)
    with reads.watched(root or root_of(function), storage):
        searched = search_params(manifest, function, frame, features, labels, log)
        fitting = Fitting(with_params(manifest, searched), function, base, checkpoint)
        threshold = _choose_threshold(fitting, frame, features, labels, log)
        started, cpu = time.monotonic(), _cpu_seconds()
        estimator = fitting(features, labels)
        seconds, cpu = time.monotonic() - started, _cpu_seconds() - cpu
    log.info("Trained in %.1f s.", seconds)
    sample = features.head(PROBE_ROWS)
    return Training(
        estimator=estimator,
        sample=sample,
        rows=len(features),
        unlabelled=unlabelled,
        model_digest=sk.model_digest(estimator),
        prediction_digest=sk.prediction_digest(sk.score(estimator, sample, task)),
        environment=environment_after(function),
        seconds=seconds,
        cpu_seconds=cpu,
        task=task,
        classes=classes,
        operating_threshold=threshold,
        search=searched,
        data_files=reads.found,
    )


def _cpu_seconds() -> float:
    """Return the processor time of this process, and of those that it has waited for: a function may run in one."""
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def probe_rows(storage: Storage, manifest: Mapping[str, Any]) -> pd.DataFrame:
    """Read the rows whose predictions were frozen in a training: the first 1,000 that it was trained on.

    :param storage: where the snapshots lie.
    :param manifest: as `core.manifest.training_manifest` built it.
    :return: their features.
    :raises BadInput: when the rows lack a column of the manifest.
    :raises EvidenceBroken: when a snapshot is missing or was changed.
    """
    from airflow_provider_mlops.backends import scikit_learn as sk

    frame, label = _training_rows(storage, manifest), manifest["label"]
    features, _, _ = sk.split_features(frame, features=manifest["features"], label=label, task=task_of(manifest))
    return features.head(PROBE_ROWS)


def _training_rows(storage: Storage, manifest: Mapping[str, Any]) -> pd.DataFrame:
    train = manifest["train"]
    names = (*manifest["features"], manifest["label"], manifest["time_column"], *search_columns(manifest))
    return read_rows(
        storage,
        manifest["dataset"],
        train["snapshots"],
        columns=list(dict.fromkeys(name for name in names if name)),
        time_column=manifest["time_column"],
        since=train.get("since"),
        until=train["until"],
    )


def _choose_threshold(
    fitting: Fitting,
    frame: pd.DataFrame,
    features: pd.DataFrame,
    labels: pd.Series[Any],
    log: Any,
) -> dict[str, Any] | None:
    """Choose the operating threshold on the newest training rows, by a model that was fitted on the ones before."""
    from airflow_provider_mlops.backends import scikit_learn as sk
    from airflow_provider_mlops.statistics.operating_threshold import check_criterion, choose_threshold

    manifest = fitting.manifest
    if (plan := manifest.get("operating_threshold")) is None:
        return None
    check_criterion(plan["metric"], plan["params"])
    times = frame.loc[features.index, manifest["time_column"]] if manifest["time_column"] else None
    tail = sk.newest_rows(times, len(features), plan["validation_share"])
    try:
        model = fitting(features[~tail], labels[~tail], "threshold")
        scores = sk.score(model, features[tail])
        value, achieved = choose_threshold(labels[tail].to_numpy(), scores, plan["metric"], plan["params"])
    except BadInput as err:
        raise BadInput(f"No operating threshold can be chosen on the newest {tail.sum():,} rows: {err}") from err
    log.info("Operating threshold %.6g: %s is %.4f on the newest %s rows.", value, plan["metric"], achieved, tail.sum())
    return {
        "value": value,
        "metric": plan["metric"],
        "params": plan["params"],
        "validation_rows": int(tail.sum()),
        "achieved": achieved,
    }
