"""One ledger record: its fields, its bytes, its hash, its signature."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

from airflow_provider_mlops.core.canonical import canonical_json, sha256_bytes, sha256_of
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.signing import Signer, sign_record

SCHEMA = 1
SIGNED = 2
_SIGNATURE = ("signed_by", "signature")


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
    :param hash: SHA-256 over the canonical JSON of all other fields but ``signature``.
    :param schema: version of this form: 1, or 2 with a signature.
    :param signed_by: id of the key that signed it; None when it is not signed.
    :param signature: DSSE envelope around an in-toto statement about this record.
    """

    chain: str
    seq: int
    prev_hash: str | None
    kind: str
    key: str
    mode: str
    time: str
    outcome: str | None
    body: Mapping[str, Any]
    run: Mapping[str, Any]
    hash: str
    schema: int = SCHEMA
    signed_by: str | None = None
    signature: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-safe form that the file holds."""
        data = asdict(self)
        return data if self.schema == SIGNED else {name: data[name] for name in data if name not in _SIGNATURE}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Record":
        """Read the form that `to_dict` writes; the hash is taken as it stands.

        :param data: mapping as written by `to_dict`.
        :return: the record.
        :raises EvidenceBroken: when the form is not that of a record, or of a newer schema.
        """
        check_form(data)
        return cls(**data)


_ALL = frozenset(field.name for field in fields(Record))
_FIELDS = {SCHEMA: _ALL - set(_SIGNATURE), SIGNED: _ALL}
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
    "signed_by": str,
    "signature": dict,
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
    signer: Signer | None = None,
) -> bytes:
    """Make the bytes of a new record, timed now, hashed and signed.

    :param chain: the chain it belongs to.
    :param seq: its place in the chain, from 1.
    :param prev_hash: hash of the record before it.
    :param kind: what was decided or done.
    :param key: content hash of what was decided on.
    :param mode: the mode of the run.
    :param outcome: the outcome, or None.
    :param body: JSON-safe content.
    :param run: JSON-safe description of the run.
    :param signer: the key that signs; None: the record is not signed.
    :return: canonical JSON and a line end.
    :raises BadInput: when body or run is not JSON-safe.
    """
    data: dict[str, Any] = {
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
    if signer is not None:
        data |= {"schema": SIGNED, "signed_by": signer.public.id}
    data["hash"] = sha256_of(data)
    if signer is not None:
        data["signature"] = sign_record(data, signer)
    return canonical_json(data).encode() + b"\n"


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
    found: dict[str, Any] = data
    return found


def read_record(raw: bytes) -> Record:
    """Read the bytes of a record and check them against its hash.

    :param raw: content of a record file.
    :return: the record.
    :raises EvidenceBroken: when the bytes are not a record, or not the ones that were hashed.
    """
    data = read_form(raw)
    if not hash_holds(raw, data):
        raise EvidenceBroken("edited: its content does not match its hash.")
    return Record(**data)


def hash_holds(raw: bytes, data: Mapping[str, Any]) -> bool:
    """Tell whether record bytes are the ones that the hash was made over.

    The canonical text without its ``hash`` and ``signature`` is hashed as it stands. Nothing is written anew, so a
    change of a single space shows, and a chain is verified at the speed of SHA-256.

    :param raw: content of a record file.
    :param data: the fields of the record, read from them.
    :return: True when they match.
    """
    members = [f',"hash":"{data["hash"]}"'.encode()]
    if data["schema"] == SIGNED:
        try:
            members.append(f',"signature":{canonical_json(data["signature"])}'.encode())
        except BadInput:  # not a number, half a character: nothing that a signature holds
            return False
    text = raw[:-1]
    for member in members:
        if text.count(member) != 1:
            return False
        text = text.replace(member, b"")
    return raw.endswith(b"\n") and sha256_bytes(text) == data["hash"]


def check_form(data: Any) -> None:
    """Check that a value has the fields of a record, of a schema that is known here.

    :param data: any value.
    :raises EvidenceBroken: naming what is wrong.
    """
    if not isinstance(data, Mapping):
        raise EvidenceBroken("unreadable: it is not a JSON object.")
    schema = data.get("schema")
    if type(schema) is not int or schema not in _FIELDS:
        raise EvidenceBroken(
            f"unreadable: it has schema {schema!r}, this provider reads {', '.join(map(str, _FIELDS))}. "
            "Upgrade the provider."
        )
    if data.keys() != _FIELDS[schema]:
        wrong = ", ".join(sorted(_FIELDS[schema] ^ data.keys()))
        raise EvidenceBroken(f"unreadable: fields missing or unknown: {wrong}.")
    for name, kind in _TYPES.items():
        if name in data and not isinstance(data[name], kind):
            raise EvidenceBroken(f"unreadable: {name} is a {type(data[name]).__name__}.")
