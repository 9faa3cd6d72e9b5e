"""Keeping the summary of an audit: made anew by each task that ends a replay, kept under its hash, and recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.tables import Link, Page, Table
from airflow_provider_mlops.core.audit_summary import (
    KIND,
    Scope,
    build_summary,
    current_summary,
    newest_seq,
    seqs_since,
    summary_hash,
)
from airflow_provider_mlops.core.audit_summary_page import (
    COLUMNS,
    summary_lines,
    summary_markdown,
    summary_sentences,
    summary_title,
)
from airflow_provider_mlops.core.canonical import PREFIX, canonical_json, sha256_of
from airflow_provider_mlops.hooks.certificate import PAGE as CERTIFICATE
from airflow_provider_mlops.hooks.certificate import certificate_path
from airflow_provider_mlops.hooks.removal import has_files
from airflow_provider_mlops.hooks.storage import MARKER

if TYPE_CHECKING:
    from airflow_provider_mlops.core.ledger import Ledger
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.core.run import RunFacts
    from airflow_provider_mlops.hooks.storage import Storage

DATA, TEXT, PAGE = "summary.json", "summary.md", "summary.html"


def summarise_audit(storage: Storage, ledger: Ledger, model: str, run: RunFacts) -> Record:
    """Summarise what the audit of a run has replayed so far, and record it; the last of its runs tells all.

    Runs end in any order, at once, or are killed and tried again: each summary is made from all records there are,
    and one is made again when another run recorded something meanwhile. So the one that holds the most is complete,
    whoever wrote it. One that a killed try has stored is recorded first.

    :param storage: where summaries are kept, beside the certificates.
    :param ledger: the model's ledger.
    :param model: name of the registered model.
    :param run: facts of a run of the audit.
    :return: the record of the summary that holds the most.
    """
    scope, done = Scope.of_run(run), 0
    _finish(storage, ledger, model, scope, run)
    while (newest := newest_seq(records := ledger.records(), scope)) > done:
        _record(storage, ledger, build_summary(model, records, scope), newest, run)
        done = newest
    found = current_summary(ledger.records(), scope)
    assert found is not None  # noqa: S101 - the caller has recorded a replay
    return found


def write_summary(folder: Path, summary: Mapping[str, Any]) -> dict[str, str]:
    """Write a summary into a folder: JSON, Markdown and a page that needs no network.

    :param folder: where; made if it is missing.
    :param summary: as `core.audit_summary.build_summary` makes it.
    :return: SHA-256 by name of each file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    digest = summary_hash(summary)
    (folder / DATA).write_text(canonical_json(summary) + "\n", encoding="utf-8")
    (folder / TEXT).write_text(summary_markdown(summary, digest), encoding="utf-8")
    page = Page(summary_title(summary))
    first, *others = summary_sentences(summary)
    page.text(first, kind=str(summary["outcome"]))
    for line in others:
        page.text(line)
    page.table(Table(COLUMNS, [*_linked(summary)]))
    page.text(f"Summary {digest}", kind="note")
    page.save(folder / PAGE)
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (DATA, TEXT, PAGE)}


def _linked(summary: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    """Give each row of the summary a link to its certificate, whose folder lies beside that of the summary."""
    for entry, row in zip(summary["partitions"], summary_lines(summary), strict=True):
        if (issued := entry["certificate"]) is None:
            yield row
        else:
            yield [*row[:-1], Link(row[-1], f"../{issued['hash'].removeprefix(PREFIX)}/{CERTIFICATE}")]


def _finish(storage: Storage, ledger: Ledger, model: str, scope: Scope, run: RunFacts) -> None:
    """Record the summary that a killed try of this run has stored and not recorded.

    Other runs may have recorded something since, so that the summary of now is another one. What the killed try knew is
    one of the states of the ledger since this run recorded something.
    """
    records = ledger.records()
    known = {record.body["summary_hash"] for record in records if record.kind == KIND}
    for seq in seqs_since(records, scope, run):
        summary = build_summary(model, records[:seq], scope)
        digest = summary_hash(summary)
        if digest not in known and has_files(storage, certificate_path(model, digest)):
            _record(storage, ledger, summary, seq, run)


def _record(storage: Storage, ledger: Ledger, summary: Mapping[str, Any], through: int, run: RunFacts) -> None:
    digest = summary_hash(summary)
    with storage.staging() as folder:
        files = write_summary(folder, summary)
        (folder / MARKER).write_text(canonical_json({"summary_hash": digest, "files": files}) + "\n", "utf-8")
        uri = storage.publish(folder, certificate_path(str(summary["model"]), digest))
    names = ("scope", "worst", "outcomes", "levels", "causes")
    ledger.append(
        kind="audit_summary",
        key=sha256_of({"summary": digest}),
        body={
            "summary_hash": digest,
            "partitions": [entry["partition_key"] for entry in summary["partitions"]],
            **{name: summary[name] for name in names},
            "through": through,
            "uri": uri,
            "files": files,
        },
        run=run.to_record(),
        mode=run.mode,
        outcome=summary["outcome"],
    )
