"""The stored profiles by what they are of: which hold values of erased rows, which go with a pruned snapshot."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from airflow_provider_mlops.hooks.profile_store import FOLDER, MEMBERS, SPEC
from airflow_provider_mlops.hooks.removal import files_below
from airflow_provider_mlops.hooks.storage import MARKER, Storage


@dataclass(frozen=True, slots=True)
class ProfileFolder:
    """A stored profile, or a specification.

    :param path: where it lies below the storage root.
    :param is_spec: whether it is a specification.
    :param spec_hash: of the specification that it is, or was made by.
    :param snapshot_ids: the snapshots that it is of; of a window, its members too.
    :param scores_id: the stored scores that it is of, None for none.
    :param logs: folders of the logs or labels that it is of, below the storage root.
    """

    path: str
    is_spec: bool
    spec_hash: str
    snapshot_ids: frozenset[str]
    scores_id: str | None
    logs: tuple[str, ...]


def profile_folders(storage: Storage) -> list[ProfileFolder]:
    """List all stored profiles and specifications, by what stands beside them.

    :param storage: where they lie.
    :return: one entry each, in the order of their paths.
    """
    found = []
    for file in files_below(storage, FOLDER):
        if not file.endswith(f"/{MARKER}"):
            continue
        path = file.removesuffix(f"/{MARKER}")
        marker = storage.read_marker(path)
        source: Mapping[str, str | list[str]] = marker.get("source") or {}
        is_spec = marker.get("kind") == SPEC
        found.append(
            ProfileFolder(
                path=path,
                is_spec=is_spec,
                spec_hash=str(marker["content_hash"] if is_spec else marker.get("spec_hash")),
                snapshot_ids=frozenset([*(marker.get("snapshot_ids") or ()), *(marker.get(MEMBERS) or ())]),
                scores_id=str(source["scores_id"]) if source.get("scores_id") else None,
                logs=tuple(source.get("logs") or ()),
            )
        )
    return found


def profiles_about(
    storage: Storage, snapshots: Collection[str], scores: Collection[str] = (), logs: Collection[str] = ()
) -> list[str]:
    """Find what holds values of rows: their profiles, the specifications that they froze, and what was made by those.

    A profile names categories, rare ones too, and the smallest and largest value; the edges of a specification are
    values of its reference. Which of them a row had, nobody can tell afterwards.

    :param storage: where profiles lie.
    :param snapshots: ids of snapshots that hold or held such rows.
    :param scores: ids of stored scores of such rows.
    :param logs: folders of logs and labels of such rows, as they are or were rewritten.
    :return: paths below the storage root, sorted.
    """
    folders = profile_folders(storage)
    own = set(_about(folders, set(snapshots), set(scores), tuple(logs)))
    lost = {one.spec_hash for one in own if one.is_spec}
    return sorted(one.path for one in folders if one in own or one.spec_hash in lost)


def profiles_without(
    storage: Storage, pruned: Collection[str], needed: Collection[str], scores: Collection[str]
) -> list[ProfileFolder]:
    """Find what goes with pruned snapshots: not the profiles by a reference that a model needs.

    :param storage: where profiles lie.
    :param pruned: snapshots that go or went.
    :param needed: snapshots that models need.
    :param scores: stored scores that models need.
    :return: the folders.
    """
    folders = profile_folders(storage)
    live = {
        one.spec_hash
        for one in folders
        if one.is_spec
        and (one.snapshot_ids <= set(needed) if one.snapshot_ids else one.scores_id is None or one.scores_id in scores)
    }
    return [one for one in folders if one.snapshot_ids & set(pruned) and one.spec_hash not in live]


def _about(
    folders: Collection[ProfileFolder], snapshots: set[str], scores: set[str], logs: tuple[str, ...]
) -> Iterator[ProfileFolder]:
    for one in folders:
        # What was rewritten has the old name at the start of its own.
        rewritten = any(log.startswith(path) for path in one.logs for log in logs)
        if rewritten or one.scores_id in scores or not snapshots.isdisjoint(one.snapshot_ids):
            yield one
