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
    :return: the parts of its body named in `FACTS`, ``as_of`` (when the evaluation was made, ISO 8601) and
        ``releases_since_golden`` (None when there is no golden version, or it never was champion).
    """
    body = evaluation.body
    facts = {name: body.get(name) for name in FACTS}
    facts["as_of"] = body.get("as_of") or evaluation.time
    facts["releases_since_golden"] = releases_since(records, (body.get("golden") or {}).get("version"))
    return facts


def releases_since(records: Iterable[Record], version: str | None, alias: str = "champion") -> int | None:
    """Count the promotions after the newest one of a version: each may have lost a margin.

    :param records: records of the model's ledger, oldest first.
    :param version: the version to count from.
    :param alias: the alias that serves.
    :return: the number of later live promotions, None when the version never held the alias.
    """
    since: int | None = None
    for record in records:
        if (record.kind, record.mode, record.outcome) != ("promotion", "live", Outcome.PASS):
            continue
        if record.body["alias"] != alias:
            continue
        if version is not None and record.body["version"] == version:
            since = 0
        elif since is not None:
            since += 1
    return since
