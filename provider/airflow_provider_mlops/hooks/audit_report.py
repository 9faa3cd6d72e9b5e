"""Writing the audit report of a model: JSON, and a page with the time line of its champions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.tables import Page, Table
from airflow_provider_mlops.core.audit_report import build_report
from airflow_provider_mlops.core.canonical import canonical_json
from airflow_provider_mlops.core.drift_options import DRIFT_WORDS
from airflow_provider_mlops.core.export import cited_datasets
from airflow_provider_mlops.hooks.audit_report_data import moment, table_or_none, write_data
from airflow_provider_mlops.hooks.ledger import dataset_ledger, model_ledger

if TYPE_CHECKING:
    from airflow_provider_mlops.core.record import Record

DATA, PAGE, FIGURE = "audit_report.json", "audit_report.html", "champions.png"


def report_of(model: str, since: str, until: str, ledger_root: str | None) -> dict[str, Any]:
    """Build the report of a model from its ledger and those of its datasets.

    :param model: name of the registered model.
    :param since: first day, empty for no limit.
    :param until: last day, empty for no limit.
    :param ledger_root: folder of the ledgers.
    :return: as `core.audit_report.build_report` makes it.
    :raises BadInput: when the model has no record.
    """
    records = model_ledger(model, ledger_root).records()
    return build_report(model, records, list(_of_datasets(records, ledger_root)), since=since, until=until)


def write_report(folder: Path, report: Mapping[str, Any]) -> Path:
    """Write the report into a folder.

    :param folder: where; made if it is missing.
    :param report: the report.
    :return: the page.
    :raises MissingBackend: when matplotlib is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DATA).write_text(canonical_json(report) + "\n", encoding="utf-8")
    page = Page(f"Audit report of {report['model']}")
    span = f"{report['since'] or 'The beginning'} to {report['until'] or 'now'}"
    page.text(f"{span}: {report['records']:,} live records.")
    page.heading("In production")
    if [c for c in report["champions"] if c["version"] is not None]:
        _draw_champions(folder / FIGURE, report)
        page.figure(folder / FIGURE, "Which version was champion when")
    columns = ("Version", "From (UTC)", "To (UTC)", "By", "Trained on", "Rows", "Gate", "Approval")
    page.table(Table(columns, _champions(report)))
    page.heading("Trainings and replays")
    page.table(Table(("Partition", "Version", "Dag", "Gate", "Promoted", "Level", "Certificate"), _trainings(report)))
    page.heading("Replays")
    table_or_none(
        page, ("Time (UTC)", "Partition", "Version", "Level", "Outcome", "Not as recorded", "Run"), _replays(report)
    )
    page.heading("Missing")
    if report["missing"]:
        page.items(report["missing"])
    else:
        page.text("Nothing that this report looks for.")
    page.heading("Decisions")
    page.table(Table(("Time (UTC)", "What", "Partition", "Outcome", "Why"), _decisions(report)))
    write_data(page, report)
    page.save(folder / PAGE)
    return folder / PAGE


def _of_datasets(records: list[Record], ledger_root: str | None) -> Iterator[Record]:
    for name in cited_datasets(records):
        yield from dataset_ledger(name, ledger_root).records()


def _champions(report: Mapping[str, Any]) -> list[list[Any]]:
    return [
        [
            f"version {c['version']}" if c["version"] is not None else "none",
            moment(c["from"]),
            moment(c["to"] or "now"),
            c["by"],
            ", ".join(c.get("trained_on") or ()),
            c.get("rows"),
            (c.get("gate") or {}).get("outcome"),
            (c.get("approval") or {}).get("approver"),
        ]
        for c in report["champions"]
    ]


def _trainings(report: Mapping[str, Any]) -> list[list[Any]]:
    return [
        [
            t["partition_key"],
            f"version {t['version']}" if t["version"] else "never registered",
            t["dag"],
            t["gate"],
            "yes" if t["promoted"] else "no",
            t["level"] or "not replayed",
            t["certificate"],
        ]
        for t in report["trainings"]
    ]


def _replays(report: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (
            moment(r["time"]),
            r["partition_key"],
            f"version {r['version']}" if r["version"] else "",
            r["level"],
            r["outcome"],
            ", ".join(r["causes"]) or "nothing",
            f"{r['dag']} {r['run_id']}",
        )
        for r in report["replays"]
    ]


def _decisions(report: Mapping[str, Any]) -> list[list[Any]]:
    return [
        [moment(d["time"]), DRIFT_WORDS.get(d["about"], d["kind"]), d["partition_key"], d["outcome"], d["why"]]
        for d in report["decisions"]
    ]


def _draw_champions(path: Path, report: Mapping[str, Any]) -> None:
    """Draw a bar for each time that a version was champion."""
    plot = load("matplotlib.figure", "mlflow")
    dates = load("matplotlib.dates", "mlflow")
    spans = [c for c in report["champions"] if c["version"] is not None]
    newest = max(datetime.fromisoformat(c["to"] or c["from"]) for c in spans)
    oldest = min(datetime.fromisoformat(c["from"]) for c in spans)
    # The one that serves now has no end: its bar runs a tenth further than everything else, an hour at least.
    end = newest + max((newest - oldest) / 10, timedelta(hours=1))
    versions = list(dict.fromkeys(c["version"] for c in spans))
    figure = plot.Figure(figsize=(9, 0.9 + 0.4 * len(versions)), layout="constrained")
    axes = figure.subplots()
    for c in spans:
        start = datetime.fromisoformat(c["from"])
        stop = datetime.fromisoformat(c["to"]) if c["to"] else end
        axes.barh(versions.index(c["version"]), stop - start, left=start, height=0.6, color="#00548a")
    axes.set_yticks(range(len(versions)), [f"version {version}" for version in versions])
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(axes.xaxis.get_major_locator()))
    axes.set_xlabel("time of the move (UTC)")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, dpi=110)
