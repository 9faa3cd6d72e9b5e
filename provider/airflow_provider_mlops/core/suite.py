"""The suite: expectations with their severity, and how many rows may be set aside; checked before it judges."""

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from airflow_provider_mlops.core.canonical import canonical_json, json_safe, sha256_of
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.expectation import ROW_LEVEL, is_row_level
from airflow_provider_mlops.core.near import did_you_mean

CRITICAL, WARNING, QUARANTINE = "critical", "warning", "quarantine"
SEVERITIES = (CRITICAL, WARNING, QUARANTINE)
DEFAULT_MAX_SHARE = 0.01
_MISSPELT = 0.95

# `id`, `meta`, `notes` and `rendered_content` are what Great Expectations writes beside what it judges by.
_SUITE_KEYS = frozenset({"name", "expectations", "quarantine", "allow_empty"})
_IGNORED_OF_SUITE = frozenset({"id", "meta", "notes", "ge_cloud_id", "data_asset_type", "suite_parameters"})
_EXPECTATION_KEYS = frozenset({"type", "kwargs", "severity", "meta", "description"})
_IGNORED_OF_EXPECTATION = frozenset({"id", "notes", "rendered_content", "expectation_context", "success_on_last_run"})


def read_suite(data: Any, where: str) -> dict[str, Any]:
    """Check a suite and bring it into the one form that everything works with.

    :param data: mapping with ``name``, ``expectations`` and, where rows may be set aside or need not be there,
        ``quarantine`` and ``allow_empty``; also the one that Great Expectations writes.
    :param where: file or function that it comes from, for the errors.
    :return: ``{"name", "expectations": [{"type", "kwargs", "severity", "meta", "description"}]}``, the last two where
        they are given, ``"quarantine": {"max_share"}`` where an expectation has that severity, and
        ``"allow_empty": True`` where a snapshot without rows is accepted.
    :raises BadInput: naming the suite and the entry that is not right.
    """
    keys = set(data) - _IGNORED_OF_SUITE if isinstance(data, Mapping) else set()
    if unknown := _unknown(keys, _SUITE_KEYS):
        raise BadInput(f"Suite {where}: {unknown}")
    if not {"name", "expectations"} <= keys or not isinstance(data["expectations"], list):
        raise BadInput(
            f"Suite {where} must have exactly the keys name and expectations (a list), and may have quarantine and "
            "allow_empty."
        )
    if not isinstance(data["name"], str) or not data["name"]:
        raise BadInput(f"Suite {where}: the name must be a text, not {data['name']!r}.")
    if not data["expectations"]:
        raise BadInput(f"Suite {where} holds no expectation; an empty suite would pass anything.")
    try:
        expectations = [
            _expectation(item, f"Suite {where}, expectation {number}")
            for number, item in enumerate(data["expectations"], start=1)
        ]
    except RecursionError:
        raise BadInput(f"Suite {where} nests lists and mappings too deeply, or refers to itself.") from None
    suite: dict[str, Any] = {"name": data["name"], "expectations": expectations}
    _refuse_twins(suite["expectations"], where)
    if quarantine_positions(suite):
        suite["quarantine"] = _quarantine(data.get("quarantine"), where)
    elif "quarantine" in data:
        raise BadInput(f"Suite {where} has the section quarantine, and no expectation with that severity.")
    allowed = data.get("allow_empty", False)
    if not isinstance(allowed, bool):
        raise BadInput(f"Suite {where}: allow_empty={allowed!r} must be true or false.")
    return {**suite, "allow_empty": True} if allowed else suite


def suite_hash(suite: Mapping[str, Any]) -> str:
    """Hash what a suite judges by.

    :param suite: as `read_suite` returns it.
    :return: content hash; notes for people do not change it.
    """
    return sha256_of(judged_by(suite))


def judged_by(suite: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a suite judges by: its name, types, arguments, severities, and what may be set aside or missing.

    :param suite: as `read_suite` returns it.
    :return: the suite without notes for people, JSON-safe.
    """
    judged = [{name: item[name] for name in ("type", "kwargs", "severity")} for item in suite["expectations"]]
    return {**suite, "expectations": judged}


def quarantine_positions(suite: Mapping[str, Any]) -> list[int]:
    """Return the places, from 0, of the expectations whose broken rows are set aside.

    :param suite: as `read_suite` returns it.
    """
    return [place for place, item in enumerate(suite["expectations"]) if item["severity"] == QUARANTINE]


def _unknown(keys: Iterable[Any], known: Collection[str]) -> str:
    """Name the first key that is not known, with the one that was meant; empty where all are."""
    unknown = sorted((key for key in keys if key not in known), key=str)
    if not unknown:
        return ""
    return f"unknown key {unknown[0]!r}; known are: {', '.join(sorted(known))}.{did_you_mean(str(unknown[0]), known)}"


def _expectation(item: Any, where: str) -> dict[str, Any]:
    if isinstance(item, Mapping) and (unknown := _unknown(set(item) - _IGNORED_OF_EXPECTATION, _EXPECTATION_KEYS)):
        raise BadInput(f"{where}: {unknown}")
    if (
        not isinstance(item, Mapping)
        or not isinstance(item.get("type"), str)
        or not isinstance(item.get("kwargs"), Mapping)
    ):
        raise BadInput(f"{where}: must have a type (text) and kwargs (a mapping).")
    meta = item.get("meta") or {}
    if not isinstance(meta, Mapping):
        raise BadInput(f"{where}: meta must be a mapping, not {meta!r}.")
    # Great Expectations knows no `quarantine`: in a suite that it writes, the severity stands under `meta`.
    severity = meta.get("severity", item.get("severity", CRITICAL))
    if severity not in SEVERITIES:
        raise BadInput(f"{where}: severity {severity!r} must be one of: {', '.join(SEVERITIES)}.")
    kwargs = json_safe(
        {name: value for name, value in item["kwargs"].items() if name != "batch_id"}, f"{where}, kwargs"
    )
    if severity == QUARANTINE:
        _check_quarantined(item["type"], kwargs, where)
    more = {"meta": json_safe(meta, f"{where}, meta"), "description": item.get("description")}
    shown = {name: value for name, value in more.items() if value}
    return {"type": item["type"], "kwargs": kwargs, "severity": severity, **shown}


def _check_quarantined(kind: str, kwargs: Mapping[str, Any], where: str) -> None:
    if not is_row_level(kind):
        raise BadInput(
            f"{where}: {kind} does not name rows that break it, so that none can be set aside; "
            f"give it the severity critical or warning.{_misspelt(kind)}"
        )
    if kwargs.get("mostly", 1) != 1:
        raise BadInput(
            f"{where}: mostly={kwargs['mostly']} says how many rows may break it and stay, quarantine sets them aside; "
            "say how many may be set aside under quarantine: {max_share: ...}."
        )


def _misspelt(kind: str) -> str:
    """Name the expectation about rows that differs by a letter or two: their long names are all alike."""
    near = get_close_matches(kind, ROW_LEVEL, n=1, cutoff=_MISSPELT)
    return f" Did you mean {near[0]}?" if near else ""


def _quarantine(section: Any, where: str) -> dict[str, float]:
    if section is None:
        return {"max_share": DEFAULT_MAX_SHARE}
    if not isinstance(section, Mapping) or set(section) != {"max_share"}:
        raise BadInput(f"Suite {where}: quarantine must have exactly the key max_share.")
    share = section["max_share"]
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise BadInput(f"Suite {where}: max_share={share!r} must be a share of the rows, from 0 to 1.")
    return {"max_share": float(share)}


def _refuse_twins(expectations: list[dict[str, Any]], where: str) -> None:
    seen: dict[str, int] = {}
    for number, item in enumerate(expectations, start=1):
        first = seen.setdefault(canonical_json([item["type"], item["kwargs"]]), number)
        if first != number:
            raise BadInput(
                f"Suite {where}: expectation {number} ({item['type']}) stands there twice, first as number {first}; "
                "keep the one whose severity you mean."
            )
