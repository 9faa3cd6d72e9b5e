"""Gathering the report of a drift verdict: how the drifted features changed, since when, and what changed upstream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.parquet_column import ParquetPairs
from airflow_provider_mlops.core.drift_history import BROKEN, Look, Since, in_order, look_of, looks_before, since
from airflow_provider_mlops.core.drift_policy import DriftPolicy
from airflow_provider_mlops.core.drift_upstream import Origin, acts_between, origin_of, upstream_changes
from airflow_provider_mlops.core.drift_window import window_of
from airflow_provider_mlops.core.errors import EvidenceBroken, MLOpsError
from airflow_provider_mlops.core.evidence import accepted_snapshots, training_of
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.drift_columns import read_some, thinned, types_of
from airflow_provider_mlops.hooks.samples import open_columns
from airflow_provider_mlops.hooks.snapshot_set import Cut
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    from airflow_provider_mlops.statistics.column_change import Change
    from airflow_provider_mlops.statistics.columns import Summary

    Pair = tuple[Summary, Summary]

MAX_FEATURES = 8
"""Drifted features that are looked into, the largest first."""
LOOK_BACK = 6
"""Earlier partitions that are measured afterwards, where no verdict on them is at hand."""
_SLICE_COLUMNS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The verdict that a report is about.

    :param model: name of the model.
    :param dataset: name of the dataset whose partition was judged.
    :param body: body of the verdict's record.
    :param records: records of the model's ledger, oldest first.
    :param history: records of the dataset's ledger, oldest first.
    :param storage: where the snapshots lie.
    :param events: the asset events that started the run, JSON-safe.
    """

    model: str
    dataset: str
    body: Mapping[str, Any]
    records: Sequence[Record]
    history: Sequence[Record]
    storage: Storage
    events: Sequence[Mapping[str, Any]] = ()

    @property
    def current(self) -> list[dict[str, str]]:
        """The snapshots that were judged."""
        ids = self.body.get("snapshot_ids") or [self.body.get("snapshot_id")]
        return [{"snapshot_id": snapshot_id} for snapshot_id in ids if snapshot_id]

    @property
    def window(self) -> int:
        """How many partitions were judged together, those that are missing included."""
        named = (*(self.body.get("partition_keys") or ()), *(self.body.get("missing_partitions") or ()))
        return max(1, len(named))

    @property
    def accepted(self) -> dict[str, str]:
        """The accepted snapshot of each partition."""
        return accepted_snapshots(self.history)


@dataclass(slots=True)
class Gathered:
    """What a report says, and the columns that its figures show.

    :param content: the report; JSON-safe.
    :param looks: the looks at the partitions, oldest first.
    :param columns: reference and current of each feature that was looked into.
    """

    content: dict[str, Any]
    looks: list[Look]
    columns: dict[str, Pair] = field(default_factory=dict)


def gather(asked: Asked) -> Gathered:
    """Look into a verdict.

    :param asked: the verdict.
    :return: the report.
    :raises EvidenceBroken: when a snapshot was changed.
    """
    look = look_of(asked.body)
    drifted = sorted(look.failed, key=lambda name: (-look.sizes[name], name))[:MAX_FEATURES]
    looks = [*looks_before(asked.records, asked.body), look]
    columns: dict[str, Pair] = {}
    changes: dict[str, list[Change]] = {}
    slices: dict[str, list[dict[str, Any]]] = {}
    if drifted and asked.current and asked.body["reference_snapshot_ids"]:
        reading = _Reading(asked)
        columns, slices = reading.pairs(drifted), reading.slices(drifted)
        looks = in_order([*looks, *_measured(reading, drifted, looks)])
        changes = _changes(reading, columns)
    features = [_feature(name, asked, looks, changes.get(name, []), slices.get(name, [])) for name in drifted]
    content = {
        "schema": 1,
        "model": asked.model,
        "dataset": asked.dataset,
        **{name: asked.body.get(name) for name in ("partition_key", "champion_version", "policy_hash", "backend")},
        "kind": asked.body.get("kind", "feature"),
        "outcome": asked.body["verdict"]["outcome"],
        "snapshot_ids": [item["snapshot_id"] for item in asked.current],
        "reference_snapshot_ids": list(asked.body.get("reference_snapshot_ids") or ()),
        "features": features,
        "more_features": max(0, len(look.failed) - len(drifted)),
        "history": [item.to_dict() for item in looks],
        "upstream": _upstream(asked, features),
        "events": list(asked.events),
    }
    return Gathered(content, looks, columns)


class _Reading:
    """Reads columns of the reference and of partitions; the summaries that it keeps are thinned."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.policy = DriftPolicy.from_mapping(asked.body["policy_content"])
        self.dataset, self.snapshots, self.cut = reference_of(asked)
        self.reference: dict[str, Summary] = {}

    def pairs(self, names: Sequence[str]) -> dict[str, Pair]:
        """Return reference and current of each column that both sides have."""
        found = {}
        limits = {} if self.cut is None else asdict(self.cut)
        storage = self.asked.storage
        with (
            open_columns(storage, self.dataset, self.snapshots, **limits) as reference,
            open_columns(storage, self.asked.dataset, self.asked.current) as current,
        ):
            for name, was, now in ParquetPairs(reference, current, names):
                if was is not None:
                    self.reference[name] = thinned(was)
                if was is not None and now is not None:
                    found[name] = (self.reference[name], thinned(now))
        return found

    def sizes(self, snapshot_ids: Sequence[str], names: Sequence[str]) -> dict[str, float]:
        """Measure how far columns of a window are from the reference; those with too few rows are left out."""
        from airflow_provider_mlops.statistics.drift_slices import size_between

        there = self.summaries(snapshot_ids, names)
        measured = {
            name: BROKEN
            if (was := self.reference.get(name)) is None or (now := there[name]) is None
            else size_between(name, was, now, self.policy)
            for name in names
        }
        return {name: size for name, size in measured.items() if size is not None}

    def summaries(self, snapshot_ids: Sequence[str], names: Sequence[str]) -> dict[str, Summary | None]:
        """Sum up columns of a window; None for one that it does not have."""
        found: dict[str, Summary | None] = {}
        wanted = [{"snapshot_id": snapshot_id} for snapshot_id in snapshot_ids]
        with open_columns(self.asked.storage, self.asked.dataset, wanted) as there:
            for name in names:
                was = self.reference.get(name)
                summary = there.summary(name, there.kind(name) or (was.kind if was is not None else None))
                found[name] = None if summary is None else thinned(summary)
        return found

    def slices(self, names: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Return the parts of the rows in which each feature moved."""
        from airflow_provider_mlops.statistics.drift_slices import moved_slices

        found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        for column in self._slice_columns():
            wanted = [*(name for name in names if name != column), column]
            was = read_some(self.asked.storage, self.dataset, self.snapshots, wanted, self.cut)
            now = read_some(self.asked.storage, self.asked.dataset, self.asked.current, wanted)
            parts = was.sample(column), now.sample(column)
            if parts[0] is None or parts[1] is None:
                continue
            for name in wanted[:-1]:
                sides = was.sample(name), now.sample(name)
                if sides[0] is not None and sides[1] is not None:
                    found[name] += moved_slices(name, column, sides, parts, self.policy)
        return {name: sorted(parts, key=lambda part: -part["size"]) for name, parts in found.items()}

    def _slice_columns(self) -> list[str]:
        """Return the slices that the newest evaluation declared and the partition has."""
        declared: list[Any] = next(
            (record.body["slices"] for record in reversed(self.asked.records) if record.body.get("slices")), []
        )
        there = types_of(self.asked.storage, self.asked.dataset, self.asked.current[-1]["snapshot_id"])
        return [name for name in declared if isinstance(name, str) and name in there][:_SLICE_COLUMNS]


def reference_of(asked: Asked) -> tuple[str, list[dict[str, str]], Cut | None]:
    """Return what a verdict compared with.

    :param asked: the verdict.
    :return: the dataset, its snapshots, and how they were cut by time.
    """
    said = asked.body.get("reference") or {}
    found = [{"snapshot_id": item} for item in asked.body["reference_snapshot_ids"]]
    return str(said.get("dataset") or asked.dataset), found, _cut(asked, said)


def _cut(asked: Asked, said: Mapping[str, Any]) -> Cut | None:
    """Return how the reference was cut by time; older records do not say it, the champion's training does."""
    manifest = _manifest(asked)
    if manifest is None:
        return None
    if said:
        cut = Cut(manifest["time_column"], said.get("since"), said.get("until"), tuple(said.get("weekdays") or ()))
        return cut if cut.cuts else None
    ids = [item["snapshot_id"] for item in manifest["train"]["snapshots"]]
    same = ids == list(asked.body["reference_snapshot_ids"]) and manifest["train"].get("until")
    return Cut(manifest["time_column"], None, manifest["train"]["until"]) if same else None


def _manifest(asked: Asked) -> Mapping[str, Any] | None:
    digest, version = asked.body.get("champion_manifest_hash"), asked.body.get("champion_version")
    for record in reversed(asked.records):
        if digest is None and record.kind == "promotion" and record.body.get("version") == version:
            digest = record.body["manifest_hash"]
    found = None if digest is None else training_of(asked.records, asked.model, digest).body.get("manifest")
    return found if isinstance(found, Mapping) else None


def _measured(reading: _Reading, drifted: Sequence[str], looks: Sequence[Look]) -> list[Look]:
    """Measure earlier windows that no verdict looked at, back to the first that none of the features had left.

    They are as long as the one that was judged: a part of it has other weekdays and fewer rows. One of which a
    partition is missing was not looked at.
    """
    asked = reading.asked
    seen = {look.partition_key for look in looks}
    now = Partition.parse(asked.body["partition_key"]).start
    earlier = [key for key in asked.accepted if Partition.parse(key).end <= now]
    reference = set(asked.body["reference_snapshot_ids"])
    found = []
    for key in sorted(earlier, key=lambda name: Partition.parse(name).end, reverse=True)[:LOOK_BACK]:
        if asked.accepted[key] in reference:
            nothing = dict.fromkeys(drifted, 0.0)
            found.append(Look(partition_key=key, outcome=None, sizes=nothing, failed=frozenset()))
            break
        window = window_of(key, asked.window)
        if key in seen or not all(one in asked.accepted for one in window):
            continue
        sizes = reading.sizes([asked.accepted[one] for one in window], drifted)
        failed = frozenset(name for name, size in sizes.items() if size >= 1)
        found.append(Look(partition_key=key, outcome=None, sizes=sizes, failed=failed))
        if len(sizes) == len(drifted) and not failed:
            break
    return found


def _changes(reading: _Reading, columns: Mapping[str, Pair]) -> dict[str, list[Change]]:
    """Say how each column changed: from the reference, and from the partition before."""
    from airflow_provider_mlops.statistics.drift_cause import changes_of, merged

    asked = reading.asked
    now = Partition.parse(asked.body["partition_key"]).start
    earlier = [key for key in asked.accepted if Partition.parse(key).end <= now]
    newest = max(earlier, key=lambda key: Partition.parse(key).end, default=None)
    before = {} if newest is None else reading.summaries([asked.accepted[newest]], list(columns))
    return {
        name: merged(changes_of(*pair), changes_of(was, pair[1]) if (was := before.get(name)) is not None else [])
        for name, pair in columns.items()
    }


def _feature(
    name: str,
    asked: Asked,
    looks: Sequence[Look],
    changes: Sequence[Change],
    slices: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    up_to = [look for look in looks if not _after(look, asked.body["partition_key"])]
    began = since(up_to, name) if up_to else Since(asked.body["partition_key"], None)
    rules = [rule for rule in asked.body["verdict"]["rules"] if rule["numbers"].get("feature") == name]
    return {
        "feature": name,
        "size": look_of(asked.body).sizes[name],
        "reasons": [rule["reason"] for rule in rules if rule["outcome"] == "FAIL" and not _names_values(rule)],
        "changes": [item.to_dict() for item in changes],
        "slices": list(slices),
        "since": began.first,
        "clean": began.clean,
    }


def _names_values(rule: Mapping[str, Any]) -> bool:
    """Tell whether the reason of a rule names categories, also rare ones: a page must not."""
    listed = rule["numbers"].get("new") or rule["numbers"].get("vanished")
    return bool(listed) or rule["rule"].endswith((":new", ":vanished"))


def _after(look: Look, key: str) -> bool:
    return Partition.parse(look.partition_key).end > Partition.parse(key).end


def _upstream(asked: Asked, features: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Compare what came before and after each beginning of a drift."""
    accepted = asked.accepted
    keys = sorted(accepted, key=lambda name: Partition.parse(name).end)
    found = []
    for first in dict.fromkeys(item["since"] for item in features):
        if first not in accepted or keys.index(first) == 0:
            continue
        place = keys.index(first)
        clean, *before = [_origin(asked, accepted[key]) for key in reversed(keys[max(0, place - 3) : place])]
        drifted = _origin(asked, accepted[first])
        found.append(
            {
                "clean": keys[place - 1],
                "drifted": first,
                "features": [item["feature"] for item in features if item["since"] == first],
                "changes": [item.to_dict() for item in upstream_changes(clean, drifted, before[::-1])],
                "acts": acts_between(asked.history, clean, drifted),
                "clean_runs": [dict(run) for run in clean.runs],
                "drifted_runs": [dict(run) for run in drifted.runs],
            }
        )
    return found


def _origin(asked: Asked, snapshot_id: str) -> Origin:
    try:
        columns = types_of(asked.storage, asked.dataset, snapshot_id)
    except (EvidenceBroken, MLOpsError):
        columns = {}
    return origin_of(asked.history, snapshot_id, columns)
