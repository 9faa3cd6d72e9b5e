"""A window as a snapshot: a manifest that names other snapshots, and no rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends.snapshot_files import write_manifest
from airflow_provider_mlops.core.snapshot_manifest import window_manifest


def write_window(
    members: Sequence[Mapping[str, Any]],
    folder: Path,
    facts: Mapping[str, Any],
    *,
    cut: Mapping[str, Any] | None = None,
    rows: int | None = None,
) -> dict[str, Any]:
    """Write the manifest of a window; its id follows from the members' ids and the cut.

    :param members: ``{"dataset", "partition_key", "snapshot_id"}`` of each, in the order of their rows.
    :param folder: an existing, empty folder that nobody reads yet.
    :param facts: JSON-safe facts to keep in the manifest (dataset, partition keys, source, run, ...).
    :param cut: ``{"time_column", "since", "until"}``: which rows of the members belong to it; None for all.
    :param rows: number of rows that it spans, None when nobody counted them.
    :return: the manifest, with ``snapshot_id``, ``members``, ``cut``, ``manifest_sha256``.
    :raises BadInput: when there is no member, or one lacks a name.
    """
    manifest = window_manifest(members, facts, cut=cut, rows=rows)
    write_manifest(folder, manifest)
    return manifest
