"""Judging a stored snapshot: its rows proved, its broken rows set aside, the full result and its page kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.canonical import PREFIX, canonical_json, json_safe, sha256_of
from airflow_provider_mlops.core.contract_diff import contract_rule
from airflow_provider_mlops.core.expectation import MAX_SHOWN_TEXT, Judged
from airflow_provider_mlops.core.snapshot_manifest import OWN_HASH, is_window
from airflow_provider_mlops.core.suite_empty import EMPTY_MARK, empty_rule
from airflow_provider_mlops.core.suite_report import gx_shaped
from airflow_provider_mlops.core.suite_verdict import judge_suite, must_split
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.hooks.file_hashes import stored_hashes
from airflow_provider_mlops.hooks.quarantine import Split, quarantine_path, split_snapshot
from airflow_provider_mlops.hooks.row_files import row_files
from airflow_provider_mlops.hooks.rows import snapshot_path
from airflow_provider_mlops.hooks.snapshot_set import published_manifest
from airflow_provider_mlops.hooks.storage import MARKER, Storage

if TYPE_CHECKING:
    from airflow_provider_mlops.core.suite_verdict import Aside

RESULT, PAGE = "result.json", "data_docs.html"

_WINDOW_IS_WHOLE = RuleResult(
    rule="window",
    outcome=Outcome.FAIL,
    reason="no rows of a window are set aside, because it holds none of its own: validate its members by this suite, "
    "which sets theirs aside, and take the window again",
)

JudgeColumns = Callable[[Mapping[str, Any], Sequence[Path]], Verdict]
"""Judges the columns of a snapshot by its manifest and files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """A snapshot, judged.

    :param verdict: the verdict.
    :param judged: what was found, on the rows that are left where some were set aside.
    :param first: what was found on all rows, where some were set aside; else empty.
    :param rows: rows that were judged.
    :param accepted: manifest of the accepted snapshot, None unless the verdict is PASS.
    :param quarantine: ``snapshot_id``, ``uri``, ``rows``, ``share``, ``max_share`` and ``broken`` of the rows set
        aside; None when none were, or nothing is accepted.
    :param contract: what the contract says of the columns, None without one.
    """

    verdict: Verdict
    judged: Sequence[Judged]
    first: Sequence[Judged]
    rows: int
    accepted: Mapping[str, Any] | None
    quarantine: Mapping[str, Any] | None
    contract: Verdict | None


def validate_snapshot(
    storage: Storage,
    dataset: str,
    snapshot_id: str,
    suite: Mapping[str, Any],
    *,
    engine: str,
    publish: bool = True,
    judge_columns: JudgeColumns | None = None,
) -> Validation:
    """Judge a snapshot by a suite, and store what is accepted and what is set aside.

    Both are named by their content, so that a retry and a second task at once store the same.

    :param storage: where the snapshots lie.
    :param dataset: name of the dataset.
    :param snapshot_id: the snapshot.
    :param suite: as `core.suite.read_suite` returns it.
    :param engine: ``auto`` or ``spark``.
    :param publish: whether what is accepted and set aside is stored; an audit only learns its ids.
    :param judge_columns: judges the columns by a contract; None without one.
    :return: the snapshot, judged.
    :raises EvidenceBroken: when the snapshot is missing or was changed.
    :raises BadInput: when the suite cannot be judged on these columns at all, or a window's members differ in columns.
    """
    from airflow_provider_mlops.backends.validation import judge

    published_manifest(storage, dataset, snapshot_id)  # of an erased one nothing else is judged in its place
    with row_files(storage, dataset, snapshot_id) as opened:
        manifest, files = opened.manifest, opened.files
        if manifest["rows"] == 0:
            return _judged_without_rows(suite, manifest, files, judge_columns, snapshot_id, engine)
        first = judge(files, suite, seed=snapshot_id, engine=engine)
        if not (positions := must_split(first, suite)):
            return _judged(first, suite, manifest, files, judge_columns)
        if is_window(manifest):
            return _judged(first, suite, manifest, files, judge_columns, more=[_WINDOW_IS_WHOLE])
        with storage.staging() as kept_folder, storage.staging() as apart_folder, storage.staging() as spill_folder:
            split = split_snapshot(
                files,
                manifest,
                suite,
                positions,
                kept_folder=kept_folder,
                apart_folder=apart_folder,
                spill_folder=spill_folder,
            )
            if split.aside.rows == 0:  # what a sample could not decide, every row has
                first = [replace(item, holds=True) if item.position in positions else item for item in first]
                return _judged(first, suite, manifest, files, judge_columns)
            if split.kept is None:
                return _judged(first, suite, manifest, files, judge_columns, split.aside)
            left = _files(kept_folder, split.kept)
            judged = judge(left, suite, seed=split.kept["snapshot_id"], engine=engine)
            found = _judged(judged, suite, split.kept, left, judge_columns, split.aside)
            stored = None
            if found.verdict.passed:
                stored = _store(storage, dataset, split, kept_folder, apart_folder, publish=publish)
        return replace(found, first=first, rows=manifest["rows"], quarantine=stored)


def report_path(dataset: str, key: Mapping[str, Any]) -> str:
    """Return where the full result of a validation lies below the storage root.

    :param dataset: name of the dataset.
    :param key: what the result depends on.
    """
    return f"reports/{dataset}/{sha256_of(key).removeprefix(PREFIX)}"


def store_report(
    storage: Storage,
    dataset: str,
    found: Validation,
    suite: Mapping[str, Any],
    facts: Sequence[tuple[str, Any]],
    key: Mapping[str, Any],
) -> dict[str, Any]:
    """Keep the full result and its page under ``reports/<dataset>/``.

    :param storage: where it is kept.
    :param dataset: name of the dataset.
    :param found: the snapshot, judged.
    :param suite: as `core.suite.read_suite` returns it.
    :param facts: names and values for the page.
    :param key: what the result depends on; it names the folder, so that a retry finds it.
    :return: ``report_uri`` (address of the folder), ``report_files`` (SHA-256 by name) and
        ``accepted_manifest_sha256`` (None where nothing is accepted).
    """
    from airflow_provider_mlops.backends.data_docs import write_data_docs

    meta = {"snapshot_id": key["snapshot"], "rows": found.rows, "verdict": found.verdict.to_dict()}
    report = json_safe(gx_shaped(found.judged, suite, meta))
    if found.first:
        report["before_quarantine"] = json_safe(gx_shaped(found.first, suite, {})["results"])
    partition = dict(facts).get("Partition")
    title = f"{dataset}{f', {partition}' if partition else ''}, by suite {suite['name'][:MAX_SHOWN_TEXT]}"
    with storage.staging() as folder:
        (folder / RESULT).write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        write_data_docs(folder / PAGE, report, found.verdict, facts, title)
        (folder / MARKER).write_text(canonical_json({"schema": 1, "files": [RESULT, PAGE]}) + "\n")
        uri = storage.publish(folder, report_path(dataset, key))
    return {"report_uri": uri, **_stored(storage, dataset, found, key)}


def _stored(storage: Storage, dataset: str, found: Validation, key: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hashes of what is stored: of two tasks at once the files of the first one stay."""
    accepted = found.accepted and published_manifest(storage, dataset, found.accepted["snapshot_id"])
    return {
        "report_files": stored_hashes(storage, report_path(dataset, key)),
        "accepted_manifest_sha256": accepted[OWN_HASH] if accepted else None,
    }


def _judged(
    judged: Sequence[Judged],
    suite: Mapping[str, Any],
    manifest: Mapping[str, Any],
    files: Sequence[Path],
    judge_columns: JudgeColumns | None,
    aside: Aside | None = None,
    more: Sequence[RuleResult] = (),
    marks: Sequence[str] = (),
) -> Validation:
    contract = judge_columns(manifest, files) if judge_columns else None
    rules = [*more, contract_rule(contract)] if contract else more
    verdict = judge_suite(judged, suite, aside=aside, more=rules, marks=[*marks, *(contract.marks if contract else ())])
    return Validation(
        verdict=verdict,
        judged=judged,
        first=(),
        rows=manifest["rows"],
        accepted=manifest if verdict.passed else None,
        quarantine=None,
        contract=contract,
    )


def _judged_without_rows(
    suite: Mapping[str, Any],
    manifest: Mapping[str, Any],
    files: Sequence[Path],
    judge_columns: JudgeColumns | None,
    seed: str,
    engine: str,
) -> Validation:
    """Judge the columns of a snapshot that has no rows."""
    from airflow_provider_mlops.backends.validation import judge_columns as judge_without_rows

    judged = judge_without_rows(files, suite, seed=seed, engine=engine)
    return _judged(judged, suite, manifest, files, judge_columns, more=[empty_rule(suite)], marks=[EMPTY_MARK])


def _store(
    storage: Storage, dataset: str, split: Split, kept_folder: Path, apart_folder: Path, *, publish: bool
) -> dict[str, Any]:
    """Publish the rows set aside before the ones that are left: what is accepted never lacks its other half."""
    kept, apart = split.kept or {}, split.apart or {}
    uri = storage.uri(quarantine_path(dataset, apart["snapshot_id"]))
    if publish:
        uri = storage.publish(apart_folder, quarantine_path(dataset, apart["snapshot_id"]))
        storage.publish(kept_folder, snapshot_path(dataset, kept["snapshot_id"]))
    return {"snapshot_id": apart["snapshot_id"], "uri": uri, **_facts(split.aside)}


def _facts(aside: Aside) -> dict[str, Any]:
    broken = {f"{place + 1:02d}": count for place, count in sorted(aside.by_position.items())}
    return {"rows": aside.rows, "share": aside.share, "max_share": aside.max_share, "broken": broken}


def _files(folder: Path, manifest: Mapping[str, Any]) -> list[Path]:
    return [folder / item["name"] for item in manifest["files"]]
