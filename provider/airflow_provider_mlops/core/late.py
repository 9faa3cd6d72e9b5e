"""Records that an index of their chain knows: what questions of every day ask of them is at hand, the rest is late.

`Late` stands for the body of such a record, its run and its signature. What the index holds it answers at once; for
anything else the record is read, and must be the one that the index names.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from airflow_provider_mlops.core.errors import EvidenceBroken
from airflow_provider_mlops.core.record import Record, read_record

Read = Callable[[int], bytes | None]
"""Reads the bytes of a record by its number."""
_PLAIN = ("chain", "seq", "prev_hash", "kind", "key", "mode", "time", "outcome", "hash", "signed_by")


class Late(Mapping[str, Any]):
    """A mapping of a record that is read when more is asked than the index holds.

    :param whole: reads it all.
    :param known: names of which the index says whether they are there.
    :param facts: those of them that are there, with their values.
    :param left: those that are there with values too long for an index.
    :param summary: what the index holds besides, derived from the mapping; None for nothing.
    """

    __slots__ = ("_whole", "facts", "known", "left", "summary")

    def __init__(
        self,
        whole: Callable[[], Mapping[str, Any]],
        known: frozenset[str] = frozenset(),
        facts: Mapping[str, Any] | None = None,
        left: tuple[str, ...] = (),
        summary: Mapping[str, Any] | None = None,
    ) -> None:
        self._whole = whole
        self.known = known
        self.facts = facts or {}
        self.left = left
        self.summary = summary

    def __getitem__(self, name: str) -> Any:
        """Return a member, from the index where it holds it."""
        if name in self.facts:
            return self.facts[name]
        if name in self.known and name not in self.left:
            raise KeyError(name)
        return self._whole()[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a member, or the default; no exception is raised for the many that have none."""
        if name in self.facts:
            return self.facts[name]
        if name in self.known and name not in self.left:
            return default
        return self._whole().get(name, default)

    def __contains__(self, name: object) -> bool:
        """Tell whether there is a member of that name."""
        if name in self.known:
            return name in self.facts or name in self.left
        return name in self._whole()

    def __iter__(self) -> Iterator[str]:
        """Walk through the names of all members."""
        return iter(self._whole())

    def __len__(self) -> int:
        """Count all members."""
        return len(self._whole())

    def __repr__(self) -> str:
        """Show what is at hand; nothing is read for it."""
        return f"Late({dict(self.facts)!r}, ...)"

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        """A copy, also one that is pickled, is a plain dictionary."""
        return dict, (dict(self._whole()),)


class Opened:
    """One record that is read when it is needed, once.

    :param read: reads its bytes.
    :param where: the index, for people.
    """

    __slots__ = ("_read", "_where", "_whole", "record")

    record: Record

    def __init__(self, read: Read, where: str) -> None:
        self._read = read
        self._where = where
        self._whole: Record | None = None

    def body(self) -> Mapping[str, Any]:
        """Return the body."""
        return self.whole().body

    def run(self) -> Mapping[str, Any]:
        """Return the run."""
        return self.whole().run

    def signature(self) -> Mapping[str, Any]:
        """Return the signature."""
        return self.whole().signature or {}

    def whole(self) -> Record:
        """Read the record, and prove it against the index.

        :return: the record.
        :raises EvidenceBroken: when it is missing, was edited, or is not what the index says.
        """
        if self._whole is None:
            self._whole = self._proved()
        return self._whole

    def _proved(self) -> Record:
        known = self.record
        raw = self._read(known.seq)
        if raw is None:
            raise self._broken("missing: the index of the ledger names it.")
        try:
            found = read_record(raw)
        except EvidenceBroken as err:
            raise self._broken(str(err)) from None
        if found.hash != known.hash:
            raise self._broken("edited: its hash is another one than the index of the ledger names.")
        body = known.body
        told = isinstance(body, Late) and any(
            (name in found.body) != (name in body) or (name in body.facts and found.body[name] != body.facts[name])
            for name in body.known
        )
        if told or any(getattr(found, name) != getattr(known, name) for name in _PLAIN):
            raise self._broken(f"not what the index {self._where} says of it; delete that index, it is made anew.")
        return found

    def _broken(self, problem: str) -> EvidenceBroken:
        chain, seq = self.record.chain, self.record.seq
        return EvidenceBroken(
            f"{chain}/{seq:08d}.json: {problem} Run `airflow mlops ledger verify {chain}`, "
            "and restore the record from a copy where it says so."
        )
