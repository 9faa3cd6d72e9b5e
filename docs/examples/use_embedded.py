# ruff: noqa: INP001
"""A real Airflow for a test, and none afterwards."""

# [START example_embedded]
from pathlib import Path

from airflow_provider_mlops.embedded import EmbeddedAirflow


def run_the_lifecycle(project: Path) -> list[str]:
    """Let the scheduler run every month; return how the runs ended."""
    with EmbeddedAirflow(project=project, profile="mine") as airflow:
        airflow.api.wait_for_dags("flight_delays_lifecycle")
        airflow.api.unpause("flight_delays_lifecycle")
        runs = airflow.api.wait_for_runs("flight_delays_lifecycle", count=4, timeout=300)
        return [run["state"] for run in runs]


# [END example_embedded]
