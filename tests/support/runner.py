"""Airflow's own task runner, with the Execution API played by a function: what a task tells Airflow."""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from airflow.sdk import DAG
from airflow.sdk.api.client import Client
from airflow.sdk.api.datamodels._generated import TaskInstance
from airflow.sdk.execution_time.supervisor import InProcessTestSupervisor

MOMENT = "2020-03-01T00:00:00Z"


@dataclass
class ExecutionApi:
    """The part of Airflow's Execution API that a task talks to.

    :param partition_key: of the run.
    :param run_type: of the run.
    :param conf: of the run.
    :param max_tries: how often the task may be tried again.
    :param xcoms: return values of other tasks, by task id.
    """

    partition_key: str | None = "2020-05"
    run_type: str = "scheduled"
    conf: dict[str, Any] = field(default_factory=dict)
    max_tries: int = 2
    xcoms: dict[str, Any] = field(default_factory=dict)
    task_id: str = ""
    pushed: dict[str, Any] = field(default_factory=dict)
    rendered: dict[str, Any] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    ended: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, Any] = field(default_factory=dict)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, and keep what it tells."""
        path, body = request.url.path, json.loads(request.content or b"null")
        parts = path.strip("/").split("/")
        if path.endswith("/run"):
            return httpx.Response(200, json=self._run())
        if parts[0] == "xcoms":
            task_id, key = parts[3], parts[4]
            if request.method == "POST":
                self.pushed[key] = body
                return httpx.Response(201, json={"message": "kept"})
            known = self.pushed if task_id == self.task_id else {"return_value": self.xcoms.get(task_id)}
            if path.endswith("/slice"):
                return httpx.Response(200, json=[known[key]])
            if key in known:
                return httpx.Response(200, json={"key": key, "value": known[key]})
            return httpx.Response(404, json={"detail": {"reason": "not_found", "message": "no such XCom"}})
        if parts[0] == "hitlDetails":
            self.asked = body
            return httpx.Response(201, json=body)
        if path.endswith("/rtif"):
            self.rendered = body
        elif path.endswith("/skip-downstream"):
            self.skipped += body["tasks"]
        elif path.endswith("/state"):
            self.ended = body
        return httpx.Response(200, json={"ok": True})

    def _run(self) -> dict[str, Any]:
        run = {
            "dag_id": "contract",
            "run_id": "run",
            "logical_date": None,
            "data_interval_start": None,
            "data_interval_end": None,
            "run_after": MOMENT,
            "start_date": MOMENT,
            "end_date": None,
            "run_type": self.run_type,
            "state": "running",
            "conf": self.conf,
            "consumed_asset_events": [],
            "partition_key": self.partition_key,
        }
        return {"dag_run": run, "max_tries": self.max_tries, "should_retry": self.max_tries > 0}


def run_in_task_runner(task: Any, api: ExecutionApi) -> tuple[str, BaseException | None]:
    """Run a task by Airflow's task runner, in this process; the working directory stands for the Dag bundle.

    :param task: the operator; it gets a Dag when it has none.
    :param api: the Execution API.
    :return: the task's state as text, and the error that ended it.
    """
    if not task.has_dag():
        DAG("contract", schedule=None).add_task(task)

    class Supervisor(InProcessTestSupervisor):
        """A supervisor whose API is ours; only Airflow 3.3 takes a client as an argument."""

        @staticmethod
        def _api_client(dag: Any = None) -> Client:
            return Client(base_url="http://execution", token="", transport=httpx.MockTransport(api.answer))

    api.task_id = task.task_id
    instance = TaskInstance(
        id=uuid4(),
        task_id=task.task_id,
        dag_id="contract",
        run_id="run",
        try_number=1,
        dag_version_id=uuid4(),
        map_index=-1,
    )
    result = Supervisor.start(what=instance, task=task)
    return result.state.value, result.error
