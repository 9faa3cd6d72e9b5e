"""One ledger record: its fields, its bytes, its hash."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

from airflow_provider_mlops.core.canonical import canonical_json, sha256_bytes, sha256_of
from airflow_provider_mlops.core.errors import EvidenceBroken

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Record:
    """One verdict or act, as the ledger holds it.

    :param chain: the chain it belongs to, e.g. ``model/flight_delays``.
    :param seq: its place in the chain, from 1.
    :param prev_hash: ``hash`` of the record before it; None for the first.
    :param kind: what was decided or done, e.g. ``gate``.
    :param key: content hash of what was decided on; with kind and mode it names the decision.
    :param mode: ``live``, ``audit`` or ``dry_run``.
    :param time: when it was written: UTC, ISO 8601 with microseconds and ``Z``.
    :param outcome: ``PASS``, ``FAIL``, ``INCONCLUSIVE``, or None where nothing was judged.
    :param body: what was decided, on which inputs; JSON-safe.
    :param run: which task of which run wrote it; JSON-safe.
    :param hash: SHA-256 over the canonical JSON of all other fields.
    :param schema: version of this form.
    """

    chain: str
    seq: int
    prev_hash: str | None
    kind: str
    key: str
    mode: str
    time: str
    outcome: str | None
    body: dict[str, Any]
    run: dict[str, Any]
    hash: str
    schema: int = SCHEMA

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-safe form that the file holds."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Record":
        """Read the form that `to_dict` writes; the hash is taken as it stands.

        :param data: mapping as written by `to_dict`.
        :return: the record.
        :raises EvidenceBroken: when the form is not that of a record, or of a newer schema.
        """
        check_form(data)
        return cls(**data)


_FIELDS = frozenset(field.name for field in fields(Record))
_TYPES: dict[str, type | tuple[type, ...]] = {
    "chain": str,
    "seq": int,
    "prev_hash": (str, type(None)),
    "kind": str,
    "key": str,
    "mode": str,
    "time": str,
    "outcome": (str, type(None)),
    "body": dict,
    "run": dict,
    "hash": str,
}


def write_record(
    *,
    chain: str,
    seq: int,
    prev_hash: str | None,
    kind: str,
    key: str,
    mode: str,
    outcome: str | None,
    body: Mapping[str, Any],
    run: Mapping[str, Any],
) -> bytes:
    """Make the bytes of a new record, timed now and hashed.

    :param chain: the chain it belongs to.
    :param seq: its place in the chain, from 1.
    :param prev_hash: hash of the record before it.
    :param kind: what was decided or done.
    :param key: content hash of what was decided on.
    :param mode: the mode of the run.
    :param outcome: the outcome, or None.
    :param body: JSON-safe content.
    :param run: JSON-safe description of the run.
    :return: canonical JSON and a line end.
    :raises BadInput: when body or run is not JSON-safe.
    """
    data = {
        "schema": SCHEMA,
        "chain": chain,
        "seq": seq,
        "prev_hash": prev_hash,
        "kind": kind,
        "key": key,
        "mode": mode,
        "time": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "outcome": outcome,
        "body": body,
        "run": run,
    }
    return canonical_json({**data, "hash": sha256_of(data)}).encode() + b"\n"


def read_form(raw: bytes) -> dict[str, Any]:
    """Read the bytes of a record without judging its hash.

    :param raw: content of a record file.
    :return: the fields of the record.
    :raises EvidenceBroken: when the bytes are not the JSON of a record.
    """
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        raise EvidenceBroken("unreadable: it is not JSON.") from None
    check_form(data)
    return data  # type: ignore[no-any-return]


def read_record(raw: bytes) -> Record:
    """Read the bytes of a record and check them against its hash.

    :param raw: content of a record file.
    :return: the record.
    :raises EvidenceBroken: when the bytes are not a record, or not the ones that were hashed.
    """
    data = read_form(raw)
    if not hash_holds(raw, data["hash"]):
        raise EvidenceBroken("edited: its content does not match its hash.")
    return Record(**data)


def hash_holds(raw: bytes, digest: str) -> bool:
    """Tell whether record bytes are the ones that the hash was made over.

    The canonical text without its ``hash`` member is hashed as it stands. Nothing is written anew, so a change
    of a single space shows, and a chain is verified at the speed of SHA-256.

    :param raw: content of a record file.
    :param digest: the hash that the record states.
    :return: True when they match.
    """
    member = f',"hash":"{digest}"'.encode()
    return raw.endswith(b"\n") and raw.count(member) == 1 and sha256_bytes(raw[:-1].replace(member, b"")) == digest


def check_form(data: Any) -> None:
    """Check that a value has the fields of a record, of a schema that is known here.

    :param data: any value.
    :raises EvidenceBroken: naming what is wrong.
    """
    if not isinstance(data, Mapping):
        raise EvidenceBroken("unreadable: it is not a JSON object.")
    if data.get("schema") != SCHEMA:
        raise EvidenceBroken(
            f"unreadable: it has schema {data.get('schema')!r}, this provider reads {SCHEMA}. Upgrade the provider."
        )
    if data.keys() != _FIELDS:
        raise EvidenceBroken(f"unreadable: fields missing or unknown: {', '.join(sorted(_FIELDS ^ data.keys()))}.")
    for name, kind in _TYPES.items():
        if not isinstance(data[name], kind):
            raise EvidenceBroken(f"unreadable: {name} is a {type(data[name]).__name__}.")
