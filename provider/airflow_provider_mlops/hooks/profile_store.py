"""Where profiles and their specifications lie: folders below ``profiles/``, each proved by the hash beside it."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.canonical import PREFIX, canonical_json, sha256_bytes, sha256_of
from airflow_provider_mlops.core.errors import EvidenceBroken
from airflow_provider_mlops.core.snapshot_manifest import OWN_HASH
from airflow_provider_mlops.hooks.storage import MARKER, Storage

if TYPE_CHECKING:
    from airflow_provider_mlops.statistics.profile import Profile
    from airflow_provider_mlops.statistics.profile_spec import ProfileSpec

FOLDER = "profiles"
FILE = "profile.json.gz"
SCHEMA = 1
PROFILE, SPEC = "profile", "profile_spec"
"""What a folder holds, as its marker says."""
MEMBERS = "members"
"""Of a window: the snapshots that held its rows when it was profiled; in a record, the hash of their ids."""


@dataclass(frozen=True, slots=True)
class StoredProfile:
    """A profile as it lies in the storage.

    :param profile: the profile.
    :param hash: its hash, which records cite.
    :param of: what it is a profile of: dataset, snapshots, cut.
    :param path: where it lies below the storage root.
    """

    profile: Profile
    hash: str
    of: Mapping[str, Any]
    path: str


def of_snapshots(
    dataset: str,
    snapshots: Sequence[Mapping[str, Any]],
    time_column: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> dict[str, Any]:
    """Name snapshots, and which of their rows count, as what something is a profile of.

    :param dataset: name of the dataset.
    :param snapshots: ``{"snapshot_id"}`` of each, in order.
    :param time_column: column that the limits cut by.
    :param since: first time that counts (ISO 8601), None for no limit.
    :param until: first time that does not, None for no limit.
    :return: JSON-safe facts.
    """
    limits = {name: value for name, value in (("since", since), ("until", until)) if value}
    # A reference without a beginning is named as it has always been.
    cut = {"time_column": time_column, "until": until, **limits} if limits else {}
    return {"dataset": dataset, "snapshot_ids": [item["snapshot_id"] for item in snapshots], "cut": cut}


def of_source(name: str, source: Mapping[str, Any]) -> dict[str, Any]:
    """Name files that are no snapshot as what something is a profile of.

    :param name: folder of the profile, the model's name say.
    :param source: what names their content for good: hashes, ids.
    :return: JSON-safe facts.
    """
    return {"dataset": name, "snapshot_ids": [], "cut": {}, "source": dict(source)}


def place_of(dataset: str, key: Mapping[str, Any]) -> str:
    """Return where a profile or a specification lies below the storage root.

    :param dataset: name of the dataset, or of the model.
    :param key: all that it was made from.
    """
    return f"{FOLDER}/{dataset}/{sha256_of({'schema': SCHEMA, **key}).removeprefix(PREFIX)}"


def profile_place(of: Mapping[str, Any], spec_hash: str) -> str:
    """Return where a profile lies below the storage root.

    :param of: what it is of, as `of_snapshots` or `of_source` says it.
    :param spec_hash: hash of the specification that it is made by.
    """
    return place_of(of["dataset"], {"profile_of": of, "spec": spec_hash})


def read_profile(storage: Storage, path: str, expected: str | None = None) -> tuple[Profile, str]:
    """Read a profile.

    :param storage: where it lies.
    :param path: where, below the root.
    :param expected: the hash that a record cites; None where none does.
    :return: the profile and its hash.
    :raises EvidenceBroken: when it is missing, was changed, or is not the one that is cited.
    """
    from airflow_provider_mlops.statistics.profile import Profile

    content, digest = read_content(storage, path)
    if expected not in (None, digest):
        raise EvidenceBroken(f"{storage.uri(path)} is not the profile that a record cites: {digest}, not {expected}.")
    return Profile.from_dict(content), digest


def read_spec(storage: Storage, path: str, expected: str | None = None) -> ProfileSpec:
    """Read a specification.

    :param storage: where it lies.
    :param path: where, below the root.
    :param expected: the hash that a record cites; None where none does.
    :return: the specification.
    :raises EvidenceBroken: when it is missing, was changed, or is not the one that is cited.
    """
    from airflow_provider_mlops.statistics.profile_spec import ProfileSpec

    spec = ProfileSpec.from_dict(read_content(storage, path)[0])
    if expected not in (None, spec.hash):
        raise EvidenceBroken(f"{storage.uri(path)} is not the specification that a record cites ({expected}).")
    return spec


def write_content(storage: Storage, path: str, content: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Publish a profile or a specification in one step.

    :param storage: where it shall lie.
    :param path: where, below the root.
    :param content: what it says, JSON-safe.
    :param facts: what its marker says of it.
    """
    text = canonical_json(content).encode()
    packed = gzip.compress(text, compresslevel=6, mtime=0)
    with storage.staging() as folder:
        (folder / FILE).write_bytes(packed)
        hashes = {"content_hash": sha256_bytes(text), "file_hash": sha256_bytes(packed)}
        marker = {"schema": SCHEMA, **facts, **hashes, "path": path}
        marker[OWN_HASH] = sha256_of(marker)
        (folder / MARKER).write_text(canonical_json(marker) + "\n", encoding="utf-8")
        storage.publish(folder, path)


def read_content(storage: Storage, path: str) -> tuple[dict[str, Any], str]:
    """Read what `write_content` wrote, proved by the hash that stands beside it.

    :param storage: where it lies.
    :param path: where, below the root.
    :return: what it says, and its hash.
    :raises EvidenceBroken: when it is missing or was changed.
    """
    stated = storage.read_marker(path).get("content_hash")
    with storage.open(path) as folder:
        try:
            text = gzip.decompress((folder / FILE).read_bytes())
        except (OSError, EOFError, zlib.error) as err:
            raise EvidenceBroken(f"{storage.uri(path)}/{FILE} cannot be read: {err}") from err
    if sha256_bytes(text) != stated:
        raise EvidenceBroken(f"{storage.uri(path)}/{FILE} was changed: it does not have the hash beside it.")
    content: dict[str, Any] = json.loads(text)
    return content, str(stated)
