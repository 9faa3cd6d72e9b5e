"""Waiting for a drift verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue, conf
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.core.drift_options import DriftKind
from airflow_provider_mlops.core.drift_verdicts import ANY_OUTCOME, read_outcomes, verdict_reached, verdicts_that_hold
from airflow_provider_mlops.core.errors import BadInput, FinalError, TransientError
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.hooks.ledger import ledgers_read_once, model_ledger
from airflow_provider_mlops.operators.context import PARTITION_KEY
from airflow_provider_mlops.triggers.drift import DriftVerdictTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context


class DriftSensor(BaseSensorOperator):
    """Wait until a partition has a drift verdict, or one with certain outcomes.

    The newest live verdict of the partition and kind counts. Looks first and defers only when there is something to
    wait for; a thousand that wait for one model on a triggerer cost one look at its ledger an interval.

    :param model_name: name of the registered model. (templated)
    :param partition_key: the partition; default: that of the run. (templated)
    :param kind: kind of drift: ``feature``, ``recent_change``, ``prediction``, ``confidence``, ``label`` or ``skew``.
        (templated)
    :param outcomes: the outcomes that end the wait: ``FAIL`` (drift), ``PASS`` (none), ``INCONCLUSIVE``; default: any.
        (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)
    :param deferrable: wait on the triggerer, without a worker slot; default: Airflow's option
        ``[operators] default_deferrable``.
    :param kwargs: further arguments of a sensor: ``poke_interval`` (seconds between two looks, default 60),
        ``timeout``, ``soft_fail``, ``mode`` (where it does not defer).

    Returns ``{"model_name", "partition_key", "kind", "outcome", "record"}``.
    """

    template_fields: Sequence[str] = ("model_name", "partition_key", "kind", "outcomes", "ledger_root")
    ui_color = "#d6eaf8"

    def __init__(
        self,
        *,
        model_name: str,
        partition_key: str = PARTITION_KEY,
        kind: str = DriftKind.FEATURE.value,
        outcomes: str | Sequence[str] = ANY_OUTCOME,
        ledger_root: str | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.partition_key = partition_key
        self.kind = kind
        self.outcomes = outcomes
        self.ledger_root = ledger_root
        self.deferrable = deferrable

    def execute(self, context: Context) -> Any:
        """Look; when there is no such verdict yet, defer or poke again.

        :param context: Airflow's context.
        :return: the verdict, in short.
        :raises AirflowFailException: when waiting cannot help: a malformed argument, a broken ledger.
        """
        if not self.deferrable:
            return super().execute(context)
        found = self.poke(context)
        if found.is_done:
            return found.xcom_value
        self.log.info("Waiting on the triggerer, a look every %g s.", self.poke_interval)
        timeout = timedelta(seconds=self.timeout)
        return self.defer(trigger=self._trigger(), method_name="execute_complete", timeout=timeout)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Take what the trigger found.

        :param context: Airflow's context.
        :param event: the trigger's event; all that the wait knows is in it.
        :return: the verdict, in short.
        """
        return self._found(event)

    def poke(self, context: Context) -> PokeReturnValue:
        """Look into the model's ledger once; one that cannot be reached is looked at again later.

        :param context: Airflow's context.
        :return: whether there is such a verdict, and which.
        :raises AirflowFailException: when waiting cannot help.
        """
        try:
            wanted = self._wanted()
            with ledgers_read_once(by_index=True):
                verdicts = verdicts_that_hold(model_ledger(self.model_name, self.ledger_root).records("drift"))
        except TransientError as err:
            self.log.warning("%s The wait goes on.", err)
            return PokeReturnValue(is_done=False)
        except FinalError as err:
            raise AirflowFailException(f"{type(err).__name__}: {err}") from err
        found = verdict_reached(verdicts, **wanted)
        if found is None:
            outcomes = " or ".join(wanted["outcomes"])
            self.log.info(
                "Model %s has no verdict on %s drift of %s that is %s yet.",
                self.model_name,
                wanted["kind"],
                wanted["partition_key"],
                outcomes,
            )
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self._found({"model_name": self.model_name, **found}))

    def _wanted(self) -> dict[str, Any]:
        if self.kind not in tuple(DriftKind):
            raise BadInput(f"kind={self.kind!r} must be one of: {', '.join(DriftKind)}.")
        key = Partition.parse(self.partition_key).key
        return {"partition_key": key, "kind": str(self.kind), "outcomes": read_outcomes(self.outcomes)}

    def _trigger(self) -> DriftVerdictTrigger:
        return DriftVerdictTrigger(
            model_name=self.model_name,
            **self._wanted(),
            ledger_root=self.ledger_root or None,
            poll_interval=self.poke_interval,
        )

    def _found(self, verdict: Mapping[str, Any]) -> dict[str, Any]:
        names = ("model_name", "partition_key", "kind", "outcome", "record")
        found = {name: verdict[name] for name in names}
        self.log.info("%s drift of %s: %s.", str(found["kind"]).capitalize(), found["partition_key"], found["outcome"])
        return found
