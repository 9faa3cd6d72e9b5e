"""The metrics that a policy can name, and how a name becomes a metric."""

import math
from collections.abc import Mapping
from types import MappingProxyType

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.statistics import loss, multiclass_metrics, table_metrics
from airflow_provider_mlops.statistics.auc import MIN_PER_CLASS
from airflow_provider_mlops.statistics.calibration import CalibrationError
from airflow_provider_mlops.statistics.custom_metric import custom_metric
from airflow_provider_mlops.statistics.intervals import MIN_ROWS_FOR_MEAN
from airflow_provider_mlops.statistics.mean_metrics import MeanLoss, MulticlassAccuracy, Recall, Share
from airflow_provider_mlops.statistics.metric import DEFAULT_THRESHOLD, Metric, Options
from airflow_provider_mlops.statistics.multiclass_metrics import MacroMetric
from airflow_provider_mlops.statistics.ranking_metrics import AveragePrecision, RecallAtPrecision, RocAuc
from airflow_provider_mlops.statistics.regression_metrics import RootMeanSquaredError, RSquared
from airflow_provider_mlops.statistics.resampling import STRATIFY_BELOW
from airflow_provider_mlops.statistics.score_table import MULTICLASS, REGRESSION
from airflow_provider_mlops.statistics.table_metrics import ExpectedCost, Precision, TableMetric

__all__ = ["DEFAULT_THRESHOLD", "METRICS", "Metric", "Options", "metric_named"]

_FEW = MIN_PER_CLASS
_APART = STRATIFY_BELOW
_TINY = 30
"""Rows below which a class might be missing from a resample."""
_ROWS = MIN_ROWS_FOR_MEAN
_NOT_NEGATIVE = (0.0, math.inf)

_BINARY: tuple[Metric, ...] = (
    RocAuc(name="roc_auc", least=_FEW, strata_below=_APART),
    MeanLoss(name="brier", higher_is_better=False, probabilities=True, least=1, least_rows=_ROWS, loss=loss.brier),
    MeanLoss(
        name="log_loss",
        higher_is_better=False,
        probabilities=True,
        least=1,
        least_rows=_ROWS,
        within=_NOT_NEGATIVE,
        loss=loss.log_loss,
    ),
    Share(name="accuracy", thresholded=True, least=1),
    AveragePrecision(name="average_precision", seeded=True, least=_FEW, strata_below=_TINY),
    TableMetric(name="f1", thresholded=True, seeded=True, least=_FEW, strata_below=_TINY, of=table_metrics.f1),
    TableMetric(
        name="balanced_accuracy",
        thresholded=True,
        seeded=True,
        least=_FEW,
        strata_below=_APART,
        of=table_metrics.balanced_accuracy,
    ),
    Precision(
        name="precision", thresholded=True, seeded=True, least=_FEW, strata_below=_TINY, of=table_metrics.precision
    ),
    Recall(name="recall", thresholded=True, least=_FEW, strata_below=_APART),
    RecallAtPrecision(
        name="recall_at_precision", seeded=True, least=_FEW, strata_below=_TINY, params={"precision": 0.9}
    ),
    CalibrationError(
        name="calibration_error",
        higher_is_better=False,
        seeded=True,
        probabilities=True,
        least=1,
        least_rows=_ROWS,
        params={"bins": 10},
    ),
    ExpectedCost(
        name="expected_cost",
        higher_is_better=False,
        thresholded=True,
        seeded=True,
        least=1,
        least_rows=_ROWS,
        params={"false_positive": 1, "false_negative": 1, "true_positive": 0, "true_negative": 0},
        of=table_metrics.expected_cost,
    ),
)
_MULTICLASS: tuple[Metric, ...] = (
    MulticlassAccuracy(name="multiclass_accuracy", task=MULTICLASS),
    MacroMetric(
        name="macro_f1", task=MULTICLASS, seeded=True, least=_FEW, strata_below=_TINY, of=multiclass_metrics.f1
    ),
    MacroMetric(
        name="macro_recall", task=MULTICLASS, seeded=True, least=_FEW, strata_below=_APART, of=multiclass_metrics.recall
    ),
    MeanLoss(
        name="multiclass_log_loss",
        task=MULTICLASS,
        higher_is_better=False,
        probabilities=True,
        least_rows=_ROWS,
        within=_NOT_NEGATIVE,
        loss=loss.multiclass_log_loss,
    ),
)
_REGRESSION: tuple[Metric, ...] = (
    RootMeanSquaredError(
        name="rmse", task=REGRESSION, higher_is_better=False, seeded=True, least_rows=_ROWS, within=_NOT_NEGATIVE
    ),
    MeanLoss(
        name="mae",
        task=REGRESSION,
        higher_is_better=False,
        least_rows=_ROWS,
        within=_NOT_NEGATIVE,
        loss=loss.absolute_error,
    ),
    RSquared(name="r2", task=REGRESSION, seeded=True, least_rows=_ROWS, within=(-math.inf, 1.0)),
    MeanLoss(
        name="pinball",
        task=REGRESSION,
        higher_is_better=False,
        least_rows=_ROWS,
        params={"quantile": 0.5},
        within=_NOT_NEGATIVE,
        loss=loss.pinball,
    ),
)

METRICS: Mapping[str, Metric] = MappingProxyType(
    {metric.name: metric for metric in (*_BINARY, *_MULTICLASS, *_REGRESSION)}
)


def metric_named(name: str, *, higher_is_better: bool | None = None) -> Metric:
    """Look a metric up, or import one.

    :param name: its name, or the import path ``package.module:function`` of one's own
        ``function(labels, scores, weights) -> float``.
    :param higher_is_better: direction of one's own metric; the built-in ones know theirs.
    :return: the metric.
    :raises BadInput: when there is none of this name, with the names that there are; when one's own has no direction
        or cannot be imported; when a direction contradicts that of a built-in metric.
    """
    if ":" in name:
        if higher_is_better is None:
            raise BadInput(f"The metric {name!r} needs its direction: say whether higher_is_better is true or false.")
        return custom_metric(name, higher_is_better=higher_is_better)
    if name not in METRICS:
        raise BadInput(
            f"There is no metric {name!r}; there are: {', '.join(METRICS)}, and package.module:function for your own."
        )
    if higher_is_better not in {None, METRICS[name].higher_is_better}:
        direction = "higher" if METRICS[name].higher_is_better else "lower"
        raise BadInput(f"For {name} {direction} is better: remove higher_is_better.")
    return METRICS[name]
