"""The demo's tables: what the ledgers say about every partition."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from airflow_provider_mlops.core.chains import chains
from airflow_provider_mlops.core.errors import EvidenceBroken
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Outcome, Verdict

MAX_REASON = 260
NONE = "–"
_COLOURS = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow"}
_WORDS = {"drift": "FAIL", "no drift": "PASS", "breach": "FAIL", "within": "PASS", "avoided": "INCONCLUSIVE"}


@dataclass(frozen=True, slots=True)
class PartitionRow:
    """What became of one partition in the lifecycle Dag; text, ready to show.

    :param partition: the partition key.
    :param rows: number of rows of the snapshot.
    :param validation: verdict of the validation.
    :param candidate: the metric of the candidate with its interval.
    :param champion: the metric of the champion on the same rows with its interval.
    :param gate: verdict of the gate.
    :param reason: why.
    :param version: the champion's version afterwards.
    """

    partition: str
    rows: str = NONE
    validation: str = NONE
    candidate: str = NONE
    champion: str = NONE
    gate: str = NONE
    reason: str = ""
    version: str = "none"


def read_records(root: Path) -> list[Record]:
    """Read the live records of all chains, each chain in its order.

    :param root: folder of the ledgers.
    :return: the records; empty when there is no ledger.
    :raises EvidenceBroken: when a record is not what was written.
    """
    records = [record for chain in chains(root) for record in Ledger(root, chain).records()]
    return [record for record in records if record.mode == "live"]


def verify(root: Path) -> dict[str, list[str]]:
    """Verify every chain.

    :param root: folder of the ledgers.
    :return: the problems of each chain; an intact chain has none.
    """
    found = {}
    for chain in chains(root):
        try:
            found[chain] = list(Ledger(root, chain).verify())
        except EvidenceBroken as err:
            found[chain] = [str(err)]
    return found


def partition_rows(
    records: Sequence[Record], dag_id: str, partitions: Iterable[str], metric: str
) -> list[PartitionRow]:
    """Say what became of each partition.

    :param records: as `read_records` returns them.
    :param dag_id: the lifecycle Dag; records of other Dags about the same partitions are left out.
    :param partitions: partition keys, in order.
    :param metric: the metric to show, e.g. ``roc_auc``.
    :return: one row per partition.
    """
    own = [record for record in records if record.run.get("dag_id") == dag_id]
    rows = []
    version = "none"
    for partition in partitions:
        version = _champion_after(_of(own, "promotion", partition)) or version
        rows.append(_partition_row(own, partition, metric, version))
    return rows


def partition_table(rows: Iterable[PartitionRow], metric: str) -> Table:
    """Lay out the rows of the lifecycle.

    :param rows: as `partition_rows` returns them.
    :param metric: name of the metric.
    :return: a table for rich.
    """
    table = Table(title="What the lifecycle decided", title_justify="left")
    table.add_column("partition", no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("validation", no_wrap=True)
    table.add_column(f"candidate {metric}", no_wrap=True)
    table.add_column(f"champion {metric}", no_wrap=True)
    table.add_column("gate", no_wrap=True)
    table.add_column("because", ratio=1)
    table.add_column("champion after", no_wrap=True)
    for r in rows:
        cells = (r.partition, r.rows, coloured(r.validation), r.candidate, r.champion, coloured(r.gate))
        table.add_row(*cells, escape(r.reason), r.version)
    return table


def _partition_row(own: Sequence[Record], partition: str, metric: str, version: str) -> PartitionRow:
    snapshot = _of(own, "snapshot", partition)
    validation = _of(own, "validation", partition)
    evaluation = _of(own, "evaluation", partition)
    gate = _of(own, "gate", partition)
    # The last step that judged is the one that tells why the partition ended as it did.
    judged = gate or _inconclusive(_of(own, "training", partition)) or _blocking(validation)
    values = (evaluation.body.get("metrics") or {}).get(metric) or {} if evaluation else {}
    return PartitionRow(
        partition=partition,
        rows=f"{snapshot.body['rows']:,}" if snapshot and isinstance(snapshot.body.get("rows"), int) else NONE,
        validation=(validation.outcome or NONE) if validation else NONE,
        candidate=_interval(values.get("candidate")),
        champion=_interval(values.get("champion")),
        gate=(gate.outcome or NONE) if gate else NONE,
        reason=reason_of(judged, metric) if judged else "",
        version=version,
    )


def _of(records: Sequence[Record], kind: str, partition: str) -> Record | None:
    """Return the newest record of a kind about a partition."""
    found = [r for r in records if r.kind == kind and r.body.get("partition_key") == partition]
    return found[-1] if found else None


def _inconclusive(record: Record | None) -> Record | None:
    return record if record and record.outcome == Outcome.INCONCLUSIVE else None


def _blocking(record: Record | None) -> Record | None:
    return record if record and record.outcome != Outcome.PASS else None


def _champion_after(promotion: Record | None) -> str | None:
    return str(promotion.body["version"]) if promotion and promotion.outcome == Outcome.PASS else None


def reason_of(record: Record, metric: str = "") -> str:
    """Return the reason that weighs most: of a PASS the one about the metric, else the first that blocked.

    :param record: a record with a verdict.
    :param metric: the metric to tell of, where there is one.
    :return: one line; empty when the record has no verdict.
    """
    if not isinstance(record.body.get("verdict"), Mapping):
        return ""
    verdict = Verdict.from_dict(record.body["verdict"])
    reasons = verdict.reasons
    if not reasons:
        return ""
    if record.outcome == Outcome.PASS:
        return _short(_telling(verdict, metric))
    return _short(reasons[0]) + (f" (+{len(reasons) - 1} more)" if len(reasons) > 1 else "")


def _telling(verdict: Verdict, metric: str) -> str:
    """Of a PASS, the comparison with the champion on all rows by the metric; without a champion its absolute bound."""
    about = [rule for rule in verdict.rules if metric and rule.numbers.get("metric") == metric]
    whole = [rule for rule in about if not rule.numbers.get("slice") and not rule.numbers.get("variant")]
    compared = [rule for rule in whole if rule.numbers.get("champion") is not None]
    return next(iter([*compared, *whole, *about, *verdict.rules])).reason


def _short(text: str) -> str:
    # Cut after a part of the sentence, or else after a word.
    if len(text) <= MAX_REASON:
        return text
    kept, _, cut = text[: MAX_REASON - 2].rpartition("; ")
    return (kept + ";" if kept else cut.rpartition(" ")[0] or cut).rstrip() + " …"


def _interval(value: Any) -> str:
    """Write a value with its interval."""
    if not isinstance(value, Mapping) or not isinstance(value.get("value"), int | float):
        return NONE
    text = f"{value['value']:.3f}"
    low, high = value.get("low"), value.get("high")
    known = isinstance(low, int | float) and isinstance(high, int | float)
    return f"{text} ({low:.3f} to {high:.3f})" if known else text


def coloured(text: str) -> str:
    """Return a verdict as rich shows it.

    :param text: an outcome, or what the tables say in its place.
    """
    colour = _COLOURS.get(_WORDS.get(text, text))
    return f"[{colour}]{text}[/{colour}]" if colour else text
