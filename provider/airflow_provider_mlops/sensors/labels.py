"""Waiting until the labels of a partition are due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue, conf
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.core.errors import FinalError, TransientError
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.prediction_log import matured_at
from airflow_provider_mlops.hooks.ledger import ledgers_read_once, model_ledger
from airflow_provider_mlops.hooks.prediction_log import matured_labels
from airflow_provider_mlops.operators.context import PARTITION_KEY
from airflow_provider_mlops.triggers.labels import LabelsMatureTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context


class LabelsMatureSensor(BaseSensorOperator):
    """Wait until the labels of a partition are due: its end and the maturity have passed.

    With ``model_name`` it waits until matured labels are joined to that model's predictions of the partition, too.
    Looks first and defers only when there is something to wait for; a thousand that wait for one model on a triggerer
    cost one look at its ledger an interval. A ledger that cannot be reached is looked at again later.

    :param maturity: how long after the end of the partition the last label may come.
    :param partition_key: the partition; default: that of the run. (templated)
    :param model_name: name of the model whose ledger must hold the joined labels; default: the clock alone decides.
        (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)
    :param deferrable: wait on the triggerer, without a worker slot; default: Airflow's option
        ``[operators] default_deferrable``.
    :param kwargs: further arguments of a sensor: ``poke_interval`` (seconds between two looks, default 60),
        ``timeout``, ``soft_fail``, ``mode`` (where it does not defer).

    Returns ``{"partition_key", "due", "record"}``: from when on the labels are due, and the record of the joined
    labels; null where no model was named.
    """

    template_fields: Sequence[str] = ("partition_key", "model_name", "ledger_root")
    ui_color = "#d6eaf8"

    def __init__(
        self,
        *,
        maturity: timedelta,
        partition_key: str = PARTITION_KEY,
        model_name: str | None = None,
        ledger_root: str | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.maturity = maturity
        self.partition_key = partition_key
        self.model_name = model_name
        self.ledger_root = ledger_root
        self.deferrable = deferrable

    def execute(self, context: Context) -> Any:
        """Look; when the labels are not due, defer or poke again.

        :param context: Airflow's context.
        :return: what was found.
        :raises AirflowFailException: when waiting cannot help.
        """
        if not self.deferrable:
            return super().execute(context)
        found = self.poke(context)
        if found.is_done:
            return found.xcom_value
        self.log.info("Waiting on the triggerer.")
        trigger = LabelsMatureTrigger(
            partition_key=self.partition_key,
            due=self._due().isoformat(),
            model_name=self.model_name or None,
            ledger_root=self.ledger_root,
            poll_interval=self.poke_interval,
        )
        timeout = timedelta(seconds=self.timeout)
        return self.defer(trigger=trigger, method_name="execute_complete", timeout=timeout)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Take what the trigger found.

        :param context: Airflow's context.
        :param event: the trigger's event; all that the wait knows is in it.
        :return: what was found.
        """
        return self._found(event["partition_key"], event["due"], event["record"])

    def poke(self, context: Context) -> PokeReturnValue:
        """Look at the clock, then at the ledger.

        :param context: Airflow's context.
        :return: whether the labels are due, and what was found.
        :raises AirflowFailException: when waiting cannot help.
        """
        due = self._due()
        if datetime.now(UTC) < due:
            self.log.info("The labels of %s are due on %s.", self.partition_key, due.isoformat())
            return PokeReturnValue(is_done=False)
        record = None
        if self.model_name:
            try:
                with ledgers_read_once(by_index=True):
                    joined = matured_labels(model_ledger(self.model_name, self.ledger_root).records())
                record = joined.get(self.partition_key)
            except TransientError as err:
                self.log.warning("%s The wait goes on.", err)
            except FinalError as err:
                raise AirflowFailException(f"{type(err).__name__}: {err}") from err
            if record is None:
                self.log.info("No matured labels are joined to the predictions of %s yet.", self.partition_key)
                return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self._found(self.partition_key, due.isoformat(), record))

    def _due(self) -> datetime:
        try:
            return matured_at(Partition.parse(self.partition_key).key, self.maturity)
        except FinalError as err:
            raise AirflowFailException(f"{type(err).__name__}: {err}") from err

    def _found(self, partition_key: str, due: str, record: str | None) -> dict[str, Any]:
        self.log.info("The labels of %s are due since %s.", partition_key, due)
        return {"partition_key": partition_key, "due": due, "record": record}
