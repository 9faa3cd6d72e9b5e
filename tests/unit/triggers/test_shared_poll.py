"""Looks that are shared by all who wait for the same."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from airflow_provider_mlops.triggers.shared_poll import _POLLS, answers


class Source:
    """Something to look at, which counts the looks and fails when told to."""

    def __init__(self, *findings: Any) -> None:
        self.looks = 0
        self._findings = itertools.chain(findings, itertools.count())

    async def look(self) -> Any:
        """Return the next finding, or raise it."""
        self.looks += 1
        found = next(self._findings)
        if isinstance(found, Exception):
            raise found
        return found


async def first(watch: AsyncGenerator[Any]) -> Any:
    """Return the first answer, and leave."""
    async with contextlib.aclosing(watch) as looks:
        return await anext(looks)


def test_a_thousand_share_one_look() -> None:
    """Whoever comes while the answer is fresh is told what was seen."""
    source = Source("here")

    async def wait() -> list[str]:
        return await asyncio.gather(*(first(answers("model", source.look, 60)) for _ in range(1000)))

    assert asyncio.run(wait()) == ["here"] * 1000
    assert source.looks == 1


def test_each_key_has_its_own_looks() -> None:
    """Two models are two requests."""
    one, other = Source("a"), Source("b")

    async def wait() -> list[str]:
        return await asyncio.gather(first(answers(1, one.look, 60)), first(answers(2, other.look, 60)))

    assert asyncio.run(wait()) == ["a", "b"]


def test_everyone_is_told_each_finding() -> None:
    """The looks go on, and nobody misses one while he listens."""
    source = Source()

    async def three(watch: AsyncGenerator[Any]) -> list[Any]:
        async with contextlib.aclosing(watch) as looks:
            return [await anext(looks) for _ in range(3)]

    async def wait() -> list[list[int]]:
        return await asyncio.gather(*(three(answers("model", source.look, 0.05)) for _ in range(5)))

    assert asyncio.run(wait()) == [[0, 1, 2]] * 5


def test_shorter_interval_counts() -> None:
    """One in a hurry does not wait for the next look of those who are not."""
    source = Source()

    async def wait() -> int:
        patient = asyncio.create_task(first(answers("model", source.look, 3600)))
        async with contextlib.aclosing(answers("model", source.look, 3600)) as looks:
            assert await anext(looks) == 0
            async with contextlib.aclosing(answers("model", source.look, 0.05)) as hurried:
                assert await anext(hurried) == 0
                found = await asyncio.wait_for(anext(hurried), 30)
        await patient
        return int(found)

    assert asyncio.run(wait()) == 1


def test_outage_is_logged_once_and_outlived(caplog: pytest.LogCaptureFixture) -> None:
    """However many wait, one line tells of a failed look, and the next look is told to all."""
    source = Source(ConnectionError("The registry is down."), "back")

    async def wait() -> list[str]:
        return await asyncio.gather(*(first(answers("model", source.look, 0.05)) for _ in range(100)))

    assert asyncio.run(wait()) == ["back"] * 100
    assert [record.getMessage() for record in caplog.records] == ["The registry is down. It is asked again in 0.05 s."]


def test_what_was_seen_before_an_outage_is_no_answer() -> None:
    """Who joins during an outage waits for its end."""
    source = Source("old", ConnectionError("down"), ConnectionError("down"), "new")

    async def wait() -> str:
        async with contextlib.aclosing(answers("model", source.look, 0.05)) as looks:
            assert await anext(looks) == "old"
            while source.looks < 2:
                await asyncio.sleep(0.01)
            return str(await first(answers("model", source.look, 0.05)))

    assert asyncio.run(wait()) == "new"


def test_last_one_ends_the_looks() -> None:
    """Nobody waits, nothing is asked and nothing is kept; a later one starts anew."""
    source = Source()

    async def wait() -> tuple[int, int, int]:
        assert await first(answers("model", source.look, 0.05)) == 0
        assert not _POLLS[asyncio.get_running_loop()]
        before = source.looks
        await asyncio.sleep(0.3)
        return before, source.looks, await first(answers("model", source.look, 0.05))

    assert asyncio.run(wait()) == (1, 1, 1)


def test_cancelled_waiter_leaves_the_others() -> None:
    """A trigger that is cancelled takes nothing from those who still wait."""
    source = Source()

    async def wait() -> int:
        async with contextlib.aclosing(answers("model", source.look, 0.05)) as looks:
            other = asyncio.create_task(first(answers("model", source.look, 0.05)))
            await anext(looks)
            other.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await other
            return int(await asyncio.wait_for(anext(looks), 30))

    assert asyncio.run(wait()) == 1


def test_interval_of_nothing_is_no_attack() -> None:
    """There is a shortest interval."""
    source = Source()

    async def wait() -> int:
        async with contextlib.aclosing(answers("model", source.look, 0)) as looks:
            await anext(looks)
            await asyncio.sleep(0.2)
            return source.looks

    assert asyncio.run(wait()) <= 5
