"""The demo's table of what was replayed: the certificates, and what stands in them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table

from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.embedded.report import NONE, coloured

_FIRST = 2
_TOLD = ("metrics", "verdict")
"""The checks of a certificate that are told beside what was reproduced; the others are about files and chains."""


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """One certificate; text, ready to show.

    :param partition: partition that the training held out.
    :param version: the version.
    :param trained_by: the Dag that trained it.
    :param outcome: of the certificate.
    :param level: how far the replay agrees.
    :param found: what was compared and how it came out, a line each.
    :param differences: what is not as recorded.
    """

    partition: str
    version: str
    trained_by: str
    outcome: str
    level: str
    found: str
    differences: str


def replay_rows(records: Sequence[Record]) -> list[ReplayRow]:
    """Say what was replayed.

    :param records: live records of all chains.
    :return: one row per certificate, in the order of the partitions and versions.
    """
    trained_by = {r.hash: str(r.run.get("dag_id", NONE)) for r in records if r.kind == "training"}
    found = [r for r in records if r.kind == "certificate"]
    return [
        ReplayRow(
            partition=str(record.body["partition_key"]),
            version=str(record.body["version"] or NONE),
            trained_by=trained_by.get(str(record.body.get("of")), NONE),
            outcome=record.outcome or NONE,
            level=str(record.body["level"]),
            found="\n".join(_findings(record.body["verdict"]["rules"])),
            differences="; ".join(item["detail"] for item in record.body["differences"][:_FIRST]) or "nothing",
        )
        for record in sorted(found, key=lambda r: (str(r.body["partition_key"]), r.seq))
    ]


def replay_table(rows: Iterable[ReplayRow], folder: str) -> Table:
    """Lay out the certificates.

    :param rows: as `replay_rows` returns them.
    :param folder: where the certificates lie.
    :return: a table for rich.
    """
    table = Table(
        title="Trained, scored and judged again, from the records alone",
        title_justify="left",
        caption=escape(f"Each certificate is a page for a browser, with all checks: {folder}"),
        caption_justify="left",
        show_lines=True,
    )
    for name in ("partition", "version", "trained by", "certificate", "level"):
        table.add_column(name, no_wrap=True)
    table.add_column("what came out", ratio=3)
    table.add_column("not as recorded", ratio=1)
    for row in rows:
        known = (row.partition, row.version, row.trained_by, coloured(row.outcome), row.level)
        table.add_row(*known, escape(row.found), escape(row.differences))
    return table


def _findings(rules: Sequence[Mapping[str, object]]) -> list[str]:
    """Tell what was reproduced, without what the next columns say, and how metrics and verdict compare."""
    first, *rest = rules
    said = str(first["reason"]).partition(" (")[0].rstrip(".")
    return [f"{said}.", *(str(r["reason"]) for r in rest if r["rule"] in _TOLD)]
