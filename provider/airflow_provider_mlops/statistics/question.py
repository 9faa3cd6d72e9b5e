"""One rule about a metric on one set of rows: what is measured, what the bound decides, and the numbers of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_mlops.core import gate as decisions
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.core.rules import CHAMPION, Maximum, MetricRule, Minimum, NonInferior, Stress, Superior
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.statistics import wording
from airflow_provider_mlops.statistics.metric import Metric, Options
from airflow_provider_mlops.statistics.metrics import metric_named
from airflow_provider_mlops.statistics.resampling import DRAWS, MORE_DRAWS, wants_more_draws
from airflow_provider_mlops.statistics.sample_size import rows_to_decide
from airflow_provider_mlops.statistics.scores import Pair, check_weights, discordant, scores_of, threshold_of
from airflow_provider_mlops.statistics.seeds import derive_seed
from airflow_provider_mlops.statistics.slicing import Rows

_RESTS_ON_DISCORDANCE = ("accuracy", "multiclass_accuracy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Releases:
    """What a rule against the golden version shows besides: what the releases since may have lost.

    :param since: releases since the golden version was champion.
    :param margin: margin per release, by the policy's rule about the same metric against the champion.
    """

    since: int
    margin: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Question:
    """One rule on one set of rows.

    :param rule: the rule.
    :param rows: the rows.
    :param alpha: one-sided error rate.
    :param evaluation_id: id of the evaluation; the seed derives from it.
    :param value: value of the rule's slice column; None on all rows.
    :param releases: for a rule against the golden version, where known.
    """

    rule: MetricRule
    rows: Rows
    alpha: float
    evaluation_id: str
    value: str | None = None
    releases: Releases | None = None

    @property
    def name(self) -> str:
        """The name of the result."""
        return self.rule.name if self.value is None else f"{self.rule.name}[{self.value}]"

    @property
    def subject(self) -> str:
        """What is measured, in words."""
        return self.rule.metric if self.value is None else f"{self.rule.metric} for {self.rule.slice} {self.value}"

    @property
    def metric(self) -> Metric:
        """The rule's metric."""
        return metric_named(self.rule.metric, higher_is_better=self.rule.higher_is_better)

    @property
    def level(self) -> float:
        """The two-sided level that holds two one-sided bounds at alpha."""
        return 1 - 2 * self.alpha

    def options(self, level: float, draws: int = DRAWS) -> Options:
        """Say how to measure.

        :param level: two-sided confidence level.
        :param draws: resamples, where the metric resamples.
        :return: the options.
        """
        where = "" if self.value is None else f"{self.rule.slice}={self.value}"
        return Options(
            level=level,
            seed=derive_seed(self.evaluation_id, self.rule.metric, where),
            threshold=threshold_of(self.rule.threshold),
            draws=draws,
            clusters=self.rows.clusters,
            weights=self.rows.table.weights,
            params={**self.metric.params, **self.rule.params},
        )

    def judge(self) -> RuleResult:
        """Judge the rule.

        :return: its result; INCONCLUSIVE when the rows cannot answer.
        """
        least = self.rule.min_rows or 0
        table = self.rows.table
        if table.effective_rows < least:
            worth = "" if table.weights is None else f" that are worth {table.effective_rows:,} by their weights"
            reason = f"{self.subject}: {table.rows:,} rows{worth}, fewer than the minimum {least:,}."
            return self.unanswered(reason, min_rows=least, rows_needed=least)
        try:
            return self._limit(self.rule) if isinstance(self.rule, Minimum | Maximum) else self._compare()
        except NotMeasurable as error:
            return self.unanswered(f"{self.subject} cannot be measured: {error}")

    def unanswered(self, reason: str, **found: Any) -> RuleResult:
        """Say that the rows cannot answer.

        :param reason: why, in one sentence.
        :param found: further numbers.
        :return: an INCONCLUSIVE result.
        """
        numbers = {**self.numbers(), **found}
        return RuleResult(rule=self.name, outcome=Outcome.INCONCLUSIVE, reason=reason, numbers=numbers)

    def pair(self) -> Pair:
        """Return the two columns of scores that a comparing rule compares.

        :return: the scores.
        :raises NotMeasurable: when a model, variant or frozen threshold is missing.
        """
        table, rule = self.rows.table, self.rule
        if isinstance(rule, Stress):
            altered = scores_of(table, "candidate", rule.threshold, variant=rule.variant)
            return Pair(altered, scores_of(table, "candidate", rule.threshold))
        against = getattr(rule, "against", CHAMPION)
        return Pair(scores_of(table, "candidate", rule.threshold), scores_of(table, against, rule.threshold))

    def difference(self, pair: Pair, level: float, limit: float, draws: int = DRAWS) -> tuple[Interval, Options]:
        """Measure the difference that a comparing rule judges.

        :param pair: what is compared.
        :param level: two-sided confidence level.
        :param limit: what the bounds are judged against; near it, more is drawn.
        :param draws: resamples to begin with.
        :return: the difference, and how it was measured.
        :raises NotMeasurable: when the rows cannot answer.
        """
        labels = self.rows.table.labels
        return self._drawn(
            lambda options: self.metric.compare(labels, pair.ours, pair.theirs, options), level, limit, draws
        )

    def values(self, pair: Pair) -> tuple[float, float]:
        """Measure both sides of a comparison.

        :param pair: what is compared.
        :return: the two values.
        :raises NotMeasurable: when the rows cannot answer.
        """
        labels, options = self.rows.table.labels, self.options(self.level)
        return self.metric.point(labels, pair.ours, options), self.metric.point(labels, pair.theirs, options)

    def numbers(self, measured: Interval | None = None, options: Options | None = None) -> dict[str, Any]:
        """Gather the numbers that every rule about a metric shows.

        :param measured: the interval that was judged, if there is one.
        :param options: how it was measured.
        :return: JSON-safe figures.
        """
        table, metric = self.rows.table, self.metric
        numbers: dict[str, Any] = {"metric": self.rule.metric, "slice": self.rule.slice, "slice_value": self.value}
        numbers |= {"n": table.rows, "positives": table.positives, "alpha": self.alpha}
        if table.weights is not None:
            numbers["effective_n"] = table.effective_rows
        numbers["higher_is_better"] = metric.higher_is_better
        params = {**metric.params, **self.rule.params}
        if params:
            numbers["params"] = params
        if metric.thresholded:
            numbers["threshold"] = self._threshold()
        if measured is not None and options is not None:
            drawn = metric.draws_for(options) or "bootstrap" in measured.method
            numbers |= {"low": measured.low, "high": measured.high, "method": measured.method}
            numbers |= {"draws": options.draws if drawn else None, "seed": options.seed if drawn else None}
        return numbers

    def _limit(self, rule: Minimum | Maximum) -> RuleResult:
        table, minimum = self.rows.table, isinstance(rule, Minimum)
        scores = scores_of(table, "candidate", rule.threshold)
        measured, options = self._drawn(
            lambda options: self.metric.measure(table.labels, scores, options), self.level, rule.value
        )
        decide = decisions.decide_minimum if minimum else decisions.decide_maximum
        outcome = decide(measured, rule.value)
        rows = rows_to_decide(measured, rule.value, alpha=self.alpha) if outcome is Outcome.INCONCLUSIVE else None
        subject = f"{self.subject} of the candidate"
        reason = wording.limit_text(outcome, subject, measured, rule.value, minimum=minimum, rows=rows)
        found = {"candidate": measured.value, "limit": rule.value, "rows_needed": rows}
        bound = _deciding(outcome, passes_by_low=minimum)
        numbers = {**self.numbers(measured, options), **found, "bound": bound}
        return RuleResult(rule=self.name, outcome=outcome, reason=reason, numbers=numbers)

    def _compare(self) -> RuleResult:
        rule, higher, pair = self.rule, self.metric.higher_is_better, self.pair()
        margin = rule.margin if isinstance(rule, NonInferior | Stress) else None
        if margin is None and not isinstance(rule, Superior):
            raise BadInput(f"Rule {rule.name!r} is of the kind {rule.kind!r}, which the gate cannot judge.")
        gain = -margin if margin is not None else getattr(rule, "by", 0.0)
        limit = gain if higher else -gain
        difference, options = self.difference(pair, self.level, limit)
        ours, theirs = self.values(pair)
        if margin is not None:
            outcome = decisions.decide_non_inferior(difference, margin, higher_is_better=higher)
        else:
            outcome = decisions.decide_superior(difference, gain, higher_is_better=higher)
        rows = None
        if outcome is Outcome.INCONCLUSIVE:
            rows = rows_to_decide(difference, limit, alpha=self.alpha, margin=margin)
        found = {"candidate": ours, self._other: theirs, "difference": difference.value, "limit": limit}
        found |= {"margin": margin} if margin is not None else {"by": gain}
        numbers = {**self.numbers(difference, options), **found, **self._extras(pair), "rows_needed": rows}
        numbers["bound"] = _deciding(outcome, passes_by_low=higher)
        reason = self._sentence(outcome, (ours, theirs), difference, numbers)
        return RuleResult(rule=self.name, outcome=outcome, reason=reason, numbers=numbers)

    @property
    def _other(self) -> str:
        """What the candidate is compared with, as the numbers call it."""
        return "undisturbed" if isinstance(self.rule, Stress) else getattr(self.rule, "against", CHAMPION)

    def _extras(self, pair: Pair) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if isinstance(self.rule, Stress):
            found["variant"] = self.rule.variant
        count = discordant(self.rows.table, self.metric, pair, self.rule.threshold)
        if count is not None:
            found["discordant"] = count
        if self.releases is not None:
            found["releases_since_golden"] = self.releases.since
            found["margin_per_release"] = self.releases.margin
            found["cumulative_margin"] = self.releases.since * self.releases.margin
        return found

    def _sentence(
        self, outcome: Outcome, values: tuple[float, float], difference: Interval, numbers: Mapping[str, Any]
    ) -> str:
        rule, rows, count = self.rule, numbers["rows_needed"], numbers.get("discordant")
        discordance = None
        if count is not None and rule.metric in _RESTS_ON_DISCORDANCE:
            discordance = count / self.rows.table.rows
        if isinstance(rule, Superior):
            start = wording.comparison_text(self.subject, values, difference, self._other)
            return wording.superior_text(outcome, start, difference, rule.by, rows, discordance)
        if isinstance(rule, Stress):
            start = wording.stress_text(self.subject, values, difference, rule.variant)
        else:
            start = wording.comparison_text(self.subject, values, difference, self._other)
        text = wording.margin_text(outcome, start, difference, numbers["margin"], rows, discordance)
        if self.releases is not None:
            text = f"{text.removesuffix('.')}; {wording.releases_text(self.releases.since, self.releases.margin)}."
        return text

    def _drawn(
        self, measure: Callable[[Options], Interval], level: float, limit: float, draws: int = DRAWS
    ) -> tuple[Interval, Options]:
        """Measure, and again with more draws where the bound is too near the limit to trust 2,000."""
        check_weights(self.rows.table)
        options = self.options(level, draws)
        measured = measure(options)
        if draws < MORE_DRAWS and wants_more_draws(measured, limit, level):
            options = replace(options, draws=MORE_DRAWS)
            measured = measure(options)
        return measured, options

    def _threshold(self) -> float | dict[str, float]:
        """The threshold of a rule, or each model's own."""
        if not isinstance(self.rule.threshold, str):
            return threshold_of(self.rule.threshold)
        table = self.rows.table
        present = {name for name in ("candidate", "champion", "golden") if table.scores_of(name) is not None}
        return {name: float(value) for name, value in table.thresholds.items() if name in present}


def _deciding(outcome: Outcome, *, passes_by_low: bool) -> str:
    """Name the bound that decided, or that would have had to."""
    return "low" if passes_by_low == (outcome is not Outcome.FAIL) else "high"
