"""The part of the audit report's page that accounts for data: by which rule kept, what was erased, what was pruned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.tables import Table

if TYPE_CHECKING:
    from airflow_provider_mlops.backends.tables import Page

_SECOND = 19


def write_data(page: Page, report: Mapping[str, Any]) -> None:
    """Write what became of the data.

    :param page: the page.
    :param report: as `core.audit_report.build_report` makes it.
    """
    page.heading("Retention")
    kept_as = ("Dataset", "Kept", "Since (UTC)", "Snapshots removed", "Rows removed", "Record")
    kept = [
        [
            r["dataset"],
            rule_in_words(r["rule"]),
            moment(r["since"] or ""),
            r["snapshots_removed"],
            r["rows_removed"],
            r["record"],
        ]
        for r in report["retention"]
    ]
    table_or_none(page, kept_as, kept)
    retired = [(r["retired_version"], r["retain_until"], r["reason"], r["record"]) for r in report["retirements"]]
    if retired:
        page.table(Table(("Retired version", "Kept until", "Reason", "Record"), retired))
    page.heading("Pruned snapshots")
    pruned = [
        [
            moment(p["time"]),
            p["dataset"],
            ", ".join(item["partition_keys"] or ()),
            item["snapshot_id"],
            item["rows"],
            rule_in_words(p["rule"]),
            p["record"],
        ]
        for p in report["prunings"]
        for item in p["removed"]
    ]
    table_or_none(page, ("Time (UTC)", "Dataset", "Partition", "Snapshot", "Rows", "Rule", "Record"), pruned)
    page.heading("Erased rows")
    erased = [
        [
            moment(e["time"]),
            e["dataset"],
            e["rows"],
            ", ".join(e["partitions"]),
            e["scores"],
            e["reason"],
            e["tombstone"],
            e["record"],
        ]
        for e in report["erasures"]
    ]
    erased_as = ("Time (UTC)", "Dataset", "Rows", "Partitions", "Scores", "Reason", "Tombstone", "Record")
    table_or_none(page, erased_as, erased)
    concerned = [
        (t["partition_key"], t["version"] or "", t["erased_rows"], t["erased_test_rows"], ", ".join(t["erasures"]))
        for t in report["trainings"]
        if t["erasures"]
    ]
    if concerned:
        page.table(Table(("Training of", "Version", "Rows erased", "Test rows erased", "By records"), concerned))


def table_or_none(page: Page, columns: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> None:
    """Write a table, or that there is nothing to show.

    :param page: the page.
    :param columns: names of the columns.
    :param rows: the rows.
    """
    if rows:
        page.table(Table(columns, rows))
    else:
        page.text("None in this time.")


def moment(time: str) -> str:
    """Write a time to the second, as people read it.

    :param time: ISO 8601, UTC.
    """
    return time[:_SECOND].replace("T", " ")


def rule_in_words(rule: Mapping[str, Any] | None) -> str:
    """Say what a rule of pruning leaves alone.

    :param rule: as `core.retention.Rule.to_dict` writes it; None for no rule.
    """
    if not rule:
        return "everything: nothing was ever pruned"
    newest = {None: "", 1: "the newest partition"}.get(rule.get("keep"), f"the {rule.get('keep')} newest partitions")
    first = newest or f"{rule['older_than_days']:g} days"
    return f"{first}, what a version in use or under way needs, and audits for {rule['audit_days']:g} days"
