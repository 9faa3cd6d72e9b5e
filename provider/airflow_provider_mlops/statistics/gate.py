"""The gate: measure what every rule of a policy asks for, let the bounds decide, combine.

Every rule is judged at the policy's alpha without correction: all must pass, which is an intersection-union test
(Berger 1982) and keeps the risk of a false promotion at alpha. Watched slices are a union of alarms instead, so that
they are corrected for their number.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.core.policy import Policy
from airflow_provider_mlops.core.rules import (
    CHAMPION,
    GOLDEN,
    ArtifactScan,
    BlockIfWorse,
    DataAge,
    Fairness,
    FlipRate,
    Infrastructure,
    Leakage,
    Maximum,
    MaxLooks,
    MetricRule,
    Minimum,
    MinRows,
    NonInferior,
    Rule,
    Stress,
    Superior,
)
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.statistics.artifact_rule import judge_artifacts
from airflow_provider_mlops.statistics.evidence_rules import judge_age, judge_looks, judge_rows, wears_out
from airflow_provider_mlops.statistics.fairness_rule import judge_fairness
from airflow_provider_mlops.statistics.flips import judge_flips
from airflow_provider_mlops.statistics.infrastructure_rule import judge_infrastructure
from airflow_provider_mlops.statistics.leakage_rule import judge_leakage
from airflow_provider_mlops.statistics.measurements import measure_all, measure_slices
from airflow_provider_mlops.statistics.metric import Options
from airflow_provider_mlops.statistics.question import Question, Releases
from airflow_provider_mlops.statistics.rule_checks import check_rule
from airflow_provider_mlops.statistics.score_table import ScoreTable
from airflow_provider_mlops.statistics.scores import check_weights, own_threshold, threshold_of
from airflow_provider_mlops.statistics.seeds import derive_seed
from airflow_provider_mlops.statistics.slicing import Rows, Slicer, rows_together
from airflow_provider_mlops.statistics.watched_slices import judge_watched

__all__ = ["HOLDOUT_WEARS_OUT", "NO_BASELINE", "check_rule", "judge", "measure_all", "measure_slices"]

NO_BASELINE = "no_baseline"
HOLDOUT_WEARS_OUT = "holdout_wears_out"
NO_FACTS: Mapping[str, Any] = MappingProxyType({})

_OF_SCORES = (MetricRule, Fairness, FlipRate)
_OF_FACTS = (DataAge, Leakage, Infrastructure, ArtifactScan)
_DEMANDING = (Minimum, Maximum, NonInferior, Superior)
"""Rules that only pass when something was proved; the other kinds pass when nothing bad was."""


def judge(
    policy: Policy, table: ScoreTable, *, evaluation_id: str, looks: int, facts: Mapping[str, Any] = NO_FACTS
) -> Verdict:
    """Judge a candidate.

    For a first model, rules that compare with a champion do not apply: the verdict rests on the others and is marked
    ``no_baseline``. A champion that the ledger knows and the evaluation lacks is another matter: nothing passes that
    compares with it. A policy that then measures nothing is INCONCLUSIVE. From the third look at the same test rows on,
    and at the last that the policy allows, it is marked ``holdout_wears_out``.

    :param policy: the rules.
    :param table: the test rows.
    :param evaluation_id: id of the evaluation; the seeds derive from it.
    :param looks: gates judged on these test rows, this one included.
    :param facts: what the evaluation recorded besides the scores, as `core.gate_facts.gate_facts` gathers it.
    :return: the verdict, one result per rule and slice in the order of the policy.
    :raises BadInput: when the policy names a metric that does not exist or is of another task, or a limit of the wrong
        direction.
    """
    for rule in policy.rules:
        check_rule(rule, table.task)
    case = _Case.of(policy, table, evaluation_id, looks, facts)
    first = table.champion is None and facts.get("last_champion") is None
    applying = [rule for rule in policy.rules if _applies(rule, table, first=first)]
    results = [result for rule in applying for result in case.judge(rule)]
    if not any(isinstance(rule, _DEMANDING) for rule in applying):
        results.append(_nothing_measured(table))
    marks = [NO_BASELINE] if first else []
    allowed = [rule.value for rule in policy.rules if isinstance(rule, MaxLooks)]
    if wears_out(looks, min(allowed, default=None)):
        marks.append(HOLDOUT_WEARS_OUT)
    return Verdict.from_rules(results, marks=marks)


def _applies(rule: Rule, table: ScoreTable, *, first: bool) -> bool:
    """Say whether a rule applies: what compares with another version does not, for a first model."""
    against = getattr(rule, "against", None)
    return not first or against is None or (against == GOLDEN and table.golden is not None)


def _nothing_measured(table: ScoreTable) -> RuleResult:
    if table.champion is None:
        missing = "there is no champion and the policy has no minimum or maximum"
    else:
        missing = "the policy has no rule about a metric that must be proved: minimum, maximum, non_inferior, superior"
    return RuleResult(rule="measured", outcome=Outcome.INCONCLUSIVE, reason=f"Nothing was measured: {missing}.")


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """A candidate before the gate: everything that its rules are judged on."""

    policy: Policy
    slicer: Slicer
    evaluation_id: str
    looks: int
    facts: Mapping[str, Any]
    problem: str

    @classmethod
    def of(cls, policy: Policy, table: ScoreTable, evaluation_id: str, looks: int, facts: Mapping[str, Any]) -> "_Case":
        clusters, problem = None, ""
        try:
            clusters = rows_together(policy.dependence, table)
        except NotMeasurable as error:
            problem = str(error)
        return cls(policy, Slicer(Rows(table, clusters)), evaluation_id, looks, facts, problem)

    @property
    def table(self) -> ScoreTable:
        return self.slicer.rows.table

    def judge(self, rule: Rule) -> Iterator[RuleResult]:
        """Judge one rule by what its kind asks for."""
        alpha = self.policy.alpha
        if isinstance(rule, _OF_SCORES) and self.problem:
            numbers = {"metric": getattr(rule, "metric", rule.kind), "n": self.table.rows, "alpha": alpha}
            yield RuleResult(rule=rule.name, outcome=Outcome.INCONCLUSIVE, reason=self.problem, numbers=numbers)
        elif isinstance(rule, _OF_FACTS):
            yield from self._recorded(rule)
        elif isinstance(rule, MinRows):
            yield judge_rows(rule, self.table)
        elif isinstance(rule, MaxLooks):
            yield judge_looks(rule, self.looks)
        elif isinstance(rule, FlipRate):
            yield judge_flips(rule, self.slicer.rows, alpha, self.evaluation_id)
        elif isinstance(rule, Fairness):
            yield from self._fairness(rule)
        elif isinstance(rule, MetricRule):
            yield from self._metric(rule)
        else:
            raise BadInput(f"Rule {rule.name!r} is of the kind {rule.kind!r}, which the gate cannot judge.")

    def _recorded(self, rule: Rule) -> Iterator[RuleResult]:
        """Judge a rule by what the evaluation recorded besides the scores."""
        if isinstance(rule, DataAge):
            yield from judge_age(rule, self.facts)
        elif isinstance(rule, Leakage):
            yield judge_leakage(rule, self.facts, self.table.task)
        elif isinstance(rule, Infrastructure):
            yield from judge_infrastructure(rule, self.facts, self.policy.alpha)
        elif isinstance(rule, ArtifactScan):
            yield judge_artifacts(rule, self.facts)

    def _metric(self, rule: MetricRule) -> Iterator[RuleResult]:
        """Judge a rule on all rows, or once per value of its slice column."""
        variants = (rule.variant,) if isinstance(rule, Stress) else ()
        rows = self.slicer.rows.only((getattr(rule, "against", ""),), variants)
        everything = self._question(rule, rows)
        if rule.slice is None:
            yield everything.judge()
            return
        try:
            column = self.slicer.column(rule.slice)
        except NotMeasurable as error:
            yield everything.unanswered(str(error))
            return
        cut = (self._question(rule, rows.at(column.rows_of(value)), value) for value in column.values)
        missing = sorted(set(rule.values) - set(column.values))
        if isinstance(rule, BlockIfWorse):
            yield judge_watched(rule, list(cut), everything, missing)
            return
        for question in cut:
            yield question.judge()
        nothing = rows.at(column.order[:0])
        for value in missing:
            reason = (
                f"{rule.metric}: the test rows have no {rule.slice} {value}, which the rule wants: it fails closed."
            )
            yield self._question(rule, nothing, value).unanswered(reason, rows_needed=rule.min_rows)

    def _question(self, rule: MetricRule, rows: Rows, value: str | None = None) -> Question:
        return Question(
            rule=rule,
            rows=rows,
            alpha=self.policy.alpha,
            evaluation_id=self.evaluation_id,
            value=value,
            releases=self._releases(rule),
        )

    def _releases(self, rule: MetricRule) -> Releases | None:
        """What the releases since the golden version may have lost, by the margin that each of them was allowed."""
        since = self.facts.get("releases_since_golden")
        if getattr(rule, "against", None) != GOLDEN or not isinstance(since, int):
            return None
        for other in self.policy.rules:
            same = isinstance(other, NonInferior) and other.against == CHAMPION and other.metric == rule.metric
            if same and isinstance(other, NonInferior) and other.slice == rule.slice:
                return Releases(since=since, margin=other.margin)
        return None

    def _fairness(self, rule: Fairness) -> Iterator[RuleResult]:
        table, rows = self.table, self.slicer.rows
        try:
            check_weights(table)
            operating = isinstance(rule.threshold, str)
            options = Options(
                level=1 - 2 * self.policy.alpha,
                seed=derive_seed(self.evaluation_id, rule.metric),
                threshold=own_threshold(table, "candidate") if operating else threshold_of(rule.threshold),
                clusters=rows.clusters,
                weights=table.weights,
            )
            yield from judge_fairness(rule, table, self.policy.alpha, options, evaluation_id=self.evaluation_id)
        except NotMeasurable as error:
            reason = f"{rule.metric} cannot be measured: {error}"
            yield RuleResult(rule=rule.name, outcome=Outcome.INCONCLUSIVE, reason=reason)
