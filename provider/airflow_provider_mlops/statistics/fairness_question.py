"""One fairness rule about the groups that it found: which can be compared, what their bounds say, and in what words."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.core.rules import Fairness
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.fairness_compare import CALIBRATION, EQUALIZED_ODDS, RATES, RATIO, Comparison
from airflow_provider_mlops.statistics.fairness_decision import Decision, decide
from airflow_provider_mlops.statistics.fairness_resampling import Resampled, more_draws
from airflow_provider_mlops.statistics.fairness_rows import rows_at_observed, rows_if_alike
from airflow_provider_mlops.statistics.fairness_wording import Finding, finding_text, silent_text, small_text
from airflow_provider_mlops.statistics.intervals import two_sided_z
from airflow_provider_mlops.statistics.resampling import MORE_DRAWS


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One rule about some groups.

    :param rule: the rule.
    :param names: names of all groups.
    :param comparison: all groups against the reference.
    :param alpha: one-sided error rate.
    :param threshold: scores at or above it are decided for.
    :param seed: seed of the resamples; None where nothing is drawn.
    :param worth: rows of one weight that each group is worth (Kish 1965): its rows where all count the same.
    """

    rule: Fairness
    names: tuple[str, ...]
    comparison: Comparison
    alpha: float
    threshold: float
    seed: int | None
    worth: FloatArray

    def results(self) -> Iterator[RuleResult]:
        """Yield one result per group but the reference.

        :return: the results, in the order of the names.
        :raises NotMeasurable: when the reference is too small.
        """
        reference, least = self.comparison.reference, self.rule.min_rows or 0
        if self.worth[reference] < least:
            name, rows = self.names[reference], int(self.worth[reference])
            raise NotMeasurable(f"The reference group {name} has {rows:,} rows, fewer than the minimum {least:,}.")
        others = [index for index in range(len(self.names)) if index != reference]
        compared = self._measurable([index for index in others if self.worth[index] >= least])
        results = self._decided(compared) if compared else {}
        for index in others:
            yield results.get(index) or self._too_few(index)

    def _measurable(self, groups: list[int]) -> list[int]:
        """Keep the groups that have an interval: only they are in the family that is corrected for."""
        bounds = self.comparison.bounds(1 - 2 * self.alpha)
        known = np.isfinite(bounds.value) & np.isfinite(bounds.low) & np.isfinite(bounds.high)
        return [index for index in groups if known[index]]

    def _decided(self, compared: list[int]) -> dict[int, RuleResult]:
        groups = np.array(compared, dtype=np.int64)
        comparison = self.comparison
        decision = decide(comparison, groups, self.rule.value, self.alpha)
        if isinstance(comparison, Resampled) and len(comparison.draws) < MORE_DRAWS and self._is_close(decision):
            comparison = more_draws(comparison, MORE_DRAWS)
            decision = decide(comparison, groups, self.rule.value, self.alpha)
        return {
            index: self._result(index, place, decision, compared=len(compared)) for place, index in enumerate(compared)
        }

    def _is_close(self, decision: Decision) -> bool:
        """Say whether a bound is within one standard error of what it is judged against."""
        limits = (self.rule.value, 1.0) if self.rule.metric == RATIO else (self.rule.value, -self.rule.value)
        bounds = decision.bounds
        error = (bounds.high - bounds.low) / (2 * two_sided_z(1 - 2 * self.alpha))
        gaps = [abs(bound - limit) for bound in (bounds.low, bounds.high) for limit in limits]
        return bool(np.any(np.min(gaps, axis=0) <= error))

    def _result(self, index: int, place: int, decision: Decision, *, compared: int) -> RuleResult:
        rule, bounds, cells = self.rule, decision.bounds, self.comparison.cells
        outcome, n = decision.outcomes[place], int(cells.rows[index])
        method = bounds.methods[place] if bounds.methods else self.comparison.method
        rows = None
        if outcome is Outcome.INCONCLUSIVE:
            rows = rows_at_observed(rule.metric, decision, place, n, rule.value, self.alpha)
            if rows is None and rule.metric == RATIO and not bounds.value[place] > 0:
                rows = rows_if_alike(rule.metric, cells, index, self.comparison.reference, rule.value, self.alpha)
        interval = Interval(float(bounds.value[place]), float(bounds.low[place]), float(bounds.high[place]), n, method)
        rates = self._rates(index)
        finding = Finding(
            metric=rule.metric,
            group=self.names[index],
            reference=self.names[self.comparison.reference],
            interval=interval,
            limit=rule.value,
            rates=(rates["rate"], rates["reference_rate"]) if "rate" in rates else None,
        )
        numbers = {
            **self._facts(index),
            **rates,
            "value": interval.value,
            "low": interval.low,
            "high": interval.high,
            "corrected_low": _finite(decision.corrected.low[place]),
            "corrected_high": _finite(decision.corrected.high[place]),
            "groups_compared": compared,
            "correction": "holm",
            "method": interval.method,
            "rows_needed": rows,
        }
        if self.seed is not None:
            numbers["seed"] = self.seed
        reason = finding_text(outcome, finding, rows)
        return RuleResult(rule=self._name(index), outcome=outcome, reason=reason, numbers=numbers)

    def _too_few(self, index: int) -> RuleResult:
        rule, cells, reference = self.rule, self.comparison.cells, self.comparison.reference
        n, least = int(self.worth[index]), rule.min_rows or 0
        rows = rows_if_alike(rule.metric, cells, index, reference, rule.value, self.alpha)
        rows = None if rows is None else max(rows, least)
        name, compared_with = self.names[index], self.names[reference]
        if n < least:
            reason = small_text(name, n, least, rows, compared_with)
        else:
            reason = silent_text(rule.metric, name, n, rows, compared_with)
        numbers = {**self._facts(index), "min_rows": rule.min_rows, "rows_needed": rows}
        return RuleResult(rule=self._name(index), outcome=Outcome.INCONCLUSIVE, reason=reason, numbers=numbers)

    def _name(self, index: int) -> str:
        return f"{self.rule.name}[{self.names[index]}]"

    def _facts(self, index: int) -> dict[str, Any]:
        cells, reference = self.comparison.cells, self.comparison.reference
        facts: dict[str, Any] = {
            "metric": self.rule.metric,
            "group": self.names[index],
            "reference": self.names[reference],
            "n": int(cells.rows[index]),
            "positives": int(cells.positives[index]),
            "reference_n": int(cells.rows[reference]),
            "reference_positives": int(cells.positives[reference]),
            "limit": self.rule.value,
            "alpha": self.alpha,
        }
        return facts if self.rule.metric == CALIBRATION else facts | {"threshold": self.threshold}

    def _rates(self, index: int) -> dict[str, float]:
        """Return what is compared, of the group and of the reference; of the rows as weighted."""
        cells, reference = self.comparison.weighted, self.comparison.reference
        if self.rule.metric == CALIBRATION:
            gaps = cells.gaps / cells.rows
            return {"gap": float(gaps[index]), "reference_gap": float(gaps[reference])}
        names = ("true_positive_rate", "false_positive_rate") if self.rule.metric == EQUALIZED_ODDS else ("rate",)
        found: dict[str, float] = {}
        for name, rate in zip(names, RATES[self.rule.metric], strict=True):
            shares = rate(cells).share
            found |= {name: float(shares[index]), f"reference_{name}": float(shares[reference])}
        return found


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
