"""How much a served model rests on each feature, measured on the labelled rows of today."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.seeds import derive_seed

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

BLOCKS = 10
ROWS_PER_BLOCK = 100
MOST_ROWS = 5_000


def live_importance(
    estimator: Any, features: pd.DataFrame, labels: npt.NDArray[Any], task: str, metric: str, seed: int
) -> dict[str, list[float]]:
    """Measure permutation importance in blocks of rows that follow one another; their spread is its error.

    :param estimator: the served model.
    :param features: its feature rows, in the order of time.
    :param labels: label of each.
    :param task: ``binary`` or ``regression``.
    :param metric: the loss that permutation adds to.
    :param seed: seed of rows and permutations.
    :return: by feature, importance and its standard error.
    :raises NotMeasurable: with fewer than 1,000 labelled rows.
    """
    from airflow_provider_mlops.backends.permutation import Explained, permutation_importance

    numpy = load("numpy", "parquet")
    least = BLOCKS * ROWS_PER_BLOCK
    if len(features) < least:
        raise NotMeasurable(f"There are {len(features):,} labelled rows; importance needs {least:,}.")
    chosen = numpy.unique(numpy.linspace(0, len(features) - 1, min(len(features), MOST_ROWS)).astype("int64"))
    found: dict[str, list[float]] = {}
    for number, block in enumerate(numpy.array_split(chosen, BLOCKS)):
        models = {"live": Explained(estimator, features.iloc[block])}
        at = derive_seed(str(seed), "block", str(number))
        measured = permutation_importance(models, labels[block], task=task, metric=metric, seed=at, repeats=1)
        for name, (mean, _) in measured["live"].items():
            found.setdefault(name, []).append(mean)
    return {
        name: [float(numpy.mean(values)), float(numpy.std(values, ddof=1)) / math.sqrt(BLOCKS)]
        for name, values in found.items()
    }


def importance_at_promotion(
    recorded: Mapping[str, Any] | None, now: Mapping[str, list[float]], rows: int
) -> dict[str, list[float]]:
    """Read the importances of an evaluation's record, with a standard error.

    The record has the spread over repeated permutations; the noise of its rows is taken to be that of today's rows.

    :param recorded: ``importance`` of the evaluation's record.
    :param now: importances of today, with their standard errors.
    :param rows: labelled rows that today's were measured on.
    :return: by feature, importance and its standard error.
    :raises NotMeasurable: when the evaluation recorded none by permutation.
    """
    if not recorded or recorded.get("method") != "permutation":
        raise NotMeasurable(
            "The evaluation at promotion recorded no permutation importance: evaluate with explain='permutation'."
        )
    repeats, ratio = max(1, int(recorded["repeats"])), min(rows, MOST_ROWS) / max(1, int(recorded["rows"]))
    return {
        name: [mean, math.sqrt(spread**2 / repeats + ratio * now[name][1] ** 2 if name in now else spread**2)]
        for name, (mean, spread) in recorded["candidate"].items()
    }
