"""A training function as scikit-learn sees an estimator."""

from __future__ import annotations

from typing import Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.scikit_learn import fit
from airflow_provider_mlops.core.errors import BadInput


def estimator_class() -> Any:
    """Return the estimator over a training function; its class is made on use, for scikit-learn is heavy."""
    base = load("sklearn.base", "scikit-learn")

    class FunctionEstimator(base.BaseEstimator):  # type: ignore[misc, name-defined]  # it has no types
        """A training function as scikit-learn sees one: parameters that can be set, and ``fit``."""

        def __init__(
            self, function: Any, task: str, seed: int, params: dict[str, Any], offered: dict[str, Any]
        ) -> None:
            self.function, self.task, self.seed, self.params, self.offered = function, task, seed, params, offered

        def set_params(self, **params: Any) -> Any:
            self.params = {**self.params, **params}
            return self

        def fit(self, features: Any, labels: Any) -> Any:
            self.failed_ = None
            try:
                self.model_ = fit(
                    self.function,
                    features,
                    labels,
                    seed=self.seed,
                    params=self.params,
                    task=self.task,
                    offered=self.offered,
                )
            except BadInput as err:
                self.failed_ = str(err)
            return self

    return FunctionEstimator
