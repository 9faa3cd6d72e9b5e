"""The demo's table of what was replayed: the certificates."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table

from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.embedded.report import NONE, coloured

_FIRST = 2


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """One certificate; text, ready to show.

    :param partition: partition that the training held out.
    :param version: the version.
    :param level: how far the replay agrees.
    :param outcome: of the certificate.
    :param differences: what is not as recorded.
    """

    partition: str
    version: str
    level: str
    outcome: str
    differences: str


def replay_rows(records: Sequence[Record]) -> list[ReplayRow]:
    """Say what was replayed.

    :param records: live records of all chains.
    :return: one row per certificate, in the order of the partitions and versions.
    """
    found = [r for r in records if r.kind == "certificate"]
    return [
        ReplayRow(
            partition=str(record.body["partition_key"]),
            version=str(record.body["version"] or NONE),
            level=str(record.body["level"]),
            outcome=record.outcome or NONE,
            differences="; ".join(item["detail"] for item in record.body["differences"][:_FIRST]) or "none",
        )
        for record in sorted(found, key=lambda r: (str(r.body["partition_key"]), r.seq))
    ]


def replay_table(rows: Iterable[ReplayRow]) -> Table:
    """Lay out the certificates.

    :param rows: as `replay_rows` returns them.
    :return: a table for rich.
    """
    table = Table(title="What came out again", title_justify="left")
    for name in ("partition", "version", "level", "certificate"):
        table.add_column(name, no_wrap=True)
    table.add_column("not as recorded", ratio=1)
    for row in rows:
        table.add_row(row.partition, row.version, row.level, coloured(row.outcome), escape(row.differences))
    return table
