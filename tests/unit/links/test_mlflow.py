"""Links of a task: what it kept, asked for in its own process and in another."""

from typing import Any

import pytest
from airflow.sdk.execution_time.xcom import XCom

from airflow_provider_mlops.links.mlflow import LINKS_KEY, begin_links, kept_link, push_links


class TaskInstance:
    """As much of a task instance as the links ask for.

    :param run_id: its run.
    """

    dag_id, task_id, map_index, try_number = "flights", "train", -1, 1

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep a result."""
        self.pushed[key] = value


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What Airflow's server answers, by run; and how often it was asked."""
    answers: dict[str, Any] = {"asked": 0}

    def get_value(*, key: str, ti_key: Any) -> Any:
        answers["asked"] += 1
        assert key == LINKS_KEY
        return answers.get(ti_key.run_id)

    monkeypatch.setattr(XCom, "get_value", get_value)
    return answers


def test_the_process_of_the_task_does_not_ask_the_server(server: dict[str, Any]) -> None:
    """Airflow asks for every link when a task ends: of what it has just kept itself, or has not."""
    ti: Any = TaskInstance("one")
    begin_links(ti)
    assert kept_link(ti, "run") == ""

    push_links({"ti": ti}, run="http://mlflow/run", version="")  # type: ignore[arg-type]
    assert ti.pushed == {LINKS_KEY: {"run": "http://mlflow/run"}}
    assert (kept_link(ti, "run"), kept_link(ti, "version")) == ("http://mlflow/run", "")
    assert server["asked"] == 0


def test_another_process_asks_the_server(server: dict[str, Any]) -> None:
    """So does a task that goes on after it was deferred; what another run kept is not taken for its own."""
    begin_links(TaskInstance("one"))
    server["two"] = {"run": "http://mlflow/two"}

    assert kept_link(TaskInstance("two"), "run") == "http://mlflow/two"  # type: ignore[arg-type]
    assert kept_link(TaskInstance("three"), "run") == ""  # type: ignore[arg-type]
    assert server["asked"] == 2
