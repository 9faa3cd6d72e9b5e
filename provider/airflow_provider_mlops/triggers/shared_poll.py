"""One look at the registry for all who wait for the same: a thousand waiting sensors cost one request an interval.

The triggers of a triggerer live in one event loop. Whoever waits for a model joins the poll of that model; the first
one starts it, the last one to leave ends it. It looks at the shortest interval that any of them asked for, and who
joins between two looks is told what the last one saw.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from contextlib import suppress
from contextvars import Context
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

log = logging.getLogger(__name__)

Look = Callable[[], Awaitable[Any]]

# An interval of nothing would be an attack on the registry.
SHORTEST_INTERVAL = 0.05


async def answers(key: Hashable, look: Look, interval: float) -> AsyncGenerator[Any]:
    """Yield what each look finds, beginning with the newest one there is.

    A look that fails is logged once, however many wait, and the next one is made an interval later: who waits
    outlives every outage.

    :param key: what is looked at; those with an equal key share the looks.
    :param look: makes one look; that of whoever came first is used.
    :param interval: seconds between two looks at the most.
    :return: asynchronous iterator of what the looks found.
    """
    poll = _poll_of(key, look)
    mark, seen = poll.join(interval)
    try:
        while True:
            seen, found = await poll.after(seen)
            yield found
    finally:
        poll.leave(mark)


class _Poll:
    def __init__(self, look: Look, ended: Callable[[], Any]) -> None:
        self._look = look
        self._ended = ended
        self._intervals: dict[object, float] = {}
        self._joined = asyncio.Event()
        self._fresh = asyncio.Condition()
        self._number = 0  # of the looks that found something
        self._found: Any = None
        self._answered = False
        self._task: asyncio.Task[None] | None = None

    def join(self, interval: float) -> tuple[object, int]:
        mark = object()
        self._intervals[mark] = max(interval, SHORTEST_INTERVAL)
        self._joined.set()  # whoever is in more of a hurry need not wait for the others' next look
        if self._task is None:
            # A context of its own: the first one's would put all later warnings into the log of its task.
            self._task = asyncio.get_running_loop().create_task(self._run(), context=Context())
        # During an outage what was found before it is no answer.
        return mark, self._number - 1 if self._answered else self._number

    def leave(self, mark: object) -> None:
        del self._intervals[mark]
        if not self._intervals and self._task is not None:
            self._task.cancel()
            self._ended()

    async def after(self, seen: int) -> tuple[int, Any]:
        async with self._fresh:
            await self._fresh.wait_for(lambda: self._number > seen)
            return self._number, self._found

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                found = await self._look()
            except Exception as err:  # noqa: BLE001 - a watcher must outlive every outage of what it watches
                self._answered = False
                log.warning("%s It is asked again in %g s.", err, self._interval)
            else:
                async with self._fresh:
                    self._number, self._found, self._answered = self._number + 1, found, True
                    self._fresh.notify_all()
            while (left := began + self._interval - loop.time()) > 0:
                self._joined.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._joined.wait(), left)

    @property
    def _interval(self) -> float:
        return min(self._intervals.values(), default=SHORTEST_INTERVAL)


_POLLS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, _Poll]] = WeakKeyDictionary()


def _poll_of(key: Hashable, look: Look) -> _Poll:
    polls = _POLLS.setdefault(asyncio.get_running_loop(), {})
    if key not in polls:
        polls[key] = _Poll(look, partial(polls.pop, key, None))
    return polls[key]
