"""The reference Dags parse, are wired as documented, and agree on what they share."""

import ast
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.sdk import Asset, AssetAlias, CronPartitionTimetable, PartitionedAssetTimetable
from airflow.sdk.definitions._internal.types import NOTSET

ROOT = Path(__file__).parents[2]
LIFECYCLE, MONITOR = "flight_delays_lifecycle", "flight_delays_monitor"
RELEASE_NOTE, RETRAIN = "flight_delays_release_note", "flight_delays_retrain"
APPROVE, ROLLBACK, REPLAY = "flight_delays_approve", "model_rollback", "audit_replay"
MUTE, SCORE, DRILL = "model_mute_drift", "flight_delays_score", "drift_fire_drill"
DAGS = (REPLAY, APPROVE, LIFECYCLE, MONITOR, RELEASE_NOTE, RETRAIN, ROLLBACK, MUTE, SCORE, DRILL)
WIRING = {
    APPROVE: [("verdict", ["approve", "promote"]), ("approve", ["promote"]), ("promote", [])],
    LIFECYCLE: [
        ("lifecycle.snapshot", ["lifecycle.validate"]),
        ("lifecycle.validate", ["lifecycle.check"]),
        ("lifecycle.check", ["lifecycle.train"]),
        ("lifecycle.train", ["lifecycle.register"]),
        ("lifecycle.register", ["lifecycle.evaluate"]),
        ("lifecycle.evaluate", ["lifecycle.gate"]),
        ("lifecycle.gate", ["lifecycle.promote"]),
        ("lifecycle.promote", ["lifecycle.model_card"]),
        ("lifecycle.model_card", []),
    ],
    MONITOR: [
        ("wait_for_labels", ["detect_score_drift", "monitor_performance", "profile"]),
        ("profile", ["detect_drift"]),
        ("detect_drift", []),
        ("detect_score_drift", []),
        ("monitor_performance", ["roll_back_on_breach"]),
        ("roll_back_on_breach", []),
    ],
    RELEASE_NOTE: [("release_note", [])],
    RETRAIN: [
        ("retraining.decide", ["retraining.check"]),
        ("retraining.check", ["retraining.train"]),
        ("retraining.train", ["retraining.register"]),
        ("retraining.register", ["retraining.evaluate"]),
        ("retraining.evaluate", ["retraining.gate"]),
        ("retraining.gate", ["retraining.promote"]),
        ("retraining.promote", ["retraining.model_card"]),
        ("retraining.model_card", []),
    ],
    REPLAY: [("replay", [])],
    ROLLBACK: [("rollback", [])],
    SCORE: [
        ("snapshot", ["validate"]),
        ("validate", ["score"]),
        ("wait_for_champion", ["score"]),
        ("score", ["labels_due"]),
        ("labels_due", ["join_labels"]),
        ("join_labels", []),
    ],
    MUTE: [("mute", [])],
    DRILL: [("drill", [])],
}


def _consumed(condition: Any) -> list[Any]:
    """The assets of a schedule, however they are combined."""
    parts = getattr(condition, "objects", None)
    return [asset for part in parts for asset in _consumed(part)] if parts is not None else [condition]


def _assets_of(dag: Any) -> list[Any]:
    """What the Dag emits and what it is scheduled by."""
    condition = getattr(dag.timetable, "asset_condition", None)
    consumed = _consumed(condition) if condition is not None else []
    return [*consumed, *(outlet for task in dag.tasks for outlet in task.outlets)]


def test_every_dag_parses(bag: BundleDagBag) -> None:
    """No file of the bundle fails to import, none warns, and none is left out."""
    assert bag.import_errors == {}
    assert bag.captured_warnings == {}
    assert sorted(bag.dags) == sorted(DAGS)


def test_only_the_folder_of_the_dags_is_looked_at(bag: BundleDagBag) -> None:
    """The .airflowignore at the root keeps tests, the package and the use case's modules from being parsed."""
    assert {Path(stat.file).parts[0] for stat in bag.dagbag_stats} == {"dags"}


@pytest.mark.parametrize("dag_id", DAGS)
def test_tasks_are_wired(bag: BundleDagBag, dag_id: str) -> None:
    """Each step hands on to the next one and to no other."""
    found = {task.task_id: sorted(task.downstream_task_ids) for task in bag.dags[dag_id].tasks}

    assert found == dict(WIRING[dag_id])


@pytest.mark.parametrize("dag_id", DAGS)
def test_each_dag_is_documented(bag: BundleDagBag, dag_id: str) -> None:
    """The text in the UI is the docstring of the file; tags find it again."""
    dag = bag.dags[dag_id]

    assert dag.doc_md == ast.get_docstring(ast.parse(Path(dag.fileloc).read_text(encoding="utf-8")), clean=False)
    assert {"mlops", "flights"} <= dag.tags


@pytest.mark.parametrize("dag_id", DAGS)
def test_runs_go_one_by_one(bag: BundleDagBag, dag_id: str) -> None:
    """Each candidate meets the champion of its time, and two runs never race for one alias; scoring moves none."""
    assert bag.dags[dag_id].max_active_runs == (3 if dag_id == SCORE else 1)


@pytest.mark.parametrize("dag_id", [LIFECYCLE, MONITOR, RETRAIN, ROLLBACK, REPLAY, SCORE])
def test_tasks_try_again(bag: BundleDagBag, dag_id: str) -> None:
    """The world breaks now and then: each task has retries, some seconds apart."""
    tasks = bag.dags[dag_id].tasks

    assert {task.retries for task in tasks} == {2}
    assert {task.retry_delay.total_seconds() for task in tasks} == {10}


def test_live_months_are_scheduled(bag: BundleDagBag) -> None:
    """The run of the first of a month is the partition of the month before, named like 2013-01."""
    timetable = bag.dags[LIFECYCLE].timetable

    assert isinstance(timetable, CronPartitionTimetable)
    assert (timetable.expression, timetable.run_offset, timetable.key_format) == ("0 0 1 * *", -1, "%Y-%m")
    assert bag.dags[LIFECYCLE].catchup


def test_days_are_scored_and_then_watched(bag: BundleDagBag) -> None:
    """The run of a day is the partition of the day before; whatever day is watched has two scored weeks behind it."""
    score, monitor = bag.dags[SCORE], bag.dags[MONITOR]
    for dag in (score, monitor):
        timetable = dag.timetable
        assert isinstance(timetable, CronPartitionTimetable)
        assert (timetable.expression, timetable.run_offset, timetable.key_format) == ("0 0 * * *", -1, "%Y-%m-%d")
        assert dag.catchup
    tasks = {task.task_id: task for dag in (score, monitor) for task in dag.tasks}
    watched = [tasks[name] for name in ("detect_drift", "detect_score_drift", "monitor_performance")]

    assert f"{score.start_date:%Y-%m-%d}" == "2013-05-02"
    assert score.end_date == monitor.end_date
    assert {task.window for task in watched} == {(monitor.start_date - score.start_date).days + 1}
    assert tasks["labels_due"].maturity == tasks["join_labels"].maturity == tasks["wait_for_labels"].maturity
    assert tasks["score"].dataset == tasks["snapshot"].dataset == tasks["join_labels"].dataset == "flights_served"
    assert {task.dataset for task in watched} == {"flights_served"}


def test_what_is_served_comes_after_what_was_learned(bag: BundleDagBag) -> None:
    """The last month that the lifecycle judges ends where the first served day begins."""
    assert f"{bag.dags[LIFECYCLE].end_date:%Y-%m-%d}" == "2013-05-01"
    assert f"{bag.dags[SCORE].start_date:%Y-%m-%d}" == "2013-05-02"


def test_retraining_is_started_by_verdicts_alone(bag: BundleDagBag) -> None:
    """Its schedule is what the monitor emits, drift or performance, and its key is that of the verdict."""
    timetable = bag.dags[RETRAIN].timetable
    monitor = {outlet.name for task in bag.dags[MONITOR].tasks for outlet in task.outlets}

    assert isinstance(timetable, PartitionedAssetTimetable)
    assert [asset.name for asset in _consumed(timetable.asset_condition)] == [
        "flight_delays-drift",
        "flight_delays-performance",
    ]
    assert monitor == {"flight_delays-drift-alias", "flight_delays-performance-alias"}


def test_every_outlet_goes_through_an_alias(bag: BundleDagBag) -> None:
    """An outlet that is named directly emits at every success, audits included."""
    outlets = [outlet for dag in bag.dags.values() for task in dag.tasks for outlet in task.outlets]

    assert outlets
    assert all(isinstance(outlet, AssetAlias) for outlet in outlets)


def test_no_asset_is_defined_twice(bag: BundleDagBag) -> None:
    """One name, one URI and one watcher: Airflow refuses assets that differ, or watches the registry twice."""
    seen: dict[tuple[type, str], Any] = {}
    for dag in bag.dags.values():
        for asset in _assets_of(dag):
            assert seen.setdefault((type(asset), asset.name), asset) == asset
    addresses = Counter(asset.uri for asset in seen.values() if isinstance(asset, Asset))

    assert seen
    assert set(addresses.values()) == {1}


def test_the_files_that_the_dags_name_are_in_the_bundle(bag: BundleDagBag) -> None:
    """Suites and policies are found relative to the bundle's root, functions by their import path."""
    from airflow_provider_mlops.core.code_identity import import_callable

    tasks = [task for dag in bag.dags.values() for task in dag.tasks]
    files = {
        getattr(task, name)
        for task in tasks
        for name in ("suite", "contract", "checks", "policy")
        if getattr(task, name, None)
    }
    functions = {getattr(task, name) for task in tasks for name in ("source", "train_function") if hasattr(task, name)}

    assert files
    assert functions
    assert all((ROOT / path).is_file() for path in files)
    assert all(callable(import_callable(path)) for path in functions)


def test_the_dags_survive_serialisation(bag: BundleDagBag) -> None:
    """The scheduler and the UI only ever see the serialised form, the links and the watcher included."""
    from airflow.serialization.serialized_objects import DagSerialization

    for dag_id, dag in bag.dags.items():
        again = DagSerialization.from_dict(DagSerialization.to_dict(dag))
        assert again.dag_id == dag_id
        assert sorted(again.task_ids) == sorted(dag.task_ids)


def test_a_rollback_is_a_form(bag: BundleDagBag) -> None:
    """Started by hand alone: the model is filled in, the versions may stay empty, the reason may not."""
    dag = bag.dags[ROLLBACK]
    params = {name: dag.params.get_param(name) for name in dag.params}
    given = {name: (param.value, param.schema.get("minLength")) for name, param in params.items()}

    assert dag.schedule is None
    assert given == {
        "model": ("flight_delays", 1),
        "target_version": (None, None),
        "bad_version": (None, None),
        "reason": (NOTSET, 1),
    }


def test_a_mute_is_a_form(bag: BundleDagBag) -> None:
    """Started by hand alone: the last day and the reason must be given."""
    dag = bag.dags[MUTE]
    params = {name: dag.params.get_param(name) for name in dag.params}

    assert dag.schedule is None
    assert {name: param.value for name, param in params.items()} == {
        "model": "flight_delays",
        "feature": None,
        "kind": None,
        "until": NOTSET,
        "reason": NOTSET,
    }
    assert params["until"].schema["format"] == "date"


def test_a_lifecycle_is_about_fifteen_lines() -> None:
    """The task group keeps what a reader must read short."""
    source = (ROOT / "dags" / f"{LIFECYCLE}.py").read_text(encoding="utf-8")
    call = next(
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "model_lifecycle"
    )

    assert (call.end_lineno or 0) - call.lineno + 1 <= 18
