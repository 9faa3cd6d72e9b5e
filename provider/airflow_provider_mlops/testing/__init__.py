"""Attack your own gate: broken scores, policies, files and registries, none of which may ever pass.

>>> from airflow_provider_mlops.testing import attack_policy
>>> attack_policy("include/flights/policy.yaml").raise_if_passed()
"""

from airflow_provider_mlops.testing.attacks import Attack, attacks
from airflow_provider_mlops.testing.dag_target import attack_dag
from airflow_provider_mlops.testing.policy_target import attack_policy
from airflow_provider_mlops.testing.report import Finding, GateOpen, Report

__all__ = ["Attack", "Finding", "GateOpen", "Report", "attack_dag", "attack_policy", "attacks"]
