"""The rule about leakage: judged from what the evaluation found out about training and test rows."""

import math
from collections.abc import Mapping
from typing import Any

from airflow_provider_mlops.core.rules import Leakage
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.statistics.score_table import BINARY


def judge_leakage(rule: Leakage, facts: Mapping[str, Any], task: str) -> RuleResult:
    """Judge whether the test rows stayed out of the training.

    :param rule: the rule.
    :param facts: what the evaluation recorded: ``leakage``.
    :param task: task of the test rows; a single feature is judged by ROC-AUC for ``binary`` only, where not recorded.
    :return: FAIL when a leak is proved, INCONCLUSIVE when a demanded check was not made, else PASS.
    """
    found = facts.get("leakage")
    if not isinstance(found, Mapping):
        reason = "The evaluation recorded no check for leakage: evaluate again with this version of the provider."
        return RuleResult(rule=rule.name, outcome=Outcome.INCONCLUSIVE, reason=reason)
    single = found.get("single_feature") or {}
    auc = number_of(single.get("auc"))
    apart = None if auc is None else max(auc, 1 - auc)
    leaks: list[str] = []
    unknown: list[str] = []
    _overlap(found.get("row_overlap"), rule.max_row_overlap, "test rows are also training rows", leaks, unknown)
    if rule.max_entity_overlap is not None:
        what = f"values of {found.get('entity_column') or 'the entity column'} are in training and test rows"
        _overlap(found.get("entity_overlap"), rule.max_entity_overlap, what, leaks, unknown)
    if rule.time_ordered and found.get("time_ordered") is not True:
        ordered = found.get("time_ordered")
        (leaks if ordered is False else unknown).append(
            f"training rows reach to {found.get('train_last')}, test rows begin at {found.get('test_first')}"
            if ordered is False
            else "the order in time of training and test rows"
        )
    if apart is not None and apart > rule.max_single_feature_auc:
        leaks.append(f"{single.get('feature')} alone tells the label with ROC-AUC {apart:.4f}")
    elif apart is None and task == BINARY:
        unknown.append("how well a single feature tells the label")
    numbers = {
        "row_overlap": found.get("row_overlap"),
        "entity_overlap": found.get("entity_overlap"),
        "time_ordered": found.get("time_ordered"),
        "single_feature": single.get("feature"),
        "single_feature_auc": apart,
        "max_row_overlap": rule.max_row_overlap,
        "max_entity_overlap": rule.max_entity_overlap,
        "max_single_feature_auc": rule.max_single_feature_auc,
    }
    outcome, reason = _verdict(leaks, unknown)
    return RuleResult(rule=rule.name, outcome=outcome, reason=reason, numbers=numbers)


def _verdict(leaks: list[str], unknown: list[str]) -> tuple[Outcome, str]:
    if leaks:
        return Outcome.FAIL, f"The test rows leak: {'; '.join(leaks)}."
    if unknown:
        return Outcome.INCONCLUSIVE, (
            f"The evaluation did not record {', nor '.join(unknown)}: more rows would not help, evaluate again with "
            "the columns of time and entity named."
        )
    return Outcome.PASS, "No leak was found: rows, entities, time and single features are within their limits."


def _overlap(count: Any, limit: int, what: str, leaks: list[str], unknown: list[str]) -> None:
    value = number_of(count)
    if value is None:
        unknown.append(f"how many {what}")
    elif value > limit:
        leaks.append(f"{value:,.0f} {what}, at most {limit:,} may be")


def number_of(value: Any) -> float | None:
    """Read a recorded number; what is no number is no evidence.

    :param value: what was recorded.
    :return: the number, None when it is missing, NaN or infinite.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
