"""Which stored profiles a drift check judges: found in the ledger, none of another reference, none silently missing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core.drift_options import DriftKind, Origin
from airflow_provider_mlops.core.errors import EvidenceBroken
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.record import Record

PROFILE = "profile"
PROFILED = (DriftKind.FEATURE, DriftKind.PREDICTION, DriftKind.CONFIDENCE, DriftKind.LABEL)
"""What profiles are made of; those of features serve ``recent_change`` as well."""
_PLACES = (("path", "profile"), ("spec_path", "profile_spec"), ("reference_path", "reference_profile"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which profiles are wanted.

    :param dataset: dataset that is profiled, or that was scored.
    :param kind: of what: one of `PROFILED`.
    :param manifest_hash: of the training of the version whose reference froze the bins.
    :param reference: which rows are that reference: ``training`` or ``test``.
    :param slices: columns by whose values rows are counted apart.
    """

    dataset: str
    kind: DriftKind
    manifest_hash: str | None
    reference: Origin
    slices: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return what a record says of it."""
        return {
            "dataset": self.dataset,
            "kind": self.kind.value,
            "champion_manifest_hash": self.manifest_hash,
            "reference_of": self.reference.value,
            "slices": list(self.slices),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiled:
    """The profiles that a check judges.

    :param current: record of the profile of each partition that has one, by partition, oldest first.
    :param before: the same of the partitions that a rolling reference consists of.
    :param missing: partitions without one.
    """

    current: Mapping[str, Record]
    before: Mapping[str, Record]
    missing: tuple[str, ...] = ()

    @property
    def records(self) -> list[Record]:
        """All of them, the reference's first."""
        return [*self.before.values(), *self.current.values()]

    def to_dict(self) -> dict[str, Any]:
        """Return what the record of a verdict says of them."""
        newest = next(reversed(self.records), None)
        reference = [_cited(record) for record in self.before.values()]
        if not reference and newest is not None:
            reference = [{"profile": newest.body["reference_profile"], "record": newest.hash}]
        return {
            "profile_spec": newest.body["profile_spec"] if newest is not None else None,
            "reference": reference,
            "current": [_cited(record) for record in self.current.values()],
            "missing": list(self.missing),
        }


def kind_profiled(kind: DriftKind) -> DriftKind:
    """Say which profiles a kind of drift is judged by.

    :param kind: kind of drift; not ``skew``, which has none.
    """
    return DriftKind.FEATURE if kind is DriftKind.RECENT_CHANGE else kind


def newest_profiles(
    records: Iterable[Record], asked: Asked, sources: Mapping[str, str], *, mode: Mode = Mode.LIVE
) -> dict[str, Record]:
    """Find the profile of each partition.

    :param records: records of the model's ledger, oldest first.
    :param asked: which profiles.
    :param sources: what each partition holds now, by key: snapshot id, or hash of the record of its log or labels.
    :param mode: the mode that they were made in.
    :return: the newest record of each partition that has one, in the order of ``sources``.
    """
    wanted, found = asked.to_dict(), dict[str, Record]()
    for record in records:
        if record.kind != PROFILE or record.mode != mode:
            continue
        key, body = str(record.body["partition_key"]), record.body
        if sources.get(key) == body["source"] and all(body.get(name) == value for name, value in wanted.items()):
            found[key] = record
    return {key: found[key] for key in sources if key in found}


def cited_profiles(records: Iterable[Record]) -> dict[str, dict[str, Record]]:
    """Collect the profiles and specifications that records cite.

    :param records: records of any chains, oldest first.
    :return: by their path below the storage root: the newest record by the hash that it cites.
    :raises EvidenceBroken: when a record does not say which.
    """
    found: dict[str, dict[str, Record]] = {}
    for record in records:
        # What an audit has counted again was never stored.
        if record.kind == PROFILE and record.mode != Mode.AUDIT:
            for path, digest in _PLACES:
                if path not in record.body or digest not in record.body:
                    raise EvidenceBroken(f"Record {record.seq} of {record.chain} does not say which profile it cites.")
                found.setdefault(str(record.body[path]), {})[str(record.body[digest])] = record
    return found


def profiles_to_judge(
    records: Sequence[Record],
    asked: Asked,
    current: Mapping[str, str],
    before: Mapping[str, str],
    without: Sequence[str] = (),
) -> Profiled:
    """Choose the profiles of a window: those by the bins of its newest one, since no others can be merged with it.

    :param records: records of the model's ledger, oldest first.
    :param asked: which profiles.
    :param current: what each partition of the window holds now, by key, oldest first.
    :param before: the same of a rolling reference.
    :param without: partitions of the window that hold nothing that counts.
    :return: the profiles, and which partitions have none.
    """
    found = newest_profiles(records, asked, {**before, **current})
    newest = next((found[key] for key in reversed(list(current)) if key in found), None)
    same = {
        key: record
        for key, record in found.items()
        if newest is not None and record.body["profile_spec"] == newest.body["profile_spec"]
    }
    return Profiled(
        current={key: same[key] for key in current if key in same},
        before={key: same[key] for key in before if key in same},
        missing=tuple(sorted({*without, *(key for key in (*before, *current) if key not in same)})),
    )


def _cited(record: Record) -> dict[str, str]:
    return {
        "partition_key": record.body["partition_key"],
        "profile": record.body["profile"],
        "record": record.hash,
    }
