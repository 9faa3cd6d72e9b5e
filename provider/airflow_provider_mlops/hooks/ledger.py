"""Ledgers by name: one chain per dataset and one per model."""

from __future__ import annotations

import re

from airflow_provider_mlops import config
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.ledger import Ledger

# What file systems, MLflow and its query language take without quoting.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")


def dataset_ledger(dataset: str, root: str | None = None) -> Ledger:
    """Open the ledger of a dataset: its snapshots, validations and erasures.

    :param dataset: name of the dataset.
    :param root: folder of all ledgers; default: the option ``ledger_root`` of the section ``mlops``.
    :return: the ledger.
    :raises BadInput: when the root is not a local folder, or the name is not a plain name.
    """
    return Ledger(root or config.ledger_root(), f"dataset/{_plain('Dataset', dataset)}")


def model_ledger(model: str, root: str | None = None) -> Ledger:
    """Open the ledger of a model: every decision on its versions.

    :param model: name of the registered model.
    :param root: folder of all ledgers; default: the option ``ledger_root`` of the section ``mlops``.
    :return: the ledger.
    :raises BadInput: when the root is not a local folder, or the name is not a plain name.
    """
    return Ledger(root or config.ledger_root(), f"model/{_plain('Model', model)}")


def _plain(what: str, name: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        shown = repr(name if len(str(name)) <= 80 else f"{str(name)[:80]}...")
        raise BadInput(f"{what} name {shown} must be of 1 to 100 letters, digits, '_' and '-', not starting with '-'.")
    return name
