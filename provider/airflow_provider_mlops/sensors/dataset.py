"""Waiting for data that was accepted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.core.errors import FinalError
from airflow_provider_mlops.core.evidence import accepted_snapshots
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.hooks.ledger import dataset_ledger, ledgers_read_once
from airflow_provider_mlops.operators.context import PARTITION_KEY

if TYPE_CHECKING:
    from airflow.sdk import Context


class AcceptedSnapshotSensor(BaseSensorOperator):
    """Wait until a partition of a dataset has an accepted snapshot.

    :param dataset: name of the dataset. (templated)
    :param partition_key: the partition; default: that of the run. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"dataset", "partition_key", "snapshot_id"}``. Use ``mode="reschedule"`` for long waits.
    """

    template_fields: Sequence[str] = ("dataset", "partition_key", "ledger_root")
    ui_color = "#d6eaf8"

    def __init__(
        self,
        *,
        dataset: str,
        partition_key: str = PARTITION_KEY,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.partition_key = partition_key
        self.ledger_root = ledger_root

    def poke(self, context: Context) -> PokeReturnValue:
        """Look into the dataset's ledger."""
        try:
            partition = Partition.parse(self.partition_key)
            with ledgers_read_once(by_index=True):
                accepted = accepted_snapshots(dataset_ledger(self.dataset, self.ledger_root).records())
        except FinalError as err:
            raise AirflowFailException(f"{type(err).__name__}: {err}") from err
        if (snapshot_id := accepted.get(partition.key)) is None:
            self.log.info("Partition %s of dataset %s has no accepted snapshot yet.", partition.key, self.dataset)
            return PokeReturnValue(is_done=False)
        self.log.info("Partition %s of dataset %s is accepted: %s.", partition.key, self.dataset, snapshot_id)
        found = {"dataset": self.dataset, "partition_key": partition.key, "snapshot_id": snapshot_id}
        return PokeReturnValue(is_done=True, xcom_value=found)
