"""Waiting until the labels of a partition are due, and until they are joined."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_mlops.core.errors import TransientError
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.hooks.ledger import ledgers_read_once, model_ledger
from airflow_provider_mlops.hooks.prediction_log import matured_labels
from airflow_provider_mlops.triggers.shared_poll import answers

# A clock that is put right must not let a task sleep for ever.
LONGEST_SLEEP = 60.0


class LabelsMatureTrigger(BaseTrigger):
    """Fire once when the labels of a partition are due and, if a model is named, joined to its predictions.

    `LabelsMatureSensor` defers to it. All that wait for one model share their looks at its ledger.

    :param partition_key: the partition.
    :param due: from when on its labels are due, ISO 8601 with a zone.
    :param model_name: name of the model whose ledger must hold them; None: the clock alone decides.
    :param ledger_root: folder of the ledgers; None for the configured one.
    :param poll_interval: seconds between two looks at the ledger.
    """

    def __init__(
        self,
        *,
        partition_key: str,
        due: str,
        model_name: str | None = None,
        ledger_root: str | None = None,
        poll_interval: float = 60.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]  # Airflow's have no types
        self.partition_key = partition_key
        self.due = due
        self.model_name = model_name
        self.ledger_root = ledger_root
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and arguments by which the triggerer makes it again."""
        names = ("partition_key", "due", "model_name", "ledger_root", "poll_interval")
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {name: getattr(self, name) for name in names},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event, with the record of the labels in it."""
        while (left := (datetime.fromisoformat(self.due) - datetime.now(UTC)).total_seconds()) > 0:
            await asyncio.sleep(min(left, LONGEST_SLEEP))
        record = None if self.model_name is None else await self._joined(self.model_name)
        event = {"schema": 1, "partition_key": self.partition_key, "due": self.due, "record": record}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]  # Airflow's have no types

    async def _joined(self, model: str) -> str:
        key = ("labels", model, self.ledger_root)
        async with aclosing(answers(key, _look(model, self.ledger_root), self.poll_interval)) as looks:
            async for found in looks:
                if self.partition_key in found:
                    return str(found[self.partition_key])
        raise TransientError(f"The looks at the ledger of model {model!r} ended.")  # pragma: no cover - they never do


def _look(model: str, ledger_root: str | None) -> Callable[[], Awaitable[dict[str, str]]]:
    ledger: Ledger | None = None

    def read() -> dict[str, str]:
        nonlocal ledger
        # Kept between looks: what was read is not read again.
        if ledger is None:
            with ledgers_read_once(by_index=True):
                ledger = model_ledger(model, ledger_root)
        return matured_labels(ledger.records())

    async def look() -> dict[str, str]:
        return await asyncio.to_thread(read)

    return look
