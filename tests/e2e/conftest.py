"""One embedded Airflow for all end-to-end tests, and the chapters of its story as fixtures."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.embedded import EmbeddedAirflow
from tests.support.bundles import bundles

ROOT = Path(__file__).parents[2]
LIFECYCLE, MONITOR, RETRAIN = "flight_delays_lifecycle", "flight_delays_monitor", "flight_delays_retrain"
RELEASE_NOTE, SCORE, REPLAY = "flight_delays_release_note", "flight_delays_score", "audit_replay"
WATCHED = ("2013-05-14", "2013-05-15")
DAYS = tuple(f"2013-05-{day:02d}" for day in range(1, 16))
MONTHS = ("2013-01", "2013-02", "2013-03", "2013-04")


def _is_e2e(item: pytest.Item) -> bool:
    return item.path.is_relative_to(Path(__file__).parent)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the real scheduler, and comes last: while that runs, every other test is slower."""
    for item in filter(_is_e2e, items):
        item.add_marker(pytest.mark.e2e)
        item.add_marker(pytest.mark.timeout(900))
    items.sort(key=_is_e2e)


@dataclass(frozen=True)
class World:
    """What the tests ask: Airflow, the ledgers, MLflow."""

    airflow: EmbeddedAirflow

    @property
    def api(self) -> Any:
        """Client of the running Airflow."""
        return self.airflow.api

    def ledger(self, chain: str = "model/flight_delays") -> Ledger:
        """Open a chain as it stands now."""
        return Ledger(Path(self.airflow.env["AIRFLOW__MLOPS__STORAGE_ROOT"]) / "ledger", chain)

    @property
    def mlflow(self) -> Any:
        """Client of the running MLflow."""
        import mlflow

        return mlflow.MlflowClient(tracking_uri=self.airflow.ports.mlflow_url)

    def live_runs(self) -> list[dict[str, Any]]:
        """Return the lifecycle runs that the scheduler made, in order."""
        return [run for run in self.api.runs(LIFECYCLE) if run["run_type"] == "scheduled"]

    def live_run(self, month: str) -> dict[str, Any]:
        """Return the lifecycle run that the scheduler made for a month."""
        return next(run for run in self.live_runs() if run["partition_key"] == month)

    def champion(self) -> str:
        """Return the version that the alias points at."""
        return str(self.mlflow.get_model_version_by_alias("flight_delays", "champion").version)

    def state(self) -> dict[str, Any]:
        """Everything that an audit must leave as it is."""
        client = self.mlflow
        experiments = [e.experiment_id for e in client.search_experiments()]
        return {
            "aliases": dict(client.get_registered_model("flight_delays").aliases),
            "versions": sorted(v.version for v in client.search_model_versions("name = 'flight_delays'")),
            "mlflow_runs": sorted(r.info.run_id for r in client.search_runs(experiments)),
            "logged_models": sorted(m.model_id for m in client.search_logged_models(experiments)),
            # The champion's watcher tells of earlier moves in its own time.
            "asset_events": sum(event["source_dag_id"] is not None for event in self.api.asset_events()),
            "retrainings": len(self.api.runs(RETRAIN)),
        }


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """A fresh embedded Airflow, stopped and removed at the end."""
    env = {
        **bundles(checkout=ROOT, small=Path(__file__).parent / "dags"),
        # The small Dags train with what the tests bring.
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        # What a killed scheduler left behind is looked for every 5 minutes by default.
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    }
    with EmbeddedAirflow(project=ROOT, profile="e2e", extra_env=env) as airflow:
        airflow.api.wait_for_dags(LIFECYCLE, SCORE, MONITOR, RETRAIN, RELEASE_NOTE)
        yield World(airflow)


@pytest.fixture(scope="session")
def lifecycle(world: World) -> World:
    """January to April went through the lifecycle, by the scheduler."""
    world.api.unpause(RELEASE_NOTE)
    world.api.unpause(LIFECYCLE)
    world.api.wait_for_runs(LIFECYCLE, count=len(MONTHS), timeout=420)
    return world


@pytest.fixture(scope="session")
def scored(lifecycle: World) -> World:
    """Two weeks of May were scored by the champion and labelled."""
    lifecycle.api.unpause(SCORE)
    lifecycle.api.wait_for_runs(SCORE, count=len(DAYS), timeout=600)
    return lifecycle


@pytest.fixture(scope="session")
def monitored(scored: World) -> World:
    """The monitor judged two days; each found drift, and asked for a retraining."""
    api = scored.api
    api.unpause(RETRAIN)
    api.unpause(MONITOR)
    api.wait_for_runs(MONITOR, count=len(WATCHED), timeout=300)
    api.wait_for_runs(RETRAIN, count=len(WATCHED), timeout=300)
    return scored


@dataclass(frozen=True)
class Audit:
    """An audit backfill: the world before and after it, and its runs."""

    world: World
    before: dict[str, Any]
    after: dict[str, Any]
    runs: list[dict[str, Any]]


@pytest.fixture(scope="session")
def audit(monitored: World) -> Audit:
    """All four months were audited by a backfill."""
    api = monitored.api
    before = monitored.state()
    known = {run["dag_run_id"] for run in api.runs(LIFECYCLE)}
    api.backfill(LIFECYCLE, "2013-01-01T00:00:00Z", "2013-04-01T00:00:00Z", max_active_runs=2)
    runs = api.wait_for_runs(LIFECYCLE, count=2 * len(MONTHS), timeout=420)
    return Audit(monitored, before, monitored.state(), [run for run in runs if run["dag_run_id"] not in known])
