"""The manifest of a snapshot: what it holds, bound to the snapshot's id and to its own hash.

Schema 2 carries a digest of each column, from which the id follows, and ``manifest_sha256`` over everything else in
the manifest. Schema 1 had neither; it is still read.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_mlops.core.canonical import canonical_json, sha256_of
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken

MANIFEST = "manifest.json"
SCHEMA = 2
DIGEST_VERSION = 1
OWN_HASH = "manifest_sha256"
_OURS = frozenset(
    {"schema", "snapshot_id", "rows", "columns", "time_column", "time_range", "files", "members", "cut", OWN_HASH}
)
_HEX = frozenset("0123456789abcdef")


def content_id(rows: int, columns: Sequence[Mapping[str, Any]]) -> str:
    """Return the id of rows, from the digests of their columns.

    :param rows: number of rows.
    :param columns: ``{"name", "type", <digests>}`` of each column, in order.
    :return: ``sha256:`` and 64 hexadecimal digits.
    """
    return sha256_of({"digest": DIGEST_VERSION, "rows": rows, "columns": list(columns)})


def seal(manifest: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Join what was measured and what the caller knows, and add the manifest's own hash.

    :param manifest: what was measured: kind, snapshot id, rows, columns, files.
    :param facts: JSON-safe facts of the caller (dataset, partition keys, source, run, ...).
    :return: the manifest.
    :raises BadInput: when a fact bears a name that the manifest uses itself, or is not JSON-safe.
    """
    if taken := sorted(_OURS & set(facts)):
        raise BadInput(f"Facts of a snapshot cannot be named {', '.join(taken)}: the manifest states these itself.")
    whole = {"schema": SCHEMA, **facts, **manifest}
    return {**whole, OWN_HASH: sha256_of(whole)}


def facts_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of the caller that a manifest keeps, without what was measured.

    :param manifest: the manifest, of any schema.
    """
    return {name: value for name, value in manifest.items() if name not in _OURS}


def manifest_text(manifest: Mapping[str, Any]) -> str:
    """Return the one text that a manifest is written as.

    :param manifest: the manifest.
    """
    return canonical_json(manifest) + "\n"


def parse_manifest(text: str, where: str) -> dict[str, Any]:
    """Read the text of a manifest and check that it is whole.

    :param text: the text.
    :param where: the file, for errors.
    :return: the manifest.
    :raises EvidenceBroken: when it is no manifest, or a byte of it was changed.
    """
    try:
        manifest = json.loads(text)
    except ValueError as err:
        raise EvidenceBroken(f"{where} is not JSON: {err}") from err
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, list) or not all(_is_file_entry(item) for item in files):
        raise EvidenceBroken(f"{where} is not the manifest of a snapshot: it lists no files.")
    if manifest.get("schema") == 1:
        return {**manifest, OWN_HASH: sha256_of(manifest)}
    if manifest.get("schema") != SCHEMA:
        raise EvidenceBroken(f"{where} has the schema {manifest.get('schema')!r}; this version reads 1 and {SCHEMA}.")
    body = {name: value for name, value in manifest.items() if name != OWN_HASH}
    if manifest.get(OWN_HASH) != sha256_of(body) or text != manifest_text(manifest):
        raise EvidenceBroken(f"{where} was changed: it does not have the hash that it states itself.")
    return dict(manifest)


def check_identity(manifest: Mapping[str, Any], snapshot_id: str, where: str, own_hash: str | None = None) -> None:
    """Check that a manifest is the one of a snapshot id.

    :param manifest: the manifest.
    :param snapshot_id: the id that was asked for.
    :param where: the folder, for errors.
    :param own_hash: ``manifest_sha256`` as a ledger record states it, None where no record is at hand.
    :raises EvidenceBroken: when it belongs to another id, or is not the recorded one.
    """
    if manifest.get("snapshot_id") != snapshot_id:
        raise EvidenceBroken(f"The rows at {where} have the id {manifest.get('snapshot_id')}, not {snapshot_id}.")
    if own_hash is not None and manifest.get(OWN_HASH) != own_hash:
        raise EvidenceBroken(f"The manifest at {where} is not the recorded one: its hash is not {own_hash}.")
    if manifest["schema"] == 1:
        return
    found = _derived_id(manifest)
    if found != snapshot_id:
        raise EvidenceBroken(f"The rows at {where} have the id {found} by their manifest, not {snapshot_id}.")


def window_id(members: Sequence[Mapping[str, Any]], cut: Mapping[str, Any] | None) -> str:
    """Return the id of a window: it follows from the members' ids, in order, and the cut.

    :param members: ``{"snapshot_id"}`` of each member.
    :param cut: ``{"time_column", "since", "until"}``, None for whole members.
    :return: ``sha256:`` and 64 hexadecimal digits.
    """
    ids = [item["snapshot_id"] for item in members]
    return sha256_of({"window": 1, "members": ids, "cut": dict(cut) if cut else None})


def window_manifest(
    members: Sequence[Mapping[str, Any]],
    facts: Mapping[str, Any],
    *,
    cut: Mapping[str, Any] | None = None,
    rows: int | None = None,
) -> dict[str, Any]:
    """Describe a window: several snapshots in order, named by their ids and never copied.

    :param members: ``{"dataset", "partition_key", "snapshot_id"}`` of each, in the order of their rows.
    :param facts: JSON-safe facts of the caller.
    :param cut: ``{"time_column", "since", "until"}`` (ISO 8601 or None), None for whole members.
    :param rows: number of rows that it spans, None when nobody counted them.
    :return: the manifest, of kind ``window`` and without files.
    :raises BadInput: when there is no member, or one lacks a name.
    """
    if not members:
        raise BadInput("A window needs at least one snapshot; accept a partition first.")
    for item in members:
        if missing := sorted({"dataset", "partition_key", "snapshot_id"} - set(item)):
            raise BadInput(f"A member of a window lacks {', '.join(missing)}: {dict(item)!r}.")
    kept = [{name: item[name] for name in ("dataset", "partition_key", "snapshot_id")} for item in members]
    limits = {name: (cut or {}).get(name) for name in ("time_column", "since", "until")}
    limits_or_none = limits if limits["since"] or limits["until"] else None
    if limits_or_none and not limits["time_column"]:
        raise BadInput("A window is cut by time only with a time_column.")
    measured = {
        "snapshot_id": window_id(kept, limits_or_none),
        "rows": rows,
        "members": kept,
        "cut": limits_or_none,
        "files": [],
    }
    return seal(measured, {"kind": "window", **facts})


def is_time(kind: str) -> bool:
    """Whether a column of a type says when: rows are cut by days and moments, not by numbers or text.

    :param kind: logical type, as manifests name it.
    """
    return kind.startswith(("timestamp", "date"))


def time_column_of(manifest: Mapping[str, Any]) -> str | None:
    """Return the column whose range a manifest states, None where it states none.

    :param manifest: manifest of a snapshot; one that does not name the column is asked for the column of that range.
        Earlier ones may name a column of numbers or text, which is none.
    """
    found, named = manifest.get("time_range"), manifest.get("time_column")
    for column in manifest["columns"]:
        fits = column["name"] == named if named else bool(found) and [column.get("min"), column.get("max")] == found
        if fits and is_time(column["type"]):
            return str(column["name"])
    return None


def is_window(manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest names other snapshots instead of holding rows.

    :param manifest: the manifest.
    """
    return "members" in manifest


def joined_columns(manifests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Join what the manifests of several snapshots state of their columns.

    :param manifests: manifests with columns, at least one.
    :return: name, type, nullability and nulls of each column; of one manifest all that it states. Extremes and digests
        of parts do not add up in the forms that manifests keep.
    :raises BadInput: when they differ in names, order or types.
    """
    first = manifests[0]["columns"]
    if len(manifests) == 1:
        return [dict(column) for column in first]
    for manifest in manifests[1:]:
        _must_have_columns(manifest, first)
    return [
        {
            "name": column["name"],
            "type": column["type"],
            "nullable": any(manifest["columns"][place].get("nullable", True) for manifest in manifests),
            "nulls": sum(manifest["columns"][place]["nulls"] for manifest in manifests),
        }
        for place, column in enumerate(first)
    ]


def _must_have_columns(manifest: Mapping[str, Any], expected: Sequence[Mapping[str, Any]]) -> None:
    ours = [(item["name"], item["type"]) for item in expected]
    theirs = [(item["name"], item["type"]) for item in manifest["columns"]]
    if ours == theirs:
        return
    differ = [f"{name[:80]!r} ({kind[:80]})" for name, kind in theirs if (name, kind) not in ours]
    lacks = [name for name, kind in ours if (name, kind) not in theirs]
    differ += [f"{name[:80]!r}, which is missing there" for name in lacks]
    what = f"column {differ[0]}" if differ else "the order of the columns"
    raise BadInput(f"The snapshots of a window differ in their columns: {manifest.get('snapshot_id')} in {what}.")


def column_digests(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return name, type and digests of each column, as the id is computed from.

    :param manifest: a manifest of schema 2.
    """
    return [{"name": item["name"], "type": item["type"], **item["digest"]} for item in manifest["columns"]]


def _derived_id(manifest: Mapping[str, Any]) -> str:
    try:
        if is_window(manifest):
            return window_id(manifest["members"], manifest["cut"])
        return content_id(manifest["rows"], column_digests(manifest))
    except (KeyError, TypeError) as err:
        raise EvidenceBroken(f"The manifest of {manifest.get('snapshot_id')} lacks {err}.") from err


def _is_file_entry(item: Any) -> bool:
    if not isinstance(item, dict) or not {"name", "sha256"} <= set(item):
        return False
    name, digest = item["name"], item["sha256"]
    plain = isinstance(name, str) and name not in ("", ".", "..") and "/" not in name and "\\" not in name
    return plain and isinstance(digest, str) and len(digest) == 64 and set(digest) <= _HEX
