"""Scoring models on the same test rows, and keeping the scores by hash."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.canonical import PREFIX
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.rows import read_rows
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from airflow_provider_mlops.statistics.score_table import ScoreTable

_OWN_COLUMNS = ("row_id", "label", "candidate", "champion")


@dataclass(frozen=True, slots=True)
class ScoredRows:
    """Test rows with the scores of each model.

    :param frame: columns ``row_id``, ``label``, ``candidate``, ``champion`` (when there is one) and the slices.
    :param unlabelled: test rows that were left out because they have no label.
    """

    frame: pd.DataFrame
    unlabelled: int


def score_test_rows(
    storage: Storage,
    hook: MlflowHook,
    candidate: Record,
    champion: Record | None,
    slices: Sequence[str],
) -> ScoredRows:
    """Score candidate and champion on the rows that the candidate's manifest holds out.

    :param storage: where the snapshots lie.
    :param hook: the MLflow connection.
    :param candidate: training record of the candidate.
    :param champion: training record of the champion, None when there is none.
    :param slices: further columns to keep, as text.
    :return: the scored rows, in snapshot order.
    :raises BadInput: when a column is missing or a model cannot score the rows.
    :raises EvidenceBroken: when a snapshot or a model is not the recorded one.
    """
    from airflow_provider_mlops.backends import scikit_learn as sk

    manifest = candidate.body["manifest"]
    rows = read_rows(
        storage,
        manifest["dataset"],
        [manifest["test"]],
        time_column=manifest["time_column"],
        since=manifest["test"]["since"],
    )
    _check_columns(rows, [manifest["row_id"], *slices])
    features, labels, unlabelled = sk.split_features(rows, features=manifest["features"], label=manifest["label"])
    kept = rows.loc[features.index]
    columns = {
        "row_id": kept[manifest["row_id"]].astype(str).to_numpy(),
        "label": labels.to_numpy(),
        "candidate": sk.score(load_model(hook, candidate), features),
    }
    if champion is not None:
        _check_columns(rows, champion.body["manifest"]["features"])
        columns["champion"] = sk.score(load_model(hook, champion), kept[champion.body["manifest"]["features"]])
    columns |= {name: _text(kept[name]) for name in slices if name not in _OWN_COLUMNS}
    return ScoredRows(load("pandas", "parquet").DataFrame(columns), unlabelled)


def load_model(hook: MlflowHook, training: Record) -> Any:
    """Load the model of a training after its bytes were checked against the record.

    :param hook: the MLflow connection.
    :param training: the training record.
    :return: the estimator.
    :raises EvidenceBroken: when the bytes are not the recorded ones.
    """
    from airflow_provider_mlops.backends import mlflow as ml
    from airflow_provider_mlops.backends import scikit_learn as sk

    body = training.body
    with tempfile.TemporaryDirectory(prefix="mlops-model-") as folder, hook.session() as client:
        path = ml.download_model_file(client, body["logged_model_id"], Path(folder), body["archive_sha256"])
        return sk.read_model(path, sha256=body["archive_sha256"], trusted_types=body["manifest"]["trusted_types"])


def store_scores(storage: Storage, model_name: str, scored: ScoredRows, facts: Mapping[str, Any]) -> tuple[str, str]:
    """Keep per-row scores as Parquet under the hash of their content.

    :param storage: where evaluations lie.
    :param model_name: name of the registered model.
    :param scored: the scored rows.
    :param facts: JSON-safe facts for the manifest beside them.
    :return: id and address of the stored scores.
    """
    from airflow_provider_mlops.backends.parquet import write_snapshot

    with storage.staging() as folder:
        manifest = write_snapshot([scored.frame], folder, facts)
        return manifest["snapshot_id"], storage.publish(folder, scores_path(model_name, manifest["snapshot_id"]))


def read_scores(storage: Storage, model_name: str, scores_id: str) -> ScoreTable:
    """Read stored scores, proved by their hash, as the gate judges them.

    :param storage: where evaluations lie.
    :param model_name: name of the registered model.
    :param scores_id: id of the stored scores.
    :return: labels, scores and slices.
    :raises EvidenceBroken: when they are missing or were changed.
    """
    from airflow_provider_mlops.backends.parquet import read_snapshot

    with storage.open(scores_path(model_name, scores_id)) as folder:
        return score_table(read_snapshot(folder, scores_id).to_pandas())


def score_table(frame: pd.DataFrame) -> ScoreTable:
    """Turn scored rows into what the gate judges.

    :param frame: as `ScoredRows` holds it.
    :return: labels, scores and slices.
    """
    from airflow_provider_mlops.statistics.score_table import ScoreTable

    return ScoreTable(
        labels=frame["label"].to_numpy(),
        candidate=frame["candidate"].to_numpy(),
        champion=frame["champion"].to_numpy() if "champion" in frame else None,
        slices={name: frame[name].to_numpy() for name in frame.columns if name not in _OWN_COLUMNS},
    )


def scores_path(model_name: str, scores_id: str) -> str:
    """Return where stored scores lie below the storage root.

    :param model_name: name of the registered model.
    :param scores_id: id of the stored scores.
    """
    return f"evaluations/{model_name}/{scores_id.removeprefix(PREFIX)}"


def _check_columns(frame: pd.DataFrame, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise BadInput(f"The test rows have no column {missing[0]!r}; they have: {', '.join(frame.columns[:40])}.")


def _text(column: pd.Series[Any]) -> npt.NDArray[Any]:
    return column.astype(str).where(column.notna(), None).to_numpy()
