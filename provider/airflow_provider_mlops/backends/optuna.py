"""A study of Optuna, asked and told: seeded, in memory, without a word in the log."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.search import is_range

EXTRA = "optuna"


class Study:
    """What to try next, by the tree-structured Parzen estimator; the same answers give the same questions.

    :param space: parameter to a list of values, or to a range of ``low``, ``high``, ``log`` and ``int``.
    :param seed: seed of the sampler.
    :raises MissingBackend: when Optuna is not installed.
    """

    def __init__(self, space: Mapping[str, Any], seed: int) -> None:
        optuna = load("optuna", EXTRA)
        self._space = {name: _distribution(values) for name, values in space.items()}
        with _silent():
            sampler = optuna.samplers.TPESampler(seed=seed)
            self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._trial: Any = None

    def ask(self) -> dict[str, Any]:
        """Return the parameters to try next."""
        with _silent():
            self._trial = self._study.ask(self._space)
        return dict(self._trial.params)

    def tell(self, value: float) -> None:
        """Say how the parameters did that were asked for last.

        :param value: higher is better; NaN where the trial failed.
        """
        failed = load("optuna", EXTRA).trial.TrialState.FAIL
        with _silent():
            if math.isnan(value):
                self._study.tell(self._trial, state=failed)
            else:
                self._study.tell(self._trial, value)


def _distribution(values: Any) -> Any:
    distributions = load("optuna", EXTRA).distributions
    if not is_range(values):
        return distributions.CategoricalDistribution(values)
    kind = distributions.IntDistribution if values["int"] else distributions.FloatDistribution
    return kind(values["low"], values["high"], log=values["log"])


@contextmanager
def _silent() -> Iterator[None]:
    logging = load("optuna", EXTRA).logging
    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)
