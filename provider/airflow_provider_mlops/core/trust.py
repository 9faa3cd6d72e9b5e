"""Whose signatures count in a chain: the keys that are trusted, and what the chain itself says of them."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken, MLOpsError
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.signing import CHECKED, PublicKey, Signer, check_signature, short

ROTATION = "key_rotation"


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys at hand when a ledger is opened.

    :param signer: the key that signs new records; None: they are not signed.
    :param trusted: public keys by their id; the signer's own is one of them. None at all: signatures are not checked.
    :param read: reads a public key from its text, as records of rotations hold it; raises BadInput.
    """

    signer: Signer | None = None
    trusted: Mapping[str, PublicKey] = field(default_factory=dict)
    read: Callable[[str], PublicKey] | None = None


class UnknownKey(EvidenceBroken):
    """Raised when nobody at hand trusts the key that signed a record.

    :param key_id: the key.
    """

    def __init__(self, key_id: str) -> None:
        super().__init__(
            f"unknown key: it is signed by key {key_id}. If you trust that key, add it to the public keys."
        )
        self.key_id = key_id


class ChainTrust:
    """What a chain's records say of keys, read from its first record on.

    Once a record is signed, all later ones must be. A record ``key_rotation``, signed by the old key, brings the new
    one; the old key signs nothing after it.

    :param keys: the keys at hand.
    """

    def __init__(self, keys: Keys) -> None:
        self._known = dict(keys.trusted)
        self._read = keys.read
        self._retired: dict[str, int] = {}
        self.checked = bool(keys.trusted)
        self.signed: Counter[str] = Counter()

    def take(self, record: Record, *, vouched: bool = False) -> None:
        """Check the next record, and learn from it.

        :param record: the record; its hash and its place were checked.
        :param vouched: whether an index vouches for its signature: then that is not checked again, whose it may be is.
        :raises EvidenceBroken: when it is not signed though it must be, or not by a key that counts.
        """
        if record.signed_by is None:
            if self.signed:
                raise EvidenceBroken("not signed: earlier records of this chain are.")
            return
        key_id = record.signed_by
        self.signed[key_id] += 1  # also when it is refused below: whoever signs badly does not end the duty to sign
        if key_id in self._retired:
            replaced = f"which record {self._retired[key_id]} replaced"
            raise EvidenceBroken(f"retired key: it is signed by key {short(key_id)}, {replaced}.")
        key = self._known.get(key_id)
        # Without the key at least what was signed is compared with the record.
        if not vouched:
            check_signature({name: getattr(record, name) for name in CHECKED}, key)
        unknown = key is None and self.checked
        if record.kind == ROTATION and record.mode == Mode.LIVE:
            self._rotate(record, learn=not unknown)
        if unknown:
            raise UnknownKey(key_id)

    def may_append(self, signer: Signer | None, kind: str, body: Mapping[str, Any]) -> None:
        """Check that the next record may be signed by a key, or go without; nothing that breaks the chain is written.

        :param signer: the key, or None.
        :param kind: kind of the record.
        :param body: its body.
        :raises BadInput: when the chain would be broken by it.
        """
        if signer is None:
            if self.signed or kind == ROTATION:
                raise BadInput("The records of this chain are signed: give the ledger's connection its signing key.")
            return
        if (seq := self._retired.get(signer.public.id)) is not None:
            raise BadInput(
                f"Record {seq} replaced the key {short(signer.public.id)}: put the new signing key into the ledger's "
                "connection, and this one's public key into its public_keys."
            )
        if kind == ROTATION:
            try:
                self._new_key(body, signer.public.id)
            except EvidenceBroken as err:
                raise BadInput(f"This is no record of a rotation: {err}") from None

    def _rotate(self, record: Record, *, learn: bool) -> None:
        """Retire the old key; the new one counts only if one that counts has named it."""
        new = self._new_key(record.body, str(record.signed_by))
        if new is not None and learn:
            self._known[new.id] = new
        self._retired[str(record.signed_by)] = record.seq

    def _new_key(self, body: Mapping[str, Any], signed_by: str) -> PublicKey | None:
        """Return the key that a rotation brings; None when no library is at hand that reads it."""
        try:
            old, new = body["old_key_id"], body["new_key_id"]
            key = self._read(body["public_key"]) if self._read is not None else None
        except (KeyError, MLOpsError):
            raise EvidenceBroken("forged: it is not the rotation of a key.") from None
        if old != signed_by or new == old or (key is not None and key.id != new):
            raise EvidenceBroken("forged: the rotation names other keys than it holds.")
        return key
