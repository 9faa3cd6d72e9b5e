"""Links from a task to its MLflow run, experiment and model version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink
from airflow.sdk.execution_time.xcom import XCom

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

LINKS_KEY = "mlops_links"
_kept: dict[tuple[Any, ...], dict[str, str]] = {}
"""What the task of this process has kept; when it ends, Airflow asks for each link, and need not ask its server."""


def begin_links(ti: Any) -> None:
    """Note that a task begins, which has no links yet; those of the task before it are forgotten.

    :param ti: the task instance.
    """
    _kept.clear()
    _kept[_place(ti)] = {}


def push_links(context: Context, **links: str) -> None:
    """Keep addresses for the task's links.

    :param context: Airflow's context.
    :param links: address by name: ``run``, ``experiment``, ``version``, ``data_docs``, ``snapshot``, ``certificate``,
        ``summary``, ``drift_report``, ``evidently``; empty ones are left out.
    """
    found = {name: url for name, url in links.items() if url}
    context["ti"].xcom_push(key=LINKS_KEY, value=found)
    _kept[_place(context["ti"])] = found


class MlflowRunLink(BaseOperatorLink):
    """Leads to the MLflow run that the task made or found."""

    name = "MLflow run"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, empty when the task kept none."""
        return kept_link(ti_key, "run")


class ExperimentLink(BaseOperatorLink):
    """Leads to the MLflow experiment of the run."""

    name = "MLflow experiment"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, empty when the task kept none."""
        return kept_link(ti_key, "experiment")


class ModelVersionLink(BaseOperatorLink):
    """Leads to the registered version that the task made, judged or promoted."""

    name = "Model version"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, empty when the task kept none."""
        return kept_link(ti_key, "version")


class ModelCardLink(BaseOperatorLink):
    """Leads to the model card that the task wrote."""

    name = "Model card"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, empty when the task kept none."""
        return kept_link(ti_key, "card")


def kept_link(ti_key: TaskInstanceKey, name: str) -> str:
    """Return an address that `push_links` kept.

    :param ti_key: the task instance.
    :param name: name of the link.
    :return: the address, empty when the task kept none.
    """
    links = _kept.get(_place(ti_key))
    if links is None:
        links = XCom.get_value(key=LINKS_KEY, ti_key=ti_key) or {}
    return str(links.get(name, ""))


def _place(ti: Any) -> tuple[Any, ...]:
    return ti.dag_id, ti.task_id, ti.run_id, getattr(ti, "map_index", -1), getattr(ti, "try_number", None)
