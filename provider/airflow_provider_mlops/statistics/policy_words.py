"""What a policy demands, in words: one sentence per rule, as one would say it to whoever trains the model."""

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_mlops.core.policy import Policy
from airflow_provider_mlops.core.rules import (
    OPERATING,
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
from airflow_provider_mlops.statistics.metrics import METRICS

METRIC_WORDS: Mapping[str, str] = {
    "roc_auc": "ROC-AUC",
    "average_precision": "average precision",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1",
    "log_loss": "log-loss",
    "brier": "Brier score",
    "calibration_error": "calibration error",
    "recall_at_precision": "recall at a fixed precision",
    "expected_cost": "expected cost",
    "multiclass_accuracy": "accuracy",
    "macro_f1": "macro F1",
    "macro_recall": "macro recall",
    "multiclass_log_loss": "log-loss",
    "rmse": "RMSE",
    "mae": "mean absolute error",
    "r2": "R²",
    "pinball": "pinball loss",
}
FAIRNESS_WORDS: Mapping[str, str] = {
    "demographic_parity_difference": "share of positive decisions",
    "demographic_parity_ratio": "share of positive decisions",
    "equal_opportunity_difference": "true positive rate",
    "false_positive_rate_difference": "false positive rate",
    "equalized_odds_difference": "true or false positive rate",
    "calibration_gap": "calibration (mean score minus share of positive labels)",
}


def level_text(alpha: float) -> str:
    """Return the level of a one-sided bound.

    :param alpha: the one-sided error rate.
    :return: e.g. ``95 %``.
    """
    return f"{100 * (1 - alpha):g} %"


def metric_text(rule: MetricRule) -> str:
    """Name a rule's metric with its threshold and parameters.

    :param rule: the rule.
    :return: e.g. ``F1 at threshold 0.3``.
    """
    name = METRIC_WORDS.get(rule.metric, rule.metric)
    params = ", ".join(f"{key} {value:g}" for key, value in rule.params.items())
    return f"{name}{f' ({params})' if params else ''}{_threshold(rule.threshold)}"


def higher_is_better(rule: MetricRule) -> bool:
    """Return the direction of a rule's metric, without importing one's own.

    :param rule: the rule.
    :return: True when more is better.
    """
    return METRICS[rule.metric].higher_is_better if rule.metric in METRICS else bool(rule.higher_is_better)


def demand(rule: Rule, alpha: float) -> str:
    """Say what a rule demands.

    :param rule: the rule.
    :param alpha: the policy's one-sided error rate.
    :return: one sentence.
    """
    said = _DEMANDS[type(rule)](rule, level_text(alpha))
    if isinstance(rule, MetricRule) and not isinstance(rule, BlockIfWorse):
        said += _slices(rule)
    return f"{said}."


def outcomes_text(policy: Policy) -> str:
    """Say what the gate's task does with a verdict that is not PASS.

    :param policy: the policy.
    :return: one sentence.
    """
    words = {"skip": "skips what follows", "fail": "fails the task", "route": "runs the steps of its route"}
    said = policy.outcomes
    fail, inconclusive = (words.get(how or "", "") for how in (said.fail, said.inconclusive))
    if not fail and not inconclusive:
        return "What follows a refusal, the gate's task says (on_refusal, routes)."
    default = "does what the gate's task says"
    return f"FAIL {fail or default}, INCONCLUSIVE {inconclusive or default}."


def dependence_text(policy: Policy) -> str:
    """Say which rows belong together.

    :param policy: the policy.
    :return: one sentence, empty when all rows are independent.
    """
    found = policy.dependence
    if found is None:
        return ""
    if found.cluster:
        return f"Rows of one value of {found.cluster!r} belong together and are resampled together."
    return (
        f"Rows of one block of {found.block_days:g} days of {found.time!r} belong together and are resampled together."
    )


def _min_rows(rule: Any, _: str) -> str:
    positives = f", {rule.positives:,} of them positive" if rule.positives else ""
    return f"There must be at least {rule.rows:,} labelled test rows{positives}"


def _max_looks(rule: Any, _: str) -> str:
    return f"The same test rows may be looked at for at most {rule.value} candidate{'s' if rule.value > 1 else ''}"


def _data_age(rule: Any, _: str) -> str:
    parts = []
    if rule.min_days is not None:
        parts.append(f"the test rows must span at least {rule.min_days:g} days")
    if rule.max_age_days is not None:
        parts.append(f"the newest labelled row must be at most {rule.max_age_days:g} days old")
    said = ", and ".join(parts)
    return said[:1].upper() + said[1:]


def _leakage(rule: Any, _: str) -> str:
    rows = f"At most {rule.max_row_overlap:,} test rows" if rule.max_row_overlap else "No test row"
    parts = [f"{rows} may stand among the training rows too"]
    if rule.max_entity_overlap is not None:
        known = f"at most {rule.max_entity_overlap:,} entities" if rule.max_entity_overlap else "no entity"
        parts.append(f"{known} of the test rows may be known from the training")
    if rule.time_ordered:
        parts.append("every training row must be older than every test row")
    parts.append(f"no single feature may have a ROC-AUC above {rule.max_single_feature_auc:g}")
    return ", ".join(parts)


def _infrastructure(rule: Any, level: str) -> str:
    said = (
        "The model must load from the registry's bytes in a clean process, accept its signature, reject a wrong one "
        "and predict the probe rows as it did in training"
    )
    if rule.p95_latency_ms is not None:
        said += f"; the upper {level} bound of its 95th percentile of latency must keep {rule.p95_latency_ms:g} ms"
    if rule.peak_memory_mib is not None:
        said += f"; its process must keep {rule.peak_memory_mib:g} MiB of memory"
    return said


def _artifact_scan(rule: Any, _: str) -> str:
    types = f" but {_listed(rule.trusted_types)}" if rule.trusted_types else ""
    pickles = "Pickles are allowed in the model" if rule.allow_pickle else "No file of the model may be a pickle"
    return f"{pickles}, nor may one be of an unknown format; no type may be beyond skops' own list{types}"


def _minimum(rule: Any, level: str) -> str:
    return f"The lower {level} bound of the candidate's {metric_text(rule)} must reach {rule.value:g}"


def _maximum(rule: Any, level: str) -> str:
    return f"The upper {level} bound of the candidate's {metric_text(rule)} must keep {rule.value:g}"


def _non_inferior(rule: Any, level: str) -> str:
    worse = "lower" if higher_is_better(rule) else "higher"
    return (
        f"The candidate's {metric_text(rule)} must not be {worse} than the {_whose(rule)} by {rule.margin:g} or more, "
        f"judged on the {level} bound of the paired difference"
    )


def _superior(rule: Any, level: str) -> str:
    better = "higher" if higher_is_better(rule) else "lower"
    by = f" by more than {rule.by:g}" if rule.by else ""
    return (
        f"The candidate's {metric_text(rule)} must be {better} than the {_whose(rule)}{by}, "
        f"judged on the {level} bound of the paired difference"
    )


def _block_if_worse(rule: Any, level: str) -> str:
    beyond = f" by more than {rule.margin:g}" if rule.margin else ""
    small = f"; values with fewer than {rule.min_rows:,} rows are not assessed" if rule.min_rows else ""
    there = f" ({_listed(rule.values)} must be there)" if rule.values else ""
    return (
        f"For no value of {rule.slice!r}{there} may the candidate's {metric_text(rule)} be proved worse than the "
        f"{_whose(rule)}{beyond}, at {level} after Holm's correction for the number of values{small}"
    )


def _fairness(rule: Any, level: str) -> str:
    what, groups = FAIRNESS_WORDS[rule.metric], " x ".join(repr(name) for name in rule.group)
    reference = f"the group {' x '.join(rule.reference)}" if rule.reference else "the largest group"
    small = f"; groups with fewer than {rule.min_rows:,} rows have too few rows to say" if rule.min_rows else ""
    ratio = rule.metric.endswith("_ratio")
    limit = f"a ratio of at least {rule.value:g}" if ratio else f"a difference of at most {rule.value:g}"
    return (
        f"The {what}{_threshold(rule.threshold)} of each group of {groups}, compared with {reference}, must have "
        f"{limit}, proved by the {level} bound of each; a breach must be proved after Holm's correction for the "
        f"number of groups{small}"
    )


def _flip_rate(rule: Any, level: str) -> str:
    return (
        f"The upper {level} bound of the share of rows whose decision{_threshold(rule.threshold)} changes when they "
        f"are altered as {rule.variant!r} must keep {rule.value:g}"
    )


def _stress(rule: Any, level: str) -> str:
    return (
        f"On the rows disturbed as {rule.variant!r} the candidate's {metric_text(rule)} must not be worse than on the "
        f"undisturbed ones by {rule.margin:g} or more, judged on the {level} bound of the paired difference"
    )


def _whose(rule: Any) -> str:
    return "golden version's" if rule.against == "golden" else "champion's"


def _threshold(threshold: float | str | None) -> str:
    if threshold is None:
        return ""
    return " at each model's operating threshold" if threshold == OPERATING else f" at threshold {threshold:g}"


def _slices(rule: MetricRule) -> str:
    if rule.slice is None:
        return ""
    there = f" ({_listed(rule.values)} must be there)" if rule.values else ""
    least = f", each with at least {rule.min_rows:,} rows" if rule.min_rows else ""
    return f", for every value of {rule.slice!r}{there}{least}"


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


_DEMANDS: Mapping[type[Rule], Callable[[Any, str], str]] = {
    MinRows: _min_rows,
    MaxLooks: _max_looks,
    DataAge: _data_age,
    Leakage: _leakage,
    Infrastructure: _infrastructure,
    ArtifactScan: _artifact_scan,
    Minimum: _minimum,
    Maximum: _maximum,
    NonInferior: _non_inferior,
    Superior: _superior,
    BlockIfWorse: _block_if_worse,
    Fairness: _fairness,
    FlipRate: _flip_rate,
    Stress: _stress,
}
