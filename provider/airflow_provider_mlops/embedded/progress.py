"""What runs at the moment and for how long: redrawn in place on a terminal, a line every few seconds elsewhere."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from airflow_provider_mlops.embedded.api import FINISHED, AirflowApi

LINE_SECONDS = 5.0
_AT_WORK = frozenset(
    {"scheduled", "queued", "running", "deferred", "awaiting_input", "restarting", "up_for_retry", "up_for_reschedule"}
)


@dataclass(frozen=True, slots=True)
class RunView:
    """One Dag run, as it stands.

    :param dag_id: the Dag.
    :param name: its partition key, or its run id when it has none.
    :param run_id: the run id.
    :param state: ``queued``, ``running``, ``success`` or ``failed``.
    :param seconds: how long it has run, or ran.
    :param tasks: what is at work in it: ``train 12 s``.
    """

    dag_id: str
    name: str
    run_id: str
    state: str
    seconds: float
    tasks: tuple[str, ...] = ()

    def text(self) -> str:
        """Return one line: ``flight_delays_lifecycle 2013-02 running 14 s: train 12 s``."""
        at_work = f": {', '.join(self.tasks)}" if self.tasks else ""
        return f"{self.dag_id} {self.name} {self.state} {self.seconds:.0f} s{at_work}"


def view_runs(api: AirflowApi, dag_ids: Sequence[str]) -> list[RunView]:
    """Ask Airflow for all runs of some Dags, and for the tasks of those that are not finished.

    :param api: client.
    :param dag_ids: the Dags.
    :return: the runs, Dag by Dag, in order.
    """
    return [_view(api, dag_id, run) for dag_id in dag_ids for run in api.runs(dag_id)]


def at_work(tasks: Sequence[dict[str, Any]], now: datetime) -> tuple[str, ...]:
    """Name the task instances that are at work, with how long the running ones have run.

    :param tasks: task instances as the API returns them.
    :param now: current time, with zone.
    :return: one short text each.
    """
    found = []
    for task in tasks:
        if task["state"] not in _AT_WORK:
            continue
        name = task["task_id"] if task["map_index"] < 0 else f"{task['task_id']}[{task['map_index']}]"
        detail = f"{_since(task['start_date'], None, now):.0f} s" if task["state"] == "running" else task["state"]
        found.append(f"{name} {detail}")
    return tuple(found)


class Progress:
    """Shows the runs while a block works.

    :param console: where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._next_line = 0.0
        self._live = Live(console=console, transient=True, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def say(self, text: str) -> None:
        """Write a line that stays.

        :param text: the line.
        """
        self._console.print(f"[{self._elapsed():4.0f} s] {text}", markup=False, highlight=False, soft_wrap=True)

    def show(self, runs: Sequence[RunView]) -> None:
        """Show the runs; call it often.

        :param runs: as `view_runs` returns them.
        """
        if self._live:
            self._live.update(self._table(runs), refresh=True)
            return
        now = time.monotonic()
        if now < self._next_line:
            return
        self._next_line = now + LINE_SECONDS
        done = sum(run.state in FINISHED for run in runs)
        active = "; ".join(run.text() for run in runs if run.state not in FINISHED) or "nothing runs at the moment"
        self.say(f"{active} ({done} of {len(runs)} runs done)")

    def _table(self, runs: Sequence[RunView]) -> Table:
        table = Table(title=f"{self._elapsed():.0f} s", title_justify="left")
        for column in ("Dag", "partition", "state", "seconds", "at work"):
            table.add_column(column, justify="right" if column == "seconds" else "left")
        for run in runs:
            tasks = escape(", ".join(run.tasks))
            table.add_row(run.dag_id, run.name, run.state, f"{run.seconds:.0f}", tasks)
        return table

    def _elapsed(self) -> float:
        return time.monotonic() - self._began


def _view(api: AirflowApi, dag_id: str, run: dict[str, Any]) -> RunView:
    now = datetime.now(tz=UTC)
    tasks = () if run["state"] in FINISHED else at_work(api.tasks(dag_id, run["dag_run_id"]), now)
    seconds = _since(run["start_date"], run["end_date"], now)
    name = run.get("partition_key") or run["dag_run_id"]
    return RunView(dag_id, name, run["dag_run_id"], run["state"], seconds, tasks)


def _since(start: str | None, end: str | None, now: datetime) -> float:
    """Return the seconds between two ISO 8601 times; until now when there is no end, 0 when there is no start."""
    if start is None:
        return 0.0
    return ((datetime.fromisoformat(end) if end else now) - datetime.fromisoformat(start)).total_seconds()
