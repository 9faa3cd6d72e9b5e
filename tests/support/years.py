"""A long history in the ledgers of a laboratory: the records of one day that was monitored, over and over."""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta

from airflow.sdk.exceptions import AirflowSkipException

from airflow_provider_mlops.core.canonical import PREFIX, canonical_json, sha256_of
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.record import Record
from tests.support.lab import DATASET, SYNTHETIC, Lab

_HASH = re.compile(rf"{PREFIX}[0-9a-f]{{64}}")
STEPS = (
    "snapshot",
    "validate",
    "score",
    "labels",
    "profile",
    "drift",
    "prediction",
    "performance",
    "decide",
    "breach",
    "notify",
)


@dataclass(frozen=True)
class Day:
    """The records of a day.

    :param key: its partition.
    :param records: what its tasks wrote, by order.
    :param made: ids and hashes that came up on that day.
    """

    key: str
    records: Sequence[Record]
    made: frozenset[str]


def run_day(lab: Lab, key: str, steps: Sequence[str] = STEPS) -> None:
    """Run the tasks of a day."""
    own = {"partition_key": key, "run_id": f"scheduled__{key}"}
    for step in steps:
        with suppress(AirflowSkipException):
            match step:
                case "snapshot":
                    taken = lab.run("snapshot", source=f"{SYNTHETIC}:a_day", **own)
                case "validate":
                    lab.run("validate", snapshot_id=taken["snapshot_id"], **own)
                case "labels":
                    as_of = f"{date.fromisoformat(key) + timedelta(days=9)}T00:00:00+00:00"
                    lab.run("labels", labels=f"{SYNTHETIC}:labels_of_day", as_of=as_of, **own)
                case "notify":
                    lab.run("notify", kinds=("drift", "performance"), run_id=own["run_id"])
                case "prediction":
                    lab.run("drift", kind="prediction", **own)
                case _:
                    lab.run(step, **own)


def record_day(lab: Lab, key: str) -> Day:
    """Run a day, and return what it wrote."""
    before = {name: lab.ledger(name).records() for name in chains_of(lab)}
    run_day(lab, key)
    records = [r for name, old in before.items() for r in lab.ledger(name).records()[len(old) :]]
    known = {text for old in before.values() for record in old for text in _hashes(record)}
    return Day(key, sorted(records, key=lambda record: record.time), frozenset(_all(records) - known))


def chains_of(lab: Lab) -> list[str]:
    """Name the ledgers of a laboratory."""
    return [f"dataset/{DATASET}", f"model/{lab.model}"]


def repeat(lab: Lab, day: Day, number: int) -> None:
    """Append the records of a day as those of so many days before it: other ids, the same size, no rows."""
    first = date.fromisoformat(day.key)
    ledgers = {name: Ledger(lab.storage / "ledger", name) for name in chains_of(lab)}
    for back in range(number, 0, -1):
        key, hashes = (first - timedelta(days=back)).isoformat(), dict[str, str]()
        hashes |= {one: sha256_of([one, key]) for one in day.made}
        for record in day.records:
            text = canonical_json({name: getattr(record, name) for name in ("key", "body", "run")})
            text = _HASH.sub(lambda match: hashes.get(match[0], match[0]), text.replace(day.key, key))  # noqa: B023
            written = ledgers[record.chain].append(
                kind=record.kind, mode=record.mode, outcome=record.outcome, **json.loads(text)
            )
            hashes[record.hash] = written.hash


def _all(records: Sequence[Record]) -> set[str]:
    return {text for record in records for text in _hashes(record)}


def _hashes(record: Record) -> set[str]:
    return set(_HASH.findall(canonical_json(record.to_dict())))
