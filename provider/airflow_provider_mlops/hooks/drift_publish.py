"""Storing the report of a drift verdict beside the evidence, and finding it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops import config
from airflow_provider_mlops.backends.drift_backends import EVIDENTLY
from airflow_provider_mlops.backends.evidently import PAGE as EVIDENTLY_PAGE
from airflow_provider_mlops.core.canonical import PREFIX, canonical_json, sha256_bytes, sha256_of
from airflow_provider_mlops.core.drift_brief import brief_of
from airflow_provider_mlops.core.errors import MissingBackend
from airflow_provider_mlops.hooks.drift_opinion import opinion_on, write_evidently
from airflow_provider_mlops.hooks.drift_page import draw_page
from airflow_provider_mlops.hooks.drift_reading import Asked
from airflow_provider_mlops.hooks.drift_report import Gathered, gather
from airflow_provider_mlops.hooks.file_hashes import stored_hashes
from airflow_provider_mlops.hooks.storage import MARKER, Storage

if TYPE_CHECKING:
    import logging

    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.hooks.drift_plan import DriftPlan

PAGE = "index.html"
REPORT = "report.json"
FOLDER = "drift_reports"


def publish(
    storage: Storage,
    *,
    model: str,
    dataset: str,
    body: Mapping[str, Any],
    records: Sequence[Record],
    history: Sequence[Record],
    log: logging.Logger | Any,
    events: Sequence[Any] = (),
    plan: DriftPlan | None = None,
) -> dict[str, Any] | None:
    """Write the report of a drift verdict beside the evidence, under the hash of its content.

    The verdict stands whatever happens here: what cannot be shown is a warning in the log.

    :param storage: where snapshots lie, and the report will.
    :param model: name of the model.
    :param dataset: name of the dataset that was judged.
    :param body: body of the verdict's record.
    :param records: records of the model's ledger, oldest first.
    :param history: records of the dataset's ledger, oldest first.
    :param log: the task's log.
    :param events: the asset events that started the run, as Airflow gives them.
    :param plan: what the verdict read; needed where that is the prediction log.
    :return: what the record keeps: ``uri``, ``hash``, ``files`` (SHA-256 by name), ``features`` and ``upstream``; None
        where nothing was compared, or the report could not be made.
    """
    if not any(rule["numbers"].get("feature") for rule in body["verdict"]["rules"]):
        return None
    asked = Asked(
        model=model,
        dataset=dataset,
        body=body,
        records=records,
        history=history,
        storage=storage,
        events=[_event(item) for item in events],
        plan=plan if plan is not None and plan.logs else None,
    )
    try:
        found = gather(asked)
        found.content["opinion"] = opinion_on(asked)
        digest = sha256_of(found.content)
        path = f"{FOLDER}/{model}/{digest.removeprefix(PREFIX)}"
        if not storage.exists(path):
            _write(asked, path, found, log)
        files = stored_hashes(storage, path)
    except Exception as err:  # noqa: BLE001 - a report explains a verdict; it must not prevent one
        log.warning("The verdict has no report: %s: %s", type(err).__name__, err)
        return None
    log.info("Drift report: %s/%s", storage.uri(path), PAGE)
    return {**brief_of(found.content, storage.uri(path), digest), "files": files}


def report_links(model: str, body: Mapping[str, Any]) -> dict[str, str]:
    """Return the web addresses of a verdict's report and of Evidently's page, empty where there is none.

    :param model: name of the model.
    :param body: body of the verdict's record.
    :return: ``drift_report`` and ``evidently``.
    """
    base, report = config.reports_url(), body.get("report")
    if not base or not report:
        return {"drift_report": "", "evidently": ""}
    folder = f"{base}/{FOLDER}/{model}/{report['hash'].removeprefix(PREFIX)}"
    other = f"{folder}/{EVIDENTLY_PAGE}" if body.get("backend") == EVIDENTLY else ""
    return {"drift_report": f"{folder}/{PAGE}", "evidently": other}


def _write(asked: Asked, path: str, found: Gathered, log: Any) -> None:
    with asked.storage.staging() as folder:
        text = canonical_json(found.content).encode() + b"\n"
        (folder / REPORT).write_bytes(text)
        try:
            page = draw_page(folder, found)
        except MissingBackend as err:
            log.info("The report has no figures: %s", err)
            page = draw_page(folder, found, figures=False)
        page.save(folder / PAGE)
        for figure in folder.glob("*.png"):  # their bytes stand in the page
            figure.unlink()
        names = [REPORT, PAGE, *((other,) if (other := write_evidently(asked, folder)) else ())]
        files = [{"name": name, "sha256": sha256_bytes((folder / name).read_bytes())} for name in names]
        (folder / MARKER).write_text(canonical_json({"schema": 1, "kind": "drift_report", "files": files}) + "\n")
        asked.storage.publish(folder, path)


def _event(event: Any) -> dict[str, Any]:
    asset = getattr(event, "asset", None)
    names = {"dag_id": "source_dag_id", "run_id": "source_run_id", "task_id": "source_task_id"}
    facts = {name: getattr(event, field, None) for name, field in names.items()}
    return {"asset": str(getattr(asset, "name", "")), **facts, "time": str(getattr(event, "timestamp", "") or "")}
