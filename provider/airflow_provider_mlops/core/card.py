"""The card of a model version: what the ledgers prove about it, and what nobody knows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_mlops.core.alias_moves import KINDS as MOVES
from airflow_provider_mlops.core.errors import Refused
from airflow_provider_mlops.core.evidence import evaluation_by_id, registration_by_version, training_of
from airflow_provider_mlops.core.governance import KEYS
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Outcome

SCHEMA = 1
_MANIFEST = ("function", "params", "params_from", "fit", "seed", "features", "label", "trusted_types", "code_files")
_EVALUATION = (
    "evaluation_id",
    "rows",
    "positives",
    "unlabelled",
    "time_range",
    "newest_label",
    "metrics",
    "thresholds",
)
_MARKS = {
    "no_baseline": "There was no champion to compare with: only absolute rules were judged.",
    "holdout_wears_out": "The test rows wear out: other candidates were judged on them before.",
    "approved_by_human": "A human's yes was needed, and given.",
    "forced": "A rule of prudence holds only because a reason was given to force it.",
    "failed_by_another_policy": "Another policy failed this version before; its verdict is in the ledger.",
    "champion_without_record": "The champion before it has no record to compare partitions with.",
}


def build_card(model: str, version: str, records: Sequence[Record], data: Sequence[Record]) -> dict[str, Any]:
    """Gather what the ledgers hold about a version.

    :param model: name of the registered model.
    :param version: the version.
    :param records: records of the model's ledger, oldest first.
    :param data: records of the ledger of the dataset that it was trained on.
    :return: the card, JSON-safe: what was not looked at is null and listed under ``limits``.
    :raises Refused: when the ledger does not know the version, or no verdict on it.
    """
    live = [record for record in records if record.mode == "live"]
    registration = registration_by_version(live, model, version)
    training = training_of(live, model, registration.body["manifest_hash"])
    gate = _last(r for r in live if r.kind == "gate" and r.body["candidate_version"] == version)
    if gate is None:
        raise Refused(f"The ledger of model {model!r} holds no verdict on version {version}; judge it first.")
    evaluation = evaluation_by_id(live, model, gate.body["evaluation_id"])
    approvals = [r for r in live if r.kind == "approval" and r.body["version"] == version]
    moves = [r for r in live if r.kind in MOVES and version in (r.body.get("version"), r.body.get("previous_version"))]
    governance = _governance(moves)
    used = [registration, training, evaluation, gate, *approvals, *moves]
    card = {
        "schema": SCHEMA,
        "model": model,
        "version": version,
        "partition_key": training.body["partition_key"],
        "governance": governance,
        "model_facts": _model_facts(training),
        "data": _data(training, data),
        "evaluation": _evaluation(evaluation),
        "verdict": _verdict(gate),
        "slices": _rules(gate, lambda numbers: bool(numbers.get("slice") or numbers.get("slices"))),
        "fairness": _rules(gate, lambda numbers: "group" in numbers or "groups_compared" in numbers),
        "approvals": [_approval(record) for record in approvals],
        "moves": [_move(record) for record in moves],
        "evidence": [{"kind": r.kind, "seq": r.seq, "hash": r.hash} for r in sorted(used, key=lambda r: r.seq)],
    }
    return {**card, "limits": _limits(card, evaluation, gate, moves)}


def _last(records: Iterable[Record]) -> Record | None:
    return next(reversed(list(records)), None)


def _governance(moves: Sequence[Record]) -> dict[str, str | None]:
    """Return the tags as the newest promotion recorded them; what it did not know is null."""
    recorded: Mapping[str, str] = {}
    for record in moves:
        recorded = record.body.get("governance") or recorded
    return {name: recorded.get(name) for name in dict.fromkeys((*KEYS, *recorded))}


def _model_facts(training: Record) -> dict[str, Any]:
    body, manifest = training.body, training.body["manifest"]
    change = body.get("change") or {}
    return {
        "digest": body["model_digest"],
        "archive_sha256": body["archive_sha256"],
        "manifest_hash": body["manifest_hash"],
        "task": body.get("task", "binary"),
        "classes": body.get("classes"),
        "operating_threshold": body.get("operating_threshold"),
        **{name: manifest.get(name) for name in _MANIFEST},
        "commit": change.get("commit"),
        "environment": body.get("environment"),
    }


def _data(training: Record, data: Sequence[Record]) -> dict[str, Any]:
    manifest, body = training.body["manifest"], training.body
    taken = {r.body["snapshot_id"]: r for r in data if r.kind == "snapshot" and r.mode == "live"}
    checked = {r.body["snapshot_id"]: r for r in data if r.kind == "validation" and r.mode == "live"}
    snapshots = []
    for item in manifest["train"]["snapshots"]:
        snapshot, check = taken.get(item["snapshot_id"]), checked.get(item["snapshot_id"])
        snapshots.append(
            {
                "partition_key": item["partition_key"],
                "snapshot_id": item["snapshot_id"],
                "rows": snapshot.body["rows"] if snapshot else None,
                "validation": check.outcome if check else None,
                "suite_hash": check.body.get("suite_hash") if check else None,
            }
        )
    return {
        "dataset": manifest["dataset"],
        "snapshots": snapshots,
        "since": manifest["train"].get("since"),
        "until": manifest["train"]["until"],
        "rows": body["rows"],
        "unlabelled": body["unlabelled"],
        "test": manifest["test"],
    }


def _evaluation(evaluation: Record) -> dict[str, Any]:
    body = evaluation.body
    others = {role: (body.get(role) or {}).get("version") for role in ("champion", "golden")}
    return {**{name: body.get(name) for name in _EVALUATION}, **others, "dependence": body.get("dependence")}


def _verdict(gate: Record) -> dict[str, Any]:
    body = gate.body
    rules = [{name: rule[name] for name in ("rule", "outcome", "reason")} for rule in body["verdict"]["rules"]]
    names = ("policy", "policy_hash", "looks", "champion_version")
    return {
        "outcome": gate.outcome,
        "marks": body["verdict"]["marks"],
        "rules": rules,
        **{n: body[n] for n in names},
    }


def _rules(gate: Record, chosen: Any) -> list[dict[str, Any]]:
    return [rule for rule in gate.body["verdict"]["rules"] if chosen(rule.get("numbers") or {})]


def _approval(record: Record) -> dict[str, Any]:
    names = ("decision", "approver", "responded_at", "reason", "void_because", "gate_record_hash")
    return {**{name: record.body.get(name) for name in names}, "record": record.hash}


def _move(record: Record) -> dict[str, Any]:
    names = ("alias", "version", "previous_version", "reason")
    moved = {name: record.body.get(name) for name in names}
    return {"kind": record.kind, "time": record.time, "outcome": record.outcome, **moved, "record": record.hash}


def _slice_words(left: Any) -> str:
    """Name a slice that was not assessed; records of before its rows were counted hold its name alone."""
    return f"{left['slice_value']} ({left['n']:,})" if isinstance(left, Mapping) else str(left)


def _limits(card: Mapping[str, Any], evaluation: Record, gate: Record, moves: Sequence[Record]) -> list[str]:
    """List what was not proved, not looked at, or not known, each a sentence."""
    found = [f"Undecided: {r['rule']}: {r['reason']}" for r in card["verdict"]["rules"] if r["outcome"] != Outcome.PASS]
    marks = [
        *gate.body["verdict"]["marks"],
        *(m for r in moves for m in (r.body.get("verdict") or {}).get("marks", ())),
    ]
    found += [_MARKS.get(mark, f"Mark: {mark}.") for mark in dict.fromkeys(marks)]
    for rule in card["slices"]:
        left = rule["numbers"].get("not_assessed") or ()
        found += [f"{rule['rule']}: too few rows to assess {', '.join(map(_slice_words, left))}."] if left else []
    metrics = evaluation.body["metrics"]
    found += [f"{name} was not measured in full: {m['reason']}" for name, m in metrics.items() if m.get("reason")]
    if evaluation.body.get("unlabelled"):
        found.append(f"{evaluation.body['unlabelled']:,} test rows without a label were left out.")
    looked = {"leakage": "Leakage was not looked for.", "infrastructure": "Serving was not tried."}
    found += [sentence for part, sentence in looked.items() if evaluation.body.get(part) is None]
    if not card["fairness"]:
        found.append("The policy has no fairness rule: nothing is known about groups.")
    unproved = [item["partition_key"] for item in card["data"]["snapshots"] if item["validation"] != Outcome.PASS]
    if unproved:
        found.append(f"The training data has no valid PASS in: {', '.join(unproved)}.")
    unknown = [name for name, value in card["governance"].items() if not value]
    if unknown:
        found.append(f"Not recorded: {', '.join(unknown)}.")
    if card["model_facts"]["commit"] is None:
        found.append("The commit of the training's code is not known.")
    return found
