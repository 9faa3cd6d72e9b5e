"""Checks of training data from YAML files."""

from pathlib import Path

from airflow_provider_mlops.backends.policy_file import load_checked
from airflow_provider_mlops.core.data_checks import DataChecks


def load_checks(path: str | Path) -> DataChecks:
    """Load the checks of training data.

    :param path: the YAML file.
    :return: the checks.
    :raises BadInput: naming the file, the place in it, the value, and what is allowed there.
    """
    return load_checked(Path(path), "data_checks.schema.json", DataChecks.from_mapping)
