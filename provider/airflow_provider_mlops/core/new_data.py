"""What was accepted since a model was trained, and which partition a retraining is for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_mlops.core.errors import EvidenceBroken
from airflow_provider_mlops.core.partition import Partition


@dataclass(frozen=True, slots=True)
class NewData:
    """What was accepted after an instant.

    :param partitions: accepted partitions that begin after it.
    :param rows: rows since; of a partition that the instant lies in, by the share of its time. None where the rows of
        a partition are not known.
    """

    partitions: int
    rows: int | None


def new_data(accepted: Mapping[str, int | None], since: datetime | None, until: datetime) -> NewData:
    """Count what was accepted since an instant.

    :param accepted: rows of the accepted snapshot by partition; None where not known.
    :param since: the instant; None for all.
    :param until: partitions that begin then or later are not counted.
    :return: what is new.
    """
    partitions, rows, known = 0, 0.0, True
    for key, count in accepted.items():
        part = Partition.parse(key)
        if part.start >= until or (since is not None and part.end <= since):
            continue
        begin = part.start if since is None else max(part.start, since)
        partitions += begin == part.start
        known = known and count is not None
        rows += (count or 0) * ((part.end - begin) / (part.end - part.start))
    return NewData(partitions, round(rows) if known else None)


def training_end(manifest: Mapping[str, Any]) -> datetime | None:
    """Return the instant up to which the rows reach that a model was trained on.

    :param manifest: of its training.
    :return: the instant; None where it was not trained on snapshots.
    :raises EvidenceBroken: when the manifest says no time zone.
    """
    train = manifest.get("train") or {}
    if train.get("until"):
        until = datetime.fromisoformat(train["until"])
        if until.tzinfo is None:
            raise EvidenceBroken(f"The manifest says {train['until']!r} without a time zone.")
        return until
    return max((Partition.parse(item["partition_key"]).end for item in train.get("snapshots") or ()), default=None)


def training_partition(accepted: Mapping[str, Any], now: Partition) -> str | None:
    """Find the newest accepted partition that a retraining can use: a month for the key of a day, where months lie.

    :param accepted: the accepted partitions.
    :param now: the partition of the run.
    :return: the run's own partition, else the newest that began no later; None when there is none.
    """
    if now.key in accepted:
        return now.key
    begun = [part for part in map(Partition.parse, accepted) if part.start <= now.start]
    return max(begun, key=lambda part: (part.end, part.start)).key if begun else None
