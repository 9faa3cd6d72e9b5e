"""What the commands of ``airflow mlops policy`` share, and the smallest of them: the schema."""

import sys
from argparse import Namespace
from pathlib import Path

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.near import file_meant
from airflow_provider_mlops.core.policy import Policy
from airflow_provider_mlops.core.rules import MetricRule


def schema(args: Namespace) -> None:  # noqa: ARG001 - how Airflow calls every command
    """Print the JSON Schema of a gate's policy.

    :param args: nothing of them is read.
    """
    from airflow_provider_mlops.backends.policy_file import SCHEMAS

    sys.stdout.write((SCHEMAS / "policy.schema.json").read_text(encoding="utf-8"))


def open_policy(path: str) -> Policy:
    """Load a policy and check each rule against its metric.

    :param path: the YAML file.
    :return: the policy.
    :raises BadInput: naming the file, the place, the value, and what is allowed; or the file that was meant.
    """
    from airflow_provider_mlops.backends.policy_file import load_policy
    from airflow_provider_mlops.statistics.gate import check_rule

    file = Path(path)
    if not file.is_file():
        raise BadInput(f"There is no file {path!r}.{file_meant(file)}")
    policy = load_policy(file)
    for index, rule in enumerate(policy.rules):
        if isinstance(rule, MetricRule):
            try:
                check_rule(rule)
            except BadInput as err:
                raise BadInput(f"{path}: $.rules[{index}]: {err}") from None
    return policy
