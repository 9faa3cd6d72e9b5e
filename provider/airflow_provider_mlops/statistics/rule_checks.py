"""Rules that contradict their metric or the task of the test rows: refused before anything is measured."""

from collections.abc import Iterable
from typing import Any

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.rules import Fairness, FlipRate, Maximum, MetricRule, Minimum, MinRows, Rule
from airflow_provider_mlops.statistics.custom_metric import metric_code
from airflow_provider_mlops.statistics.fairness_rule import check_fairness
from airflow_provider_mlops.statistics.flips import check_flips
from airflow_provider_mlops.statistics.metric import ANY_TASK
from airflow_provider_mlops.statistics.metrics import METRICS, metric_named
from airflow_provider_mlops.statistics.score_table import BINARY


def check_rule(rule: Rule, task: str | None = None) -> None:
    """Refuse a rule that contradicts its metric or the task.

    :param rule: the rule.
    :param task: task of the test rows; None when only the rule itself is checked.
    :raises BadInput: on an unknown metric or one of another task, a minimum where lower is better (or the reverse), or
        a threshold or a parameter that the metric does not have.
    """
    if isinstance(rule, MetricRule):
        _check_metric(rule, task)
    elif isinstance(rule, Fairness):
        check_fairness(rule)
        if task not in (None, BINARY):
            raise BadInput(
                f"Rule {rule.name!r} measures {rule.metric}, which is for {BINARY}; the model's task is {task}."
            )
    elif isinstance(rule, FlipRate) and task is not None:
        check_flips(rule, task)
    elif isinstance(rule, MinRows) and rule.positives is not None and task not in (None, BINARY):
        raise BadInput(f"Rule {rule.name!r} counts positives, which a {task} task does not have: remove them.")


def checked_code(rules: Iterable[Rule]) -> dict[str, Any]:
    """Check rules, and hash the code of one's own metrics that they name: a changed metric decides anew.

    :param rules: the rules.
    :return: ``metric_code``, by import path; empty where there is no such metric.
    :raises BadInput: as `check_rule` does, or when a metric has no source.
    """
    own = set()
    for rule in rules:
        check_rule(rule)
        if isinstance(rule, MetricRule) and ":" in rule.metric:
            own.add(rule.metric)
    return {"metric_code": metric_code(own)} if own else {}


def _check_metric(rule: MetricRule, task: str | None) -> None:
    metric = metric_named(rule.metric, higher_is_better=rule.higher_is_better)
    if task is not None and metric.task not in (task, ANY_TASK):
        fitting = ", ".join(name for name, other in METRICS.items() if other.task == task)
        raise BadInput(
            f"Rule {rule.name!r} measures {rule.metric}, which is for {metric.task}; the model's task is {task}: use "
            f"one of {fitting}."
        )
    if isinstance(rule, Minimum) and not metric.higher_is_better:
        raise BadInput(f"Rule {rule.name!r} sets a minimum for {rule.metric}, where lower is better: use a maximum.")
    if isinstance(rule, Maximum) and metric.higher_is_better:
        raise BadInput(f"Rule {rule.name!r} sets a maximum for {rule.metric}, where higher is better: use a minimum.")
    if rule.threshold is not None and not metric.thresholded:
        raise BadInput(f"Rule {rule.name!r} sets a threshold, which {rule.metric} does not have: remove it.")
    try:
        metric.check_params(rule.params)
    except BadInput as error:
        raise BadInput(f"Rule {rule.name!r}: {error}") from None
