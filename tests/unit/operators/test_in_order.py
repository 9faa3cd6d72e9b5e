"""The order of a live backfill."""

from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_mlops.core.errors import Refused
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.operators.in_order import goes_in_order, must_wait, pause_after, runs_before


def run_id(month: str, kind: str = "backfill", end: str = "x") -> str:
    """Return an id as Airflow makes it: the tick of the schedule is a month after the partition."""
    number = int(month[-2:]) + (kind == "scheduled")
    return f"{kind}__2013-{number:02d}-01T00:00:00+00:00__{month}__{end}"


def facts(name: str, mode: Mode = Mode.LIVE, run_type: str = "backfill") -> RunFacts:
    """Return the facts of a run."""
    return RunFacts(
        dag_id="lifecycle",
        run_id=name,
        task_id="snapshot",
        try_number=1,
        map_index=-1,
        partition_key=None,
        run_type=run_type,
        mode=mode,
    )


class Runs:
    """What a task instance tells of the runs of its Dag."""

    def __init__(self, **states: str) -> None:
        self.states = {run_id(key.replace("m", "2013-")): state for key, state in states.items()}
        self.asked = 0

    def get_task_states(self, dag_id: str, task_ids: list[str]) -> dict[str, Any]:
        """All runs of the Dag."""
        return {name: {task_ids[0]: None} for name in self.states}

    def get_dr_count(self, dag_id: str, run_ids: list[str], states: list[str]) -> int:
        """Count runs."""
        self.asked += 1
        return sum(self.states[name] in states for name in run_ids)

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str:
        """Return one run's state."""
        return self.states[run_id]


@pytest.mark.parametrize(
    ("mode", "run_type", "ordered"),
    [
        (Mode.LIVE, "backfill", True),
        (Mode.AUDIT, "backfill", False),
        (Mode.DRY_RUN, "backfill", False),
        (Mode.LIVE, "scheduled", False),
    ],
)
def test_only_a_backfill_that_moves_something_is_ordered(mode: Mode, run_type: str, ordered: bool) -> None:
    """An audit may do its months side by side."""
    assert goes_in_order(facts("backfill__t", mode, run_type)) is ordered


def test_it_waits_for_the_first_that_is_at_work() -> None:
    """Of three at once, the third waits for the first, then for the second."""
    runs = Runs(m01="running", m02="running", m03="running")
    third = facts(run_id("2013-03"))

    assert must_wait(runs, facts(run_id("2013-01"))) is None
    assert must_wait(runs, third) == run_id("2013-01")
    runs.states[run_id("2013-01")] = "success"
    assert must_wait(runs, third) == run_id("2013-02")
    runs.states[run_id("2013-02")] = "success"
    assert must_wait(runs, third) is None


def test_behind_a_failure_it_is_refused() -> None:
    """A month that lacks would leave all later models without its rows; the way out is named."""
    runs = Runs(m01="success", m02="failed", m03="running")

    with pytest.raises(Refused, match="2013-02__x has failed"):
        must_wait(runs, facts(run_id("2013-03")))


def test_a_month_that_was_done_again_is_done() -> None:
    """Another run of the failed month has succeeded, whoever made it."""
    runs = Runs(m02="failed", m03="running")
    runs.states[run_id("2013-02", "scheduled")] = "success"

    assert must_wait(runs, facts(run_id("2013-03"))) is None


def test_backwards_is_refused() -> None:
    """The first that runs would wait for one that waits for it."""
    with pytest.raises(Refused, match="--run-backwards is for audits"):
        must_wait(Runs(m02="queued", m03="running"), facts(run_id("2013-03")))


def test_runs_that_no_backfill_made_are_left_alone() -> None:
    """A failed month of the schedule long ago holds nobody up; runs by hand have no tick."""
    known = [run_id("2013-01", "scheduled"), run_id("2013-02", "manual"), run_id("2013-03"), run_id("2013-04")]

    assert runs_before(run_id("2013-04"), known) == {"2013-03": [run_id("2013-03")]}
    assert runs_before("backfill__2013-04-01T00:00:00+00:00", ["backfill__2013-03-01T00:00:00+00:00"])
    with pytest.raises(Refused, match="unknown form"):
        runs_before("mine", known)


@pytest.mark.parametrize(("waited", "pause"), [(0, 5), (60, 15), (86400, 300)])
def test_a_long_wait_is_looked_at_seldom(waited: int, pause: int) -> None:
    """A month that waits for a human may hold the others for days."""
    assert pause_after(timedelta(seconds=waited)) == timedelta(seconds=pause)


def test_many_months_are_asked_for_at_once() -> None:
    """Ten years of days need few questions where all are done."""
    runs = Runs()
    runs.states = {f"backfill__{2000 + n // 300}-{n % 300:03d}__k{n}__x": "success" for n in range(3000)}

    assert must_wait(runs, facts("backfill__2099-000__k__x")) is None
    assert runs.asked == 60
