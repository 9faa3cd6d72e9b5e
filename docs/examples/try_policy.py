# ruff: noqa: INP001
"""A policy, tried on scores without Airflow."""

# [START howto_try_policy]
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends.policy_file import load_policy
from airflow_provider_mlops.statistics.gate import judge
from airflow_provider_mlops.statistics.score_table import ScoreTable


def try_policy(path: Path, labels: Any, candidate: Any, champion: Any, origin: Any) -> list[str]:
    """Judge two models by a policy; return the verdict and a line per rule."""
    table = ScoreTable(labels, candidate, champion, slices={"origin": origin})
    verdict = judge(load_policy(path), table, evaluation_id="a try", looks=1)
    return [verdict.summary(), *(f"{rule.outcome} {rule.rule}: {rule.reason}" for rule in verdict.rules)]


# [END howto_try_policy]
