"""What is said where a partition has no accepted snapshot: a misspelt dataset, or which partitions have one."""

from collections.abc import Collection

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.hooks.ledger import known_dataset_ledger

_NAMED = 12


def not_accepted(partition: str, dataset: str, accepted: Collection[str], ledger_root: str | None) -> BadInput:
    """Return the error about a partition without an accepted snapshot.

    :param partition: key of the partition.
    :param dataset: name of the dataset.
    :param accepted: the partitions that have one.
    :param ledger_root: folder of the ledgers, None for the configured one.
    :return: the error, to be raised.
    :raises BadInput: when the dataset has no record at all; naming those that there are, and the one that was meant.
    """
    known_dataset_ledger(dataset, ledger_root)
    keys = sorted(accepted, key=lambda key: (Partition.parse(key).end, key))
    there = ", ".join(keys[-_NAMED:])
    if more := len(keys) - _NAMED if len(keys) > _NAMED else 0:
        there = f"{more:,} from {keys[0]} on, and {there}"
    return BadInput(
        f"Partition {partition!r} of dataset {dataset!r} has no accepted snapshot; it has: {there or 'none'}. "
        "Take and validate one first."
    )
