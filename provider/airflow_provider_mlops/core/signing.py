"""What a signature of a record says, and whether it says it of this record: DSSE around an in-toto statement.

Nothing here knows a cryptographic library: whoever holds a key gives it as `Signer` or `PublicKey`.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from airflow_provider_mlops.core.canonical import PREFIX, canonical_json
from airflow_provider_mlops.core.errors import EvidenceBroken

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:airflow-provider-mlops:ledger-record:v1"
EXPORT_TYPE = "urn:airflow-provider-mlops:ledger-export:v1"
INDEX_TYPE = "urn:airflow-provider-mlops:ledger-index:v1"
_ABOUT = ("chain", "seq", "prev_hash", "kind", "key", "mode", "time", "outcome")
CHECKED = (*_ABOUT, "hash", "signed_by", "signature")
# Members of a body that name a snapshot, a model or an evaluation by the hash of its content.
_SUBJECTS = frozenset(
    {
        "snapshot_id",
        "accepted_snapshot_id",
        "reference_snapshot_ids",
        "model_digest",
        "manifest_hash",
        "evaluation_id",
        "scores_id",
    }
)
_HASH = re.compile(rf"{PREFIX}[0-9a-f]{{64}}")


class PublicKey(Protocol):
    """A key that checks signatures."""

    @property
    def id(self) -> str:
        """SHA-256 of the public key in its DER form."""
        ...

    @property
    def pem(self) -> str:
        """The public key as text."""
        ...

    def holds(self, message: bytes, signature: bytes) -> bool:
        """Tell whether this key made the signature of this message.

        :param message: what was signed.
        :param signature: the signature.
        """
        ...


class Signer(Protocol):
    """A key that signs."""

    @property
    def public(self) -> PublicKey:
        """Its public half."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Sign.

        :param message: what to sign.
        :return: the signature.
        """
        ...


def sign_record(data: Mapping[str, Any], signer: Signer) -> dict[str, Any]:
    """Sign a record.

    :param data: its fields with its hash, without its signature.
    :param signer: the key.
    :return: DSSE envelope, JSON-safe.
    """
    subjects = [_own_subject(data), *_named(data["body"])]
    return _envelope(PREDICATE_TYPE, subjects, {name: data[name] for name in _ABOUT}, signer)


def sign_export(name: str, digest: str, about: Mapping[str, Any], signer: Signer) -> dict[str, Any]:
    """Sign the index of an export.

    :param name: its name.
    :param digest: its hash.
    :param about: what the export is of.
    :param signer: the key.
    :return: DSSE envelope, JSON-safe.
    """
    return _envelope(EXPORT_TYPE, [_subject(name, digest)], about, signer)


def sign_index(about: Mapping[str, Any], digest: str, signer: Signer) -> dict[str, Any]:
    """Sign a block of a chain's index.

    :param about: what it is of: ``chain``, ``first``, ``last`` and more.
    :param digest: its hash.
    :param signer: the key.
    :return: DSSE envelope, JSON-safe.
    """
    return _envelope(INDEX_TYPE, [_index_subject(about, digest)], about, signer)


def index_signed(envelope: Any, about: Mapping[str, Any], digest: str, key: PublicKey) -> bool:
    """Tell whether a key signed a block of a chain's index.

    :param envelope: what stands in the place of the signature.
    :param about: as `sign_index` takes it.
    :param digest: hash of the block as it is now.
    :param key: the key.
    """
    payload = _payload(INDEX_TYPE, [_index_subject(about, digest)], about)
    try:
        (signature,) = envelope["signatures"]
        same = _bytes(envelope["payload"]) == payload and envelope["payloadType"] == PAYLOAD_TYPE
        return same and key.holds(_encoded(payload), _bytes(signature["sig"]))
    except (ValueError, TypeError, KeyError, LookupError):
        return False


def _index_subject(about: Mapping[str, Any], digest: str) -> dict[str, Any]:
    return _subject(f"{about['chain']}/{about['first']:08d}-{about['last']:08d}", digest)


def _payload(predicate_type: str, subjects: Sequence[Mapping[str, Any]], predicate: Mapping[str, Any]) -> bytes:
    statement = {
        "_type": STATEMENT_TYPE,
        "predicateType": predicate_type,
        "subject": subjects,
        "predicate": predicate,
    }
    return canonical_json(statement).encode()


def _envelope(
    predicate_type: str, subjects: Sequence[Mapping[str, Any]], predicate: Mapping[str, Any], signer: Signer
) -> dict[str, Any]:
    payload = _payload(predicate_type, subjects, predicate)
    signature = {"keyid": signer.public.id, "sig": _base64(signer.sign(_encoded(payload)))}
    return {"payload": _base64(payload), "payloadType": PAYLOAD_TYPE, "signatures": [signature]}


def check_signature(data: Mapping[str, Any], key: PublicKey | None) -> None:
    """Check that the envelope in a record is about this record, and signed by a key.

    :param data: the fields `CHECKED` of the record; its hash was checked.
    :param key: the key that the record names; None when it is not at hand: then only the content is compared.
    :raises EvidenceBroken: when the envelope is not one, or says something else, or another key signed it.
    """
    envelope, key_id = data["signature"], data["signed_by"]
    try:
        payload, (signature,) = _bytes(envelope["payload"]), envelope["signatures"]
        matches = (
            envelope["payloadType"] == PAYLOAD_TYPE
            and signature["keyid"] == key_id
            and _says(json.loads(payload), data)
        )
        signed = key is None or key.holds(_encoded(payload), _bytes(signature["sig"]))
    except (ValueError, TypeError, KeyError, LookupError, RecursionError):
        raise EvidenceBroken("forged: its signature is not a DSSE envelope with an in-toto statement.") from None
    if not matches:
        raise EvidenceBroken("forged: its signature is that of something else.")
    if not signed:
        raise EvidenceBroken(f"forged: key {short(key_id)} did not make its signature.")


def short(key_id: str) -> str:
    """Return the start of a key's id, enough for people.

    :param key_id: the id.
    """
    return key_id[: len(PREFIX) + 12]


def _says(statement: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    """The further subjects follow from the record's body, which its hash covers; a later release may name more."""
    return bool(
        statement["_type"] == STATEMENT_TYPE
        and statement["predicateType"] == PREDICATE_TYPE
        and statement["subject"][0] == _own_subject(data)
        and statement["predicate"] == {name: data[name] for name in _ABOUT}
    )


def _own_subject(data: Mapping[str, Any]) -> dict[str, Any]:
    return _subject(f"{data['chain']}/{data['seq']:08d}", data["hash"])


def _subject(name: str, digest: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": digest.removeprefix(PREFIX)}}


def _named(value: Any, path: str = "", *, counts: bool = False) -> Iterator[dict[str, Any]]:
    """Yield what a body names by hash; the name of a subject is its place in the body."""
    if isinstance(value, Mapping):
        for name in sorted(value):
            yield from _named(value[name], f"{path}.{name}" if path else name, counts=name in _SUBJECTS)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _named(item, f"{path}[{index}]", counts=counts)
    elif counts and isinstance(value, str) and _HASH.fullmatch(value):
        yield _subject(path, value)


def _encoded(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: what is signed."""
    return b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as err:
        raise ValueError from err
