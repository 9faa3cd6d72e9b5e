"""A complete Airflow with MLflow and PostgreSQL on this machine: no Docker, no root, nothing outside the checkout.

``python -m airflow_provider_mlops.embedded up|down|demo|status`` is what ``make up``, ``make down`` and ``make demo``
call; `EmbeddedAirflow` is the same for tests::

    with EmbeddedAirflow(project=Path("."), profile="e2e") as airflow:
        airflow.api.unpause("flight_delays_lifecycle")
        airflow.api.wait_for_runs("flight_delays_lifecycle", count=4, timeout=300)
"""

from airflow_provider_mlops.embedded.api import AirflowApi, ApiError
from airflow_provider_mlops.embedded.config import EmbeddedError, Layout
from airflow_provider_mlops.embedded.runtime import EmbeddedAirflow

__all__ = ["AirflowApi", "ApiError", "EmbeddedAirflow", "EmbeddedError", "Layout"]
