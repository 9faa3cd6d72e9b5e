"""How a manifest's model is fitted: in full by the training function, warm on a base, or on new rows alone."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.base import cited_base, fit_of
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.manifest import INCREMENTAL, WARM, task_of
from airflow_provider_mlops.hooks.training_checkpoint import TrainingCheckpoint, Unsaved

if TYPE_CHECKING:
    import pandas as pd

BASE, CHECKPOINT = "base", "checkpoint"
"""Keywords that a training function may take beside its parameters."""


@dataclass(frozen=True, slots=True)
class Base:
    """What a training goes on from.

    :param estimator: the fitted estimator.
    :param classes: the classes of a multiclass label that it knows, in order; else None.
    """

    estimator: Any
    classes: list[str] | list[int] | None = None


@dataclass(frozen=True, slots=True)
class Fitting:
    """Fits the model of a manifest, on all training rows or on a part of them.

    :param manifest: as `core.manifest.training_manifest` built it.
    :param function: the training function.
    :param base: what the manifest cites as its base; None where it cites none.
    :param checkpoint: where the state of an unfinished fit is kept; None to keep none.
    """

    manifest: Mapping[str, Any]
    function: Callable[..., Any]
    base: Base | None = None
    checkpoint: TrainingCheckpoint | None = None

    def __post_init__(self) -> None:
        if (self.base is None) != (cited_base(self.manifest) is None):
            raise BadInput("A training goes on from a base exactly where its manifest cites one.")

    def __call__(self, features: pd.DataFrame, labels: pd.Series[Any], part: str = "") -> Any:
        """Fit.

        :param features: feature rows, in canonical order.
        :param labels: their labels.
        :param part: name of a fit that is not the model's own; its state is kept apart.
        :return: the fitted estimator.
        :raises BadInput: when the rows, the parameters or the base do not let it be fitted.
        """
        from airflow_provider_mlops.backends import scikit_learn as sk
        from airflow_provider_mlops.backends.partial_fit import fit_in_batches

        manifest, task = self.manifest, task_of(self.manifest)
        kept = self.checkpoint.part(part) if self.checkpoint is not None and part else self.checkpoint
        if self.base is not None and fit_of(manifest) == INCREMENTAL:
            rows = manifest["fit"]["batch_rows"]
            return fit_in_batches(self.base.estimator, features, labels, batch_rows=rows, task=task, saving=kept)
        offered = {CHECKPOINT: kept or Unsaved()}
        if self.base is not None:
            # A copy: what is fitted first on a part of the rows must leave nothing in the base.
            offered[BASE] = copy.deepcopy(self.base.estimator)
        return sk.fit(
            self.function,
            features,
            labels,
            seed=manifest["seed"],
            params=manifest["params"],
            task=task,
            offered=offered,
            needed=(BASE,) if fit_of(manifest) == WARM else (),
        )
