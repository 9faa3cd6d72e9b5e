"""What the demo and the end-to-end tests ask of Airflow, by name."""

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from airflow_provider_mlops.embedded.config import EmbeddedError
from airflow_provider_mlops.embedded.session import ApiError, ApiSession

__all__ = ["FINISHED", "AirflowApi", "ApiError"]

FINISHED = frozenset({"success", "failed"})
_ALL = 1000


class AirflowApi(ApiSession):
    """A small client of Airflow's REST API.

    :param url: address of Airflow, e.g. ``http://127.0.0.1:8080``.
    :param user: user name.
    :param password: password.
    """

    def health(self) -> dict[str, dict[str, Any]]:
        """Return the state of every part: ``{"scheduler": {"status": "healthy"}}``; empty when unreachable."""
        try:
            answer = self._http.get("/api/v2/monitor/health", timeout=5)
            found: dict[str, dict[str, Any]] = answer.json() if answer.is_success else {}
        except (httpx.HTTPError, ValueError):
            return {}
        return found

    def warm_up(self) -> None:
        """Let Airflow build the API of its tasks, which takes seconds on the first request."""
        with contextlib.suppress(httpx.HTTPError):
            self._http.get("/execution/health")

    def dag(self, dag_id: str) -> dict[str, Any]:
        """Return a Dag with its details."""
        return self._one(self.request("GET", f"/dags/{dag_id}/details"))

    def dag_ids(self) -> set[str]:
        """Return the ids of all Dags that Airflow has found."""
        return {dag["dag_id"] for dag in self.request("GET", "/dags", limit=_ALL)["dags"]}

    def import_errors(self) -> list[dict[str, Any]]:
        """Return the Dag files that do not import: ``filename`` and ``stack_trace`` of each."""
        return list(self.request("GET", "/importErrors", limit=_ALL)["import_errors"])

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run a Dag."""
        self.request("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def pause(self, dag_id: str) -> None:
        """Keep the scheduler from starting runs of a Dag."""
        self.request("PATCH", f"/dags/{dag_id}", json={"is_paused": True})

    def trigger(
        self, dag_id: str, *, partition_key: str | None = None, conf: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Start a manual run.

        :param dag_id: the Dag.
        :param partition_key: the partition of the run, e.g. ``2013-01``.
        :param conf: the run's conf.
        :return: the run; its id is ``dag_run_id``.
        """
        body = {"logical_date": None, "partition_key": partition_key, "conf": dict(conf or {})}
        return self._one(self.request("POST", f"/dags/{dag_id}/dagRuns", json=body))

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return one run."""
        return self._one(self.request("GET", f"/dags/{dag_id}/dagRuns/{run_id}"))

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return all runs of a Dag, in the order of their ``run_after``."""
        return list(self.request("GET", f"/dags/{dag_id}/dagRuns", limit=_ALL, order_by="run_after")["dag_runs"])

    def unfinished(self, dag_id: str) -> int:
        """Return how many runs of a Dag wait or run; far less work for Airflow than to list them all."""
        answer = self.request("GET", f"/dags/{dag_id}/dagRuns", limit=1, state=["queued", "running"])
        return int(answer["total_entries"])

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run, mapped ones each on its own."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        return list(self.request("GET", path, limit=_ALL)["task_instances"])

    def clear(self, dag_id: str, run_id: str, task_id: str, *, downstream: bool = True) -> None:
        """Let a task of a run run again.

        :param dag_id: the Dag.
        :param run_id: the run.
        :param task_id: the task.
        :param downstream: also everything after it.
        """
        body = {
            "dag_run_id": run_id,
            "task_ids": [task_id],
            "include_downstream": downstream,
            "only_failed": False,
            "dry_run": False,
        }
        self.request("POST", f"/dags/{dag_id}/clearTaskInstances", json=body)

    def answer(
        self, dag_id: str, run_id: str, task_id: str, option: str, *, params: Mapping[str, Any] | None = None
    ) -> None:
        """Answer the question of a task that waits for a human.

        :param dag_id: the Dag.
        :param run_id: the run.
        :param task_id: the task.
        :param option: e.g. ``Approve``.
        :param params: the form's fields.
        """
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"
        self.request("PATCH", path, json={"chosen_options": [option], "params_input": dict(params or {})})

    def log(self, dag_id: str, run_id: str, task_id: str, *, try_number: int = 1, map_index: int = -1) -> str:
        """Return the log of one try of a task, one event per line."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{max(try_number, 1)}"
        content = self.request("GET", path, map_index=map_index, full_content=True)["content"]
        if isinstance(content, str):
            return content
        return "\n".join(line for entry in content for line in _log_lines(entry))

    def xcom(self, dag_id: str, run_id: str, task_id: str, *, key: str = "return_value", map_index: int = -1) -> Any:
        """Return one XCom value.

        :raises ApiError: with status 404 when there is none.
        """
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return self.request("GET", path, map_index=map_index, deserialize=True)["value"]

    def asset_events(self, dag_id: str | None = None) -> list[dict[str, Any]]:
        """Return asset events, oldest first.

        :param dag_id: only those that this Dag emitted.
        """
        answer = self.request("GET", "/assets/events", limit=_ALL, order_by="timestamp", source_dag_id=dag_id)
        return list(answer["asset_events"])

    def backfill(
        self,
        dag_id: str,
        from_date: str,
        to_date: str,
        *,
        reprocess: str = "completed",
        max_active_runs: int = 1,
        conf: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Create a backfill.

        :param dag_id: the Dag.
        :param from_date: first partition date (a tick on Airflow 3.2), ISO 8601 with zone.
        :param to_date: last one, included.
        :param reprocess: ``completed`` (runs that exist are done again, beside the old), ``failed`` or ``none``.
        :param max_active_runs: how many runs at once; the Dag's own limit does not hold for backfills.
        :param conf: conf of every run.
        :return: the backfill; its id is ``id``.
        """
        body = {
            "dag_id": dag_id,
            "from_date": from_date,
            "to_date": to_date,
            "reprocess_behavior": reprocess,
            "max_active_runs": max_active_runs,
            "dag_run_conf": dict(conf or {}),
        }
        return self._one(self.request("POST", "/backfills", json=body))

    def wait_for_dags(self, *dag_ids: str, timeout: float = 60) -> None:
        """Wait until Airflow has found these Dags.

        :param dag_ids: the Dags.
        :param timeout: seconds.
        :raises EmbeddedError: when one does not import, or is not found in time.
        """

        def found() -> bool:
            if dag_ids and not self.dag_ids().issuperset(dag_ids):
                self._raise_import_errors()
                return False
            return True

        missing = f"Airflow did not find these Dags in {timeout:.0f} s: {', '.join(dag_ids)}."
        self.wait(found, timeout, lambda: missing)

    def wait_for_runs(self, dag_id: str, *, count: int = 1, timeout: float = 300) -> list[dict[str, Any]]:
        """Wait until a Dag has at least so many runs and all of them have finished.

        :param dag_id: the Dag.
        :param count: how many runs there must be.
        :param timeout: seconds.
        :return: the runs, whatever their end was.
        :raises EmbeddedError: when it takes longer, with the states.
        """
        runs: list[dict[str, Any]] = []

        def finished() -> bool:
            if self.unfinished(dag_id):
                return False
            runs[:] = self.runs(dag_id)
            return len(runs) >= count and all(run["state"] in FINISHED for run in runs)

        def late() -> str:
            states = ", ".join(f"{run['dag_run_id']}: {run['state']}" for run in self.runs(dag_id)) or "no run"
            return f"{dag_id} did not finish {count} runs in {timeout:.0f} s: {states}."

        self.wait(finished, timeout, late)
        return runs

    def wait_for_run(self, dag_id: str, run_id: str, *, timeout: float = 300) -> dict[str, Any]:
        """Wait until one run has finished.

        :return: the run, whatever its end was.
        :raises EmbeddedError: when it takes longer.
        """
        self.wait(
            lambda: self.run(dag_id, run_id)["state"] in FINISHED,
            timeout,
            lambda: f"The run {run_id} of {dag_id} did not finish in {timeout:.0f} s.",
        )
        return self.run(dag_id, run_id)

    @staticmethod
    def wait(condition: Callable[[], bool], timeout: float, message: Callable[[], str], pause: float = 0.5) -> None:
        """Wait until a condition holds.

        :param condition: asked again and again, less often the longer it takes: answers cost what the tasks could use.
        :param timeout: seconds.
        :param message: makes the text of the error.
        :param pause: seconds between the first questions; 2 after half a minute.
        :raises EmbeddedError: when it does not hold in time.
        """
        began = time.monotonic()
        while not condition():
            waited = time.monotonic() - began
            if waited > timeout:
                raise EmbeddedError(message())
            time.sleep(max(pause, min(waited / 15, 2)))

    def _raise_import_errors(self) -> None:
        if errors := self.import_errors():
            first = errors[0]
            raise EmbeddedError(f"{first['filename']} does not import:\n{first['stack_trace']}")

    @staticmethod
    def _one(answer: Any) -> dict[str, Any]:
        found: dict[str, Any] = answer
        return found


def _log_lines(entry: Any) -> list[str]:
    """Return a structured log event as lines: time, level, text, and the errors behind it."""
    if isinstance(entry, str):
        return [entry]
    head = " ".join(str(entry[key]) for key in ("timestamp", "level", "event") if entry.get(key))
    errors = [f"  {error.get('exc_type')}: {error.get('exc_value')}" for error in entry.get("error_detail") or ()]
    return [head, *errors]
