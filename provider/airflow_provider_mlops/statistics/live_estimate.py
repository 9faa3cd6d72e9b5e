"""The label-free estimate of a verdict: by partition and together, beside its track record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.core.performance_policy import MetricLimits
from airflow_provider_mlops.statistics import cbpe
from airflow_provider_mlops.statistics.arrays import FloatArray, kept
from airflow_provider_mlops.statistics.error_model import ErrorModel
from airflow_provider_mlops.statistics.estimates import (
    CAVEAT,
    Estimator,
    coverage,
    estimable,
    fit_estimator,
    threshold_at,
)
from airflow_provider_mlops.statistics.expected_metrics import cells
from airflow_provider_mlops.statistics.metric import Options
from airflow_provider_mlops.statistics.performance import Case, checked_metric
from airflow_provider_mlops.statistics.scores import threshold_of
from airflow_provider_mlops.statistics.support import MAX_OUTSIDE

MOST_PAIRS = 400
"""Estimates that a track record names, the newest ones; so that a record stays small however long a model serves."""


@dataclass(frozen=True, slots=True, eq=False)
class LiveEstimate:
    """The estimate of a version.

    :param case: the version with its labelled rows.
    :param estimator: fitted on the rows at promotion; None where they cannot carry one.
    :param problem: why there is none.
    """

    case: Case
    estimator: Estimator | None
    problem: str = ""

    @classmethod
    def of(cls, case: Case) -> "LiveEstimate":
        """Fit it.

        :param case: the version with its labelled rows.
        """
        try:
            return cls(case, fit_estimator(case))
        except NotMeasurable as error:
            return cls(case, None, str(error))

    def record(self, partitions: Mapping[str, FloatArray], together: FloatArray) -> dict[str, Any]:
        """Estimate rows without labels.

        :param partitions: scores by partition.
        :param together: scores of all of them, one a row or one a row and class.
        :return: what the record holds: the assumption and its tests, the estimates with intervals.
        """
        found: dict[str, Any] = {"assumes": CAVEAT, "method": None, "problem": self.problem or None}
        found |= {"broken_assumptions": [], "most_outside": MAX_OUTSIDE}
        if self.estimator is None:
            return {**found, "assumptions": None, "outside": None, "window": {}, "partitions": {}}
        finite = kept(together, np.isfinite(together).all(axis=tuple(range(1, together.ndim))))
        doubts = self.estimator.doubts(finite)
        found |= {
            "method": "error_by_prediction" if isinstance(self.estimator.held_out, ErrorModel) else "cbpe",
            "problem": "; ".join(doubts.values()) or None,
            "broken_assumptions": list(doubts),
            "assumptions": dict(self.estimator.assumptions),
            "outside": self.estimator.held_out.outside(finite) if len(finite) else None,
            "window": self._estimates(together) if partitions else {},
            "partitions": {key: self._estimates(scores) for key, scores in partitions.items()},
        }
        if isinstance(self.estimator.held_out, cbpe.Calibration) and len(finite):
            p = self.estimator.held_out.calibrator.probabilities(finite)
            found["cells"] = {
                limits.metric: cells(p, finite, threshold_at(self.case, limits))
                for limits in estimable(self.case)
                if checked_metric(limits.metric, self.case.task).thresholded
            }
        return found

    def pairs(
        self, partitions: Mapping[str, tuple[FloatArray, FloatArray]], earlier: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Put the estimate of every partition whose labels are mature beside what they showed.

        :param partitions: labels and scores by partition.
        :param earlier: ``estimates``: by partition what was estimated before its labels came; ``pairs``: the track
            record so far.
        :return: the track record, oldest first: ``{"partition_key", "metric", "estimate", "low", "high", "realised",
            "inside", "before"}``; ``before`` says whether it was estimated before the labels were known.
        """
        found = {(pair["partition_key"], pair["metric"]): dict(pair) for pair in earlier.get("pairs", ())}
        for key, (labels, scores) in partitions.items():
            for limits in estimable(self.case):
                pair = self._pair(key, limits, labels, scores, earlier.get("estimates", {}))
                if pair is not None:
                    found[key, limits.metric] = pair
        return [found[name] for name in sorted(found)][-MOST_PAIRS:]

    def track(self, pairs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Say how often the estimate was right.

        :param pairs: as `pairs` gives them.
        :return: ``{"track_record": {"level", "estimates", "inside", "share", "pairs"}}``.
        """
        level = self.case.errors.level
        return {"track_record": {"level": level, **coverage(pairs, level), "pairs": list(pairs)}}

    def _estimates(self, scores: FloatArray) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for limits in estimable(self.case):
            try:
                found[limits.metric] = self._estimate(scores, limits)
            except NotMeasurable as error:
                found[limits.metric] = {"reason": str(error)}
        return found

    def _estimate(self, scores: FloatArray, limits: MetricLimits) -> dict[str, Any]:
        if self.estimator is None:
            raise NotMeasurable(self.problem)
        return self.estimator.estimate(scores, limits, threshold_at(self.case, limits)).to_dict()

    def _pair(
        self, key: str, limits: MetricLimits, labels: FloatArray, scores: FloatArray, before: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        known = before.get(key, {}).get(limits.metric)
        before_labels = bool(known) and "reason" not in known
        metric = checked_metric(limits.metric, self.case.task)
        try:
            estimate = known if before_labels else self._estimate(scores, limits)
            at = threshold_at(self.case, limits) if metric.thresholded else threshold_of(None)
            params = {**metric.params, **limits.params}
            value = metric.point(labels, scores, Options(level=self.case.errors.level, threshold=at, params=params))
        except NotMeasurable:
            return None
        return {
            "partition_key": key,
            "metric": limits.metric,
            "estimate": estimate["value"],
            "low": estimate["low"],
            "high": estimate["high"],
            "realised": value,
            "inside": estimate["low"] <= value <= estimate["high"],
            "before": before_labels,
        }
