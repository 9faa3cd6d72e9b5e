"""What a drift record keeps of its report: how each feature changed, since when, and what changed upstream."""

from collections.abc import Mapping
from typing import Any

_FEATURES = 10
_CHANGES = 3
_UPSTREAM = 10
_LONGEST = 300


def brief_of(report: Mapping[str, Any], uri: str, digest: str) -> dict[str, Any]:
    """Shorten a report for the record, the event and the message.

    :param report: the report, as `hooks.drift_report` makes it.
    :param uri: where it lies.
    :param digest: hash of its content.
    :return: ``uri``, ``hash``, ``features``, ``opinion`` and ``upstream``; JSON-safe and bounded.
    """
    return {
        "uri": uri,
        "hash": digest,
        "features": [
            {
                "feature": item["feature"],
                "how": [change["text"][:_LONGEST] for change in item["changes"][:_CHANGES]],
                "kinds": [change["kind"] for change in item["changes"][:_CHANGES]],
                "slices": [f"{part['column']} = {part['value']}"[:_LONGEST] for part in item["slices"][:_CHANGES]],
                "since": item["since"],
                "clean": item["clean"],
            }
            for item in report["features"][:_FEATURES]
        ],
        "opinion": _opinion(report.get("opinion")),
        "upstream": [_said(part, change) for part in report["upstream"] for change in part["changes"]][:_UPSTREAM],
    }


def cause_lines(brief: Mapping[str, Any]) -> list[str]:
    """Write a cause as lines that a person reads.

    :param brief: as `brief_of` returns it; a line for each feature, then what changed upstream.
    """
    lines = []
    for item in brief.get("features") or ():
        since = f" ({since_words(item)})" if item.get("since") else ""
        where = f"; in {', '.join(item['slices'])}" if item.get("slices") else ""
        lines.append(f"{item['feature']}: {'; '.join(item['how']) or 'moved'}{where}{since}")
    return lines + [f"upstream: {text}" for text in brief.get("upstream") or ()]


def since_words(feature: Mapping[str, Any]) -> str:
    """Say since when a feature has drifted; where no earlier verdict saw it clean, it may be older than the first.

    :param feature: ``since``, and ``clean``: the partition before it that had not drifted, None when none was seen.
    :return: such as ``since 2013-05-14`` or ``since 2013-05-14 or earlier``.
    """
    return f"since {feature['since']}" + ("" if feature.get("clean", True) else " or earlier")


def _opinion(opinion: Mapping[str, Any] | None) -> dict[str, Any] | None:
    names = ("backend", "method", "drift", "p_value", "distance", "rows")
    return None if opinion is None else {name: opinion[name] for name in names}


def _said(part: Mapping[str, Any], change: Mapping[str, Any]) -> str:
    if not change["before"]:
        return f"{change['words']}, with {part['drifted']}: {change['after']}"[:_LONGEST]
    return f"{change['words']} changed with {part['drifted']}: {change['before']} -> {change['after']}"[:_LONGEST]
