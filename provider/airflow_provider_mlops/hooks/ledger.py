"""Ledgers by name: one chain per dataset and one per model."""

from __future__ import annotations

from airflow_provider_mlops import config
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.ledger import Ledger


def dataset_ledger(dataset: str, root: str | None = None) -> Ledger:
    """Open the ledger of a dataset: its snapshots, validations and erasures.

    :param dataset: name of the dataset.
    :param root: folder of all ledgers; default: the option ``ledger_root`` of the section ``mlops``.
    :return: the ledger.
    :raises BadInput: when the root is not a local folder, or the name is not a plain name.
    """
    return Ledger(_local_root(root), f"dataset/{dataset}")


def model_ledger(model: str, root: str | None = None) -> Ledger:
    """Open the ledger of a model: every decision on its versions.

    :param model: name of the registered model.
    :param root: folder of all ledgers; default: the option ``ledger_root`` of the section ``mlops``.
    :return: the ledger.
    :raises BadInput: when the root is not a local folder, or the name is not a plain name.
    """
    return Ledger(_local_root(root), f"model/{model}")


def _local_root(root: str | None) -> str:
    found = (root or config.ledger_root()).removeprefix("file://")
    if "://" in found:
        raise BadInput(f"Ledger root {found!r} is not a local folder; set the option [mlops] ledger_root to one.")
    return found
