"""The identity of a fitted model: a digest of its skops archive that ignores object ids and zip times.

A skops file differs each time it is written, since it names its members by memory address. The digest is a Merkle
hash over the archive's tree of nodes: ids are dropped, a repeated object counts as the object it repeats, members
of a set are sorted, and array files count by their bytes.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from airflow_provider_mlops.core.canonical import sha256_bytes, sha256_of
from airflow_provider_mlops.core.errors import EvidenceBroken

_IGNORED = frozenset({"__id__", "protocol", "_skops_version"})


def canonical_digest(path: Path) -> str:
    """Hash what a skops archive holds, independent of when and where it was written.

    :param path: the archive.
    :return: ``sha256:`` and 64 hexadecimal digits.
    :raises EvidenceBroken: when the file is not a readable skops archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _Tree(archive).digest(json.loads(archive.read("schema.json")))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as err:
        raise EvidenceBroken(f"{path.name} is not a readable skops archive: {err}") from err


class _Tree:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._seen: dict[int, str] = {}

    def digest(self, node: Any) -> str:
        if isinstance(node, list):
            return sha256_of([self.digest(item) for item in node])
        if not isinstance(node, dict):
            return sha256_of(node)
        if node.get("__loader__") == "CachedNode":
            return self._seen[node["__id__"]]
        parts = {key: self._part(key, value) for key, value in node.items() if key not in _IGNORED}
        if node.get("__loader__") == "SetNode" and isinstance(node.get("content"), list):
            parts["content"] = sha256_of(sorted(self.digest(item) for item in node["content"]))
        result = sha256_of(parts)
        if "__id__" in node:
            self._seen[node["__id__"]] = result
        return result

    def _part(self, key: str, value: Any) -> str:
        if key == "file" and isinstance(value, str):
            return self._member(value)
        return self.digest(value)

    def _member(self, name: str) -> str:
        data = self._archive.read(name)
        if name.endswith(".npz"):
            # An npz is a zip of its own, with times in it.
            with zipfile.ZipFile(io.BytesIO(data)) as inner:
                return sha256_of({item: sha256_bytes(inner.read(item)) for item in inner.namelist()})
        return sha256_bytes(data)
