# ruff: noqa: INP001
"""Fairness rules, tried on scores without Airflow."""

# [START howto_try_fairness]
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends.policy_file import load_policy
from airflow_provider_mlops.statistics.gate import judge
from airflow_provider_mlops.statistics.score_table import ScoreTable


def try_fairness(path: Path, labels: Any, scores: Any, columns: dict[str, Any]) -> list[str]:
    """Judge a model by a policy's fairness rules; return a line per group."""
    table = ScoreTable(labels, scores, slices=columns)
    verdict = judge(load_policy(path), table, evaluation_id="a try", looks=1)
    return [f"{rule.outcome} {rule.rule}: {rule.reason}" for rule in verdict.rules]


# [END howto_try_fairness]

# [START howto_fairness_table]
from airflow_provider_mlops.statistics.fairness import disparate_impact, fairness_table  # noqa: E402


def groups(labels: Any, scores: Any, origin: Any) -> list[dict[str, Any]]:
    """Return a row per group: rates with 90 % intervals, and each group against the largest."""
    table = ScoreTable(labels, scores, slices={"origin": origin})
    return fairness_table(table, ["origin"], threshold=0.3, level=0.90)


def impact_on_others(labels: Any, scores: Any, origin: Any) -> float:
    """Return AIF360's disparate impact: all other rows over those of JFK."""
    return disparate_impact(labels, scores >= 0.3, groups=origin, reference="JFK")


# [END howto_fairness_table]
