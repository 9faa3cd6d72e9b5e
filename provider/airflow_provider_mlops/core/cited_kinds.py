"""What a record cites of the storage, by its kind: the folders, and what their files must be."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from airflow_provider_mlops.core.canonical import PREFIX, canonical_json, sha256_bytes
from airflow_provider_mlops.core.errors import EvidenceBroken
from airflow_provider_mlops.core.prediction_log import labels_path, log_path
from airflow_provider_mlops.core.record import Record

MARKER = "manifest.json"
DATASET, MODEL = "dataset/", "model/"


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedFolder:
    """A folder that a record cites.

    :param path: where it lies below the storage root.
    :param what: what lies there, in words.
    :param by: the record that says so, as people read it.
    :param needed: whether it must be there; an audit or a dry run may have stored nothing.
    :param content_id: digest that the rows must have; None where no rows lie there.
    :param manifest_sha256: hash that the folder's manifest of rows must have; None where no record states it.
    :param files: SHA-256 of files, 64 digits, by name.
    :param texts: hash of files' text without its line end, ``sha256:`` and 64 digits, by name.
    :param proved: whether a record names the hash of every file there; those of earlier releases may not.
    """

    path: str
    what: str
    by: str
    needed: bool = True
    content_id: str | None = None
    manifest_sha256: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    proved: bool = True


def cited_by(record: Record) -> list[CitedFolder]:
    """List the folders that a record cites.

    :param record: a record of any kind.
    :return: the folders; none where its kind stores nothing.
    :raises EvidenceBroken: when what it cites cannot be read.
    """
    read = _KINDS.get(record.kind)
    try:
        return [] if read is None else list(read(record))
    except (KeyError, TypeError, AttributeError):
        raise EvidenceBroken(f"What {name_of(record)} cites of the storage cannot be read.") from None


def name_of(record: Record) -> str:
    """Return a record as people read it.

    :param record: the record.
    """
    return f"record {record.seq} of {record.chain}"


def digits(content_id: str) -> str:
    """Return the name of a folder that is named by a hash.

    :param content_id: ``sha256:`` and 64 digits.
    """
    return content_id.removeprefix(PREFIX)


def _rows(
    record: Record, folder: str, content_id: str, what: str, sha256: str | None = None, name: str = ""
) -> CitedFolder:
    return CitedFolder(
        path=f"{folder}/{name or _name(record)}/{digits(content_id)}",
        what=what,
        by=name_of(record),
        needed=record.mode == "live",
        content_id=content_id,
        manifest_sha256=sha256,
    )


def _snapshot(record: Record) -> Iterator[CitedFolder]:
    yield _rows(record, "snapshots", record.body["snapshot_id"], "snapshot", record.body.get("manifest_sha256"))


def _validation(record: Record) -> Iterator[CitedFolder]:
    body, aside = record.body, record.body.get("quarantine")
    if body.get("accepted_snapshot_id"):
        sha256 = body.get("accepted_manifest_sha256")
        yield _rows(record, "snapshots", body["accepted_snapshot_id"], "snapshot", sha256)
    if aside:
        yield _rows(record, "quarantine", aside["snapshot_id"], "rows set aside")
    if body.get("report_uri"):
        path = f"reports/{_name(record)}/{_last(body['report_uri'])}"
        yield _files(record, path, "validation report", body.get("report_files"))


def _erasure(record: Record) -> Iterator[CitedFolder]:
    body = record.body
    for item in body["scores"]:
        if item["replaced_by"]:
            yield _rows(record, "evaluations", item["replaced_by"], "scores", name=item.get("model", ""))
    if not record.chain.startswith(DATASET):
        return
    path = f"tombstones/{_name(record)}/{body['erasure_id']}"
    yield _files(record, path, "tombstone", {}, texts={MARKER: body["tombstone"]})
    for item in body["snapshots"]:
        if item["replaced_by"]:
            yield _rows(record, item["folder"], item["replaced_by"], "rows that an erasure left")
    for item in body.get("others", ()):
        if item["replaced_by"]:
            yield _log(record, item["replaced_by"], "rows that an erasure left", item["manifest_sha256"])


def _evaluation(record: Record) -> Iterator[CitedFolder]:
    if record.body.get("scores_id"):
        yield _rows(record, "evaluations", record.body["scores_id"], "scores")


def _predictions(record: Record) -> Iterator[CitedFolder]:
    if record.body.get("files"):
        path = log_path(_name(record), record.body["partition_key"], record.body["log_id"])
        yield _log(record, path, "prediction log", record.body["manifest_sha256"])


def _labels(record: Record) -> Iterator[CitedFolder]:
    if record.body.get("files"):
        path = labels_path(_name(record), record.body["partition_key"], record.body["labels_id"])
        yield _log(record, path, "labels", record.body["manifest_sha256"])


def _log(record: Record, path: str, what: str, sha256: str) -> CitedFolder:
    return CitedFolder(
        path=path,
        what=what,
        by=name_of(record),
        needed=record.mode == "live",
        manifest_sha256=sha256,
    )


def _report(folder: str, text: str, what: str) -> Callable[[Record], Iterator[CitedFolder]]:
    def read(record: Record) -> Iterator[CitedFolder]:
        if report := record.body.get("report"):
            path = f"{folder}/{_name(record)}/{digits(report['hash'])}"
            yield _files(record, path, what, report.get("files"), texts={text: report["hash"]}, needed=True)

    return read


def _issued(name: str, what: str) -> Callable[[Record], Iterator[CitedFolder]]:
    """Certificates and summaries of audits are stored by every mode: nothing is replayed without one."""

    def read(record: Record) -> Iterator[CitedFolder]:
        digest, files = record.body[name], record.body["files"]
        marker = canonical_json({name: digest, "files": files})
        path = f"certificates/{_name(record)}/{digits(digest)}"
        yield _files(record, path, what, files, texts={MARKER: sha256_bytes(marker.encode())}, needed=True)

    return read


def _card(record: Record) -> Iterator[CitedFolder]:
    body = record.body
    if "card_hash" not in body:
        return
    marker = canonical_json({name: body[name] for name in ("card_hash", "page_sha256", "figures")})
    texts = {"model_card.json": body["card_hash"], MARKER: sha256_bytes(marker.encode())}
    files = {**body["figures"], "model_card.md": body["page_sha256"]}
    yield _files(record, f"cards/{_name(record)}/{digits(body['card_hash'])}", "model card", files, texts=texts)


def _files(
    record: Record,
    path: str,
    what: str,
    files: Mapping[str, str] | None,
    *,
    texts: Mapping[str, str] | None = None,
    needed: bool = False,
) -> CitedFolder:
    return CitedFolder(
        path=path,
        what=what,
        by=name_of(record),
        needed=needed or record.mode == "live",
        files=dict(files or {}),
        texts=dict(texts or {}),
        proved=files is not None,
    )


_KINDS: Mapping[str, Callable[[Record], Iterator[CitedFolder]]] = {
    "snapshot": _snapshot,
    "validation": _validation,
    "erasure": _erasure,
    "evaluation": _evaluation,
    "predictions": _predictions,
    "labels": _labels,
    "drift": _report("drift_reports", "report.json", "drift report"),
    "fire_drill": _report("fire_drills", "drill.json", "fire drill"),
    "certificate": _issued("certificate_hash", "certificate"),
    "audit_summary": _issued("summary_hash", "summary of an audit"),
    "model_card": _card,
}


def _name(record: Record) -> str:
    return record.chain.rpartition("/")[2]


def _last(uri: str) -> str:
    """The storage may have moved since: what counts is the end of the address."""
    return str(uri).rpartition("/")[2]
