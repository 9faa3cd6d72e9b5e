"""What the report of a drift verdict reads where profiles were judged: those, of the window and of earlier ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.drift_history import BROKEN
from airflow_provider_mlops.core.drift_policy import DriftPolicy
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.profiled import PROFILE
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.drift_profiles import is_there, read_pair
from airflow_provider_mlops.hooks.drift_reading import Asked
from airflow_provider_mlops.hooks.profile_store import read_profile

if TYPE_CHECKING:
    from airflow_provider_mlops.hooks.drift_reading import Pair
    from airflow_provider_mlops.statistics.columns import Summary
    from airflow_provider_mlops.statistics.profile import Profile


class ProfileReading:
    """Reads columns of profiles; values that stand for bins are given where values are asked for.

    :param asked: the verdict that the report is about; its body names profiles.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.policy = DriftPolicy.from_mapping(asked.body["policy_content"])
        judged, by_hash = asked.body["profiles"], {record.hash: record for record in asked.records}
        rolling = [by_hash[item["record"]] for item in judged["reference"] if "partition_key" in item]
        current = [by_hash[item["record"]] for item in judged["current"]]
        self._pair = read_pair(asked.storage, [*rolling, *current], len(rolling))
        self._wanted = {
            name: current[-1].body[name] for name in ("profile_spec", "kind", "dataset", "champion_manifest_hash")
        }

    def pairs(self, names: Sequence[str]) -> dict[str, Pair]:
        """Return reference and current of each column that both sides have.

        :param names: the columns.
        """
        from airflow_provider_mlops.statistics.profile_values import values_of

        sides = {
            name: (self._column(self._pair.reference, name), self._column(self._pair.current, name)) for name in names
        }
        return {
            name: (values_of(was), values_of(now))
            for name, (was, now) in sides.items()
            if was is not None and now is not None
        }

    def sizes(self, snapshot_ids: Sequence[str], names: Sequence[str]) -> dict[str, float]:
        """Measure how far columns of a window are from the reference.

        :param snapshot_ids: the snapshots of the window, in order.
        :param names: the columns.
        :return: largest effect over its threshold by column; none where a profile is missing.
        """
        from airflow_provider_mlops.statistics.drift_slices import size_between

        if (profile := self._merged(snapshot_ids)) is None:
            return {}
        sizes: dict[str, float | None] = {}
        for name in names:
            was, now = self._column(self._pair.reference, name), self._column(profile, name)
            sizes[name] = BROKEN if was is None or now is None else size_between(name, was, now, self.policy)
        return {name: size for name, size in sizes.items() if size is not None}

    def summaries(self, snapshot_ids: Sequence[str], names: Sequence[str]) -> dict[str, Summary | None]:
        """Give columns of a window; None for one that it does not have, or has no profile of.

        :param snapshot_ids: the snapshots of the window, in order.
        :param names: the columns.
        """
        from airflow_provider_mlops.statistics.profile_values import values_of

        profile = self._merged(snapshot_ids)
        columns = {name: None if profile is None else self._column(profile, name) for name in names}
        return {name: None if column is None else values_of(column) for name, column in columns.items()}

    def slices(self, names: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Return the declared slices in which each feature moved.

        :param names: the features.
        :return: by feature, the largest first.
        """
        from airflow_provider_mlops.statistics.drift_slices import moved_parts

        found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        for by, values in self._pair.reference.slices.items():
            for name in names:
                sides = (
                    (value, self._column(was, name), self._column(self._pair.current.slices[by][value], name))
                    for value, was in values.items()
                )
                parts = ((value, was, now) for value, was, now in sides if was is not None and now is not None)
                if name != by:
                    found[name] += moved_parts(name, by, parts, self.policy)
        return {name: sorted(parts, key=lambda part: -part["size"]) for name, parts in found.items()}

    def _column(self, profile: Profile, name: str) -> Summary | None:
        from airflow_provider_mlops.statistics.profile_findings import summary_of_profile

        spec = self._pair.spec.columns.get(name)
        return None if spec is None else summary_of_profile(spec, profile.columns[name])

    def _merged(self, snapshot_ids: Sequence[str]) -> Profile | None:
        from airflow_provider_mlops.statistics.profile import merged

        found = [self._record(snapshot_id) for snapshot_id in snapshot_ids]
        there = [record for record in found if record is not None]
        if len(there) < len(found):
            return None
        return merged(read_profile(self.asked.storage, one.body["path"], one.body["profile"])[0] for one in there)

    def _record(self, snapshot_id: str) -> Record | None:
        wanted = {**self._wanted, "source": snapshot_id}
        for record in reversed(self.asked.records):
            live = record.kind == PROFILE and record.mode == Mode.LIVE
            if live and all(record.body[name] == value for name, value in wanted.items()):
                return record if is_there(self.asked.storage, record) else None
        return None
