"""Training from a manifest."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.hooks.rows import read_rows
from airflow_provider_mlops.hooks.storage import Storage

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
    """

    estimator: Any
    sample: pd.DataFrame
    rows: int
    unlabelled: int
    model_digest: str
    prediction_digest: str
    environment: dict[str, Any]
    seconds: float

    def facts(self) -> dict[str, Any]:
        """Return what the training record holds of it."""
        return {
            "rows": self.rows,
            "unlabelled": self.unlabelled,
            "model_digest": self.model_digest,
            "prediction_digest": self.prediction_digest,
            "environment": self.environment,
            "fit_seconds": round(self.seconds, 3),
        }


def train_from_manifest(
    manifest: Mapping[str, Any], function: Callable[..., Any], storage: Storage, log: Any
) -> Training:
    """Train what a manifest describes, on rows that are proved by their hashes.

    :param manifest: as `core.manifest.training_manifest` builds it.
    :param function: the training function.
    :param storage: where the snapshots lie.
    :param log: where progress is told.
    :return: the estimator and its facts.
    :raises BadInput: when the rows cannot be trained on.
    :raises EvidenceBroken: when a snapshot is missing or was changed.
    """
    from airflow_provider_mlops.backends import scikit_learn as sk

    train = manifest["train"]
    frame = read_rows(
        storage,
        manifest["dataset"],
        train["snapshots"],
        time_column=manifest["time_column"],
        until=train["until"],
    )
    features, labels, unlabelled = sk.split_features(frame, features=manifest["features"], label=manifest["label"])
    log.info("Training on %s labelled rows with seed %s.", f"{len(features):,}", manifest["seed"])
    started = time.monotonic()
    estimator = sk.fit(function, features, labels, seed=manifest["seed"], params=manifest["params"])
    seconds = time.monotonic() - started
    log.info("Trained in %.1f s.", seconds)
    sample = features.head(PROBE_ROWS)
    return Training(
        estimator=estimator,
        sample=sample,
        rows=len(features),
        unlabelled=unlabelled,
        model_digest=sk.model_digest(estimator),
        prediction_digest=sk.prediction_digest(sk.score(estimator, sample)),
        environment=sk.environment_facts(),
        seconds=seconds,
    )
