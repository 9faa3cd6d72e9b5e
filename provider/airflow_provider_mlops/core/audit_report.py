"""What was in production when, on which data, by whose decision, and what of it was replayed: from records alone."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from airflow_provider_mlops.core.alias_moves import CHAMPION, alias_moves
from airflow_provider_mlops.core.audit_report_data import (
    data_of,
    erasure_entry,
    lost_of,
    missing_data,
    pruning_entry,
    retention,
)
from airflow_provider_mlops.core.drift_history import FEATURE
from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.evidence import registration_by_version, training_of
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.replay_choice import cited_records, recorded_trainings

SCHEMA = 1
DECISIONS = (
    "validation",
    "data_check",
    "gate",
    "approval",
    "promotion",
    "rollback",
    "retirement",
    "reconciliation",
    "adoption",
    "drift",
    "performance",
    "predictions_refused",
    "retrain",
    "mute",
    "erasure",
)
"""Kinds that decide something; the others are steps on the way to them."""


def build_report(
    model: str, records: Sequence[Record], datasets: Iterable[Record], *, since: str = "", until: str = ""
) -> dict[str, Any]:
    """Put the report of a model together.

    :param model: name of the registered model.
    :param records: records of its ledger, oldest first.
    :param datasets: records of the ledgers of its datasets.
    :param since: first day, ``2026-01-31``, included; empty for no limit.
    :param until: last day, included; empty for no limit.
    :return: ``champions``, ``trainings``, ``decisions``, ``replays``, ``retention``, ``retirements``, ``erasures``,
        ``prunings`` and ``missing``; JSON-safe, and without the time it was made at: the same records give the same
        report. What is gone of the rows of a training counts until now, whatever the last day is.
    :raises BadInput: when a day is none, or the model has no record.
    """
    first, last = _days(since, until)
    if not records:
        raise BadInput(f"Model {model!r} has no record.")
    within = [r for r in records if r.mode == "live" and _within(r.time, first, last)]
    champions = [c for c in _champions(model, records) if _overlaps(c, first, last)]
    certificates = _certificates(records)
    rows = [record for record in datasets if record.mode == "live"]
    lost = lost_of(rows)
    trainings = [
        {**_training(r, records, certificates), **data_of(r, lost)} for r in recorded_trainings(records) if r in within
    ]
    told = [r for r in rows if _within(r.time, first, last)]
    return {
        "schema": SCHEMA,
        "model": model,
        "since": first,
        "until": last,
        "records": len(within),
        "champions": champions,
        "trainings": trainings,
        "decisions": [_decision(r) for r in within if r.kind in DECISIONS],
        "replays": _replays(records, first, last),
        "retention": retention([r for r in rows if last is None or r.time[:10] <= last]),
        "retirements": [_retirement(r) for r in within if r.kind == "retirement" and r.body.get("alias") is None],
        "erasures": [erasure_entry(r, model) for r in told if r.kind == "erasure"],
        "prunings": [pruning_entry(r) for r in told if r.kind == "pruning"],
        "missing": [*_missing(champions, trainings, within)],
    }


def in_time(records: Iterable[Record], since: str, until: str) -> list[Record]:
    """Choose the records of a span of days.

    :param records: any records.
    :param since: first day, included; empty for no limit.
    :param until: last day, included; empty for no limit.
    :raises BadInput: when a day is none, or the last is before the first.
    """
    first, last = _days(since, until)
    return [record for record in records if _within(record.time, first, last)]


def event_of(record: Record) -> dict[str, Any]:
    """Write a record as one event of a log: what happened when, by whom, about what.

    :param record: a record of any kind.
    :return: JSON-safe facts; ``record`` leads to everything else.
    """
    body = record.body
    return {
        "time": record.time,
        "event": record.kind,
        "chain": record.chain,
        "seq": record.seq,
        "mode": record.mode,
        "outcome": record.outcome,
        "partition_key": body.get("partition_key"),
        "model_version": body.get("version") or body.get("candidate_version") or body.get("champion_version"),
        "input": body.get("snapshot_id") or (body.get("test") or {}).get("snapshot_id"),
        "person": body.get("approver") or body.get("who") or record.run.get("triggered_by"),
        "task": "/".join(str(record.run[name]) for name in ("dag_id", "run_id", "task_id") if record.run.get(name)),
        "signed_by": record.signed_by,
        "record": record.hash,
    }


def _champions(model: str, records: Sequence[Record]) -> list[dict[str, Any]]:
    """List who was in production from when to when, by which act."""
    moves = alias_moves(records, CHAMPION)
    ends = [move.time for move in moves[1:]] + [None]
    return [
        {
            "version": move.body["version"],
            "from": move.time,
            "to": end,
            "by": move.kind,
            "reason": move.body.get("reason"),
            "record": move.hash,
            **_origin(model, records, move),
        }
        for move, end in zip(moves, ends, strict=True)
    ]


def _origin(model: str, records: Sequence[Record], move: Record) -> dict[str, Any]:
    version = move.body["version"]
    if version is None:
        return {}
    try:
        made = registration_by_version(records, model, version)
        training = training_of(records, model, made.body["manifest_hash"])
    except Refused:
        return {"made_by": None}
    manifest = training.body.get("manifest") or {}
    cited = cited_records(records, training, move.body.get("gate_record_hash"))
    gate, approval = cited["gate"], cited["approval"]
    return {
        "made_by": training.kind,
        "training_record": training.hash,
        "trained_on": [item["partition_key"] for item in (manifest.get("train") or {}).get("snapshots", ())],
        "rows": training.body.get("rows"),
        "gate": None if gate is None else _gate(gate),
        "approval": None if approval is None else _approval(approval),
    }


def _gate(record: Record) -> dict[str, Any]:
    return {"outcome": record.outcome, "policy": record.body.get("policy"), "record": record.hash}


def _approval(record: Record) -> dict[str, Any]:
    body = record.body
    return {"decision": body.get("decision"), "approver": body.get("approver"), "record": record.hash}


def _certificates(records: Sequence[Record]) -> dict[str, Record]:
    """Find the newest certificate of each training."""
    return {str(r.body["of"]): r for r in records if r.kind == "certificate"}


def _training(record: Record, records: Sequence[Record], certificates: Mapping[str, Record]) -> dict[str, Any]:
    cited, certificate = cited_records(records, record), certificates.get(record.hash)
    registration, gate, promotion = cited["registration"], cited["gate"], cited["promotion"]
    return {
        "partition_key": record.body["partition_key"],
        "time": record.time,
        "version": registration.body["version"] if registration else None,
        "rows": record.body.get("rows"),
        "dag": record.run.get("dag_id"),
        "gate": gate.outcome if gate else None,
        "promoted": promotion is not None and promotion.outcome == "PASS",
        "level": certificate.body["level"] if certificate else None,
        "certificate": certificate.outcome if certificate else None,
        "record": record.hash,
    }


def _held(count: int) -> str | None:
    """Say how many rules held of a verdict that none was against; nothing of one without rules."""
    return f"{count} {'check' if count == 1 else 'checks'}, none against it" if count else None


def _decision(record: Record) -> dict[str, Any]:
    verdict = record.body.get("verdict") or {}
    rules = [rule["reason"] for rule in verdict.get("rules", ()) if rule["outcome"] != "PASS"]
    held = len(verdict.get("rules", ())) - len(rules)
    return {
        "time": record.time,
        "kind": record.kind,
        "about": record.body.get("kind", FEATURE) if record.kind == "drift" else None,
        "partition_key": record.body.get("partition_key"),
        "outcome": record.outcome,
        "why": record.body.get("reason") or next(iter(rules), _held(held)),
        "record": record.hash,
    }


def _replays(records: Sequence[Record], first: str | None, last: str | None) -> list[dict[str, Any]]:
    """List every replay, with its certificate where it came to one."""
    within = [record for record in records if _within(record.time, first, last)]
    issued = [record for record in within if record.kind == "certificate"]
    certified = {(_run_of(record), record.body["of"]) for record in issued}
    alone = [r for r in within if r.kind == "replay" and (_run_of(r), r.body["of"]) not in certified]
    return [_replay(record) for record in sorted([*issued, *alone], key=lambda record: record.seq)]


def _replay(record: Record) -> dict[str, Any]:
    body, certified = record.body, record.kind == "certificate"
    causes = [item["cause"] for item in body.get("differences" if certified else "causes") or ()]
    return {
        "time": record.time,
        "partition_key": body["partition_key"],
        "version": body.get("version"),
        "of": body["of"],
        "level": body["level"],
        "required": body.get("required"),
        "outcome": record.outcome,
        "causes": list(dict.fromkeys(causes)),
        "mode": record.mode,
        "dag": record.run.get("dag_id"),
        "run_id": record.run.get("run_id"),
        "certificate": body["certificate_hash"] if certified else None,
        "record": record.hash,
    }


def _run_of(record: Record) -> tuple[Any, Any]:
    return record.run.get("dag_id"), record.run.get("run_id")


def _retirement(record: Record) -> dict[str, Any]:
    names = ("retired_version", "retain_until", "reason")
    return {"time": record.time, **{name: record.body.get(name) for name in names}, "record": record.hash}


def _missing(
    champions: Sequence[Mapping[str, Any]], trainings: Sequence[Mapping[str, Any]], within: Sequence[Record]
) -> Iterable[str]:
    """Say what an auditor would look for and not find."""
    for champion in champions:
        name = f"version {champion['version']}, champion from {champion['from'][:19]}"
        if champion["version"] is None:
            continue
        if champion["made_by"] is None:
            yield f"{name}: the ledger does not know where it comes from"
        elif champion["made_by"] == "training" and champion["gate"] is None:
            yield f"{name}: no verdict of a gate"
        elif champion["made_by"] != "training":
            yield f"{name}: it was not trained here ({champion['made_by']}) and cannot be replayed"
    for training in trainings:
        if training["certificate"] is None:
            yield f"training of {training['partition_key']} ({training['dag']}): never replayed, it has no certificate"
        elif training["certificate"] != "PASS":
            yield f"training of {training['partition_key']} ({training['dag']}): its newest certificate is not PASS"
        yield from missing_data(training)
    unsigned = sum(record.signed_by is None for record in within)
    if unsigned:
        yield f"{unsigned:,} of {len(within):,} records are not signed"


def _days(since: str, until: str) -> tuple[str | None, str | None]:
    first, last = _day(since, "The first day"), _day(until, "The last day")
    if first and last and last < first:
        raise BadInput(f"The last day, {until}, is before the first, {since}.")
    return first, last


def _day(text: str, where: str) -> str | None:
    try:
        return date.fromisoformat(text).isoformat() if text else None
    except ValueError:
        raise BadInput(f"{where}, {text!r}, is no day; write it as 2026-01-31.") from None


def _within(time: str, first: str | None, last: str | None) -> bool:
    return (first is None or time[:10] >= first) and (last is None or time[:10] <= last)


def _overlaps(champion: Mapping[str, Any], first: str | None, last: str | None) -> bool:
    began_in_time = last is None or champion["from"][:10] <= last
    return began_in_time and (first is None or champion["to"] is None or champion["to"][:10] >= first)
