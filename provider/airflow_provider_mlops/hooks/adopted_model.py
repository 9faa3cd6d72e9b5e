"""Loading a model that was adopted: a skops archive like any other, a pickle only where somebody has allowed it."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load, quiet
from airflow_provider_mlops.core.errors import EvidenceBroken, Refused
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.artifact_check import ARCHIVE, download_model
from airflow_provider_mlops.hooks.mlflow import MlflowHook

if TYPE_CHECKING:
    import pandas as pd

SKOPS, PICKLE, OTHER = "skops", "pickle", "other"


def format_of(found: Mapping[str, Any]) -> str:
    """Say what kind of model files are.

    :param found: what `backends.artifact_scan.scan_model` found.
    :return: ``skops``, ``pickle`` or ``other``.
    """
    if found["pickles"]:
        return PICKLE
    archives = [item["path"] for item in found["files"] if item["format"] == "skops"]
    return SKOPS if archives == [ARCHIVE] and not found["unknown"] else OTHER


def load_trusted(hook: MlflowHook, made: Record, *, allow_pickle: bool) -> Any:
    """Load an adopted model that is no skops archive, once every file is proved to be the recorded one.

    :param hook: the MLflow connection.
    :param made: the record of its adoption.
    :param allow_pickle: whether the policy names such models: they run code when they are loaded.
    :return: the estimator.
    :raises Refused: when the policy, or whoever adopted it, does not allow it.
    :raises EvidenceBroken: when a file is not the recorded one.
    """
    version = made.body["version"]
    if not (allow_pickle and made.body["allow_pickle"]):
        raise Refused(
            f"Version {version} is no skops archive and runs code when it is loaded. Adopt it with --allow-pickle and "
            "give EvaluateModelOperator a policy whose artifact_scan says allow_pickle: true."
        )
    with tempfile.TemporaryDirectory(prefix="mlops-model-") as folder:
        return load_adopted(download_model(hook, made.body["logged_model_id"], Path(folder)), made.body)


def load_adopted(folder: Path, body: Mapping[str, Any]) -> Any:
    """Load an adopted model from its files; whether it may be loaded was decided before.

    :param folder: the downloaded files.
    :param body: body of its adoption record.
    :return: the estimator.
    :raises EvidenceBroken: when a file is not the recorded one, or there are more.
    """
    from airflow_provider_mlops.backends import scikit_learn as sk

    if body["format"] == SKOPS:
        types = body["manifest"]["trusted_types"]
        return sk.read_model(folder / ARCHIVE, sha256=body["archive_sha256"], trusted_types=types)
    found = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
    if found != {item["path"]: item["sha256"] for item in body["files"]}:
        raise EvidenceBroken(f"The files of version {body.get('version')} are not the ones that were adopted.")
    with quiet():
        model = load("mlflow.pyfunc", "mlflow").load_model(str(folder))
        if "sklearn" in (model.metadata.flavors or {}):
            return load("mlflow.sklearn", "mlflow").load_model(str(folder))
    return _Scores(model)


class _Scores:
    """A model of another library, whose predictions are taken for scores: probabilities, or values (regression)."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def predict(self, features: pd.DataFrame) -> Any:
        """Return what the model says of each row."""
        return load("numpy", "parquet").asarray(self._model.predict(features), dtype="float64")

    def predict_proba(self, features: pd.DataFrame) -> Any:
        """Return the probabilities; one number for each row is that of the positive class."""
        numpy = load("numpy", "parquet")
        scores = self.predict(features)
        if scores.ndim == 1 or scores.shape[1] == 1:
            positive = scores.reshape(-1)
            scores = numpy.column_stack([1 - positive, positive])
        if ((scores < 0) | (scores > 1)).any():
            raise ValueError("its predictions are no probabilities: they must be from 0 to 1")
        return scores
