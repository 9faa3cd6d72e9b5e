"""Profiles of snapshots: made once, stored beside them by the hash of what they were made from, merged into windows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.canonical import canonical_json
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.hooks.profile_store import (
    FOLDER,
    MEMBERS,
    PROFILE,
    SPEC,
    StoredProfile,
    of_snapshots,
    of_source,
    place_of,
    profile_place,
    read_profile,
    read_spec,
    write_content,
)
from airflow_provider_mlops.hooks.samples import open_columns
from airflow_provider_mlops.hooks.snapshot_set import members_now
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    from airflow_provider_mlops.backends.drift_columns import ArrowColumns
    from airflow_provider_mlops.backends.parquet_column import ParquetColumns
    from airflow_provider_mlops.statistics.profile import Profile
    from airflow_provider_mlops.statistics.profile_spec import ProfileSpec, Role

    Compute = Callable[[ParquetColumns, ProfileSpec], Profile]
    Counted = ParquetColumns | ArrowColumns

Slices = Mapping[str, Sequence[str]] | Sequence[str]
"""What rows are counted apart by: values by column; or columns, whose values are then the reference's most frequent."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What a champion was trained on, frozen: the specification, and the profile by it.

    :param spec: how everything that is compared with it is counted.
    :param stored: its own profile.
    :param path: where the specification lies below the storage root.
    """

    spec: ProfileSpec
    stored: StoredProfile
    path: str

    def cited(self) -> dict[str, str]:
        """Return what a record says of it."""
        return {"reference_profile": self.stored.hash, "profile_spec": self.spec.hash}


def reference_of(
    storage: Storage,
    dataset: str,
    snapshots: Sequence[Mapping[str, Any]],
    columns: Mapping[str, Role],
    *,
    slices: Slices = (),
    time_column: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> Reference:
    """Freeze a reference, or find it: the same snapshots, cut and columns give the same one for good.

    It belongs to the version that was trained on these snapshots (its training record names them); new data cannot
    change it, only another version has another reference.

    :param storage: where the snapshots lie.
    :param dataset: name of the dataset.
    :param snapshots: ``{"snapshot_id"}`` of each, in order, as the training manifest has them.
    :param columns: what each column is: ``feature``, ``score`` or ``label``; those that are missing are left out.
    :param slices: values by which rows are counted apart, by column; or columns.
    :param time_column: column that the limits cut by.
    :param since: keep rows from this time on (ISO 8601), None for all.
    :param until: keep rows before this time (ISO 8601), None for all.
    :return: the reference.
    :raises EvidenceBroken: when a snapshot or the stored reference is missing or was changed.
    """
    of = of_snapshots(dataset, snapshots, time_column, since, until)
    return frozen_by(
        storage,
        of,
        columns,
        lambda: open_columns(storage, dataset, snapshots, time_column=time_column, since=since, until=until),
        slices=slices,
    )


def frozen_by(
    storage: Storage,
    of: Mapping[str, Any],
    columns: Mapping[str, Role],
    opened: Callable[[], AbstractContextManager[Counted]],
    *,
    slices: Slices = (),
) -> Reference:
    """Freeze a reference by any rows, or find it; rows are read only where it is not there.

    :param storage: where it lies.
    :param of: what names the rows for good, as `of_snapshots` or `of_source` says it.
    :param columns: what each column is; those that are missing are left out.
    :param opened: opens the rows.
    :param slices: values by which rows are counted apart, by column; or columns.
    :return: the reference.
    :raises EvidenceBroken: when the rows or the stored reference are missing or were changed.
    """
    from airflow_provider_mlops.statistics.profile_spec import ProfileSpec, freeze

    path = _spec_place(of, columns, slices)
    spec = read_spec(storage, path) if storage.exists(path) else None
    if spec is not None and storage.exists(_profile_place(of, spec)):
        return Reference(spec, _profile(storage, spec, of), path)
    with opened() as rows:
        if spec is None:
            summaries = ((name, rows.summary(name)) for name in columns)
            there = ((name, item) for name, item in summaries if item is not None)
            made = freeze(there, roles=columns, slices=_declared(slices, rows))
            spec = ProfileSpec.from_dict(json.loads(canonical_json(made.to_dict())))
        stored = _profile(storage, spec, of, rows)
    # The specification comes last: where it is, so is the reference's profile.
    write_content(storage, path, spec.to_dict(), {"kind": SPEC, **of})
    return Reference(spec, stored, path)


def profile_of(
    storage: Storage,
    dataset: str,
    snapshot_id: str,
    spec: ProfileSpec,
    *,
    compute: Compute | None = None,
) -> StoredProfile:
    """Profile a snapshot, or find the profile that was made of it by the same specification.

    Rows stream from the row groups of the files: memory holds a batch of a column or two, whatever the snapshot.

    :param storage: where the snapshot lies, and its profile.
    :param dataset: name of the dataset.
    :param snapshot_id: the snapshot; of a window, of its members' rows.
    :param spec: what to count, frozen by the reference.
    :param compute: who counts; default: this process. ``backends.spark_profile.profile_files`` is the other one.
    :return: the profile.
    :raises EvidenceBroken: when the snapshot or the stored profile is missing or was changed.
    """
    of = of_snapshots(dataset, [{"snapshot_id": snapshot_id}])
    # Named before it is read: what rows are erased from meanwhile is then profiled under the old name.
    members = members_now(storage, dataset, snapshot_id)
    named = of if members is None else {**of, MEMBERS: members}
    return _profile(storage, spec, named, compute=compute)


def profile_of_columns(
    storage: Storage, name: str, source: Mapping[str, Any], columns: Counted, spec: ProfileSpec
) -> StoredProfile:
    """Profile files that are no snapshot, a prediction log say, or find the profile that was made of them.

    :param storage: where the profile lies.
    :param name: folder of the profile, the model's name say.
    :param source: what names the content of the files for good: hashes, ids.
    :param columns: the files.
    :param spec: what to count.
    :return: the profile.
    """
    return _profile(storage, spec, of_source(name, source), columns)


def window_profile(storage: Storage, dataset: str, snapshot_ids: Sequence[str], spec: ProfileSpec) -> Profile:
    """Profile several snapshots together by merging their profiles; only rows never profiled before are read.

    :param storage: where the snapshots lie.
    :param dataset: name of the dataset.
    :param snapshot_ids: the snapshots, the days of a trailing window say, each once.
    :param spec: what to count.
    :return: the profile of all their rows.
    :raises BadInput: when there is none, or one is named twice.
    """
    from airflow_provider_mlops.statistics.profile import merged

    if len(set(snapshot_ids)) < len(snapshot_ids):
        raise BadInput("A snapshot is named twice; its rows would count double.")
    return merged(profile_of(storage, dataset, snapshot_id, spec).profile for snapshot_id in snapshot_ids)


def stored_profiles(storage: Storage, dataset: str, snapshot_id: str) -> list[StoredProfile]:
    """List the profiles that lie in the storage for one snapshot, each by another specification.

    :param storage: where they lie.
    :param dataset: name of the dataset.
    :param snapshot_id: the snapshot.
    :return: the profiles, in the order of their folders.
    :raises EvidenceBroken: when one was changed.
    """
    from airflow_provider_mlops.hooks.removal import folders

    found = []
    for name in folders(storage, f"{FOLDER}/{dataset}"):
        path = f"{FOLDER}/{dataset}/{name}"
        marker = storage.read_marker(path)
        if marker.get("kind") == PROFILE and marker.get("snapshot_ids") == [snapshot_id]:
            found.append(StoredProfile(*read_profile(storage, path), marker, path))
    return found


def _profile(
    storage: Storage,
    spec: ProfileSpec,
    of: Mapping[str, Any],
    opened: Counted | None = None,
    compute: Compute | None = None,
) -> StoredProfile:
    path = _profile_place(of, spec)
    if not storage.exists(path):
        made = counted(storage, of, spec, opened, compute)
        facts = {"kind": PROFILE, "spec_hash": spec.hash, "rows": made.rows, **of}
        write_content(storage, path, made.to_dict(), facts)
    # Read back, so that the first run and every later one go by the same bytes.
    profile, digest = read_profile(storage, path)
    if profile.spec_hash != spec.hash:
        raise EvidenceBroken(f"{storage.uri(path)} is a profile by another specification.")
    return StoredProfile(profile, digest, of, path)


def counted(
    storage: Storage,
    of: Mapping[str, Any],
    spec: ProfileSpec,
    opened: Counted | None = None,
    compute: Compute | None = None,
) -> Profile:
    """Count rows, whether their profile is stored or not; nothing is written.

    :param storage: where the rows lie.
    :param of: which rows, as `of_snapshots` says it; of others they must be ``opened``.
    :param spec: what to count.
    :param opened: the rows; None to open the snapshots.
    :param compute: who counts; default: this process.
    :return: the profile.
    :raises BadInput: when another counter is asked for rows that are no whole snapshots.
    :raises EvidenceBroken: when a snapshot is missing or was changed.
    """
    from airflow_provider_mlops.backends.parquet_profile import profile_files

    if opened is not None:
        if compute is not None:
            raise BadInput("Spark profiles snapshots; scores and labels are profiled without it.")
        return profile_files(opened, spec)
    snapshots = [{"snapshot_id": item} for item in of["snapshot_ids"]]
    with open_columns(storage, of["dataset"], snapshots, **of["cut"]) as columns:
        return (compute or profile_files)(columns, spec)


def _declared(slices: Slices, rows: Counted) -> dict[str, Sequence[str]]:
    from airflow_provider_mlops.backends.profile_slices import frequent_values

    return dict(slices) if isinstance(slices, Mapping) else {name: frequent_values(rows, name) for name in slices}


def _profile_place(of: Mapping[str, Any], spec: ProfileSpec) -> str:
    return profile_place(of, spec.hash)


def _spec_place(of: Mapping[str, Any], columns: Mapping[str, Role], slices: Slices) -> str:
    from airflow_provider_mlops.statistics.profile_spec import GRID

    by = {k: sorted(v) for k, v in slices.items()} if isinstance(slices, Mapping) else sorted(slices)
    frozen = {"columns": dict(columns), "slices": by or {}, "grid": GRID}
    return place_of(of["dataset"], {"spec_of": of, **frozen})
