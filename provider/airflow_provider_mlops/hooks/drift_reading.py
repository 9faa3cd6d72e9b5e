"""What the report of a drift verdict reads: columns of the reference, of the judged window, and of earlier ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.parquet_pairs import ParquetPairs
from airflow_provider_mlops.core.drift_history import BROKEN
from airflow_provider_mlops.core.drift_policy import DriftPolicy
from airflow_provider_mlops.core.evidence import accepted_snapshots, training_of
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.drift_columns import read_some, thinned, types_of
from airflow_provider_mlops.hooks.samples import open_columns
from airflow_provider_mlops.hooks.snapshot_set import Cut
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    from airflow_provider_mlops.hooks.drift_plan import DriftPlan
    from airflow_provider_mlops.statistics.columns import Summary

    Pair = tuple[Summary, Summary]

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
    :param plan: what the verdict read, where that is the prediction log; None for verdicts on snapshots.
    """

    model: str
    dataset: str
    body: Mapping[str, Any]
    records: Sequence[Record]
    history: Sequence[Record]
    storage: Storage
    events: Sequence[Mapping[str, Any]] = ()
    plan: DriftPlan | None = None

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


class Reading:
    """Reads columns of the reference and of partitions; the summaries that it keeps are thinned.

    :param asked: the verdict that the report is about.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.policy = DriftPolicy.from_mapping(asked.body["policy_content"])
        self.dataset, self.snapshots, self.cut = reference_of(asked)
        self.reference: dict[str, Summary] = {}

    def pairs(self, names: Sequence[str]) -> dict[str, Pair]:
        """Return reference and current of each column that both sides have.

        :param names: the columns.
        """
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
        """Measure how far columns of a window are from the reference; those with too few rows are left out.

        :param snapshot_ids: the snapshots of the window, in order.
        :param names: the columns; `pairs` must have read them.
        :return: largest effect over its threshold by column, material from 1.
        """
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
        """Sum up columns of a window; None for one that it does not have.

        :param snapshot_ids: the snapshots of the window, in order.
        :param names: the columns.
        """
        found: dict[str, Summary | None] = {}
        wanted = [{"snapshot_id": snapshot_id} for snapshot_id in snapshot_ids]
        with open_columns(self.asked.storage, self.asked.dataset, wanted) as there:
            for name in names:
                was = self.reference.get(name)
                summary = there.summary(name, there.kind(name) or (was.kind if was is not None else None))
                found[name] = None if summary is None else thinned(summary)
        return found

    def slices(self, names: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Return the parts of the rows in which each feature moved.

        :param names: the features.
        :return: by feature, the largest first.
        """
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


def served_pairs(storage: Storage, plan: DriftPlan, names: Sequence[str]) -> dict[str, Pair]:
    """Return reference and current of what was served (scores, labels, features), as the verdict read them.

    :param storage: where logs, scores and snapshots lie.
    :param plan: what the verdict read.
    :param names: the columns.
    :return: the columns that both sides have, thinned.
    """
    from airflow_provider_mlops.hooks.drift_sources import open_sides

    with open_sides(storage, plan) as sides:
        pairs = [pair for pair in sides.pairs if pair[0] in names]
    return {name: (thinned(was), thinned(now)) for name, was, now in pairs if was is not None and now is not None}


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
