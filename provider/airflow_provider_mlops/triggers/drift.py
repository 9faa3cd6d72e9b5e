"""Waiting for a drift verdict in a model's ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_mlops.core.drift_verdicts import verdict_reached, verdicts_that_hold
from airflow_provider_mlops.hooks.ledger import ledgers_read_once, model_ledger
from airflow_provider_mlops.triggers.shared_poll import answers

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from airflow_provider_mlops.core.ledger import Ledger

DEFAULT_POLL_INTERVAL = 60.0


class DriftVerdictTrigger(BaseTrigger):
    """Fire once when a partition has a drift verdict with one of some outcomes.

    `DriftSensor` defers to it. All that wait for one model share their looks at its ledger, and a look reads only the
    records that are new.

    :param model_name: name of the registered model.
    :param partition_key: the partition.
    :param kind: kind of drift.
    :param outcomes: the outcomes that end the wait.
    :param ledger_root: folder of the ledgers; None for the default.
    :param poll_interval: seconds between two looks.
    """

    def __init__(
        self,
        *,
        model_name: str,
        partition_key: str,
        kind: str,
        outcomes: Sequence[str],
        ledger_root: str | None = None,
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]  # Airflow's have no types
        self.model_name = model_name
        self.partition_key = partition_key
        self.kind = kind
        self.outcomes = outcomes
        self.ledger_root = ledger_root
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and arguments by which the triggerer makes it again."""
        names = ("model_name", "partition_key", "kind", "outcomes", "ledger_root", "poll_interval")
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {name: getattr(self, name) for name in names} | {"outcomes": list(self.outcomes)}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event, with the verdict in it."""
        async with aclosing(_verdicts(self.model_name, self.ledger_root, self.poll_interval)) as looks:
            async for verdicts in looks:
                found = verdict_reached(
                    verdicts, partition_key=self.partition_key, kind=self.kind, outcomes=self.outcomes
                )
                if found is not None:
                    event = {"schema": 1, "model_name": self.model_name, **found}
                    yield TriggerEvent(event)  # type: ignore[no-untyped-call]  # Airflow's have no types
                    return


def _verdicts(model: str, root: str | None, interval: float) -> AsyncGenerator[list[dict[str, str]]]:
    opened: list[Ledger] = []

    def read() -> list[dict[str, str]]:
        # Opened once, by the look that comes first: what was read is kept, and only new records are read after that.
        if not opened:
            with ledgers_read_once(by_index=True):
                opened.append(model_ledger(model, root))
        return verdicts_that_hold(opened[0].records("drift"))

    async def look() -> list[dict[str, str]]:
        from asgiref.sync import sync_to_async

        # Connections are asked for through the event loop, which asgiref's threads find again.
        return await sync_to_async(read, thread_sensitive=False)()

    return answers(("drift", model, root), look, interval)
