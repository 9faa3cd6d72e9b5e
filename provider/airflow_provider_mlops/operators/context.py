"""What Airflow's context says: the facts of the run, and the files of the Dag bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.modes import audit_name, mode_of
from airflow_provider_mlops.core.near import file_meant
from airflow_provider_mlops.core.run import RunFacts

if TYPE_CHECKING:
    from airflow.sdk import Context

PARTITION_KEY = "{{ dag_run.partition_key or '' }}"
"""Template of the run's partition; empty where it has none."""


def run_facts(context: Context) -> RunFacts:
    """Read the facts of a run from Airflow's context (3.2 and 3.3).

    :param context: Airflow's context.
    :return: the facts.
    :raises BadInput: when the run's conf names an unknown mode.
    """
    dag_run, ti = context["dag_run"], context["ti"]
    run_type = getattr(dag_run.run_type, "value", str(dag_run.run_type))
    return RunFacts(
        dag_id=str(ti.dag_id),
        run_id=str(ti.run_id),
        task_id=str(ti.task_id),
        try_number=int(ti.try_number),
        map_index=-1 if ti.map_index is None else int(ti.map_index),
        partition_key=getattr(dag_run, "partition_key", None),
        run_type=run_type,
        mode=mode_of(run_type, dag_run.conf),
        url=str(getattr(ti, "log_url", "") or ""),
        triggered_by=getattr(dag_run, "triggering_user_name", None) or None,
        audit=audit_name(dag_run.conf),
    )


def bundle_root(context: Context) -> Path:
    """Return the root of the Dag bundle.

    :param context: Airflow's context.
    :return: its folder; the working directory where there is no bundle.
    """
    bundle = getattr(context["ti"], "bundle_instance", None)
    return Path(bundle.path) if bundle is not None else Path.cwd()


def bundle_file(context: Context, path: str) -> Path:
    """Find a file of the Dag bundle.

    :param context: Airflow's context.
    :param path: path relative to the bundle's root, or absolute.
    :return: the file's path.
    :raises BadInput: when the path is empty or there is no such file.
    """
    if not path:
        raise BadInput("A file of the Dag bundle is needed, and the path is empty after rendering: name one.")
    root = bundle_root(context)
    found = root / path
    if not found.is_file():
        raise BadInput(f"File {path!r} is not in the Dag bundle at {root}.{file_meant(found)}")
    return found


def policy_hash(context: Context, path: str | None) -> str | None:
    """Return the hash of a policy file, by which verdicts name it.

    :param context: Airflow's context.
    :param path: path relative to the bundle's root, or absolute; None or empty for no policy.
    :return: the hash, None for no policy.
    :raises BadInput: when it is no valid policy.
    """
    if not path:
        return None
    from airflow_provider_mlops.backends.policy_file import load_policy

    return load_policy(bundle_file(context, path)).hash


def bundle_facts(context: Context) -> dict[str, Any]:
    """Return which code a task ran from.

    :param context: Airflow's context.
    :return: ``{"name", "version"}`` of the Dag bundle; the version is null where bundles have none (local, S3). And
        ``dag_version``, Airflow's id of the Dag's version, where it is known.
    """
    bundle = getattr(context["ti"], "bundle_instance", None)
    version, dag_version = getattr(bundle, "version", None), getattr(context["ti"], "dag_version_id", None)
    return {
        "name": getattr(bundle, "name", None),
        "version": None if version is None else str(version),
        **({} if dag_version is None else {"dag_version": str(dag_version)}),
    }
