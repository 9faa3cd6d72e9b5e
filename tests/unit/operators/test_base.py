"""What every operator shares: the kinds of failure, bounded results, events."""

import logging
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Asset, AssetAlias
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException, TaskDeferred

from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken, MissingBackend, Refused, TransientError
from airflow_provider_mlops.operators.base import MAX_RESULT_BYTES, MLOpsOperator, bounded
from airflow_provider_mlops.operators.context import run_facts
from tests.support.airflow import fake_context


class Step(MLOpsOperator):
    """An operator that does what a test gave it."""

    def __init__(self, act: Any = dict, **kwargs: Any) -> None:
        super().__init__(task_id="step", **kwargs)
        self.act = act

    def step(self, context: Any, run: Any) -> dict[str, Any]:
        """Act."""
        return dict(self.act())


def context(tmp_path: Path, task: Any = None, **run: Any) -> Any:
    """Return a context."""
    return fake_context(task or Step(), tmp_path, **run)


def raises(error: Exception) -> Any:
    """Return a function that raises."""

    def act() -> dict[str, Any]:
        raise error

    return act


@pytest.mark.parametrize("kind", [BadInput, EvidenceBroken, MissingBackend, Refused])
def test_final_errors_are_not_retried(tmp_path: Path, kind: type[Exception]) -> None:
    """Airflow is told to fail the task for good, with the kind and the words."""
    with pytest.raises(AirflowFailException, match=f"{kind.__name__}: the words") as caught:
        Step(act=raises(kind("the words"))).execute(context(tmp_path))
    assert isinstance(caught.value.__cause__, kind)


@pytest.mark.parametrize("error", [TransientError("later"), OSError("disk"), ZeroDivisionError("user")])
def test_other_errors_are_passed_on(tmp_path: Path, error: Exception) -> None:
    """Whatever else goes wrong is retried as the Dag says."""
    with pytest.raises(type(error), match=str(error)):
        Step(act=raises(error)).execute(context(tmp_path))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (TransientError("MLflow is away."), "MLflow is away."),
        (
            AirflowNotFoundException("The conn_id `mlflow_defualt` isn't defined"),
            "The conn_id `mlflow_defualt` isn't defined. Define it under Admin > Connections, or correct the name.",
        ),
    ],
)
def test_what_is_retried_has_a_headline(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    told: str,
) -> None:
    """The log says it in a line before the stacks of what lies below."""
    with pytest.raises(type(error)):
        Step(act=raises(error)).execute(context(tmp_path))
    assert told in caplog.text + capsys.readouterr().out


def test_audits_decide_anew_in_each_run(tmp_path: Path) -> None:
    """The key of a decision is its content; only audits add the run."""
    keys = {
        (run_type, run_id): Step().decision_key(
            run_facts(context(tmp_path, run_type=run_type, run_id=run_id)), {"a": 1}
        )
        for run_type in ("scheduled", "backfill")
        for run_id in ("r1", "r2")
    }
    assert keys["scheduled", "r1"] == keys["scheduled", "r2"]
    assert len(set(keys.values())) == 3


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"rows": "x" * MAX_RESULT_BYTES}, r"The result has 48,0\d\d bytes; at most 48,000 travel between tasks"),
        ({"metric": float("nan")}, "nan|NaN"),
        ({"path": object()}, "object"),
    ],
)
def test_results_are_small_json(result: dict[str, Any], words: str) -> None:
    """Rows, models, NaN and objects do not travel between tasks."""
    with pytest.raises(BadInput, match=words):
        bounded(result)


def test_event_needs_its_outlet(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without the alias among the outlets nothing is emitted: who wants events asks for them."""
    caplog.set_level(logging.INFO)
    alias, asset = AssetAlias("a"), Asset("s")
    for outlets, emitted in (([], []), ([AssetAlias("b")], []), ([alias], ["s"])):
        step = Step(outlets=outlets)
        given = context(tmp_path, step, partition_key="2020-01")
        step.emit(given, run_facts(given), alias, asset, {"rows": 3})
        assert [name for name, _ in given["outlet_events"].emitted] == emitted
    extra = {"schema": 1, "partition_key": "2020-01", "mode": "live", "rows": 3}
    assert given["outlet_events"].emitted == [("s", extra)]


def test_a_live_backfill_waits_without_a_slot_and_then_acts(tmp_path: Path) -> None:
    """The task defers while an earlier partition is at work; the trigger's event lets it look again."""
    states = {"backfill__2013-01-01__2013-01__x": "running", "backfill__2013-02-01__2013-02__x": "running"}
    told = context(tmp_path, run_type="backfill", conf={"mode": "live"}, run_id="backfill__2013-02-01__2013-02__x")
    told["ti"].get_task_states = lambda dag_id, task_ids: states
    told["ti"].get_dr_count = lambda dag_id, run_ids, states: 0
    told["ti"].get_dagrun_state = lambda dag_id, run_id: states[run_id]
    task = Step(act=lambda: {"done": True})

    with pytest.raises(TaskDeferred) as wait:
        task.execute(told)
    assert (wait.value.method_name, wait.value.timeout) == ("execute_in_turn", None)
    states["backfill__2013-01-01__2013-01__x"] = "failed"
    with pytest.raises(AirflowFailException, match="2013-01__x has failed"):
        task.execute_in_turn(told, {})
    states["backfill__2013-01-01__2013-01__x"] = "success"
    assert task.execute_in_turn(told, {}) == {"done": True}
