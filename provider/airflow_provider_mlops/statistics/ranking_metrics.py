"""Metrics of the order of the scores: ROC-AUC, average precision, recall at a fixed precision."""

from airflow_provider_mlops.core.measure import Interval
from airflow_provider_mlops.statistics import auc
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.folding import Statistic
from airflow_provider_mlops.statistics.metric import Metric, Options
from airflow_provider_mlops.statistics.precision_recall import Ranking
from airflow_provider_mlops.statistics.weighted_auc import WeightedAuc


class RocAuc(Metric):
    """Area under the ROC curve, with DeLong intervals."""

    def statistic(self, truth: FloatArray, scores: FloatArray, options: Options) -> Statistic:
        """Prepare the weighted area; see `Metric.statistic`."""
        return WeightedAuc(truth == 1, scores)

    def _interval(self, truth: FloatArray, scores: FloatArray, options: Options) -> Interval:
        return auc.auc_interval(truth == 1, scores, options.level)

    def _difference(self, truth: FloatArray, candidate: FloatArray, champion: FloatArray, options: Options) -> Interval:
        return auc.auc_difference(truth == 1, candidate, champion, options.level)


class AveragePrecision(Metric):
    """Area under the precision-recall steps."""

    def statistic(self, truth: FloatArray, scores: FloatArray, options: Options) -> Statistic:
        """Prepare the weighted area; see `Metric.statistic`."""
        return Ranking(truth == 1, scores).average_precision


class RecallAtPrecision(Metric):
    """Highest recall among the thresholds that keep a precision.

    The best threshold is found on the very rows, which flatters small samples: freeze a threshold and use ``recall``
    where the operating point is known.
    """

    def statistic(self, truth: FloatArray, scores: FloatArray, options: Options) -> Statistic:
        """Prepare the weighted recall; see `Metric.statistic`."""
        ranking, precision = Ranking(truth == 1, scores), self._params(options)["precision"]
        return lambda weights: ranking.recall_at(weights, precision)

    def _value(self, truth: FloatArray, scores: FloatArray, options: Options) -> float:
        # A resample may fall to 0; rows on which no threshold keeps the precision have no answer at all.
        return super()._value(truth, scores, options) or self._refuse(options)

    def _undefined(self, options: Options) -> str:
        return f"no threshold keeps a precision of {self._params(options)['precision']}"
