"""Profiles of snapshots: made once, stored beside them by the hash of what they were made from, merged into windows."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.canonical import PREFIX, canonical_json, sha256_bytes, sha256_of
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.snapshot_manifest import OWN_HASH
from airflow_provider_mlops.hooks.samples import open_columns
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    from airflow_provider_mlops.backends.parquet_column import ParquetColumns
    from airflow_provider_mlops.statistics.profile import Profile
    from airflow_provider_mlops.statistics.profile_spec import ProfileSpec, Role

FOLDER = "profiles"
FILE = "profile.json.gz"
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class StoredProfile:
    """A profile as it lies in the storage.

    :param profile: the profile.
    :param hash: its hash, which records cite.
    :param of: what it is a profile of: dataset, snapshots, cut.
    """

    profile: Profile
    hash: str
    of: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reference:
    """What a champion was trained on, frozen: the specification, and the profile by it.

    :param spec: how everything that is compared with it is counted.
    :param stored: its own profile.
    """

    spec: ProfileSpec
    stored: StoredProfile

    def cited(self) -> dict[str, str]:
        """Return what a record says of it."""
        return {"reference_profile": self.stored.hash, "profile_spec": self.spec.hash}


def reference_of(
    storage: Storage,
    dataset: str,
    snapshots: Sequence[Mapping[str, Any]],
    columns: Mapping[str, Role],
    *,
    slices: Mapping[str, Sequence[str]] | None = None,
    time_column: str | None = None,
    until: str | None = None,
) -> Reference:
    """Freeze a reference, or find it: the same snapshots, cut and columns give the same one for good.

    It belongs to the version that was trained on these snapshots (its training record names them); new data cannot
    change it, only another version has another reference.

    :param storage: where the snapshots lie.
    :param dataset: name of the dataset.
    :param snapshots: ``{"snapshot_id"}`` of each, in order, as the training manifest has them.
    :param columns: what each column is: ``feature``, ``score`` or ``label``; those that are missing are left out.
    :param slices: values by which rows are counted apart, by column.
    :param time_column: column that ``until`` cuts by.
    :param until: keep rows before this time (ISO 8601), None for all.
    :return: the reference.
    :raises EvidenceBroken: when a snapshot or the stored reference is missing or was changed.
    """
    from airflow_provider_mlops.statistics.profile_spec import GRID, ProfileSpec, freeze

    of = _of(dataset, snapshots, time_column, until)
    frozen = {"columns": dict(columns), "slices": {k: sorted(v) for k, v in (slices or {}).items()}, "grid": GRID}
    path = _path(dataset, {"spec_of": of, **frozen})
    if storage.exists(path):
        spec = ProfileSpec.from_dict(_read(storage, path))
        return Reference(spec, _profile(storage, spec, of))
    with open_columns(storage, dataset, snapshots, time_column=time_column, until=until) as opened:
        summaries = ((name, opened.summary(name)) for name in columns)
        spec = freeze(((name, item) for name, item in summaries if item is not None), roles=columns, slices=slices)
        spec = ProfileSpec.from_dict(json.loads(canonical_json(spec.to_dict())))
        stored = _profile(storage, spec, of, opened)
    _write(storage, path, spec.to_dict(), {"kind": "profile_spec", **of})
    return Reference(spec, stored)


def profile_of(
    storage: Storage,
    dataset: str,
    snapshot_id: str,
    spec: ProfileSpec,
    *,
    compute: Callable[[ParquetColumns, ProfileSpec], Profile] | None = None,
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
    return _profile(storage, spec, _of(dataset, [{"snapshot_id": snapshot_id}], None, None), compute=compute)


def profile_of_columns(
    storage: Storage, name: str, source: Mapping[str, Any], columns: ParquetColumns, spec: ProfileSpec
) -> StoredProfile:
    """Profile files that are no snapshot, a prediction log say, or find the profile that was made of them.

    :param storage: where the profile lies.
    :param name: folder of the profile, the model's name say.
    :param source: what names the content of the files for good: hashes, ids.
    :param columns: the files.
    :param spec: what to count.
    :return: the profile.
    """
    return _profile(storage, spec, {"dataset": name, "snapshot_ids": [], "cut": {}, "source": dict(source)}, columns)


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
    from airflow_provider_mlops.statistics.profile import Profile

    found = []
    for name in folders(storage, f"{FOLDER}/{dataset}"):
        path = f"{FOLDER}/{dataset}/{name}"
        marker = storage.read_marker(path)
        if marker.get("kind") == "profile" and marker.get("snapshot_ids") == [snapshot_id]:
            profile = Profile.from_dict(_read(storage, path))
            found.append(StoredProfile(profile, str(marker["content_hash"]), marker))
    return found


def _profile(
    storage: Storage,
    spec: ProfileSpec,
    of: Mapping[str, Any],
    opened: ParquetColumns | None = None,
    compute: Callable[[ParquetColumns, ProfileSpec], Profile] | None = None,
) -> StoredProfile:
    from airflow_provider_mlops.backends.parquet_profile import profile_files
    from airflow_provider_mlops.statistics.profile import Profile

    path = _path(of["dataset"], {"profile_of": of, "spec": spec.hash})
    if not storage.exists(path):
        count = compute or profile_files
        if opened is not None:
            made = count(opened, spec)
        else:
            snapshots = [{"snapshot_id": item} for item in of["snapshot_ids"]]
            with open_columns(storage, of["dataset"], snapshots, **of["cut"]) as columns:
                made = count(columns, spec)
        _write(storage, path, made.to_dict(), {"kind": "profile", "spec_hash": spec.hash, "rows": made.rows, **of})
    # Read back, so that the first run and every later one go by the same bytes.
    content = _read(storage, path)
    if content.get("spec") != spec.hash:
        raise EvidenceBroken(f"{storage.uri(path)} is a profile by another specification.")
    return StoredProfile(Profile.from_dict(content), sha256_of(content), of)


def _of(
    dataset: str, snapshots: Sequence[Mapping[str, Any]], time_column: str | None, until: str | None
) -> dict[str, Any]:
    cut = {"time_column": time_column, "until": until} if until else {}
    return {"dataset": dataset, "snapshot_ids": [item["snapshot_id"] for item in snapshots], "cut": cut}


def _path(dataset: str, key: Mapping[str, Any]) -> str:
    return f"{FOLDER}/{dataset}/{sha256_of({'schema': SCHEMA, **key}).removeprefix(PREFIX)}"


def _write(storage: Storage, path: str, content: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    text = canonical_json(content).encode()
    packed = gzip.compress(text, compresslevel=6, mtime=0)
    with storage.staging() as folder:
        (folder / FILE).write_bytes(packed)
        hashes = {"content_hash": sha256_bytes(text), "file_hash": sha256_bytes(packed)}
        marker = {"schema": SCHEMA, **facts, **hashes, "path": path}
        marker[OWN_HASH] = sha256_of(marker)
        (folder / "manifest.json").write_text(canonical_json(marker) + "\n", encoding="utf-8")
        storage.publish(folder, path)


def _read(storage: Storage, path: str) -> dict[str, Any]:
    """Read what `_write` wrote, proved by the hash that stands beside it."""
    stated = storage.read_marker(path).get("content_hash")
    with storage.open(path) as folder:
        try:
            text = gzip.decompress((folder / FILE).read_bytes())
        except (OSError, EOFError) as err:
            raise EvidenceBroken(f"{storage.uri(path)}/{FILE} cannot be read: {err}") from err
    if sha256_bytes(text) != stated:
        raise EvidenceBroken(f"{storage.uri(path)}/{FILE} was changed: it does not have the hash beside it.")
    content: dict[str, Any] = json.loads(text)
    return content
