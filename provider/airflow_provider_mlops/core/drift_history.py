"""The verdicts on earlier partitions, feature by feature: since when has a feature drifted?"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Outcome

BROKEN = 99.0
"""The size of what cannot be measured: a column that is gone, another type."""
FEATURE = "feature"
MOST_LOOKS = 31
"""Earlier verdicts that are read at most: of a drift that is older the report says that it is so old or older."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look at a partition saw.

    :param partition_key: the partition.
    :param outcome: outcome of the verdict; None where only sizes were measured.
    :param sizes: largest effect over its threshold by feature, material from 1; none where too few rows leave it open.
    :param failed: the features that had drifted.
    :param champion_version: whose reference it was.
    :param record: hash of the record, None where it was measured afterwards.
    """

    partition_key: str
    outcome: str | None
    sizes: Mapping[str, float]
    failed: frozenset[str]
    champion_version: str | None = None
    record: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-safe form."""
        return {
            "partition_key": self.partition_key,
            "outcome": self.outcome,
            "sizes": dict(self.sizes),
            "failed": sorted(self.failed),
            "champion_version": self.champion_version,
            "record": self.record,
        }


@dataclass(frozen=True, slots=True)
class Since:
    """Since when a feature has drifted.

    :param first: the earliest partition of the unbroken row of drifted ones.
    :param clean: the partition before it, which was looked at and had not drifted; None when none was.
    """

    first: str
    clean: str | None


def look_of(body: Mapping[str, Any], record: str | None = None) -> Look:
    """Read what a drift verdict saw.

    :param body: body of its record.
    :param record: hash of the record.
    """
    sizes: dict[str, float] = {}
    failed = set()
    for rule in body["verdict"]["rules"]:
        feature = rule["numbers"].get("feature")
        if feature is None:
            continue
        fails = rule["outcome"] == Outcome.FAIL
        if rule["outcome"] == Outcome.INCONCLUSIVE and not rule["numbers"].get("effects"):
            continue  # too few rows: that it had not drifted then, nobody has seen
        sizes[feature] = max(sizes.get(feature, 0.0), size_of(rule["numbers"], broken=fails))
        if fails:
            failed.add(feature)
    return Look(
        partition_key=body["partition_key"],
        outcome=body["verdict"]["outcome"],
        sizes=sizes,
        failed=frozenset(failed),
        champion_version=body.get("champion_version"),
        record=record,
    )


def size_of(numbers: Mapping[str, Any], *, broken: bool = False) -> float:
    """Return the largest effect of a rule over its threshold, at most `BROKEN`.

    :param numbers: figures of the rule: ``effects`` and ``thresholds``.
    :param broken: whether a rule without effects stands for a break.
    """
    effects, limits = numbers.get("effects") or {}, numbers.get("thresholds") or {}
    sizes = [(effects.get(name) or 0.0) / limit for name, limit in limits.items() if limit > 0]
    if not sizes:
        return BROKEN if broken else 0.0
    return min(BROKEN, max(sizes)) if all(math.isfinite(size) for size in sizes) else BROKEN


def looks_before(records: Iterable[Record], body: Mapping[str, Any]) -> list[Look]:
    """Read the newest live verdict on each of the newest earlier partitions, of the same kind and dataset.

    :param records: records of the model's ledger, oldest first.
    :param body: the verdict that asks.
    :return: the looks, oldest partition first, at most `MOST_LOOKS`.
    """
    now = Partition.parse(body["partition_key"]).end
    found: dict[str, Record] = {}
    for record in records:
        if record.kind != "drift" or record.mode != Mode.LIVE or not _alike(record.body, body):
            continue
        if Partition.parse(record.body["partition_key"]).end < now:
            found[record.body["partition_key"]] = record
    newest = sorted(found.values(), key=lambda record: Partition.parse(record.body["partition_key"]).end)[-MOST_LOOKS:]
    return [look_of(record.body, record.hash) for record in newest]


def in_order(looks: Iterable[Look]) -> list[Look]:
    """Return looks, oldest partition first.

    :param looks: the looks.
    """
    return sorted(looks, key=lambda look: Partition.parse(look.partition_key).end)


def since(looks: Sequence[Look], feature: str) -> Since:
    """Find since when a feature has drifted without a break.

    :param looks: the looks, oldest first; the last one is the verdict that asks.
    :param feature: a feature that has drifted in the last one.
    """
    first = looks[-1].partition_key
    for look in reversed(looks[:-1]):
        if feature not in look.sizes:
            continue
        if feature not in look.failed:
            return Since(first, look.partition_key)
        first = look.partition_key
    return Since(first, None)


def _alike(other: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Tell whether two verdicts can be told in one row; records of before there were kinds do not say a dataset."""
    ours, theirs = body.get("reference") or {}, other.get("reference") or {}
    same = other.get("kind", FEATURE) == body.get("kind", FEATURE)
    same = same and all(ours.get(name) == theirs.get(name) for name in ("of", "match") if ours and theirs)
    return same and (other.get("dataset") or body.get("dataset")) == body.get("dataset")
