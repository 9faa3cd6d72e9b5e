"""Which snapshots and scores the versions of a model need: champion, golden, under way, or in an audit."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_mlops.core.alias_moves import deciding_move, golden_of
from airflow_provider_mlops.core.base import with_bases
from airflow_provider_mlops.core.gone import ids_in
from airflow_provider_mlops.core.prediction_log import PREDICTIONS
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.retrain import pending_drift
from airflow_provider_mlops.core.verdict import Outcome

CHAMPION, GOLDEN = "champion", "golden"


@dataclass(frozen=True, slots=True)
class Needs:
    """What models need, with every reason.

    :param snapshots: reasons by snapshot id.
    :param scores: reasons by id of stored scores.
    """

    snapshots: dict[str, list[str]] = field(default_factory=dict)
    scores: dict[str, list[str]] = field(default_factory=dict)

    def add(self, other: "Needs") -> None:
        """Take over what another model needs.

        :param other: its needs.
        """
        for mine, theirs in ((self.snapshots, other.snapshots), (self.scores, other.scores)):
            for name, why in theirs.items():
                mine.setdefault(name, []).extend(why)

    def need(self, record: Record, why: str) -> None:
        """Need all that a record of a model names.

        :param record: a training or an evaluation.
        :param why: the reason.
        """
        ids = [record.body["scores_id"]] if "scores_id" in record.body else []
        for scores_id in ids:
            self.scores.setdefault(scores_id, []).append(why)
        for found in set(ids_in(record.body)) - set(ids):
            self.snapshots.setdefault(found, []).append(why)


def needs_of_model(
    model: str,
    records: Sequence[Record],
    aliases: Mapping[str, str],
    *,
    audit_days: float,
    now: datetime | None = None,
) -> Needs:
    """Collect what a model needs.

    :param model: name of the model.
    :param records: records of its ledger, oldest first.
    :param aliases: version by alias, as the registry says now.
    :param audit_days: days for which an audit counts as open after its last record.
    :param now: the time to count from; default: now.
    :return: its needs.
    """
    found = Needs()
    for version, role in _versions(records, aliases).items():
        for record in _of_version(records, version):
            found.need(record, f"{role} of {model} (version {version})")
    for record in _under_way(records):
        found.need(record, f"candidate of {model} under way ({record.body['partition_key']})")
    for record in pending_drift(records):
        found.need(record, f"drift of {model} in {record.body['partition_key']} waits for a retraining")
    since = (now or datetime.now(UTC)) - timedelta(days=audit_days)
    for key, day in _open_audits(records, since).items():
        for record in _of_partition(records, key):
            found.need(record, f"audit of {model} {key} since {day}")
    return found


def _versions(records: Sequence[Record], aliases: Mapping[str, str]) -> dict[str, str]:
    """Name the versions to keep: what an alias points at, and what the ledger would go back to."""
    found: dict[str, list[str]] = {}
    promotion = deciding_move(records)
    golden = golden_of(records, aliases.get(GOLDEN), None)
    for version, role in (
        (promotion.body["version"] if promotion else None, CHAMPION),
        *((version, alias) for alias, version in sorted(aliases.items())),
        (golden, GOLDEN),
        (promotion.body["previous_version"] if promotion else None, "champion before"),
    ):
        if version is not None:
            found.setdefault(str(version), []).append(role)
    return {version: ", ".join(dict.fromkeys(roles)) for version, roles in found.items()}


def _of_version(records: Sequence[Record], version: str) -> Iterator[Record]:
    """Yield what made and judged a version, and its prediction logs: their features are those of a snapshot."""
    manifests = {r.body["manifest_hash"] for r in _live(records, "registration") if str(r.body["version"]) == version}
    yield from _of_manifests(records, with_bases(records, manifests))
    yield from (record for record in _live(records, PREDICTIONS) if record.body["manifest_hash"] in manifests)


def _of_manifests(records: Sequence[Record], manifests: set[Any]) -> Iterator[Record]:
    for record in _live(records, "training"):
        if record.body.get("manifest_hash") in manifests:
            yield record
    for record in _live(records, "evaluation"):
        if record.body["candidate"]["manifest_hash"] in manifests:
            yield record


def _of_partition(records: Sequence[Record], key: str) -> Iterator[Record]:
    trained = {
        str(r.body["manifest_hash"])
        for r in _live(records, "training")
        if r.body.get("partition_key") == key and "manifest_hash" in r.body
    }
    bases = with_bases(records, trained) - trained
    for kind in ("training", "evaluation"):
        yield from (record for record in _live(records, kind) if record.body.get("partition_key") == key)
    yield from (record for record in _live(records, "training") if record.body.get("manifest_hash") in bases)


def _under_way(records: Sequence[Record]) -> Iterator[Record]:
    """Yield what was trained since the last promotion and that nothing has refused yet."""
    promotion = deciding_move(records)
    since = promotion.seq if promotion else 0
    refused = {r.body.get("evaluation_id") for r in _live(records, "gate") if r.outcome == Outcome.FAIL}
    refused_manifests = {
        r.body["candidate"]["manifest_hash"] for r in _live(records, "evaluation") if r.body["evaluation_id"] in refused
    }
    promoted = {r.body.get("manifest_hash") for r in _live(records, "promotion") if r.outcome == Outcome.PASS}
    manifests = {
        r.body["manifest_hash"] for r in _live(records, "training") if r.seq > since and "manifest_hash" in r.body
    }
    yield from _of_manifests(records, with_bases(records, manifests - refused_manifests - promoted))


def _open_audits(records: Sequence[Record], since: datetime) -> dict[str, str]:
    """Name the partitions that an audit has touched of late, and the day of its newest record."""
    return {
        record.body["partition_key"]: record.time[:10]
        for record in records
        if record.mode == "audit" and record.body.get("partition_key") and datetime.fromisoformat(record.time) >= since
    }


def _live(records: Iterable[Record], kind: str) -> Iterator[Record]:
    return (record for record in records if record.kind == kind and record.mode == "live")
