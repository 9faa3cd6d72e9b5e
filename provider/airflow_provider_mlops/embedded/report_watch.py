"""The demo's tables of what was watched: the verdicts of the monitor, and the retrainings that were asked for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table

from airflow_provider_mlops.core.drift_brief import cause_lines
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.embedded.report import NONE, coloured, reason_of

_VERDICTS = {"drift": {"PASS": "no drift", "FAIL": "drift"}, "performance": {"PASS": "within", "FAIL": "breach"}}
_FIRST = 3
_NOTHING_UPSTREAM = "upstream: nothing that the records know changed just then"
_DECIDED = {"PASS": "retrained", "FAIL": "avoided"}


@dataclass(frozen=True, slots=True)
class WatchedRow:
    """One verdict of the monitor; text, ready to show.

    :param partition: the partition key.
    :param watched: what was judged, e.g. ``feature drift``.
    :param verdict: ``drift``, ``no drift``, ``breach``, ``within`` or ``INCONCLUSIVE``.
    :param cause: the finding that weighs most.
    """

    partition: str
    watched: str
    verdict: str
    cause: str


@dataclass(frozen=True, slots=True)
class RetrainRow:
    """One decision on a retraining, and what came of it; text, ready to show.

    :param partition: partition of the verdict that asked.
    :param decision: ``retrained``, ``avoided`` or ``INCONCLUSIVE``.
    :param cause: why.
    :param result: what came of the retraining.
    """

    partition: str
    decision: str
    cause: str
    result: str = NONE


def watched_rows(records: Sequence[Record], monitor: str, metric: str = "") -> list[WatchedRow]:
    """Say what the monitor found.

    :param records: live records of all chains.
    :param monitor: the monitor Dag.
    :param metric: the metric to tell of, where a verdict on performance is PASS.
    :return: one row per verdict, in the order of the partitions.
    """
    found = [r for r in records if r.kind in _VERDICTS and r.run.get("dag_id") == monitor]
    return [
        WatchedRow(
            partition=str(record.body.get("partition_key")),
            watched=f"{record.body.get('kind', 'feature')} drift" if record.kind == "drift" else record.kind,
            verdict=_VERDICTS[record.kind].get(record.outcome or "", record.outcome or NONE),
            cause=_cause(record) or reason_of(record, metric),
        )
        for record in sorted(found, key=lambda r: (str(r.body.get("partition_key")), r.kind, _kind(r)))
    ]


def retrain_rows(records: Sequence[Record]) -> list[RetrainRow]:
    """Say what was decided about retraining, and what each retraining came to.

    :param records: live records of all chains.
    :return: one row per decision, in the order of the partitions.
    """
    found = [r for r in records if r.kind == "retrain"]
    return [
        RetrainRow(
            partition=str(record.body.get("partition_key")),
            decision=_DECIDED.get(record.outcome or "", record.outcome or NONE),
            cause=reason_of(record),
            result=_result(records, record) if record.outcome == Outcome.PASS else NONE,
        )
        for record in sorted(found, key=lambda r: (str(r.body.get("partition_key")), r.seq))
    ]


def watched_table(rows: Iterable[WatchedRow]) -> Table:
    """Lay out the verdicts of the monitor.

    :param rows: as `watched_rows` returns them.
    :return: a table for rich.
    """
    table = Table(title="What the monitor found", title_justify="left")
    for name in ("partition", "watched", "verdict"):
        table.add_column(name, no_wrap=True)
    table.add_column("because", ratio=1)
    for row in rows:
        table.add_row(row.partition, row.watched, coloured(row.verdict), escape(row.cause))
    return table


def retrain_table(rows: Iterable[RetrainRow]) -> Table:
    """Lay out the decisions on retraining.

    :param rows: as `retrain_rows` returns them.
    :return: a table for rich.
    """
    table = Table(title="Whether to retrain", title_justify="left")
    for name in ("partition", "decision"):
        table.add_column(name, no_wrap=True)
    table.add_column("because", ratio=1)
    table.add_column("came to", ratio=1)
    for row in rows:
        table.add_row(row.partition, coloured(row.decision), escape(row.cause), escape(row.result))
    return table


def _cause(record: Record) -> str:
    """Say how what drifted has changed, since when, and what changed upstream: the beginning of the drift report."""
    brief = record.body.get("report") or {}
    moved = [*cause_lines({"features": (brief.get("features") or ())[:_FIRST]})]
    if not moved:
        return ""
    more = len(brief["features"]) - len(moved)
    upstream = cause_lines({"upstream": brief.get("upstream")})[:_FIRST]
    return "\n".join([*moved, *([f"and {more} more"] if more > 0 else []), *(upstream or [_NOTHING_UPSTREAM])])


def _kind(record: Record) -> str:
    return str(record.body.get("kind", ""))


def _rules(gate: Record) -> str:
    count = len((gate.body.get("verdict") or {}).get("rules") or ())
    return f"all {count} rules hold" if count > 1 else reason_of(gate)


def _result(records: Sequence[Record], decision: Record) -> str:
    """Follow a decision through the run that it let go on, and say how that ended."""
    of_run = {r.kind: r for r in records if r.run.get("run_id") == decision.run.get("run_id")}
    promotion, gate, training = (of_run.get(kind) for kind in ("promotion", "gate", "training"))
    if promotion is not None and promotion.outcome == Outcome.PASS:
        told = f"version {promotion.body['version']} promoted to {promotion.body.get('alias', 'champion')}"
        return f"{told}: the gate says {gate.outcome}, {_rules(gate)}" if gate else told
    if promotion is not None:
        return f"version {promotion.body['version']} not promoted: {promotion.body.get('reason', '')}"
    if gate is not None:
        return f"version {gate.body.get('candidate_version')} gated {gate.outcome}: {reason_of(gate)}"
    if training is not None and training.outcome is not None:
        return f"not trained: {reason_of(training)}"
    return "started, without a verdict"
