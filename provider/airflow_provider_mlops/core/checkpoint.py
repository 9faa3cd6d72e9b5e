"""The newest record of a chain, kept in another place: what shows that the chain was cut."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_mlops.core.errors import EvidenceBroken

_TEXT = re.compile(r"([1-9][0-9]{0,17}) (sha256:[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Number and hash of a record that a chain must hold from now on.

    :param seq: the record's place in the chain.
    :param hash: the record's hash.
    """

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq} {self.hash}"

    @classmethod
    def from_text(cls, text: str) -> "Checkpoint":
        """Read what `str` writes.

        :param text: the text.
        :return: the checkpoint.
        :raises EvidenceBroken: when it is something else.
        """
        found = _TEXT.fullmatch(text)
        if found is None:
            raise EvidenceBroken(f"The checkpoint {text[:80]!r} is not a number and a hash: it was changed.")
        return cls(int(found[1]), found[2])

    def problem(self, hashes: Mapping[int, str], source: str = "the checkpoint names") -> str | None:
        """Say why a chain does not hold this record.

        :param hashes: hash of each record of the chain by its number.
        :param source: what says that it must.
        :return: what is wrong, after the record's name; None when the chain holds it.
        """
        if self.seq not in hashes:
            return f"cut off: {source} this record, the chain has {len(hashes)}."
        if hashes[self.seq] != self.hash:
            return f"rewritten: {source} another hash of it."
        return None
