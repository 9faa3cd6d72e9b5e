"""Which snapshots are no longer there, by which record, and what stands in their place."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core.canonical import PREFIX
from airflow_provider_mlops.core.record import Record

ERASED, PRUNED = "erased", "pruned"
_ID_LENGTH = len(PREFIX) + 64


@dataclass(frozen=True, slots=True)
class Gone:
    """A snapshot that was removed for a recorded reason.

    :param snapshot_id: the snapshot.
    :param how: ``erased`` (rows of it were erased) or ``pruned`` (nothing needed it any more).
    :param record: hash of the record that says so.
    :param time: when it was recorded, ISO 8601.
    :param replaced_by: the snapshot with the rows that are left; None when there is none.
    :param rows: how many rows were erased.
    :param seq: place of the record in its chain.
    """

    snapshot_id: str
    how: str
    record: str
    time: str
    replaced_by: str | None = None
    rows: int = 0
    seq: int = 0

    def why(self) -> str:
        """Say in one sentence what became of the snapshot, and the way out."""
        day = self.time[:10]
        if self.how == PRUNED:
            return (
                f"Snapshot {self.snapshot_id} was pruned on {day} (record {self.record}): nothing needed it then. "
                "Take the partition again."
            )
        left = f"the rest is snapshot {self.replaced_by}" if self.replaced_by else "no row is left"
        return (
            f"Snapshot {self.snapshot_id} differs by {self.rows:,} lawfully erased rows since {day} "
            f"(record {self.record}); {left}."
        )


def gone_snapshots(records: Iterable[Record]) -> dict[str, Gone]:
    """Find the snapshots that erasures and prunings removed, and that were not taken again.

    Several processes may plan at the same time on the same records. The order of the ledger decides: an erasure that
    names a snapshot which is already gone is void as a whole, and so is each part of a pruning that was recorded
    after something else had named the snapshot anew.

    :param records: records of a dataset's ledger, oldest first.
    :return: by snapshot id.
    """
    found: dict[str, Gone] = {}
    before: list[Record] = []
    for record in records:
        if record.mode == "live":
            if record.kind == "erasure":
                _erase(record, found)
            elif record.kind == "pruning":
                _prune(record, found, _named_since(record.body["planned_on"], before))
            elif record.kind == "snapshot":
                _stored_again(record.body["snapshot_id"], found)
        before.append(record)
    return found


def is_void(record: Record, gone: Mapping[str, Gone]) -> bool:
    """Whether an erasure lost to one that was recorded before it.

    :param record: an ``erasure`` record of a dataset's ledger.
    :param gone: as `gone_snapshots` finds it in that ledger.
    """
    found = (gone.get(item["snapshot_id"]) for item in record.body["snapshots"])
    return any(lost is None or lost.record != record.hash for lost in found)


def judged_too_late(record: Record, gone: Mapping[str, Gone]) -> bool:
    """Whether a validation read a snapshot that rows had been erased from before it was recorded.

    What it accepted may hold these rows. Whoever erased has recorded what is accepted in its place.

    :param record: a ``validation`` record of a dataset's ledger.
    :param gone: as `gone_snapshots` finds it in that ledger.
    """
    lost = gone.get(record.body["snapshot_id"])
    return lost is not None and lost.how == ERASED and lost.seq < record.seq


def successor(gone: Mapping[str, Gone], snapshot_id: str | None) -> str | None:
    """Follow erasures to the snapshot that holds what is left.

    :param gone: as `gone_snapshots` finds it.
    :param snapshot_id: a snapshot, gone or not.
    :return: the snapshot that stands in its place, itself when it is there; None when no row is left or it was pruned.
    """
    seen: set[str] = set()
    while snapshot_id is not None and snapshot_id in gone:
        if snapshot_id in seen:
            return None
        seen.add(snapshot_id)
        snapshot_id = gone[snapshot_id].replaced_by
    return snapshot_id


def end_of(gone: Mapping[str, Gone], lost: Gone) -> Gone:
    """Follow erasures to where they end: at a snapshot that was pruned, at one that is there, or at no row.

    :param gone: as `gone_snapshots` finds it.
    :param lost: a snapshot that is gone.
    :return: the last one that is gone.
    """
    seen = set()
    while lost.replaced_by is not None and lost.replaced_by in gone and lost.snapshot_id not in seen:
        seen.add(lost.snapshot_id)
        lost = gone[lost.replaced_by]
    return lost


def erasures_of(gone: Mapping[str, Gone], snapshot_ids: Iterable[str]) -> list[Gone]:
    """List what was erased from snapshots since they were taken, over all rewritings.

    :param gone: as `gone_snapshots` finds it.
    :param snapshot_ids: the snapshots.
    :return: one entry per rewriting; their ``rows`` add up.
    """
    found: dict[str, Gone] = {}
    for snapshot_id in snapshot_ids:
        lost = gone.get(snapshot_id)
        while lost is not None and lost.how == ERASED and lost.snapshot_id not in found:
            found[lost.snapshot_id] = lost
            lost = gone.get(lost.replaced_by or "")
    return list(found.values())


def replaced_scores(records: Iterable[Record]) -> dict[str, str | None]:
    """Find the stored scores of which erased rows were taken out.

    :param records: records of a model's ledger.
    :return: id of the scores then to id of the scores now; None where no row is left.
    """
    return {
        item["scores_id"]: item["replaced_by"]
        for record in records
        if record.kind == "erasure" and record.mode == "live"
        for item in record.body["scores"]
    }


def ids_in(value: Any) -> Iterator[str]:
    """Yield every hash that a JSON value names, wherever it stands: newer records may name snapshots in new places.

    :param value: JSON-safe value.
    """
    if isinstance(value, str):
        if len(value) == _ID_LENGTH and value.startswith(PREFIX):
            yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from ids_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from ids_in(item)


def _erase(record: Record, found: dict[str, Gone]) -> None:
    items = record.body["snapshots"]
    if any(item["snapshot_id"] in found for item in items):
        return
    for item in items:
        found[item["snapshot_id"]] = Gone(
            snapshot_id=item["snapshot_id"],
            how=ERASED,
            record=record.hash,
            time=record.time,
            replaced_by=item["replaced_by"],
            rows=int(item["rows_erased"]),
            seq=record.seq,
        )
    for item in items:
        _stored_again(item["replaced_by"], found)


def _named_since(planned_on: str | None, before: Sequence[Record]) -> set[str]:
    """Collect what was named after a pruning was planned: of a long ledger the newest few records are looked into."""
    named: set[str] = set()
    for record in reversed(before):
        if record.hash == planned_on:
            break
        if record.mode == "live" and record.kind not in ("erasure", "pruning"):
            named.update(ids_in(record.body))
    return named


def _prune(record: Record, found: dict[str, Gone], named_since: set[str]) -> None:
    for item in record.body["snapshots"]:
        snapshot_id = item["snapshot_id"]
        if snapshot_id not in found and snapshot_id not in named_since:
            found[snapshot_id] = Gone(snapshot_id, PRUNED, record.hash, record.time, seq=record.seq)


def _stored_again(snapshot_id: str | None, found: dict[str, Gone]) -> None:
    """A pruned snapshot is there again once somebody stored the same rows; an erased one must not come back."""
    lost = found.get(snapshot_id or "")
    if lost is not None and lost.how == PRUNED:
        del found[lost.snapshot_id]
