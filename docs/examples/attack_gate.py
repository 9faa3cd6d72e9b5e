# ruff: noqa: INP001, S101
"""Checks that aim the attacks at one's own policy and Dag."""

# [START howto_attack_policy]
from pathlib import Path

from airflow.sdk import DAG

from airflow_provider_mlops.testing import attack_dag, attack_policy


def check_policy(path: Path) -> None:
    """No attack passes the policy; the rows that are not attacked do."""
    report = attack_policy(path)
    assert report.control[0].passed, report
    report.raise_if_passed()


# [END howto_attack_policy]
# [START howto_attack_dag]
def check_dag(dag: DAG, bundle: Path) -> None:
    """Nothing passes the gates of the Dag, nothing is promoted, also while no registry answers."""
    attack_dag(dag, root=bundle).raise_if_passed()


# [END howto_attack_dag]
