"""The certificate of a replay: what was recorded, what came out again, how far both agree, and what explains the rest.

It is a plain mapping without a time or a run in it: two replays that found the same give the same certificate. Who
replayed when stands in the record that names it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.replay import Level
from airflow_provider_mlops.core.unrecorded import not_on_record
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict

SCHEMA = 1
LEVELS = (Level.L0, Level.L1, Level.L2, Level.L3)
"""Strictest first: each asks for less than the one before it."""

MEANINGS: Mapping[Level, str] = MappingProxyType(
    {
        Level.L0: "the same model, parameter by parameter (equal canonical digests)",
        Level.L1: "the same predictions, bit by bit",
        Level.L2: "the recorded metrics within the tolerance, by other predictions",
        Level.L3: "the recorded verdict, by other metrics",
        Level.ERASED: "another model, from the rows that lawful erasures have left",
        Level.NONE: "nothing of it: neither model nor predictions, metrics or verdict",
        Level.NO_RECORD: "nothing: there is no record to replay",
    }
)


class Cause(StrEnum):
    """Why a replay may differ from its record."""

    DATA_ERASED = "data erased"
    DATA_PRUNED = "data missing (pruned)"
    DATA_MISSING = "data missing"
    BASE = "base missing or changed"
    BASE_ERASED = "data erased from a base"
    CODE = "code changed"
    CODE_MISSING = "code missing"
    FILES = "data files changed"
    ENVIRONMENT = "environment changed"
    SUITE = "suite changed"
    CONTRACT = "contract changed"
    CHECKS = "checks changed"
    POLICY = "policy changed"
    NONDETERMINISM = "nondeterminism measured"
    UNKNOWN = "unknown"


_BROKEN = frozenset((Cause.DATA_MISSING, Cause.BASE))
LAWFUL = (Cause.DATA_ERASED, Cause.DATA_PRUNED)
"""What was removed by a recorded decision: it contradicts no record, and proves none."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was recorded.

    :param cause: what kind of thing.
    :param detail: one sentence.
    """

    cause: Cause
    detail: str


def check_require(value: str) -> Level:
    """Read the level that a replay must reach.

    :param value: ``L0`` to ``L3``.
    :return: the level.
    :raises BadInput: when it is none of these.
    """
    if value not in LEVELS:
        raise BadInput(f"require={value!r} must be one of: {', '.join(LEVELS)}.")
    return Level(value)


def level_reached(model: Level, metrics: bool | None, verdict: bool | None) -> Level:
    """Combine what was compared into one level.

    :param model: the level at which the models agree, ``L0``, ``L1`` or less.
    :param metrics: whether the metrics agree within the tolerance; None where there was nothing to compare.
    :param verdict: whether the gate comes to the recorded verdict; None where there was nothing to compare.
    :return: the strictest level that holds.
    """
    if model in (Level.L0, Level.L1, Level.NO_RECORD):
        return model
    if metrics:
        return Level.L2
    if verdict:
        return Level.L3
    return model


def is_lawful(differences: Iterable[Difference]) -> bool:
    """Whether rows were removed by recorded decisions, and nothing else is missing.

    :param differences: what is not as recorded.
    """
    causes = {item.cause for item in differences}
    return causes.isdisjoint(_BROKEN) and not causes.isdisjoint(LAWFUL)


def reproduced(level: Level, require: Level, differences: Sequence[Difference]) -> RuleResult:
    """Judge whether a replay reached the level that is required.

    :param level: the level that was reached.
    :param require: the level that is required.
    :param differences: what is not as recorded.
    :return: PASS when it was reached; INCONCLUSIVE where rows were lawfully erased or pruned and nothing else is
        missing, or there is no record; else FAIL.
    """
    causes = "; ".join(f"{item.cause}: {item.detail}" for item in differences[:5])
    reason = f"The replay gave {MEANINGS[level]} ({level}; required is {require})."
    if causes:
        reason += f" Not as recorded: {causes}."
    if level in LEVELS and LEVELS.index(level) <= LEVELS.index(require):
        outcome = Outcome.PASS
    elif level is Level.NO_RECORD or is_lawful(differences):
        outcome = Outcome.INCONCLUSIVE
    else:
        outcome = Outcome.FAIL
    return RuleResult(rule="reproduced", outcome=outcome, reason=reason, numbers={"level": level, "require": require})


def build_certificate(
    model: str,
    training: Record,
    *,
    cited: Mapping[str, Record | None],
    level: Level,
    require: Level,
    checks: Iterable[RuleResult],
    differences: Sequence[Difference],
    figures: Mapping[str, Any],
) -> dict[str, Any]:
    """Put a certificate together.

    :param model: name of the registered model.
    :param training: the record that was replayed.
    :param cited: the records that were compared with, by what they are; None where there is none.
    :param level: the level that was reached.
    :param require: the level that was required.
    :param checks: the other checks: of the chain, the data, the artifact, the metrics, the verdict.
    :param differences: what is not as recorded, causes first.
    :param figures: JSON-safe numbers to show: metrics, environment, seconds.
    :return: the certificate; `certificate_hash` gives its identity.
    """
    results = (reproduced(level, require, differences), *checks)
    registration, unproved = cited.get("registration"), not_on_record(cited)
    return {
        "schema": SCHEMA,
        "model": model,
        "version": registration.body["version"] if registration else None,
        "partition_key": training.body["partition_key"],
        "manifest_hash": training.body["manifest_hash"],
        "level": level.value,
        "required": require.value,
        "verdict": Verdict.from_rules(results).to_dict(),
        "differences": [asdict(item) for item in differences],
        "records": {name: _named(record) for name, record in cited.items() if record is not None},
        "figures": dict(figures),
        # Left out where there is none: such a certificate is the one that an earlier release would have issued.
        **({"not_on_record": unproved} if unproved else {}),
    }


def recorded_facts(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a certificate shows of the training beside what it compares.

    :param body: body of the training record.
    :return: ``image``, ``python``, ``env_names``, ``determinism`` and ``search``, each in a text, where there is one.
    """
    image, repeated, found = body["environment"].get("image"), body.get("determinism"), body.get("search")
    facts = {
        "image": image,
        "python": body["manifest"].get("python"),
        "env_names": ", ".join(body["manifest"].get("env_names") or ()),
        "determinism": repeated
        and f"trained twice when it was recorded ({repeated['process']} process): {repeated['says']}",
        "search": found
        and f"trial {found['winner']['number']} of {found['tried']} by {found['method']}, "
        f"{found['metric']} {found['winner']['score']:.6g} within the training rows",
    }
    return {"training": shown} if (shown := {name: text for name, text in facts.items() if text}) else {}


def certificate_hash(certificate: Mapping[str, Any]) -> str:
    """Return the identity of a certificate.

    :param certificate: as `build_certificate` makes it.
    :return: ``sha256:`` and 64 hexadecimal digits.
    """
    return sha256_of(certificate)


def newest_issued(records: Sequence[Record], decision: str) -> Record | None:
    """Find the newest certificate of a decision.

    :param records: records of the model's ledger, oldest first.
    :param decision: hash that names the decision in each of its tries.
    :return: its record, None where there is none.
    """
    for record in reversed(records):
        if record.kind == "certificate" and decision in (record.key, record.body.get("decision")):
            return record
    return None


def _named(record: Record) -> dict[str, Any]:
    return {"chain": record.chain, "seq": record.seq, "hash": record.hash, "outcome": record.outcome}


def summary_rows(records: Iterable[Record]) -> list[str]:
    """Write a line for each certificate, for the log.

    :param records: records of certificates.
    :return: lines of equal columns: partition, version, level, outcome, first cause of a difference.
    """
    lines = []
    for record in records:
        body = record.body
        first = next((f"{item['cause']}: {item['detail']}" for item in body["differences"]), "as recorded")
        version = f"version {body['version']}" if body["version"] else "unregistered"
        lines.append(f"{body['partition_key']:<10}  {version:<12}  {body['level']:<6}  {record.outcome:<12}  {first}")
    return lines
