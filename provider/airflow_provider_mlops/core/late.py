"""Records that an index of their chain knows: what questions of every day ask of them is at hand, the rest is late.

`Late` stands for the body of such a record, its run and its signature. What the index holds it answers at once; for
anything else the record is read, and must be the one that the index names.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_mlops.core.errors import EvidenceBroken
from airflow_provider_mlops.core.record import Record, read_record

Read = Callable[[int], bytes | None]
"""Reads the bytes of a record by its number."""
_PLAIN = ("chain", "seq", "prev_hash", "kind", "key", "mode", "time", "outcome", "hash", "signed_by")


class Late(Mapping[str, Any]):
    """A mapping of a record that is read when more is asked than the index holds.

    :param reader: reads the record.
    :param seq: its number.
    :param part: which mapping of it: ``body``, ``run`` or ``signature``.
    :param known: names of which the index says whether they are there.
    :param facts: those of them that are there, with their values.
    :param left: those that are there with values too long for an index.
    :param summary: what the index holds besides, derived from the mapping; None for nothing.
    """

    # One object and no more: a long chain has tens of thousands, and Python's collector looks at each again and again.
    __slots__ = ("_part", "_reader", "_seq", "facts", "known", "left", "summary")

    def __init__(
        self,
        reader: "LateReader",
        seq: int,
        part: str,
        known: frozenset[str] = frozenset(),
        facts: Mapping[str, Any] | None = None,
        left: Sequence[str] = (),
        summary: Mapping[str, Any] | None = None,
    ) -> None:
        self._reader = reader
        self._seq = seq
        self._part = part
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

    def _whole(self) -> Mapping[str, Any]:
        whole: Mapping[str, Any] = getattr(self._reader.whole(self._seq), self._part)
        return whole


class LateReader:
    """Reads the records of a chain that its index knows, when they are needed, each once.

    :param read: reads the bytes of a record by its number.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self._read_before: dict[int, Record] = {}
        self.known: list[Record] = []
        """What the index says of each record, from the first one on."""

    def whole(self, seq: int) -> Record:
        """Read a record, and prove it against the index.

        :param seq: its number.
        :return: the record.
        :raises EvidenceBroken: when it is missing, was edited, or is not what the index says.
        """
        if (found := self._read_before.get(seq)) is None:
            found = self._read_before[seq] = self._proved(self.known[seq - 1])
        return found

    def _proved(self, known: Record) -> Record:
        raw = self._read(known.seq)
        if raw is None:
            raise _broken(known, "missing: the index of the ledger names it.")
        try:
            found = read_record(raw)
        except EvidenceBroken as err:
            raise _broken(known, str(err)) from None
        if found.hash != known.hash:
            raise _broken(known, "edited: its hash is another one than the index of the ledger names.")
        if any(getattr(found, name) != getattr(known, name) for name in _PLAIN) or _differs(known.body, found.body):
            raise _broken(known, "not what the index of the ledger says of it; delete that index, it is made anew.")
        return found


def _differs(late: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    return isinstance(late, Late) and any(
        (name in body) != (name in late) or (name in late.facts and body[name] != late.facts[name])
        for name in late.known
    )


def _broken(record: Record, problem: str) -> EvidenceBroken:
    return EvidenceBroken(
        f"{record.chain}/{record.seq:08d}.json: {problem} Run `airflow mlops ledger verify {record.chain}`, which "
        "names what is wrong, and restore the record from a copy where it was edited."
    )
