"""The order of a live backfill: a partition acts when all those before it are done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow_provider_mlops.core.errors import Refused
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.run import RunFacts

_SHORTEST, _LONGEST = timedelta(seconds=5), timedelta(minutes=5)
_AT_ONCE = 50
_DONE, _FAILED, _QUEUED = "success", "failed", "queued"


def goes_in_order(run: RunFacts) -> bool:
    """Say whether the runs of a backfill must go one after the other: where it moves something, a first fill.

    :param run: the facts of the run.
    """
    return run.mode is Mode.LIVE and run.run_type == "backfill"


def must_wait(ti: Any, run: RunFacts) -> str | None:
    """Look whether an earlier partition of a live backfill is still at work.

    Airflow starts as many runs of a backfill as ``--max-active-runs`` says, whatever the Dag's own limit is.

    :param ti: Airflow's task instance, which can ask for the states of other runs.
    :param run: the facts of this run.
    :return: the id of the run that must end first; None when it is this one's turn.
    :raises Refused: when an earlier one has failed, or has not begun and so waits for this one.
    """
    known = ti.get_task_states(dag_id=run.dag_id, task_ids=[run.task_id])
    before = runs_before(run.run_id, known)
    return first_open(run, before, _states(ti, run.dag_id, [name for names in before.values() for name in names]))


def pause_after(waited: timedelta) -> timedelta:
    """Say how long a task waits before it looks again: long where it waits for days, for a human's answer say.

    :param waited: how long its run has been at work.
    """
    return min(max(waited / 4, _SHORTEST), _LONGEST)


def runs_before(run_id: str, known: Iterable[str]) -> dict[str, list[str]]:
    """Find the runs of the partitions that backfills ran or are to run before a run of a backfill.

    No date is read out of an id: the ticks of one Dag's backfills, all in UTC, sort as the partitions do.

    :param run_id: id of a backfill run, ``backfill__<tick>__<key>__<random>``.
    :param known: ids of runs of the Dag.
    :return: by partition, in order, the runs that a backfill or the schedule made.
    :raises Refused: when the Dag's timetable makes other ids.
    """
    own, ticks, found = _parts(run_id), {}, defaultdict(list)
    if own is None:
        raise Refused(f"Run {run_id} has an id of an unknown form, which does not tell what goes before it.")
    for name in known:
        if (parts := _parts(name)) is not None and parts[0] in ("backfill", "scheduled"):
            found[parts[2]].append(name)
            if parts[0] == "backfill":
                ticks[parts[2]] = parts[1]
    before = [key for key, tick in ticks.items() if tick < own[1]]
    return {key: sorted(found[key]) for key in sorted(before, key=lambda key: ticks[key])}


def _parts(run_id: str) -> tuple[str, str, str] | None:
    """Take an id apart: kind, tick and partition; without a partition its tick stands for it."""
    kind, *rest = run_id.split("__")
    if not rest:
        return None
    return kind, rest[0], "__".join(rest[1:-1]) or rest[0]


def first_open(run: RunFacts, before: Mapping[str, Sequence[str]], states: Mapping[str, str]) -> str | None:
    """Find the first earlier partition that is not done.

    :param run: the facts of this run.
    :param before: as `runs_before` returns them.
    :param states: state by run id.
    :return: the run that is at work on it; None when all are done.
    :raises Refused: when it has failed, or waits for this run.
    """
    for names in before.values():
        for name in names:
            if states[name] == _QUEUED:
                raise Refused(
                    f"A live backfill goes in order, and {name} has not begun. Let it run first, then clear "
                    f"{run.run_id}; --run-backwards is for audits."
                )
            if states[name] not in (_DONE, _FAILED):
                return name
        if all(states[name] == _FAILED for name in names):
            raise Refused(
                f"A live backfill goes in order, and {names[-1]} has failed. Clear it and let it succeed, then "
                f"clear {run.run_id}."
            )
    return None


def _states(ti: Any, dag_id: str, names: Sequence[str]) -> dict[str, str]:
    """Ask for the states: many at once where all are done, as is usual, else one by one."""
    states = {}
    for start in range(0, len(names), _AT_ONCE):  # they travel in an address
        some = list(names[start : start + _AT_ONCE])
        if ti.get_dr_count(dag_id=dag_id, run_ids=some, states=[_DONE]) == len(some):
            states.update(dict.fromkeys(some, _DONE))
        else:
            states.update({name: str(ti.get_dagrun_state(dag_id=dag_id, run_id=name)) for name in some})
    return states
