"""What a model's ledger says as gauges for a monitoring system: drift, verdicts, performance, retrainings, aliases.

Everything is read from records, so that gauges can be written anew at any time. Labels are bounded: features beyond the
most drifted ones, and what a policy invents in large numbers, are left out.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_mlops.core.drift_history import FEATURE, look_of
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Outcome

MAX_FEATURES = 50
MAX_METRICS = 20
_LABEL = 100
GAUGE, COUNTER = "gauge", "counter"
GAUGES: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "mlops_drift_effect_ratio": (
        GAUGE,
        "Largest effect of a feature over its threshold in the newest drift verdict; material from 1.",
        ("model", "kind", "feature"),
    ),
    "mlops_drifted_features": (GAUGE, "Features that the newest drift verdict found drifted.", ("model", "kind")),
    "mlops_verdict_outcome": (
        GAUGE,
        "1 for the outcome of the newest verdict, 0 for the others.",
        ("model", "record", "kind", "outcome"),
    ),
    "mlops_verdicts_total": (COUNTER, "Live verdicts so far.", ("model", "record", "kind", "outcome")),
    "mlops_performance": (
        GAUGE,
        "Realised performance on labelled rows, and the level at promotion, with their intervals.",
        ("model", "metric", "at", "bound"),
    ),
    "mlops_retrain_decisions_total": (
        COUNTER,
        "Decisions on retraining: retrained, avoided or undecided.",
        ("model", "decision"),
    ),
    "mlops_retrainings_claimed_total": (COUNTER, "Retrainings that were claimed.", ("model",)),
    "mlops_alias_version": (GAUGE, "Version under an alias, by the ledger.", ("model", "alias")),
    "mlops_ledger_records": (GAUGE, "Records of the model's ledger.", ("model",)),
    "mlops_ledger_last_record_seconds": (GAUGE, "When the newest record was written, Unix time.", ("model",)),
}
"""Kind, help and labels by name."""

_JUDGED = ("validation", "gate", "drift", "performance", "retrain", "fire_drill")
_MOVES = ("promotion", "rollback", "retirement", "adoption", "reconciliation")
_DECISIONS = {Outcome.PASS: "retrained", Outcome.FAIL: "avoided"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One number.

    :param name: one of `GAUGES`.
    :param labels: its labels.
    :param value: the number.
    """

    name: str
    labels: Mapping[str, str]
    value: float


def samples_of(model: str, records: Iterable[Record]) -> list[Sample]:
    """Read a model's gauges from its ledger.

    :param model: name of the model.
    :param records: records of its ledger, oldest first.
    :return: the numbers; only live records and fire drills count.
    """
    held = list(records)
    # A fire drill is never live: it is an exercise, and that it failed is to be seen all the same.
    live = [record for record in held if record.mode == Mode.LIVE or record.kind == "fire_drill"]
    found = _Samples(model)
    newest: dict[tuple[str, str], Record] = {}
    counts: Counter[tuple[str, str, str]] = Counter()
    for record in live:
        if record.kind in _JUDGED and record.outcome is not None:
            kind = _kind(record)
            newest[record.kind, kind] = record
            counts[record.kind, kind, record.outcome] += 1
    for (name, kind), record in newest.items():
        for outcome in Outcome:
            found.add("mlops_verdict_outcome", float(record.outcome == outcome), name, kind, outcome.value)
            found.add("mlops_verdicts_total", counts[name, kind, outcome], name, kind, outcome.value)
        if name == "drift":
            _drift(found, kind, record.body)
        elif name == "performance":
            _performance(found, record.body)
    for outcome in Outcome:
        total = sum(record.kind == "retrain" and record.outcome == outcome for record in live)
        found.add("mlops_retrain_decisions_total", total, _DECISIONS.get(outcome, "undecided"))
    found.add("mlops_retrainings_claimed_total", sum(record.kind == "retrain_claim" for record in live))
    _aliases(found, live)
    found.add("mlops_ledger_records", len(held))
    if held:
        found.add("mlops_ledger_last_record_seconds", datetime.fromisoformat(held[-1].time).timestamp())
    return found.samples


class _Samples:
    def __init__(self, model: str) -> None:
        self.model = model
        self.samples: list[Sample] = []

    def add(self, name: str, value: float, *labels: str) -> None:
        names = GAUGES[name][2]
        values = (self.model, *(str(label)[:_LABEL] for label in labels))
        self.samples.append(Sample(name, dict(zip(names, values, strict=True)), float(value)))


def _kind(record: Record) -> str:
    return str(record.body.get("kind") or (FEATURE if record.kind == "drift" else "")) or record.kind


def _drift(found: _Samples, kind: str, body: Mapping[str, Any]) -> None:
    look = look_of(body)
    shown = sorted(look.sizes, key=lambda name: (-look.sizes[name], name))[:MAX_FEATURES]
    for name in shown:
        found.add("mlops_drift_effect_ratio", look.sizes[name], kind, name)
    found.add("mlops_drifted_features", len(look.failed), kind)


def _performance(found: _Samples, body: Mapping[str, Any]) -> None:
    realised = body.get("realised") or {}
    for metric in list(realised)[:MAX_METRICS]:
        for at in ("now", "promotion"):
            interval = realised[metric].get(at) if isinstance(realised[metric], Mapping) else None
            if not isinstance(interval, Mapping):
                continue
            for bound in ("value", "low", "high"):
                if isinstance(interval.get(bound), int | float):
                    found.add("mlops_performance", interval[bound], metric, at, bound)


def _aliases(found: _Samples, live: Sequence[Record]) -> None:
    versions: dict[str, Any] = {}
    for record in live:
        if record.kind in _MOVES and record.outcome == Outcome.PASS and record.body.get("alias"):
            versions[record.body["alias"]] = record.body.get("version") if record.kind != "retirement" else None
    for alias, version in versions.items():
        if isinstance(version, str) and version.isdecimal():
            found.add("mlops_alias_version", int(version), alias)
