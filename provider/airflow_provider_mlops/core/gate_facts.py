"""What a gate knows besides the scores: the facts of the evaluation's record, and what the ledger says around it."""

from collections.abc import Iterable
from typing import Any

from airflow_provider_mlops.core.alias_moves import CHAMPION, alias_moves, baseline_of, releases_since
from airflow_provider_mlops.core.record import Record

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
    "artifacts",
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


def last_champion(records: Iterable[Record], evaluation: Record, alias: str = CHAMPION) -> str | None:
    """Find whom a candidate must be compared with, whatever became of the registry's alias.

    :param records: records of the model's ledger, oldest first.
    :param evaluation: the evaluation's record; later moves do not count.
    :param alias: the alias that serves.
    :return: the version that the ledger last put the alias on, also when it was retired since: a model without a
        champion is not a first model; of the candidate's own the one it replaced; None for a first model.
    """
    earlier = [record for record in records if record.seq < evaluation.seq]
    held = [record.body["version"] for record in alias_moves(earlier, alias)]
    version = next((version for version in reversed(held) if version is not None), None)
    if version is not None and version == (evaluation.body.get("candidate") or {}).get("version"):
        return baseline_of(earlier, version, alias)
    return version
