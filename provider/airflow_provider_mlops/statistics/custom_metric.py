"""A metric of one's own: a function by import path, called once per resample."""

import inspect
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from airflow_provider_mlops.core.code_identity import code_files, import_callable
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.bca import ANYTHING
from airflow_provider_mlops.statistics.folding import Statistic
from airflow_provider_mlops.statistics.intervals import MIN_ROWS_FOR_MEAN
from airflow_provider_mlops.statistics.metric import ANY_TASK, Metric, Options

Function = Callable[[FloatArray, FloatArray, FloatArray], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomMetric(Metric):
    """A metric by a function of labels, scores and weights, with bootstrap intervals.

    The function must give the same number for the same arrays, and treat a weight of 2 as the row standing there
    twice. The arrays that it gets cannot be written to.

    :param function: ``function(labels, scores, weights) -> float``.
    """

    function: Function

    def statistic(self, truth: FloatArray, scores: FloatArray, options: Options) -> Statistic:
        """Prepare the calls, one per set of weights; see `Metric.statistic`."""
        labels, frozen = _read_only(truth), _read_only(scores)

        def values(weights: FloatArray) -> FloatArray:
            return np.array([self._call(labels, frozen, _read_only(row)) for row in weights])

        return values

    def _call(self, labels: FloatArray, scores: FloatArray, weights: FloatArray) -> float:
        try:
            value: Any = self.function(labels, scores, weights)
        except Exception as err:
            raise BadInput(f"The metric {self.name} raised {type(err).__name__}: {err}") from err
        number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
        if not number:
            raise BadInput(f"The metric {self.name} must return a number, not {type(value).__name__}.")
        if not math.isfinite(value):
            raise NotMeasurable(f"{self.name} returned {value}.")
        return float(value)

    def _scale(self, truth: FloatArray, scores: tuple[FloatArray, ...], options: Options) -> float:
        return max(abs(self._value(truth, model, options)) for model in scores) or 1.0


def custom_metric(path: str, *, higher_is_better: bool) -> CustomMetric:
    """Wrap a function as a metric.

    :param path: ``package.module:function`` of ``function(labels, scores, weights) -> float``.
    :param higher_is_better: its direction.
    :return: the metric; its name is the path.
    :raises BadInput: when the function cannot be imported, or does not take three arguments.
    """
    try:
        function = import_callable(path)
    except BadInput:
        raise
    except Exception as err:
        raise BadInput(f"The metric {path} cannot be imported: {type(err).__name__}: {err}") from err
    try:
        inspect.signature(function).bind(None, None, None)
    except (TypeError, ValueError) as err:
        raise BadInput(f"The metric {path} must take labels, scores and weights: {err}.") from err
    return CustomMetric(
        name=path,
        task=ANY_TASK,
        higher_is_better=higher_is_better,
        seeded=True,
        least_rows=MIN_ROWS_FOR_MEAN,
        within=ANYTHING,
        function=function,
    )


def metric_code(paths: Iterable[str]) -> dict[str, dict[str, str]]:
    """Hash the code of one's own metrics.

    :param paths: import paths of functions, as `custom_metric` takes them.
    :return: by path, the SHA-256 of each source file that the function may call.
    :raises BadInput: when a function has no source.
    """
    return {path: code_files(import_callable(path)) for path in sorted(paths)}


def _read_only(values: FloatArray) -> FloatArray:
    view = values.view()
    view.flags.writeable = False
    return view
