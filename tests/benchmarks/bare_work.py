"""The lifecycle's work without Airflow: the same steps called one after the other, libraries imported before."""

import importlib
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException, DownstreamTasksSkipped

from airflow_provider_mlops.preload import preload


class _TaskInstance:
    """As much of a task instance as the operators ask for."""

    def __init__(self, task: Any, run_id: str, results: dict[str, Any], root: Path) -> None:
        # An audit looks for what this Dag has recorded.
        self.dag_id, self.task_id, self.run_id = task.dag_id, task.task_id, run_id
        self.try_number, self.map_index, self.log_url = 1, -1, ""
        self.bundle_instance = SimpleNamespace(path=root)
        self._results = results

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep a result."""
        self._results[self.task_id, key] = value

    def xcom_pull(self, task_ids: str) -> Any:
        """Return another task's result."""
        return self._results[task_ids, "return_value"]


class _NoEvents(dict[Any, Any]):
    """Outlet events that go nowhere."""

    def __missing__(self, key: Any) -> Any:
        return SimpleNamespace(add=lambda *_, **__: None)


def run_partition(dag: Any, partition_key: str, root: Path, run_type: str) -> float:
    """Run every task of a partition in this process.

    :param dag: the lifecycle Dag.
    :param partition_key: the partition.
    :param root: root of the Dag bundle.
    :param run_type: ``scheduled``, or ``backfill`` for an audit.
    :return: wall seconds.
    """
    results: dict[str, Any] = {}
    skipped: set[str] = set()
    now = datetime.now(tz=UTC)
    dag_run = SimpleNamespace(partition_key=partition_key, run_type=run_type, conf={}, run_after=now)
    began = time.perf_counter()
    for task in dag.topological_sort():
        if skipped & task.upstream_task_ids:
            skipped.add(task.task_id)
            continue
        ti = _TaskInstance(task, f"bare__{partition_key}", results, root)
        context = {"ti": ti, "task": task, "dag_run": dag_run, "outlet_events": _NoEvents()}
        task.render_template_fields(context)
        try:
            ti.xcom_push("return_value", task.execute(context))
        except AirflowSkipException:
            skipped.add(task.task_id)
        except DownstreamTasksSkipped as held:
            skipped.update(held.tasks)
    return time.perf_counter() - began


def main(root: Path, run_type: str, keys: list[str]) -> None:
    """Print the wall seconds of each partition, as a JSON line each.

    :param root: root of the Dag bundle.
    :param run_type: ``scheduled``, or ``backfill`` for an audit of what the storage holds.
    :param keys: the partitions, in order.
    """
    preload(argv=["bare", "scheduler"])
    sys.path[:0] = [str(root), str(root / "dags")]
    if run_type == "backfill":
        # One core: what several threads did in a second would otherwise be divided by the cores twice.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    else:
        # A model of its own: the registry is the one that the measured Airflow uses.
        importlib.import_module("include.flights.spec").MODEL = "flight_delays_bare"
    for key in keys:
        # A fresh Dag each time: rendering writes the values into the tasks.
        module = importlib.import_module("flight_delays_lifecycle")
        dag = importlib.reload(module).dag
        sys.stdout.write(json.dumps({"partition_key": key, "seconds": run_partition(dag, key, root, run_type)}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
