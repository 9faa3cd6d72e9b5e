"""The page of a drift verdict: what moved, how, since when, and what changed upstream just then.

It holds aggregates only: no row, no id, and no name of a category that few rows have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops import config
from airflow_provider_mlops.backends.drift_backends import EVIDENTLY
from airflow_provider_mlops.backends.evidently import PAGE as EVIDENTLY_PAGE
from airflow_provider_mlops.backends.tables import Page, Table
from airflow_provider_mlops.core.canonical import PREFIX, canonical_json, sha256_bytes, sha256_of
from airflow_provider_mlops.core.drift_brief import brief_of
from airflow_provider_mlops.core.drift_options import DRIFT_WORDS
from airflow_provider_mlops.core.errors import MissingBackend
from airflow_provider_mlops.hooks.drift_opinion import opinion_on, write_evidently
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
_MEANING: Mapping[str, str] = {
    "FAIL": "Drift: at least one change is proved, and large enough to matter by the policy.",
    "PASS": "No drift: no change is both proved and large enough to matter.",
    "INCONCLUSIVE": "Not decided: something moved without proof, or there were too few rows to see it.",
}


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
            page = _page(folder, found)
        except MissingBackend as err:
            log.info("The report has no figures: %s", err)
            page = _page(folder, found, figures=False)
        page.save(folder / PAGE)
        for figure in folder.glob("*.png"):  # their bytes stand in the page
            figure.unlink()
        names = [REPORT, PAGE, *((other,) if (other := write_evidently(asked, folder)) else ())]
        files = [{"name": name, "sha256": sha256_bytes((folder / name).read_bytes())} for name in names]
        (folder / MARKER).write_text(canonical_json({"schema": 1, "kind": "drift_report", "files": files}) + "\n")
        asked.storage.publish(folder, path)


def _page(folder: Path, found: Gathered, *, figures: bool = True) -> Page:
    content = found.content
    words = DRIFT_WORDS[content["kind"]]
    page = Page(f"{content['outcome']}: {words}, {content['model']}, {content['partition_key']}")
    page.text(_headline(content), kind=content["outcome"])
    page.text(_MEANING[content["outcome"]])
    page.table(Table(("", ""), _facts(content)))
    if content["features"]:
        page.heading("What moved")
        rows = [
            [f["feature"], f["size"], _how(f), _where(f), f["since"], f["clean"] or ""] for f in content["features"]
        ]
        heads = ("Feature", "Effect / threshold", "How", "Where", "Since", "Last clean")
        page.table(Table(heads, rows).filled())
        if content["more_features"]:
            page.text(f"And {content['more_features']} more features, which moved less.", kind="note")
    _add_opinion(page, content)
    _add_upstream(page, content)
    page.heading("History")
    page.text(
        "What an earlier verdict saw stands here as it was, against the reference of its day.",
        kind="note",
    )
    if figures:
        from airflow_provider_mlops.backends.figures_drift import draw_history

        title = _headline(content)
        draw_history(folder / "history.png", found.looks, title, _footer(content))
        page.figure(folder / "history.png", "Effect over threshold by feature and partition")
        _add_columns(page, folder, found)
    page.heading("All numbers")
    page.table(_history(content))
    return page


def _add_columns(page: Page, folder: Path, found: Gathered) -> None:
    from airflow_provider_mlops.backends.figures_drift import draw_categories, draw_numbers
    from airflow_provider_mlops.statistics.columns import Categories, Numbers
    from airflow_provider_mlops.statistics.drift_cause import finite

    for number, feature in enumerate(found.content["features"]):
        name = feature["feature"]
        page.heading(name)
        for reason in feature["reasons"]:
            page.text(reason)
        if name not in found.columns:
            continue
        was, now = found.columns[name]
        path, title = (
            folder / f"column-{number}.png",
            f"{name}: {feature['changes'][0]['text'] if feature['changes'] else 'moved'}",
        )
        if isinstance(was, Numbers) and isinstance(now, Numbers):
            sides = finite(was), finite(now)
            if min(map(len, sides)) == 0:
                continue
            draw_numbers(path, name, *sides, title, _footer(found.content))
        elif isinstance(was, Categories) and isinstance(now, Categories):
            if min(was.counts.total(), now.counts.total()) == 0:
                continue
            draw_categories(path, name, was.counts, now.counts, title, _footer(found.content))
        else:
            continue
        page.figure(path, title)
        parts = [
            [_part(item), item["n_reference"], item["n_current"], item["size"], "; ".join(item["how"])]
            for item in feature["slices"]
        ]
        page.table(Table(("Where it moved", "Rows before", "Rows now", "Effect / threshold", "How"), parts))


def _add_opinion(page: Page, content: Mapping[str, Any]) -> None:
    if (opinion := content["opinion"]) is None:
        return
    page.heading("A second opinion, which decides nothing")
    said = "drift" if opinion["drift"] else "no drift"
    rows = (opinion["rows"][0], opinion["rows"][1])
    page.text(f"{opinion['backend']} says {said}: {opinion['method']}, on {rows[0]:,} rows against {rows[1]:,}.")
    facts = [("p-value", opinion["p_value"]), ("Statistic", opinion["distance"])]
    facts += [(name.replace("_", " "), str(value)) for name, value in opinion["details"].items()]
    page.table(Table(("", ""), [fact for fact in facts if fact[1] is not None]))


def _add_upstream(page: Page, content: Mapping[str, Any]) -> None:
    for part in content["upstream"]:
        page.heading(f"Upstream, between {part['clean']} and {part['drifted']}")
        page.text(f"{', '.join(part['features'])} drifted from {part['drifted']} on.", kind="note")
        rows = [[item["words"], item["before"], item["after"]] for item in part["changes"]]
        if rows:
            page.table(Table(("Changed", "Before", "After"), rows))
        else:
            page.text(
                "Nothing that the records know changed just then: source, query, code, schema and suite are as before."
            )
        runs = [_run(part["clean"], item) for item in part["clean_runs"]]
        runs += [_run("between", item) for item in part["acts"]]
        runs += [_run(part["drifted"], item) for item in part["drifted_runs"]]
        page.table(Table(("Partition", "Did", "Dag", "Run", "Time (UTC)"), runs))
    if content["events"]:
        page.heading("Asset events that started this run")
        rows = [[item["asset"], item["dag_id"] or "", item["run_id"] or "", item["time"]] for item in content["events"]]
        page.table(Table(("Asset", "Dag", "Run", "Time"), rows))


def _run(partition: str, item: Mapping[str, Any]) -> list[str]:
    return [partition, item["did"], item["dag_id"] or "", item["run_id"] or "", item["time"][:19]]


def _headline(content: Mapping[str, Any]) -> str:
    names = [item["feature"] for item in content["features"]]
    if not names:
        kind = DRIFT_WORDS[content["kind"]]
        told = {"PASS": f"No {kind}", "FAIL": f"{kind[0].upper()}{kind[1:]}"}
        return f"{told.get(content['outcome'], 'Nothing is decided')} in {content['partition_key']}"
    more = len(names) - 3 + content["more_features"]
    listed = ", ".join(names[:3]) + (f" and {more} more" if more > 0 else "")
    first = content["features"][0]
    return f"{listed} drifted in {content['partition_key']}; {first['feature']} since {first['since']}"


def _how(feature: Mapping[str, Any]) -> str:
    return "; ".join(change["text"] for change in feature["changes"])


def _where(feature: Mapping[str, Any]) -> str:
    return ", ".join(_part(item) for item in feature["slices"])


def _part(item: Mapping[str, Any]) -> str:
    return f"{item['column']} = {item['value']}"


def _facts(content: Mapping[str, Any]) -> list[tuple[str, Any]]:
    facts = (
        ("Kind", content["kind"]),
        ("Dataset", content["dataset"]),
        ("Partition", content["partition_key"]),
        ("Version of the champion", content["champion_version"]),
        ("Hash of the policy", content["policy_hash"]),
        ("Snapshots that were judged", ", ".join(content["snapshot_ids"])),
        ("Snapshots of the reference", ", ".join(content["reference_snapshot_ids"])),
        *_profiles(content),
    )
    return [(name, value) for name, value in facts if value]


def _profiles(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Say that no rows were read, and which profiles were."""
    if not (judged := content.get("profiles")):
        return []
    hashes = {part: ", ".join(item["profile"] for item in judged[part]) for part in ("current", "reference")}
    return [
        ("Judged on", "stored profiles: no row was read, figures and words come from their bins"),
        ("Profiles that were judged", hashes["current"]),
        ("Profiles of the reference", hashes["reference"]),
    ]


def _footer(content: Mapping[str, Any]) -> str:
    return (
        f"{content['model']}  ·  {content['dataset']} {content['partition_key']}  ·  reference: champion version "
        f"{content['champion_version']}"
    )


def _history(content: Mapping[str, Any]) -> Table:
    names = sorted({name for look in content["history"] for name in look["sizes"]})
    keys = [look["partition_key"] for look in content["history"]][-12:]
    by_key = {look["partition_key"]: look["sizes"] for look in content["history"]}
    return Table(("Effect / threshold", *keys), [[name, *(by_key[key].get(name) for key in keys)] for name in names])


def _event(event: Any) -> dict[str, Any]:
    asset = getattr(event, "asset", None)
    names = {"dag_id": "source_dag_id", "run_id": "source_run_id", "task_id": "source_task_id"}
    facts = {name: getattr(event, field, None) for name, field in names.items()}
    return {"asset": str(getattr(asset, "name", "")), **facts, "time": str(getattr(event, "timestamp", "") or "")}
