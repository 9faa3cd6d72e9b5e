"""Which snapshots may be removed, and why each of the others stays."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.evidence import accepted_snapshots
from airflow_provider_mlops.core.gone import gone_snapshots, ids_in, successor
from airflow_provider_mlops.core.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A snapshot as it lies in the storage.

    :param snapshot_id: its id.
    :param partition_keys: the partitions that it stands for, as its manifest says.
    :param rows: its rows; None when its manifest cannot be read.
    :param bytes: size of its files; None when its manifest cannot be read.
    :param names: hashes that its manifest names: members of a window, the snapshot it was made from.
    :param folder: ``snapshots``, or ``quarantine`` where rows that were set aside lie.
    """

    snapshot_id: str
    partition_keys: tuple[str, ...] = ()
    rows: int | None = None
    bytes: int | None = None
    names: frozenset[str] = frozenset()
    folder: str = "snapshots"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What may go if nothing needs it: exactly one of the two.

    :param keep: all but the snapshots of the newest partitions; how many partitions to keep.
    :param older_than_days: all that were taken more than so many days ago.
    :param audit_days: days for which an audit counts as open after its last record.
    """

    keep: int | None = None
    older_than_days: float | None = None
    audit_days: float = 30.0

    def __post_init__(self) -> None:
        if (self.keep is None) == (self.older_than_days is None):
            raise BadInput("Say what may go: keep=N (newest partitions stay) or older_than_days=DAYS, one of the two.")
        if self.keep is not None and self.keep < 1:
            raise BadInput(f"keep={self.keep} must be at least 1: the newest partition always stays.")
        for name in ("older_than_days", "audit_days"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 36_500:
                raise BadInput(f"{name}={value} must be a number of days from 0 to 36500.")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-safe form that a record keeps."""
        return {"keep": self.keep, "older_than_days": self.older_than_days, "audit_days": self.audit_days}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pruning would do.

    :param remove: the snapshots that nothing needs.
    :param kept: for every other snapshot why it stays, at least one reason.
    :param partitions: of each snapshot the newest partition that it stands for, None where nothing says one.
    """

    remove: tuple[Stored, ...]
    kept: dict[str, list[str]] = field(default_factory=dict)
    partitions: dict[str, str | None] = field(default_factory=dict)


def plan_pruning(
    stored: Sequence[Stored],
    records: Sequence[Record],
    needed: Mapping[str, Sequence[str]],
    rule: Rule,
    *,
    now: datetime | None = None,
) -> Plan:
    """Decide what goes.

    :param stored: every snapshot of the dataset that lies in the storage.
    :param records: records of the dataset's ledger, oldest first.
    :param needed: by id, why models need it (`core.retention_needs`).
    :param rule: what may go.
    :param now: the time to count from; default: now.
    :return: the plan.
    """
    now = now or datetime.now(UTC)
    facts = _Facts(records)
    there = {item.snapshot_id: item for item in stored}
    reasons: dict[str, list[str]] = {item.snapshot_id: [] for item in stored}
    for snapshot_id, why in needed.items():
        held = successor(facts.gone, snapshot_id)
        if held in reasons:
            reasons[held].extend(why)
    for snapshot_id in facts.unjudged & reasons.keys():
        reasons[snapshot_id].append("not validated yet")
    young = _kept_by_rule(stored, facts, rule, now)
    for item in stored:
        if item.snapshot_id not in facts.times:
            reasons[item.snapshot_id].append("no record names it: it may be under way")
        elif item.snapshot_id in young:
            reasons[item.snapshot_id].append(young[item.snapshot_id])
    _spread(reasons, there, facts)
    # A reason may come from several models and through several records; each is said once.
    kept = {snapshot_id: list(dict.fromkeys(why)) for snapshot_id, why in reasons.items() if why}
    remove = tuple(item for item in stored if item.snapshot_id not in kept)
    return Plan(remove, kept, {item.snapshot_id: newest_partition(item, facts.partitions) for item in stored})


class _Facts:
    """What the ledger of a dataset says of its snapshots."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.gone = gone_snapshots(records)
        self.times: dict[str, datetime] = {}
        self.partitions: dict[str, str] = {}
        self.siblings: list[set[str]] = []
        judged, latest = set(), {}
        for record in records:
            if record.mode != "live" or record.kind == "pruning":
                continue
            ids = set(ids_in(record.body))
            for snapshot_id in ids:
                self.times[snapshot_id] = datetime.fromisoformat(record.time)
                if record.body.get("partition_key"):
                    self.partitions.setdefault(snapshot_id, record.body["partition_key"])
            if record.kind == "snapshot":
                key, taken = record.body["partition_key"], record.body["snapshot_id"]
                latest[key] = taken
                # Several partitions may have the same rows: none at all, say.
                self.partitions[taken] = max(key, self.partitions.get(taken, key))
            elif record.kind == "validation":
                judged.add(record.body["snapshot_id"])
                self.siblings.append(ids)
        self.unjudged = {snapshot_id for snapshot_id in latest.values() if snapshot_id not in judged}


def _kept_by_rule(stored: Sequence[Stored], facts: _Facts, rule: Rule, now: datetime) -> dict[str, str]:
    """Say which snapshots the rule leaves alone."""
    if rule.older_than_days is not None:
        since = now - timedelta(days=rule.older_than_days)
        why = f"recorded within the last {rule.older_than_days:g} days"
        return {item.snapshot_id: why for item in stored if facts.times.get(item.snapshot_id, now) > since}
    newest = {item.snapshot_id: newest_partition(item, facts.partitions) for item in stored}
    keys = sorted({key for key in newest.values() if key}, reverse=True)[: rule.keep]
    why = "the newest partition" if rule.keep == 1 else f"one of the {rule.keep} newest partitions"
    return {snapshot_id: why for snapshot_id, key in newest.items() if key in keys or not key}


def newest_partition(item: Stored, partitions: Mapping[str, str]) -> str | None:
    """Return the newest partition that a snapshot stands for.

    :param item: the snapshot.
    :param partitions: partition by snapshot id, as the ledger says.
    """
    keys = [*item.partition_keys, *filter(None, [partitions.get(item.snapshot_id)])]
    return max(keys, default=None)


def _spread(reasons: dict[str, list[str]], there: Mapping[str, Stored], facts: _Facts) -> None:
    """Keep what a kept snapshot cannot do without: members of a window, what was set aside from it."""
    todo = [snapshot_id for snapshot_id, why in reasons.items() if why]
    done = set(todo)
    while todo:
        kept = todo.pop()
        linked = set(there[kept].names) if kept in there else set()
        for group in facts.siblings:
            if kept in group:
                linked |= group
        for other in sorted({successor(facts.gone, linked_id) or "" for linked_id in linked} & reasons.keys() - done):
            reasons[other].append(f"belongs to {kept[:19]}, which stays")
            done.add(other)
            todo.append(other)


def used_by(needed: Mapping[str, Sequence[str]], records: Sequence[Record]) -> dict[str, list[str]]:
    """Say who uses each snapshot that is there now.

    :param needed: by id, why models need it.
    :param records: records of the dataset's ledger, oldest first.
    :return: by the id of the snapshot that stands in its place now.
    """
    gone = gone_snapshots(records)
    found: dict[str, list[str]] = {}
    for snapshot_id, why in needed.items():
        if (held := successor(gone, snapshot_id)) is not None:
            found.setdefault(held, []).extend(why)
    return {snapshot_id: list(dict.fromkeys(why)) for snapshot_id, why in found.items()}


def states(stored: Iterable[Stored], records: Sequence[Record]) -> dict[str, dict[str, Any]]:
    """Say what the ledger knows of each stored snapshot.

    :param stored: the snapshots.
    :param records: records of the dataset's ledger, oldest first.
    :return: by id: ``partition_key``, ``recorded`` (time), ``validation`` (outcome or None) and ``accepted``.
    """
    facts, accepted = _Facts(records), set(accepted_snapshots(records).values())
    outcomes = {r.body["snapshot_id"]: r.outcome for r in records if r.kind == "validation" and r.mode == "live"}
    return {
        item.snapshot_id: {
            "partition_key": newest_partition(item, facts.partitions),
            "recorded": facts.times[item.snapshot_id].isoformat() if item.snapshot_id in facts.times else None,
            "validation": outcomes.get(item.snapshot_id),
            "accepted": item.snapshot_id in accepted,
        }
        for item in stored
    }
