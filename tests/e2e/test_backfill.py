"""Backfills that are killed, that meet other audits and live runs, or fill a history; and a storm of events."""

import contextlib
import json
import subprocess
import time
from collections import Counter
from typing import Any

import psutil
import pytest

from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.retrain import pending_drift
from airflow_provider_mlops.embedded import services
from airflow_provider_mlops.embedded.api import FINISHED, AirflowApi, ApiError
from airflow_provider_mlops.embedded.runtime import REVIEWER
from tests.e2e.conftest import Audit, World

LIFECYCLE, FILL, REPLAY, CONSUMER = "events_lifecycle", "events_fill", "events_replay", "events_consumer"
STORM, RETRAIN = "events_storm", "events_retrain"
DAGS = (LIFECYCLE, FILL, REPLAY, CONSUMER, STORM, RETRAIN)
MODEL = "events"
MONTHS = ("2020-01", "2020-02", "2020-03")
FIRST, LAST = "2020-01-01T00:00:00Z", "2020-03-01T00:00:00Z"
APPROVE = "lifecycle.approve"
EVENTS_AT_ONCE, DAYS_OF_STORM = 100, ("2020-04-01", "2020-04-02", "2020-04-03", "2020-04-04", "2020-04-05")


def alias(world: World, model: str = MODEL) -> str:
    """Return the version that is champion of a model."""
    return str(world.mlflow.get_model_version_by_alias(model, "champion").version)


def records(world: World, kind: str, model: str = MODEL, **run: str) -> dict[str, Record]:
    """Return the records of a kind by partition, of some run or mode; the newest of each."""
    found = world.ledger(f"model/{model}").records(kind)
    return {
        r.body["partition_key"]: r
        for r in found
        if all((r.mode if name == "mode" else r.run.get(name)) == value for name, value in run.items())
    }


def state(world: World) -> dict[str, Any]:
    """Everything of the small model that an audit must leave as it is."""
    client = world.mlflow
    experiments = [e.experiment_id for e in client.search_experiments()]
    emitted = [event["source_dag_id"] for event in world.api.asset_events() if event["source_dag_id"] in DAGS]
    live = [r for r in world.ledger(f"model/{MODEL}").records() if r.mode == "live"]
    return {
        "aliases": dict(client.get_registered_model(MODEL).aliases),
        "versions": sorted(v.version for v in client.search_model_versions(f"name = '{MODEL}'")),
        "mlflow_runs": sorted(r.info.run_id for r in client.search_runs(experiments)),
        "asset_events": Counter(emitted),
        "consumer_runs": len(world.api.runs(CONSUMER)),
        "live_records": Counter(r.kind for r in live),
    }


def say_yes(world: World, reviewer: AirflowApi, answered: set[str]) -> None:
    """Answer each question of the lifecycle that waits, as another one than who starts runs."""
    for run in world.api.runs(LIFECYCLE):
        if run["state"] in FINISHED or run["dag_run_id"] in answered:
            continue
        asked = next(t for t in world.api.tasks(LIFECYCLE, run["dag_run_id"]) if t["task_id"] == APPROVE)
        # Airflow 3.3.2 fails a task that is answered while its process still ends; people are slower.
        if asked["state"] in {"awaiting_input", "deferred"} and not psutil.pid_exists(asked["pid"]):
            time.sleep(1)
            answered.add(run["dag_run_id"])
            reviewer.answer(LIFECYCLE, run["dag_run_id"], APPROVE, "Approve", params={"reason": "Better."})


def run_out(world: World, count: int, timeout: float = 300) -> list[dict[str, Any]]:
    """Answer what is asked until the lifecycle has so many runs and all are over."""
    answered: set[str] = set()
    secrets, url = world.airflow.secrets, world.airflow.ports.airflow_url
    with contextlib.closing(AirflowApi(url, REVIEWER, secrets.reviewer_password)) as reviewer:

        def over() -> bool:
            say_yes(world, reviewer, answered)
            runs = world.api.runs(LIFECYCLE)
            return len(runs) >= count and all(run["state"] in FINISHED for run in runs)

        world.api.wait(over, timeout, lambda: str([(r["dag_run_id"], r["state"]) for r in world.api.runs(LIFECYCLE)]))
    return world.api.runs(LIFECYCLE)


def audit_by_command(world: World) -> str:
    """Create an audit backfill of the three months by our command, and return what it says."""
    line = ["airflow", "mlops", "audit", "backfill", "--dag-id", LIFECYCLE, "--from", MONTHS[0], "--to", MONTHS[-1]]
    done = subprocess.run(
        [*line, "--max-active-runs", "3"], env=world.airflow.env, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def summary_by_command(world: World, backfill: int) -> tuple[int, str]:
    """Ask our command for the summary of a backfill; return its exit code and what it says."""
    line = ["airflow", "mlops", "audit", "summary", "--model", MODEL, "--backfill", str(backfill), "--json"]
    done = subprocess.run(line, env=world.airflow.env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout if done.returncode == 0 else done.stdout + done.stderr


def kill(world: World, name: str) -> None:
    """End a process of Airflow and everything that it has started, with SIGKILL."""
    (process,) = filter(None, (e.process() for e in world.airflow.processes.known() if e.name == name))
    for one in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    process.wait(10)


@pytest.fixture(scope="module")
def filled(world: World) -> World:
    """A history was filled by a live backfill, three months at once, while the schedule ran another one."""
    api = world.api
    api.wait_for_dags(*DAGS)
    for dag_id in DAGS:
        api.unpause(dag_id)
    api.backfill(FILL, FIRST, LAST, reprocess="none", max_active_runs=3, conf={"mode": "live"})
    run_out(world, len(MONTHS))
    api.wait_for_runs(FILL, count=len(MONTHS))
    return world


@pytest.fixture(scope="module")
def quiet(filled: World) -> Audit:
    """All months were audited while nothing else went on."""
    before, known = state(filled), len(filled.api.runs(LIFECYCLE))
    said = audit_by_command(filled)
    assert f"{LIFECYCLE}: 3 partitions are audited: {', '.join(MONTHS)}" in said
    runs = run_out(filled, known + len(MONTHS))
    return Audit(filled, before, state(filled), [run for run in runs if run["run_type"] == "backfill"])


@pytest.fixture(scope="module")
def stormy(quiet: Audit) -> Audit:
    """Again, with a second audit and a live month beside it; in the middle the scheduler and all tasks were killed."""
    world, api = quiet.world, quiet.world.api
    before, known = state(world), {run["dag_run_id"] for run in api.runs(LIFECYCLE)}
    audits = len(world.ledger(f"model/{MODEL}").records("replay"))

    def free() -> bool:
        backfills = api.request("GET", "/backfills", dag_id=LIFECYCLE)["backfills"]
        return all(item["completed_at"] for item in backfills)

    # Airflow notices the end of a backfill a while later, and allows one at a time.
    api.wait(free, 120, lambda: "The backfill before it does not end.")
    api.backfill(LIFECYCLE, FIRST, LAST, max_active_runs=3)
    api.trigger(REPLAY)
    api.trigger(LIFECYCLE, partition_key="2020-04")
    api.wait(
        lambda: len(world.ledger(f"model/{MODEL}").records("replay")) > audits,
        120,
        lambda: "No month was replayed.",
        pause=0.05,
    )
    kill(world, "scheduler")
    services.start_one("scheduler", world.airflow.processes, world.airflow.env)
    run_out(world, len(known) + len(MONTHS) + 1)
    api.wait_for_runs(REPLAY)
    runs = [run for run in api.runs(LIFECYCLE) if run["dag_run_id"] not in known]
    return Audit(world, before, state(world), runs)


def test_a_live_backfill_fills_a_history_in_order(filled: World) -> None:
    """Three runs at once, and yet each month meets the champion of its time."""
    runs = {run["partition_key"]: run for run in filled.api.runs(FILL)}
    trainings, gates = records(filled, "training", FILL), records(filled, "gate", FILL)
    promotions = records(filled, "promotion", FILL)

    assert {run["state"] for run in runs.values()} == {"success"}
    assert max(run["start_date"] for run in runs.values()) < min(run["end_date"] for run in runs.values())
    assert trainings["2020-01"].outcome == "INCONCLUSIVE"
    trained_on = {
        key: [item["partition_key"] for item in record.body["manifest"]["train"]["snapshots"]]
        for key, record in trainings.items()
        if key != "2020-01"
    }
    assert trained_on == {"2020-02": ["2020-01"], "2020-03": ["2020-01", "2020-02"]}
    assert gates["2020-02"].body["champion_version"] is None
    assert gates["2020-03"].body["champion_version"] == promotions["2020-02"].body["version"]
    assert {record.mode for record in promotions.values()} == {"live"}
    assert alias(filled, FILL) == promotions["2020-03"].body["version"]
    log = filled.api.log(FILL, runs["2020-03"]["dag_run_id"], "lifecycle.snapshot")
    assert "A live backfill goes in order: waiting for backfill__" in log


def test_an_audit_moves_nothing_and_asks_nobody(quiet: Audit) -> None:
    """No alias, version, MLflow run, event, woken consumer, live record or message is new; no question was asked."""
    assert quiet.after == quiet.before
    assert {run["state"] for run in quiet.runs} == {"success"}
    for run in quiet.runs:
        tasks = {t["task_id"]: t for t in quiet.world.api.tasks(LIFECYCLE, run["dag_run_id"])}
        if run["partition_key"] == "2020-01":  # it trained nothing
            continue
        assert (tasks[APPROVE]["state"], tasks["lifecycle.promote"]["state"]) == ("success", "success")
        answer = quiet.world.api.xcom(LIFECYCLE, run["dag_run_id"], APPROVE)
        assert (answer["decision"], answer["approver"]) == ("approved", REVIEWER)
        assert "nobody is asked" in quiet.world.api.log(LIFECYCLE, run["dag_run_id"], APPROVE)
        assert "Told" not in quiet.world.api.log(LIFECYCLE, run["dag_run_id"], "tell")


def test_an_audit_has_one_summary_of_all_its_months(quiet: Audit) -> None:
    """The command names the audit, so that the last summary of that name holds every month that was replayed."""
    name = quiet.runs[0]["conf"]["audit"]
    summaries = quiet.world.ledger(f"model/{MODEL}").records("audit_summary")
    newest = max((r for r in summaries if r.body["scope"] == {"audit": name}), key=lambda r: int(r.body["through"]))

    assert name.startswith("2020-01_2020-03_")
    assert newest.body["partitions"][-2:] == list(MONTHS)[1:]
    assert newest.outcome in ("PASS", "INCONCLUSIVE")  # nothing was trained in the first month


def test_the_command_summarises_each_backfill(quiet: Audit, stormy: Audit) -> None:
    """Airflow's database says which runs are a backfill's: each month beside its original, also after the kill."""
    world = stormy.world
    backfills = world.api.request("GET", "/backfills", dag_id=LIFECYCLE)["backfills"]
    numbers = sorted(item["id"] for item in backfills)
    originals = {r["partition_key"]: r["dag_run_id"] for r in world.api.runs(LIFECYCLE) if r["run_type"] == "scheduled"}
    assert len(numbers) == 2
    for number, audit in zip(numbers, (quiet, stormy), strict=True):
        runs = {r["partition_key"]: r["dag_run_id"] for r in audit.runs if r["run_type"] == "backfill"}
        code, said = summary_by_command(world, number)
        assert code == 0, said
        found = json.loads(said[said.index("{") :])
        entries = {entry["partition_key"]: entry for entry in found["partitions"]}

        assert {key: entry["replay"]["run_id"] for key, entry in entries.items()} == runs
        assert {key: entry["level"] for key, entry in entries.items()} == dict(
            zip(MONTHS, ("no record", "L0", "L0"), strict=True)
        )
        assert all(entries[key]["original"]["run_id"] == originals[key] for key in MONTHS[1:])
        assert all(entries[key]["certificate"] for key in MONTHS[1:])
        assert (found["outcome"], found["worst"]["partition_key"]) == ("INCONCLUSIVE", "2020-01")
    code, said = summary_by_command(world, max(numbers) + 99)
    assert (code, "Airflow has no run of backfill" in " ".join(said.split())) == (2, True)


def test_the_live_months_told_somebody(quiet: Audit) -> None:
    """What the audit must not do was done before: a message, an answer, an event that woke a consumer."""
    live = next(r for r in quiet.world.api.runs(LIFECYCLE) if r["run_type"] == "scheduled" and "2020-03" in str(r))

    assert "Told" in quiet.world.api.log(LIFECYCLE, live["dag_run_id"], "tell")
    # A live month beside a later audit may have its answer already.
    assert set(records(quiet.world, "approval", mode="live")) - {"2020-04"} == {"2020-02", "2020-03"}
    assert quiet.before["consumer_runs"] >= len(MONTHS)


def test_a_killed_backfill_is_finished(stormy: Audit) -> None:
    """After the restart every month of the audit ends well, with one replay and one certificate for each run."""
    audited = [run for run in stormy.runs if run["run_type"] == "backfill"]

    assert sorted(run["partition_key"] for run in audited) == list(MONTHS)
    assert {run["state"] for run in audited} == {"success"}
    for run in audited:
        found = Counter(
            record.kind
            for record in stormy.world.ledger(f"model/{MODEL}").records()
            if record.run.get("run_id") == run["dag_run_id"]
        )
        trained = run["partition_key"] != "2020-01"
        assert (found["replay"], found["evaluation"], found["gate"]) == (1, int(trained), int(trained))


def test_certificates_are_right_whatever_went_on(stormy: Audit) -> None:
    """Both audits say L0 for both months; the live month is judged against the champion that it met."""
    certificates = stormy.world.ledger(f"model/{MODEL}").records("certificate")
    levels = {(r.run["dag_id"], r.body["partition_key"], r.body["level"], r.outcome) for r in certificates}

    assert levels == {(dag, key, "L0", "PASS") for dag in (LIFECYCLE, REPLAY) for key in MONTHS[1:]}


def test_the_live_month_alone_moved_the_alias(stormy: Audit) -> None:
    """It was promoted over the champion of March; neither audit has promoted."""
    promotion = records(stormy.world, "promotion", mode="live")["2020-04"]

    assert alias(stormy.world) == promotion.body["version"]
    assert promotion.body["previous_version"] == stormy.before["aliases"]["champion"]
    assert stormy.after["live_records"]["promotion"] == stormy.before["live_records"]["promotion"] + 1
    assert len(stormy.after["versions"]) == len(stormy.before["versions"]) + 1


def test_the_chains_are_intact(stormy: Audit) -> None:
    """Neither the kill nor the writers at once have torn or forked a chain."""
    for chain in (f"model/{MODEL}", f"dataset/{MODEL}", f"model/{FILL}", f"dataset/{FILL}"):
        assert stormy.world.ledger(chain).verify() == []


def test_a_storm_of_events_makes_one_retraining(filled: World) -> None:
    """Five hundred events, four fifths of them while the consumer is busy: one retraining, and none is lost."""
    world, api = filled, filled.api
    for day in DAYS_OF_STORM:
        api.trigger(STORM, partition_key=day, conf={"events": EVENTS_AT_ONCE})
    api.wait_for_runs(STORM, count=len(DAYS_OF_STORM))
    total = len(DAYS_OF_STORM) * EVENTS_AT_ONCE

    def consumed() -> set[int]:
        found = set()
        for run in api.runs(RETRAIN):
            path = f"/dags/{RETRAIN}/dagRuns/{run['dag_run_id']}/upstreamAssetEvents"
            # Airflow answers 500 where another run of an event is being made at this moment.
            with contextlib.suppress(ApiError):
                found |= {event["id"] for event in api.request("GET", path)["asset_events"]}
        return found

    api.wait(lambda: len(consumed()) == total, 120, lambda: f"{len(consumed())} of {total} events were consumed.")
    runs = api.wait_for_runs(RETRAIN, count=len(DAYS_OF_STORM))
    ledger = world.ledger("model/events_storm")
    (claim,) = ledger.records("retrain_claim")
    decided = ledger.records("retrain")
    busy = next(t for t in api.tasks(RETRAIN, claim.run["run_id"]) if t["task_id"] == "retrain")

    assert {run["state"] for run in runs} == {"success"}
    assert busy["state"] == "success"
    assert Counter(record.outcome for record in decided) == {"PASS": 1, "FAIL": len(runs) - 1}
    assert {record.body["partition_key"] for record in decided} == set(DAYS_OF_STORM)
    # What the retraining did not answer waits for the next one, when the cool-down is over.
    waiting = pending_drift(ledger.records())
    assert len(waiting) + len(claim.body["drift_record_hashes"]) == total
    assert ledger.verify() == []
