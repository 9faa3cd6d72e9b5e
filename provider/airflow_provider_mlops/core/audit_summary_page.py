"""The summary of an audit as Markdown, and the tables of its HTML page; whatever data or people wrote is escaped."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_mlops.core.markdown import code, escaped, table

COLUMNS = (
    "Partition",
    "Version",
    "Level",
    "Outcome",
    "Not as recorded",
    "Original run",
    "Replaying run",
    "Certificate",
)
_SHORT = 12
_MOST = 5


def summary_title(summary: Mapping[str, Any]) -> str:
    """Return the title: the outcome, and what it is about.

    :param summary: as `core.audit_summary.build_summary` makes it.
    """
    name = summary["scope"].get("audit")
    named = f" {name}" if name else ""
    return f"{summary['outcome']}: audit{named} of {summary['model']}, {len(summary['partitions'])} partitions"


def summary_sentences(summary: Mapping[str, Any]) -> list[str]:
    """Say what came out, the worst first.

    :param summary: as `core.audit_summary.build_summary` makes it.
    """
    worst = summary["worst"]
    if worst is None:
        return ["Nothing was replayed."]
    told = [f"The worst is {worst['partition_key']}: {worst['outcome']}, level {worst['level']}."]
    for name in ("outcomes", "levels", "causes"):
        counts = ", ".join(f"{count} {what}" for what, count in summary[name].items())
        told.append(f"{name.capitalize()}: {counts or 'none'}.")
    return told


def summary_line(body: Mapping[str, Any], outcome: str | None) -> str:
    """Say in one line what a recorded summary counts, and where it lies: for the log.

    :param body: body of its record.
    :param outcome: outcome of its record.
    """
    levels = ", ".join(f"{count} {level}" for level, count in body["levels"].items())
    return f"{outcome}, {levels}: {body['uri']}"


def summary_lines(summary: Mapping[str, Any]) -> list[Sequence[str]]:
    """Return a row for each partition, as `COLUMNS` names them.

    :param summary: as `core.audit_summary.build_summary` makes it.
    """
    return [
        (
            entry["partition_key"],
            entry["version"] or "",
            entry["level"],
            entry["outcome"] or "",
            _differences(entry),
            (entry["original"] or {}).get("run_id") or "none",
            entry["replay"]["run_id"] or "",
            short(entry["certificate"]["hash"]) if entry["certificate"] else "none",
        )
        for entry in summary["partitions"]
    ]


def short(digest: str) -> str:
    """Return the first digits of a hash, under which files and commands find it.

    :param digest: ``sha256:`` and 64 digits.
    """
    return digest.partition(":")[2][:_SHORT]


def summary_markdown(summary: Mapping[str, Any], digest: str) -> str:
    """Write a summary as Markdown.

    :param summary: as `core.audit_summary.build_summary` makes it.
    :param digest: its hash.
    :return: the page; the same summary gives the same text.
    """
    return "\n".join([*_lines(summary), f"Summary {code(digest)}", ""])


def _lines(summary: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"# {escaped(summary_title(summary))}", "")
    yield from (*(f"- {escaped(line)}" for line in summary_sentences(summary)), "")
    yield from table(COLUMNS, [[escaped(cell) for cell in row] for row in summary_lines(summary)])
    yield ""


def _differences(entry: Mapping[str, Any]) -> str:
    found = entry["differences"]
    told = [f"{item['cause']}: {item['detail']}" for item in found[:_MOST]]
    more = [f"and {len(found) - _MOST} more"] if len(found) > _MOST else []
    return "; ".join([*told, *more]) or (entry["why"] or "nothing")
