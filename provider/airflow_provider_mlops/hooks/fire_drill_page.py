"""The page of a fire drill: which alarms rang, after how many rows, and which rang for nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_mlops import config
from airflow_provider_mlops.backends.tables import Page, Table
from airflow_provider_mlops.core.canonical import PREFIX, canonical_json, sha256_bytes, sha256_of
from airflow_provider_mlops.hooks.file_hashes import stored_hashes
from airflow_provider_mlops.hooks.storage import MARKER, Storage

FOLDER = "fire_drills"
PAGE = "index.html"
_MEANING: Mapping[str, str] = {
    "PASS": "Every alarm that had to ring did, and none rang for nothing.",
    "FAIL": "An alarm that had to ring did not.",
    "INCONCLUSIVE": "Not every alarm could be tried, or untouched partitions rang.",
}
_DID: Mapping[str, str] = {"FAIL": "rang", "PASS": "was quiet", "INCONCLUSIVE": "could not tell"}


def publish(storage: Storage, model: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Write the page of a drill beside the evidence, under the hash of its content.

    :param storage: where it will lie.
    :param model: name of the model.
    :param body: body of the drill's record.
    :return: ``uri``, ``hash`` and ``files`` (SHA-256 by name).
    """
    digest = sha256_of(body)
    path = f"{FOLDER}/{model}/{digest.removeprefix(PREFIX)}"
    if not storage.exists(path):
        with storage.staging() as folder:
            (folder / "drill.json").write_text(canonical_json(body) + "\n", encoding="utf-8")
            _page(model, body).save(folder / PAGE)
            names = ("drill.json", PAGE)
            files = [{"name": name, "sha256": sha256_bytes((folder / name).read_bytes())} for name in names]
            marker = {"schema": 1, "kind": "fire_drill", "files": files}
            (folder / MARKER).write_text(canonical_json(marker) + "\n", encoding="utf-8")
            storage.publish(folder, path)
    return {"uri": storage.uri(path), "hash": digest, "files": stored_hashes(storage, path)}


def page_url(model: str, report: Mapping[str, Any]) -> str:
    """Return the web address of a drill's page, empty where the storage root has none.

    :param model: name of the model.
    :param report: as `publish` returned it.
    """
    base = config.reports_url()
    return f"{base}/{FOLDER}/{model}/{report['hash'].removeprefix(PREFIX)}/{PAGE}" if base else ""


def _page(model: str, body: Mapping[str, Any]) -> Page:
    outcome = body["verdict"]["outcome"]
    page = Page(f"{outcome}: fire drill of {model}")
    page.text(_MEANING[outcome], kind=outcome)
    by = "drift and monitoring policy" if body.get("performance_policy") else "drift policy"
    page.text(f"Known shifts were done to a copy of accepted rows, judged by the model's {by}.", kind="note")
    facts = (
        *("dataset", "partition_key", "snapshot_id", "champion_version", "policy", "policy_hash"),
        *("performance_policy", "performance_policy_hash", "size"),
    )
    page.table(Table(("", ""), [(name.replace("_", " "), body[name]) for name in facts if body.get(name) is not None]))
    page.heading("Alarms")
    rules = [(rule["rule"], rule["outcome"], rule["reason"]) for rule in body["verdict"]["rules"]]
    page.table(Table(("Alarm", "Outcome", "Reason"), rules))
    page.heading("Time to detect")
    heads = ("Shift", "Column", "Effect / threshold", "Rows to detect", "Days to detect", "Rows")
    rows = [
        [
            d["shift"],
            d["feature"] or "",
            _short(d["effect"]),
            d["rows_to_detect"],
            _short(d["days_to_detect"]),
            d["rows"],
        ]
        for d in body["drills"]
    ]
    page.table(Table(heads, rows))
    page.text("On so many rows of the copy, the first ones in their order, the alarm:", kind="note")
    page.table(_tried(body["drills"]))
    page.heading("Untouched partitions")
    page.table(Table(("Partition", "Outcome"), list(body["untouched"].items())))
    return page


def _tried(drills: Sequence[Mapping[str, Any]]) -> Table:
    """Lay out what each alarm did, by number of rows."""
    counts = sorted({item["rows"] for drill in drills for item in drill["outcomes"]})
    rows = []
    for drill in drills:
        did = {item["rows"]: _DID[item["outcome"]] for item in drill["outcomes"]}
        rows.append([drill["shift"], *(did.get(count, "") for count in counts)])
    return Table(("Shift", *(f"{count:,}" for count in counts)), rows)


def _short(number: float | None) -> float | None:
    return None if number is None else round(number, 1)
