"""Keeping certificates: JSON, Markdown and HTML under their hash in the storage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.tables import Page, Table
from airflow_provider_mlops.core.audit_rules import own_records, rule_differences
from airflow_provider_mlops.core.canonical import PREFIX, canonical_json, sha256_of
from airflow_provider_mlops.core.certificate import LEVELS, MEANINGS, certificate_hash, newest_issued
from airflow_provider_mlops.core.certificate_audit import audit_certificate
from airflow_provider_mlops.core.certificate_page import (
    BASES,
    NOT_ON_RECORD,
    PROVES_NOT,
    base_rows,
    certificate_markdown,
    check_rows,
    fact_rows,
    record_rows,
    summary_of,
    title_of,
)
from airflow_provider_mlops.hooks.issuing import note, sweep
from airflow_provider_mlops.hooks.ledger import dataset_ledger
from airflow_provider_mlops.hooks.removal import publish_whole
from airflow_provider_mlops.hooks.storage import MARKER

if TYPE_CHECKING:
    from airflow_provider_mlops.core.certificate import Difference
    from airflow_provider_mlops.core.ledger import Ledger
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.core.run import RunFacts
    from airflow_provider_mlops.core.verdict import RuleResult
    from airflow_provider_mlops.hooks.storage import Storage

DATA, TEXT, PAGE = "certificate.json", "certificate.md", "certificate.html"


def store_certificate(storage: Storage, certificate: Mapping[str, Any]) -> dict[str, Any]:
    """Store a certificate; the same one is stored once.

    :param storage: where certificates are kept.
    :param certificate: as `core.certificate.build_certificate` makes it.
    :return: ``certificate_hash``, ``uri``, and ``files`` with the SHA-256 of each.
    :raises TransientError: when somebody is removing it at this moment.
    """
    digest = certificate_hash(certificate)
    with storage.staging() as folder:
        (folder / DATA).write_text(canonical_json(certificate) + "\n", encoding="utf-8")
        (folder / TEXT).write_text(certificate_markdown(certificate, digest), encoding="utf-8")
        _write_page(folder / PAGE, certificate, digest)
        files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
        (folder / MARKER).write_text(canonical_json({"certificate_hash": digest, "files": files}) + "\n", "utf-8")
        uri = publish_whole(storage, folder, certificate_path(str(certificate["model"]), digest))
    return {"certificate_hash": digest, "uri": uri, "files": files}


def issue_certificate(
    storage: Storage,
    ledger: Ledger,
    certificate: Mapping[str, Any],
    of: Record,
    key: str,
    run: RunFacts,
    decision: str = "",
) -> Record:
    """Store a certificate and record it; what a killed try of the same decision has stored is removed.

    :param storage: where certificates are kept.
    :param ledger: the model's ledger.
    :param certificate: the certificate.
    :param of: record of the training that it is about.
    :param key: names the record.
    :param run: facts of the run that issues it.
    :param decision: hash that names the decision in each of its tries; empty where the key does.
    :return: the record; of two tasks at once that of the first one.
    """
    digest, decision = certificate_hash(certificate), decision or key
    names = ("partition_key", "version", "manifest_hash", "level", "required", "verdict", "differences")
    body = {"of": of.hash, **{name: certificate[name] for name in names}}
    if decision != key:
        body["decision"] = decision
    while True:
        since = len(ledger.records())
        note(storage, decision, digest, since)
        record = ledger.append(
            kind="certificate",
            key=key,
            body={**body, **_as_cited(ledger, storage, store_certificate(storage, certificate))},
            run=run.to_record(),
            mode=run.mode,
            outcome=certificate["verdict"]["outcome"],
            unless=partial(_ended_since, decision, since),
        )
        if record.key == key:  # else another try has ended the decision meanwhile, and may have removed what is stored
            break
    sweep_certificates(storage, ledger, str(certificate["model"]), decision)
    return record


def _as_cited(ledger: Ledger, storage: Storage, stored: dict[str, Any]) -> dict[str, Any]:
    """Name the files that lie there: an earlier release may have drawn the same certificate in other bytes.

    What no record has cited before is not believed.
    """
    digest = stored["certificate_hash"]
    cited = [r.body["files"] for r in ledger.records("certificate") if r.body["certificate_hash"] == digest]
    if not cited or stored["files"] in cited:
        return stored
    there = storage.read_marker(certificate_path(ledger.chain.rpartition("/")[2], digest)).get("files")
    return {**stored, "files": there} if there in cited else stored


def _ended_since(decision: str, since: int, records: Sequence[Record]) -> Record | None:
    found = newest_issued(records, decision)
    return found if found is not None and found.seq > since else None


def sweep_certificates(storage: Storage, ledger: Ledger, model: str, decision: str) -> None:
    """Remove what killed tries of a decision have stored and no record cites.

    :param storage: where certificates are kept.
    :param ledger: the model's ledger.
    :param model: name of the registered model.
    :param decision: hash that names the decision.
    """

    def is_cited(digest: str) -> bool:
        return any(digest in (r.body.get("certificate_hash"), r.body.get("summary_hash")) for r in ledger.records())

    def ended_at(decision: str) -> int:
        found = newest_issued(ledger.records(), decision)
        return found.seq if found is not None else 0

    sweep(storage, decision, partial(certificate_path, model), is_cited, ended_at)


def certify_audit(
    storage: Storage, ledger: Ledger, model: str, run: RunFacts, ended: RuleResult | None = None
) -> Record | None:
    """Issue the certificate of an audited partition from what its run has recorded so far; a retry finds it.

    :param storage: where certificates are kept.
    :param ledger: the model's ledger.
    :param model: name of the registered model.
    :param run: facts of the audit's run.
    :param ended: where the audit could not go on, what says so.
    :return: the record; None where the run has replayed no training.
    """
    records = ledger.records()
    found = audit_certificate(model, records, run, ended, _rules(storage, records, run))
    if found is None:
        return None
    training, certificate = found
    mine = f"{run.dag_id}/{run.run_id}"
    key = sha256_of({"certificate": certificate_hash(certificate), "run": mine})
    decision = sha256_of({"model": model, "of": training.hash, "audit": mine})
    return issue_certificate(storage, ledger, certificate, training, key, run, decision)


def _rules(storage: Storage, records: Sequence[Record], run: RunFacts) -> Iterator[Difference]:
    """Name the rules by which the run has judged its rows, where they are not those of the record."""
    replay = own_records(records, run).get("replay")
    training = next((r for r in records if replay is not None and r.hash == replay.body["of"]), None)
    if training is not None:
        chain = dataset_ledger(training.body["manifest"]["dataset"], storage.ledger_root)
        yield from rule_differences(chain.records(), run)


def certificate_path(model: str, digest: str) -> str:
    """Return where a certificate lies below the storage root.

    :param model: name of the registered model.
    :param digest: hash of the certificate.
    """
    return f"certificates/{model}/{digest.removeprefix(PREFIX)}"


def _write_page(path: Path, certificate: Mapping[str, Any], digest: str) -> None:
    page = Page(title_of(certificate))
    page.text(summary_of(certificate), kind=certificate["verdict"]["outcome"])
    page.heading("Checks")
    page.table(Table(("Outcome", "Check", "Finding"), check_rows(certificate)))
    page.heading("Not as recorded")
    differences = [(item["cause"], item["detail"]) for item in certificate["differences"]]
    if differences:
        page.table(Table(("Cause", "What"), differences))
    else:
        page.text("Nothing.")
    if bases := base_rows(certificate):
        page.heading("Bases")
        page.table(Table(BASES, bases))
    if facts := fact_rows(certificate):
        page.heading("The training")
        page.table(Table(("", "As recorded"), facts))
    if unproved := certificate.get("not_on_record"):
        page.heading(NOT_ON_RECORD)
        page.items(unproved)
    page.heading("Records")
    page.table(Table(("Record", "Outcome", "Number", "Hash"), record_rows(certificate)))
    page.heading("Levels")
    page.table(Table(("Level", "The replay gives"), [(level.value, MEANINGS[level]) for level in LEVELS]))
    page.heading("What it does not prove")
    page.items(PROVES_NOT)
    page.text(f"Certificate {digest}", kind="note")
    page.save(path)
