"""What a gate knows besides the scores: the facts of the evaluation's record, and what the ledger says around it."""

from collections.abc import Iterable
from typing import Any

from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Outcome

FACTS = (
    "task",
    "classes",
    "candidate",
    "champion",
    "golden",
    "thresholds",
    "variants",
    "columns",
    "rows",
    "positives",
    "unlabelled",
    "infrastructure",
    "leakage",
    "time_range",
    "newest_label",
    "importance",
)


def gate_facts(records: Iterable[Record], evaluation: Record) -> dict[str, Any]:
    """Gather the facts by which a policy judges an evaluation.

    A fact that the evaluation did not record is None: the rule that needs it is then inconclusive.

    :param records: records of the model's ledger that the gate may know, oldest first.
    :param evaluation: the evaluation's record.
    :return: the parts of its body named in `FACTS`, ``as_of`` (when the evaluation was made, ISO 8601),
        ``releases_since_golden`` (None when there is no golden version, or it never was champion) and
        ``last_champion`` (the version that the ledger last made champion before the evaluation, None for none).
    """
    records, body = list(records), evaluation.body
    facts = {name: body.get(name) for name in FACTS}
    facts["as_of"] = body.get("as_of") or evaluation.time
    facts["releases_since_golden"] = releases_since(records, (body.get("golden") or {}).get("version"))
    facts["last_champion"] = last_champion(records, evaluation)
    return facts


def last_champion(records: Iterable[Record], evaluation: Record, alias: str = "champion") -> str | None:
    """Find whom a candidate must be compared with, whatever became of the registry's alias.

    :param records: records of the model's ledger, oldest first.
    :param evaluation: the evaluation's record; later promotions do not count.
    :param alias: the alias that serves.
    :return: the version of the newest promotion; of the candidate's own the one before it; None for a first model.
    """
    body = next((r.body for r in reversed(_releases(records, alias)) if r.seq < evaluation.seq), None)
    if body is None:
        return None
    own = body["version"] == (evaluation.body.get("candidate") or {}).get("version")
    return body.get("previous_version") if own else body["version"]


def releases_since(records: Iterable[Record], version: str | None, alias: str = "champion") -> int | None:
    """Count the promotions after the newest one of a version: each may have lost a margin.

    :param records: records of the model's ledger, oldest first.
    :param version: the version to count from.
    :param alias: the alias that serves.
    :return: the number of later live promotions, None when the version never held the alias.
    """
    since: int | None = None
    for record in _releases(records, alias):
        if version is not None and record.body["version"] == version:
            since = 0
        elif since is not None:
            since += 1
    return since


def _releases(records: Iterable[Record], alias: str) -> list[Record]:
    passed = ("promotion", "live", Outcome.PASS)
    return [r for r in records if (r.kind, r.mode, r.outcome) == passed and r.body["alias"] == alias]
