"""A proposed suite as YAML, with what was seen beside each expectation; and what differs between two suites."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core.canonical import canonical_json
from airflow_provider_mlops.core.column_seen import SnapshotSeen
from airflow_provider_mlops.core.suite_suggest import Proposal


def suite_yaml(name: str, proposals: Sequence[Proposal], snapshots: Sequence[SnapshotSeen], margin: float) -> str:
    """Write a proposed suite for review.

    :param name: name of the suite.
    :param proposals: the expectations.
    :param snapshots: what they were proposed from, named at the top.
    :param margin: the margin, named at the top.
    :return: YAML text; the same for the same arguments.
    """
    lines = [
        "# Proposed by `airflow mlops suite suggest`. Read it, change it, then it is yours.",
        f"# Ranges reach {margin:g} of what was seen beyond it. Seen were:",
    ]
    lines += [f"#   {_comment(s.partition)}  {s.snapshot_id}  {s.rows:,} rows" for s in snapshots]
    lines.append(f"name: {_scalar(name)}")
    if any(not s.rows for s in snapshots):
        lines += ["# seen: a partition without rows", "allow_empty: true"]
    lines.append("expectations:")
    column = None
    for proposal in proposals:
        about = proposal.kwargs.get("column")
        if about != column:
            lines.append(f"  # {_comment(str(about))}")
            column = about
        lines += [
            f"  # seen: {_comment(proposal.seen)}",
            f"  - type: {proposal.type}",
            f"    kwargs: {_scalar(proposal.kwargs)}",
            f"    severity: {proposal.severity}",
        ]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two suites.

    :param what: ``added``, ``removed`` or ``changed``.
    :param type: type of the expectation; ``quarantine`` or ``allow_empty`` where these keys differ.
    :param column: the column that it is about, None for the table.
    :param before: its arguments and severity in the first suite, None where it is not there.
    :param after: the same in the second.
    """

    what: str
    type: str
    column: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def compare_suites(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Change]:
    """List what differs between two suites: their keys, then expectation by expectation.

    Expectations of one type about one column are the same expectation; where there are several, their order counts.

    :param first: a suite as `load_suite` returns it.
    :param second: another.
    :return: the differences, in the order of the suites; empty when they judge alike.
    """
    before, after = _keyed(first), _keyed(second)
    changes = [
        Change("changed", name, None, {name: first.get(name)}, {name: second.get(name)})
        for name in ("quarantine", "allow_empty")
        if first.get(name) != second.get(name)
    ]
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        if old is not None and new is not None and canonical_json(old) == canonical_json(new):
            continue
        what = "added" if old is None else "removed" if new is None else "changed"
        changes.append(Change(what, key[0], key[1], old, new))
    return changes


def _keyed(suite: Mapping[str, Any]) -> dict[tuple[str, str | None, int], dict[str, Any]]:
    found: dict[tuple[str, str | None, int], dict[str, Any]] = {}
    for item in suite["expectations"]:
        column = item["kwargs"].get("column")
        place = sum(key[:2] == (item["type"], column) for key in found)
        arguments = {name: value for name, value in item["kwargs"].items() if name != "column"}
        found[item["type"], column, place] = {**arguments, "severity": item.get("severity", "critical")}
    return found


def _scalar(value: Any) -> str:
    """JSON is YAML, as long as no character stands there that YAML does not print."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return f"\\U{ord(char):08x}"


def _comment(text: str) -> str:
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
