"""Scoring every model on the same test rows, as they are and altered."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.evaluation import CANDIDATE, Asked, Contender, Contenders, check_comparable
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.rows import read_rows
from airflow_provider_mlops.hooks.scores_store import (
    VARIANT,
    ScoredRows,
    check_names,
    score_columns,
)
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.hooks.variants import altered_rows, floats, is_number

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Scoring:
    """What scoring has at hand, so that nothing is read or loaded twice.

    :param scored: what is stored.
    :param rows: all test rows, those without a label too.
    :param labelled: the test rows that were scored.
    :param labels: their labels, as the models know them.
    :param estimators: the loaded models by role.
    :param altered: by variant, in how many rows something was altered.
    """

    scored: ScoredRows
    rows: pd.DataFrame
    labelled: pd.DataFrame
    labels: pd.Series[Any]
    estimators: Mapping[str, Any]
    altered: Mapping[str, int] = field(default_factory=dict)


def score_test_rows(storage: Storage, hook: MlflowHook, contenders: Contenders, asked: Asked, log: Any) -> Scoring:
    """Score all models on the rows that the candidate's manifest holds out.

    :param storage: where the snapshots lie.
    :param hook: the MLflow connection.
    :param contenders: the models by role; ``candidate`` is one of them.
    :param asked: which columns to keep and which altered rows to make.
    :param log: where progress is told.
    :return: the scored rows, in snapshot order.
    :raises BadInput: when a column is missing, the weights are none, or a model cannot score the rows.
    :raises EvidenceBroken: when a snapshot or a model is not the recorded one.
    """
    check_names(asked.kept)
    check_comparable(contenders)
    candidate = contenders[CANDIDATE]
    rows = _test_rows(storage, candidate.manifest)
    _check_columns(rows, [candidate.manifest["row_id"], *asked.needed])
    features, labels, unlabelled = _split(rows, candidate)
    labelled = rows.loc[features.index]
    columns: dict[str, Any] = {
        "row_id": labelled[candidate.manifest["row_id"]].astype(str).to_numpy(),
        "label": labels.to_numpy(),
    }
    estimators, scores = _score_models(hook, contenders, labelled, log, allow_pickle=asked.allow_pickle)
    for role, found in scores.items():
        columns |= score_columns(role, found, candidate.classes)
    if asked.weight is not None:
        columns["weight"] = _weights(labelled[asked.weight], asked.weight)
    altered = {}
    for name, spec in asked.variants.items():
        inputs = sha256_of({"candidate": candidate.manifest_hash, "spec": dict(spec)})
        disturbed, altered[name] = altered_rows(features, name, spec, inputs)
        found = _score(estimators[CANDIDATE], disturbed, candidate.task, f"the candidate, on the variant {name!r}")
        log.info("Scored the variant %s: %s rows altered.", name, f"{altered[name]:,}")
        columns |= score_columns(f"{VARIANT}:{name}", found, candidate.classes)
    columns |= {name: _text(labelled[name]) for name in asked.kept}
    frame = load("pandas", "parquet").DataFrame(columns)
    scored = ScoredRows(frame, unlabelled, candidate.task, candidate.classes)
    return Scoring(scored, rows, labelled, labels, estimators, altered)


def load_model(hook: MlflowHook, training: Record, *, allow_pickle: bool = False) -> Any:
    """Load the model of a training after its bytes were checked against the record.

    :param hook: the MLflow connection.
    :param training: the record of its training, adoption or transfer.
    :param allow_pickle: whether an adopted model that is no skops archive may be loaded: the policy names it.
    :return: the estimator.
    :raises EvidenceBroken: when the bytes are not the recorded ones.
    :raises Refused: when the model is no skops archive, and nobody has allowed it.
    """
    from airflow_provider_mlops.backends import mlflow_models as models
    from airflow_provider_mlops.backends import scikit_learn as sk

    body = training.body
    if "archive_sha256" not in body:
        from airflow_provider_mlops.hooks.adopted_model import load_trusted

        return load_trusted(hook, training, allow_pickle=allow_pickle)
    with tempfile.TemporaryDirectory(prefix="mlops-model-") as folder, hook.session() as client:
        path = models.download_model_file(client, body["logged_model_id"], Path(folder), body["archive_sha256"])
        return sk.read_model(path, sha256=body["archive_sha256"], trusted_types=body["manifest"]["trusted_types"])


def score_again(storage: Storage, contender: Contender, estimator: Any) -> tuple[npt.NDArray[Any], dict[str, Any]]:
    """Score the labelled test rows of a training by another estimator than the recorded one.

    :param storage: where the snapshots lie.
    :param contender: the training.
    :param estimator: the estimator that scores in its place.
    :return: the row ids, and the score columns as `score_columns` names those of the candidate.
    :raises BadInput: when the estimator cannot score the rows.
    :raises EvidenceBroken: when the test snapshot is missing or was changed.
    """
    rows = _test_rows(storage, contender.manifest)
    features, _, _ = _split(rows, contender)
    scores = _score(estimator, features, contender.task, "the replayed candidate")
    row_ids = rows.loc[features.index, contender.manifest["row_id"]].astype(str).to_numpy()
    return row_ids, score_columns(CANDIDATE, scores, contender.classes)


def _test_rows(storage: Storage, manifest: Mapping[str, Any]) -> pd.DataFrame:
    return read_rows(
        storage,
        manifest["dataset"],
        [manifest["test"]],
        time_column=manifest["time_column"],
        since=manifest["test"]["since"],
    )


def _split(rows: pd.DataFrame, candidate: Contender) -> tuple[pd.DataFrame, pd.Series[Any], int]:
    from airflow_provider_mlops.backends import scikit_learn as sk

    manifest = candidate.manifest
    return sk.split_features(
        rows,
        features=manifest["features"],
        label=manifest["label"],
        task=candidate.task,
        classes=candidate.classes,
    )


def _score_models(
    hook: MlflowHook, contenders: Contenders, labelled: pd.DataFrame, log: Any, *, allow_pickle: bool
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Load and score each model once, also where it has two roles."""
    estimators: dict[str, Any] = {}
    scores: dict[str, npt.NDArray[Any]] = {}
    first: dict[str, str] = {}
    for role, contender in contenders.items():
        same = first.setdefault(contender.manifest_hash, role)
        if same != role:
            log.info("The %s, %s, is the %s version too.", same, contender.called, role)
            estimators[role], scores[role] = estimators[same], scores[same]
            continue
        who = f"the {role}, {contender.called},"
        features = contender.manifest["features"]
        if missing := [name for name in features if name not in labelled.columns]:
            raise BadInput(
                f"The test rows have no column {missing[0]!r}, which {who} was trained on; they have: "
                f"{', '.join(map(str, labelled.columns[:40]))}."
            )
        started = time.monotonic()
        estimators[role] = load_model(hook, contender.training, allow_pickle=allow_pickle)
        scores[role] = _score(estimators[role], labelled[features], contender.task, who)
        log.info("Scored %s on %s rows in %.1f s.", who, f"{len(labelled):,}", time.monotonic() - started)
    return estimators, scores


def _score(estimator: Any, features: pd.DataFrame, task: str, who: str) -> npt.NDArray[Any]:
    from airflow_provider_mlops.backends import scikit_learn as sk

    try:
        return sk.score(estimator, features, task)
    except BadInput as err:
        raise BadInput(f"Scoring {who} failed: {err}") from err


def _check_columns(frame: pd.DataFrame, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise BadInput(
            f"The test rows have no column {missing[0]!r}; they have: {', '.join(map(str, frame.columns[:40]))}."
        )


def _weights(column: pd.Series[Any], name: str) -> npt.NDArray[Any]:
    if not is_number(column):
        raise BadInput(f"The weight column {name!r} is not numeric: {column.dtype}.")
    numpy = load("numpy", "parquet")
    weights: npt.NDArray[Any] = floats(column)
    wrong = ~numpy.isfinite(weights) | (weights < 0)
    if wrong.any():
        raise BadInput(
            f"The weight column {name!r} holds {weights[wrong][0]} in {int(wrong.sum()):,} of {len(weights):,} rows; "
            "weights must be finite and not negative."
        )
    if not weights.any():
        raise BadInput(f"The weight column {name!r} is 0 in all {len(weights):,} rows.")
    return weights


def _text(column: pd.Series[Any]) -> npt.NDArray[Any]:
    return column.astype(str).where(column.notna(), None).to_numpy()
