"""Which drift verdict holds for a partition: the newest live one of its kind."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from airflow_provider_mlops.core import reading
from airflow_provider_mlops.core.drift_options import DriftKind
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Outcome

ANY_OUTCOME = tuple(outcome.value for outcome in Outcome)


def verdicts_that_hold(records: Iterable[Record]) -> list[dict[str, str]]:
    """List the drift verdicts that hold, in short; of a partition and kind the newest live one.

    :param records: records of the model's ledger, oldest first.
    :return: ``{"partition_key", "kind", "outcome", "record"}`` of each.
    """
    newest: dict[tuple[str, str], dict[str, str]] = {}
    for record in records:
        if record.kind != "drift" or record.mode != Mode.LIVE:
            continue
        key, kind = str(record.body["partition_key"]), str(record.body.get("kind", DriftKind.FEATURE.value))
        found = {"partition_key": key, "kind": kind, "outcome": str(record.outcome), "record": record.hash}
        newest[key, kind] = found
    return list(newest.values())


def verdict_reached(
    verdicts: Iterable[Mapping[str, str]], *, partition_key: str, kind: str, outcomes: Collection[str]
) -> dict[str, str] | None:
    """Find the verdict that is waited for.

    :param verdicts: as `verdicts_that_hold` returns them.
    :param partition_key: the partition.
    :param kind: kind of drift.
    :param outcomes: the outcomes that end the wait.
    :return: the verdict; None where there is none yet, or one of another outcome.
    """
    for verdict in verdicts:
        if (verdict["partition_key"], verdict["kind"]) == (partition_key, kind) and verdict["outcome"] in outcomes:
            return dict(verdict)
    return None


def read_outcomes(value: Any) -> list[str]:
    """Read which outcomes end a wait.

    :param value: one outcome, or a list of them.
    :return: the outcomes.
    :raises BadInput: when it names anything else.
    """
    outcomes = reading.texts(value, "outcomes")
    for outcome in outcomes:
        if outcome not in ANY_OUTCOME:
            raise BadInput(f"outcomes has {outcome!r}; valid: {', '.join(ANY_OUTCOME)}.")
    return list(outcomes)
