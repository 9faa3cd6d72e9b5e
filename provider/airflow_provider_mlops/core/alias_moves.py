"""Moves of an alias: one notion for promotion, rollback, retirement, adoption and reconciliation.

A move is a live record with the outcome PASS whose body names ``alias``, ``version`` (None: the alias was removed) and
``previous_version``. Whoever asks who is, was or served as champion asks here. Of two moves that follow the same one
the ledger takes one, whatever their kinds (`record_move`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Outcome

CHAMPION = "champion"
PROMOTION, ROLLBACK, RETIREMENT = "promotion", "rollback", "retirement"
ADOPTION, RECONCILIATION = "adoption", "reconciliation"
KINDS = (PROMOTION, ROLLBACK, RETIREMENT, ADOPTION, RECONCILIATION)


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Why a version is not to be used again.

    :param record: the rollback away from it, or its retirement.
    """

    record: Record

    @property
    def for_good(self) -> bool:
        """Whether nothing brings it back: it was retired, not only rolled back from."""
        return self.record.kind == RETIREMENT

    @property
    def why(self) -> str:
        """What happened to it, as the end of a sentence."""
        what = "was retired" if self.for_good else "was rolled back from"
        return f"{what} on {self.record.time[:10]}: {self.record.body.get('reason') or 'no reason given'}"


def alias_moves(records: Iterable[Record], alias: str | None = CHAMPION) -> list[Record]:
    """List the moves of an alias.

    :param records: records of the model's ledger, oldest first.
    :param alias: the alias; None for those of every alias.
    :return: the moves, oldest first.
    """
    return [
        record
        for record in records
        if record.kind in KINDS
        and (record.mode, record.outcome) == (Mode.LIVE, Outcome.PASS)
        and record.body.get("alias") is not None
        and alias in (None, record.body["alias"])
    ]


def aliases_of(records: Iterable[Record]) -> list[str]:
    """List the aliases that the ledger has moved.

    :param records: records of the model's ledger.
    :return: their names, each once, in the order of their first move.
    """
    return list(dict.fromkeys(record.body["alias"] for record in alias_moves(records, None)))


def latest_move(records: Iterable[Record], alias: str = CHAMPION) -> Record | None:
    """Find the newest move of an alias: where it must stand, and what the next move follows.

    :param records: records of the model's ledger, oldest first.
    :param alias: the alias.
    :return: the record, None when the ledger has never moved the alias.
    """
    return next(reversed(alias_moves(records, alias)), None)


def deciding_move(records: Iterable[Record], alias: str = CHAMPION) -> Record | None:
    """Find the newest move that decided where an alias stands; a reconciliation only restores what was decided.

    :param records: records of the model's ledger, oldest first.
    :param alias: the alias.
    :return: the record, None when the ledger has never moved the alias.
    """
    return next(reversed(_deciding(records, alias)), None)


def promotion_of_gate(records: Iterable[Record], gate_hash: str, alias: str = CHAMPION) -> Record | None:
    """Find the promotion that a gate's verdict led to.

    :param records: records of the model's ledger, oldest first.
    :param gate_hash: hash of the gate's record.
    :param alias: the alias.
    :return: the promotion record, None when the verdict has moved nothing yet.
    """
    led = [r for r in alias_moves(records, alias) if r.kind == PROMOTION and r.body["gate_record_hash"] == gate_hash]
    return led[-1] if led else None


def champion_that_served(records: Iterable[Record], partition_key: str, alias: str = CHAMPION) -> Record | None:
    """Find the move that put the champion in place which served a partition: the newest judged on an earlier one.

    The champion that January was judged on serves from the first day of February on, whether days or months are served.

    :param records: records of the model's ledger, oldest first.
    :param partition_key: the partition that was served.
    :param alias: the alias that serves.
    :return: the move, None when there was no champion yet, or none any more. What was adopted has served for ever.
    """
    earlier = [r for r in _deciding(records, alias) if served_before(r.body.get("partition_key"), partition_key)]
    return earlier[-1] if earlier and earlier[-1].body["version"] is not None else None


def served_before(judged: str | None, served: str) -> bool:
    """Whether what was judged on a partition was in place before another partition began.

    :param judged: the partition that it was judged on, a month or a day; None where nobody knows: it always was.
    :param served: the partition that is served.
    """
    return not judged or Partition.parse(judged).end <= Partition.parse(served).start


def baseline_of(records: Iterable[Record], version: str | None, alias: str = CHAMPION) -> str | None:
    """Find the version that held an alias before the given one: what a champion was, or must be, compared with.

    :param records: records of the model's ledger.
    :param version: the version that holds the alias now.
    :param alias: the alias.
    :return: the version before it, None when it was the first.
    """
    for record in reversed(_releases(records, alias)):
        if record.body["version"] == version:
            found: str | None = record.body["previous_version"]
            return found
    return None


def golden_of(records: Iterable[Record], named: str | None, candidate: str | None) -> str | None:
    """Find the golden version: a long-lived baseline against slow erosion.

    :param records: records of the model's ledger, oldest first.
    :param named: the version that the registry's alias names, None when it is not set.
    :param candidate: version of the candidate, which is no baseline of itself.
    :return: the named version, else the first one that became champion; None when there is neither.
    """
    first = next((record.body["version"] for record in _releases(records, CHAMPION)), None)
    return next((version for version in (named, first) if version is not None and version != candidate), None)


def releases_since(records: Iterable[Record], version: str | None, alias: str = CHAMPION) -> int | None:
    """Count the promotions between a version and the champion: each may have lost a margin, a rollback gives it back.

    :param records: records of the model's ledger, oldest first.
    :param version: the version to count from.
    :param alias: the alias that serves.
    :return: the number of promotions, None when the version never held the alias.
    """
    since: int | None = None
    counted: dict[str | None, int | None] = {}
    for record in _deciding(records, alias):
        held = record.body["version"]
        if version is not None and held == version:
            since = 0
        elif record.kind == ROLLBACK:
            since = counted.get(held, since)
        elif since is not None and held is not None:
            since += 1
        counted[held] = since
    return since


def withdrawn_versions(records: Iterable[Record]) -> dict[str, Withdrawn]:
    """Find the versions that were rolled back from, or retired.

    :param records: records of the model's ledger, oldest first.
    :return: why, by version; one that took an alias again after a rollback is not withdrawn any more.
    """
    found: dict[str, Withdrawn] = {}
    for record in records:
        if record.mode != Mode.LIVE or record.outcome != Outcome.PASS:
            continue
        if record.kind == RETIREMENT:
            found[record.body["retired_version"]] = Withdrawn(record)
        elif record.kind in (PROMOTION, ROLLBACK, ADOPTION):
            if record.kind == ROLLBACK and record.body["previous_version"] is not None:
                found.setdefault(record.body["previous_version"], Withdrawn(record))
            again = found.get(record.body["version"])
            if again is not None and not again.for_good:
                del found[record.body["version"]]
    return found


def partition_of(record: Record | None) -> str | None:
    """Return the partition that a move's version was promoted for; a rollback restores an older one.

    :param record: the move, or None.
    :return: the partition key, None where it is not known or there is no version.
    """
    if record is None or record.body["version"] is None:
        return None
    found: str | None = record.body.get("version_partition_key", record.body.get("partition_key"))
    return found


def record_move(
    ledger: Ledger,
    kind: str,
    *,
    before: Record | None,
    body: Mapping[str, Any],
    run: RunFacts,
    dry: Mapping[str, Any] | None = None,
) -> Record:
    """Record a move, unless another one came first: compare-and-set on the newest move, across all kinds.

    :param ledger: the model's ledger.
    :param kind: one of `KINDS`.
    :param before: the newest move that this one was decided on.
    :param body: ``alias``, ``version``, ``previous_version``, and what else is to be known.
    :param run: the run that moves.
    :param dry: what names the decision where nothing moves, since dry runs do not compete.
    :return: the record of this move; or the one that forbids it: the move that came first, or the retirement of the
        version. Compare its ``kind`` and what it names.
    """
    ledger.read_whole()  # no alias moves on what an index says
    alias, version, follows = body["alias"], body["version"], before.hash if before else None
    competes = {} if run.mode is Mode.LIVE else dict(dry or {})

    def forbids(records: Sequence[Record]) -> Record | None:
        newest = latest_move(records, alias)
        if (newest.hash if newest else None) != follows:
            return newest
        withdrawn = withdrawn_versions(records).get(version)
        return withdrawn.record if withdrawn is not None and withdrawn.for_good else None

    return ledger.append(
        kind=kind,
        key=sha256_of({"alias": alias, "after": follows, **competes}),
        body=body,
        run=run.to_record(),
        mode=run.mode,
        outcome=Outcome.PASS,
        unless=forbids if run.mode is Mode.LIVE else None,
    )


def _deciding(records: Iterable[Record], alias: str) -> Sequence[Record]:
    return [record for record in alias_moves(records, alias) if record.kind != RECONCILIATION]


def _releases(records: Iterable[Record], alias: str) -> Sequence[Record]:
    """The moves that made a version champion for the first time or anew, with what it was compared with before."""
    return [record for record in alias_moves(records, alias) if record.kind in (PROMOTION, ADOPTION)]
