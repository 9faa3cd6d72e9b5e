"""Waiting for a human, and waking in between to remind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from airflow.providers.standard.triggers.hitl import HITLTrigger
from airflow.triggers.base import BaseTrigger, TriggerEvent

WAKE = "wake"


class ApprovalTrigger(BaseTrigger):
    """Wait for the answer to a question, or for the next moment at which somebody is to be reminded.

    Fires with what Airflow's own `HITLTrigger` fires with, or with ``{"wake": name}``. It works on Airflow 3.2, where
    questions wait by triggers anyway, and on 3.3, which hands an answer to a deferred task at once. A moment that was
    missed comes at once.

    :param ti_id: id of the task instance that asks.
    :param options: what may be chosen.
    :param defaults: what is chosen when the time is over.
    :param params: the form, serialised.
    :param end: when the question ends, ISO 8601 with a zone; None: never.
    :param wake_at: moment by name, e.g. ``{"reminder": ...}``, each ISO 8601 with a zone.
    """

    def __init__(
        self,
        *,
        ti_id: str,
        options: list[str],
        defaults: list[str],
        params: Mapping[str, Any],
        end: str | None,
        wake_at: Mapping[str, str],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]  # Airflow's have no types
        self.ti_id = ti_id
        self.options = options
        self.defaults = defaults
        self.params = params
        self.end = end
        self.wake_at = wake_at

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and arguments by which the triggerer makes it again."""
        names = ("ti_id", "options", "defaults", "params", "end", "wake_at")
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {name: getattr(self, name) for name in names},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Fire once: with the answer, or with the name of the moment that has come."""
        name = min(self.wake_at, key=lambda moment: datetime.fromisoformat(self.wake_at[moment]), default=None)
        answered = asyncio.ensure_future(anext(self._answers().run()))
        try:
            done, _ = await asyncio.wait([answered], timeout=None if name is None else _seconds(self.wake_at[name]))
        finally:
            answered.cancel()
        yield answered.result() if done else TriggerEvent({WAKE: name})  # type: ignore[no-untyped-call]  # Airflow's have no types

    def _answers(self) -> HITLTrigger:
        return HITLTrigger(
            ti_id=UUID(self.ti_id),
            options=self.options,
            defaults=self.defaults,
            # It takes the values out of what it is given.
            params={name: dict(value) for name, value in self.params.items()},
            timeout_datetime=None if self.end is None else datetime.fromisoformat(self.end),
        )


def _seconds(moment: str) -> float:
    return max(0.0, (datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds())
