"""What ``airflow mlops audit backfill`` does: check that Airflow can be trusted with one, then have it make one."""

import json
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_mlops.cli.exit_codes import exit_codes
from airflow_provider_mlops.cli.output import say
from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.modes import audit_name
from airflow_provider_mlops.core.partition import Partition

_SLACK = timedelta(days=62)
"""How far a tick of the schedule may lie from its partition: Airflow 3.2 names a backfill's runs by the tick."""


@exit_codes
def backfill(args: Namespace) -> None:
    """Create an audit backfill of some partitions.

    :param args: ``dag_id``, ``since`` and ``until`` (partition keys), ``audit``, ``max_active_runs`` and ``dry_run``.
    """
    from airflow.configuration import conf

    first, last = Partition.parse(args.since), Partition.parse(args.until)
    if args.max_active_runs < 1:
        raise BadInput(f"--max-active-runs {args.max_active_runs} must be 1 or more: no run would ever start.")
    name = audit_name({"audit": args.audit or _name_of(first, last)})
    refuse_sqlite(conf.get_mandatory_value("database", "sql_alchemy_conn"))
    ticks = ticks_between(_partitioned_dag(args.dag_id), first, last)
    keys = ", ".join(ticks)
    if args.dry_run:
        say(f"{args.dag_id}: {len(ticks)} partitions would be audited: {keys}")
        return
    _create(args.dag_id, list(ticks.values()), args.max_active_runs, str(name))
    say(f"{args.dag_id}: {len(ticks)} partitions are audited: {keys}")
    say(f"What comes of it: airflow mlops audit summary --model MODEL --audit {name}")
    if _is_paused(args.dag_id):
        say(f"The Dag is paused, and its runs wait: airflow dags unpause {args.dag_id}", error=True)


def refuse_sqlite(address: str) -> None:
    """Refuse where a backfill may cost runs that are there already.

    :param address: SQLAlchemy's URL of Airflow's database.
    :raises Refused: when it is SQLite.
    """
    if address.startswith("sqlite"):
        raise Refused(
            "Airflow's database is SQLite, on which it loses runs when a backfill is created while its scheduler is "
            "at work, the originals among them. Use PostgreSQL (make up has one), or trigger the Dag audit_replay."
        )


def ticks_between(dag: Any, first: Partition, last: Partition) -> dict[str, datetime]:
    """Find what Airflow calls the partitions of a range.

    :param dag: the Dag as Airflow has stored it.
    :param first: the first partition.
    :param last: the last one, included.
    :return: by key, in order, the date that a backfill names it by: on 3.3 its start, on 3.2 the schedule's tick.
    :raises BadInput: when the range holds none.
    """
    found, end = {}, getattr(dag, "end_date", None)
    for info in dag.iter_dagrun_infos_between(first.start - _SLACK, last.end + _SLACK):
        if end is not None and info.run_after > end:  # of these Airflow makes no run by itself, but a backfill would
            continue
        key = str(info.partition_key)
        if first.start <= Partition.parse(key).start <= last.start:
            found[key] = info.run_after
    if not found:
        raise BadInput(f"{dag.dag_id} has no partition from {first.key} to {last.key}.")
    return found


def _partitioned_dag(dag_id: str) -> Any:
    from airflow.models.serialized_dag import SerializedDagModel

    dag = SerializedDagModel.get_dag(dag_id)
    if dag is None:
        raise BadInput(f"Airflow knows no Dag {dag_id!r}; airflow dags list shows those that there are.")
    if not getattr(dag.timetable, "partitioned", False) or not dag.timetable.periodic:
        raise Refused(
            f"{dag_id} is not scheduled by CronPartitionTimetable: a backfill would overwrite its runs, or has no "
            "schedule to follow. Trigger the Dag audit_replay, which replays any recorded training."
        )
    return dag


def _name_of(first: Partition, last: Partition) -> str:
    """Name an audit by its partitions and the moment, so that no two have one summary."""
    return f"{first.key}_{last.key}_{datetime.now(UTC):%Y%m%dT%H%M%S}"


def _create(dag_id: str, ticks: Sequence[datetime], max_active_runs: int, name: str) -> None:
    """Have Airflow's own command create it, so that what it checks is checked."""
    from airflow.cli.cli_parser import get_parser
    from airflow.models.backfill import AlreadyRunningBackfill

    given = {
        "--dag-id": dag_id,
        "--from-date": min(ticks).isoformat(),
        "--to-date": max(ticks).isoformat(),
        "--max-active-runs": str(max_active_runs),
        "--reprocess-behavior": "completed",
        "--dag-run-conf": json.dumps({"audit": name}),
    }
    line = ["backfill", "create", *(word for option in given.items() for word in option)]
    args = get_parser().parse_args(line)
    try:
        args.func(args)
    except AlreadyRunningBackfill:
        raise Refused(
            f"A backfill of {dag_id} is not over yet, or Airflow has not noticed its end, which takes it up to half a "
            "minute. Wait, or trigger the Dag audit_replay, which may run beside it."
        ) from None


def _is_paused(dag_id: str) -> bool:
    from airflow.models.dag import DagModel

    model = DagModel.get_dagmodel(dag_id)
    return bool(model and model.is_paused)
