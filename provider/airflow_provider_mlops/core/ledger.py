"""The append-only, hash-chained list of the records of one model or one dataset.

A chain is a folder with one object per record: ``<root>/model/flight_delays/00000001.json``. Each record holds the hash
of the one before it, so that a later edit, removal or exchange shows (`Ledger.verify`). What a chain cannot show by
itself is that its newest records were cut off: for that, compare its last hash with one that was kept elsewhere.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from airflow_provider_mlops.core.chain import ChainReport, check_chain, examine, record_name, record_numbers
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.index_check import IndexCheck
from airflow_provider_mlops.core.index_records import indexed_records
from airflow_provider_mlops.core.ledger_index import BLOCK, collecting_later, write_blocks
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.record import Record, read_record, write_record
from airflow_provider_mlops.core.store import Store, open_store
from airflow_provider_mlops.core.trust import ChainTrust, Keys
from airflow_provider_mlops.core.verdict import Outcome

__all__ = ["Ledger", "Record"]

_MISSING = object()


class Ledger:
    """One chain of records: any number of processes append to it, none can fork it.

    Records that were read stay in memory and only new ones are read, so keep the instance while you work; it belongs
    to one thread.

    :param root: folder of all chains, created with the first record; or the store that holds them.
    :param chain: name of the chain, e.g. ``model/flight_delays``.
    :param keys: the key that signs, and those that are trusted.
    :param by_index: whether old records are taken from the chain's index where there is one, and read only when more
        is asked of them than it holds. It makes the index grow, too. Answers are the same; an edit of an old record is
        found when that record is read, and by `verify`.
    :raises BadInput: when the name is not one of a chain, or the root is an address and not a folder.
    """

    def __init__(
        self, root: Path | str | Store, chain: str, keys: Keys | None = None, *, by_index: bool = False
    ) -> None:
        self.store = open_store(root)
        self.chain = check_chain(chain)
        self.keys = keys or Keys()
        self.by_index = by_index
        self._trust = ChainTrust(self.keys)
        self._records: list[Record] = []
        self._decisions: dict[tuple[str, str, str], Record] = {}
        self._listed: int | None = None

    @property
    def root(self) -> Path:
        """The folder of all chains; of a ledger in a local folder only."""
        return Path(self.store.root)

    @property
    def folder(self) -> Path:
        """The folder of this chain; of a ledger in a local folder only."""
        return self.root / self.chain

    def append(
        self,
        *,
        kind: str,
        key: str,
        body: Mapping[str, Any],
        run: Mapping[str, Any] | None = None,
        mode: str = "live",
        outcome: str | None = None,
        unless: Callable[[Sequence[Record]], Record | None] | None = None,
    ) -> Record:
        """Add a record, unless this decision has one: then return that one.

        :param kind: what was decided or done, e.g. ``gate``.
        :param key: content hash of what was decided on; kind, key and mode name the decision.
        :param body: what was decided, on which inputs; JSON-safe.
        :param run: which task of which run decided; JSON-safe.
        :param mode: ``live``, ``audit`` or ``dry_run``.
        :param outcome: ``PASS``, ``FAIL``, ``INCONCLUSIVE``, or None where nothing was judged.
        :param unless: compare-and-set: gets the records as they stand right before this one is added, and returns the
            one that forbids it, or None. No other record can come in between.
        :return: the record as the ledger holds it: the new one, the one that was there first, or the one that forbids
            it.
        :raises BadInput: when an argument is wrong, the ledger cannot be written, or the key may not sign here.
        :raises EvidenceBroken: when the chain is broken: nothing is added to it then.
        :raises TransientError: when the disk is full or failing, or S3 cannot be reached.
        """
        decision = _decision(kind, key, mode)
        checked = _outcome(outcome)
        if self._listed is None:
            self.store.tidy(self.chain)
        while True:
            self._read_new()
            if (found := self._decisions.get(decision)) is not None:
                return found
            if unless is not None and (found := unless(list(self._records))) is not None:
                return found
            self._trust.may_append(self.keys.signer, kind, body)
            raw = write_record(
                chain=self.chain,
                seq=len(self._records) + 1,
                prev_hash=self._records[-1].hash if self._records else None,
                kind=decision[0],
                key=decision[1],
                mode=decision[2],
                outcome=checked,
                body=body,
                run=run or {},
                signer=self.keys.signer,
            )
            if not self._records:
                self.store.prepare(self.chain)
            if self.store.create(self._name(len(self._records) + 1), raw):
                return self._take(raw)

    def records(self, kind: str | None = None) -> list[Record]:
        """Return the records in order, each checked against its hash and its predecessor.

        :param kind: only those of this kind; all when None.
        :return: the records, oldest first; empty when the chain does not exist.
        :raises EvidenceBroken: naming the first file that is not what was recorded.
        """
        self._read_new()
        return [record for record in self._records if kind is None or record.kind == kind]

    def find(self, *, kind: str, key: str, mode: str = "live") -> Record | None:
        """Return the record of a decision.

        :param kind: what was decided or done.
        :param key: content hash of what was decided on.
        :param mode: the mode it was decided in.
        :return: the record, None when there is none.
        :raises EvidenceBroken: when the chain is broken.
        """
        self._read_new()
        return self._decisions.get(_decision(kind, key, mode))

    def latest(self, *, kind: str, mode: str | None = "live", **body_equals: Any) -> Record | None:
        """Return the newest record of a kind whose body holds the given values.

        :param kind: what was decided or done.
        :param mode: the mode it was decided in; any when None.
        :param body_equals: members of the body that must be present and equal, e.g. ``partition_key="2013-01"``.
        :return: the record, None when there is none.
        :raises EvidenceBroken: when the chain is broken.
        """
        self._read_new()
        for record in reversed(self._records):
            if (
                record.kind == kind
                and (mode is None or record.mode == mode)
                and all(record.body.get(name, _MISSING) == value for name, value in body_equals.items())
            ):
                return record
        return None

    def read_whole(self) -> None:
        """Read every record from now on, where old ones were taken from the index: before an alias is moved by them.

        Records that were handed out before stay as they are: ask again.
        """
        if self.by_index:
            self.by_index, self._listed = False, None
            self._trust, self._records, self._decisions = ChainTrust(self.keys), [], {}

    def verify(self) -> list[str]:
        """Read the whole chain again and say what is wrong: edited, missing, moved, forked, unreadable, forged, extra.

        Records cut off the end cannot be missed by the chain itself: compare ``records()[-1].hash`` with one kept
        elsewhere.

        :return: one sentence per problem, each naming the record; empty when the chain is intact.
        """
        return self.examine().problems

    def examine(self) -> ChainReport:
        """Read the whole chain again, as `verify` does, and say how much there is and who signed it too.

        :return: what was found.
        """
        index = IndexCheck(self.store, self.chain)
        report = examine(self.store, self.chain, self.keys, index.see)
        return replace(report, problems=[*report.problems, *index.found()])

    def _read_new(self) -> None:
        if self._listed is None:
            self._listed = self._read_listed()
        while (raw := self.store.read(self._name(len(self._records) + 1))) is not None:
            self._take(raw)
        if len(self._records) < self._listed:
            raise self._broken(len(self._records) + 1, "missing: later records exist.")

    def _read_listed(self) -> int:
        numbers, _ = record_numbers(self.store.names(self.chain))
        last = numbers[-1] if numbers else 0
        # A number far out, which someone made up, must not become a list of that length.
        gap = next((seq for seq, number in enumerate(numbers, 1) if seq != number), last + 1)
        if self.by_index:
            with collecting_later():
                if (indexed := indexed_records(self.store, self.chain, self.keys, gap - 1)) is not None:
                    self._trust, self._records = indexed
                    self._decisions = {(record.kind, record.key, record.mode): record for record in self._records}
        known = len(self._records)
        for raw in self.store.read_all(self._name(seq) for seq in range(len(self._records) + 1, gap)):
            if raw is None:
                break
            self._take(raw)
        if self.by_index and len(self._records) == last >= known + BLOCK:
            self._write_index()
        return last

    def _write_index(self) -> None:
        signer = self.keys.signer
        if signer is None and self._trust.signed:
            return
        write_blocks(self.store, self.chain, signer, self._records)

    def _name(self, seq: int) -> str:
        return f"{self.chain}/{record_name(seq)}"

    def _take(self, raw: bytes) -> Record:
        seq = len(self._records) + 1
        try:
            record = read_record(raw)
        except EvidenceBroken as err:
            raise self._broken(seq, str(err)) from None
        if (record.chain, record.seq) != (self.chain, seq):
            raise self._broken(seq, f"moved: it holds record {record.seq} of {record.chain}.")
        if record.prev_hash != (self._records[-1].hash if self._records else None):
            raise self._broken(seq, "wrong prev_hash: it does not follow the record before it.")
        try:
            self._trust.take(record)
        except EvidenceBroken as err:
            raise self._broken(seq, str(err)) from None
        self._records.append(record)
        self._decisions[record.kind, record.key, record.mode] = record
        return record

    def _broken(self, seq: int, problem: str) -> EvidenceBroken:
        return EvidenceBroken(
            f"{self.store.root}/{self._name(seq)}: {problem} Run `airflow mlops ledger verify {self.chain}`, "
            "and restore the record from a copy."
        )


def _decision(kind: str, key: str, mode: str) -> tuple[str, str, str]:
    if not kind or not key:
        raise BadInput(f"A record needs a kind and a key; got kind {kind!r} and key {key!r}.")
    try:
        return kind, key, Mode(mode).value
    except ValueError:
        raise BadInput(f"Mode {mode!r} is not one of: {', '.join(m.value for m in Mode)}.") from None


def _outcome(outcome: str | None) -> str | None:
    try:
        return None if outcome is None else Outcome(outcome).value
    except ValueError:
        raise BadInput(f"Outcome {outcome!r} is not one of: {', '.join(o.value for o in Outcome)}, or None.") from None
