"""Progress says what runs and for how long."""

import io
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from airflow_provider_mlops.embedded.progress import Progress, RunView, at_work

NOW = datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)


def task(task_id: str, state: str | None, start: str | None = None, map_index: int = -1) -> dict[str, Any]:
    """Make a task instance as the API returns it."""
    return {"task_id": task_id, "state": state, "start_date": start, "map_index": map_index}


def test_running_tasks_show_their_seconds() -> None:
    """Waiting ones show their state, finished and future ones do not show."""
    tasks = [
        task("snapshot", "success", "2026-01-01T00:00:00Z"),
        task("train", "running", "2026-01-01T00:00:18Z"),
        task("score", "queued", map_index=3),
        task("gate", None),
    ]

    assert at_work(tasks, NOW) == ("train 12 s", "score[3] queued")


def test_without_a_terminal_there_is_a_line_every_few_seconds() -> None:
    """Continuous integration keeps a readable log."""
    out = io.StringIO()
    runs = [
        RunView("lifecycle", "2013-01", "a", "success", 9),
        RunView("lifecycle", "2013-02", "b", "running", 14, ("train 12 s",)),
    ]
    with Progress(Console(file=out, width=40)) as progress:
        for _ in range(3):
            progress.show(runs)

    assert out.getvalue() == "[   0 s] lifecycle 2013-02 running 14 s: train 12 s (1 of 2 runs done)\n"


def test_on_a_terminal_the_runs_are_redrawn() -> None:
    """Nothing of the table stays behind; said lines do."""
    out = io.StringIO()
    with Progress(Console(file=out, width=100, force_terminal=True)) as progress:
        progress.say("it begins")
        progress.show([RunView("lifecycle", "2013-02", "b", "running", 14, ("score[3] 1 s",))])

    assert "it begins" in out.getvalue()
    assert "score[3] 1 s" in out.getvalue()
