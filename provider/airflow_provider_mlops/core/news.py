"""Whether a record says anything new: the same drift every day is told once, not every day."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.undecided import undecided
from airflow_provider_mlops.core.verdict import Outcome

WATCHED = ("drift", "performance")
"""Kinds of records that come at each partition, whether or not anything has changed."""
_SUBJECT = ("feature", "slice", "group", "metric")


def what_it_says(record: Record) -> str:
    """Digest what a record of monitoring says, apart from the figures and the partition.

    :param record: a record of a kind in `WATCHED`.
    :return: the same for two records that differ in figures only: the outcome, the version, which rules say FAIL about
        what; and of a verdict that is INCONCLUSIVE, which could not decide about what, and why.
    """
    body = record.body
    rules = (body.get("verdict") or {}).get("rules") or ()
    broken = [_subject(rule) for rule in rules if rule["outcome"] == Outcome.FAIL]
    said = {"outcome": record.outcome, "version": body.get("champion_version"), "broken": sorted(broken)}
    if record.outcome == Outcome.INCONCLUSIVE:
        said["undecided"] = sorted(f"{_subject(rule)}: {cause}" for rule, cause in undecided(body))
    return sha256_of(said)


def unchanged_before(records: Sequence[Record], record: Record, within: timedelta) -> list[Record]:
    """Find the records that said the same just before: the unbroken row of them, back to the first.

    :param records: records of the model's ledger, oldest first.
    :param record: the newest of the row.
    :param within: how long ago the oldest may have been written, above zero.
    :return: the row without the record itself, newest first; empty when it says something new.
    """
    if record.kind not in WATCHED:
        return []
    now, said, found = _time(record), what_it_says(record), []
    for earlier in reversed(records):
        if earlier.seq >= record.seq or not _alike(earlier, record):
            continue
        if now - _time(earlier) > within or what_it_says(earlier) != said:
            break
        found.append(earlier)
    return found


def _alike(one: Record, other: Record) -> bool:
    """Tell whether two records answer the same question about two partitions."""
    names = ("kind", "dataset", "arm")
    alike = all(one.body.get(name) == other.body.get(name) for name in names)
    return alike and (one.kind, one.mode) == (other.kind, other.mode)


def _subject(rule: Mapping[str, Any]) -> str:
    numbers = rule.get("numbers") or {}
    return "/".join(str(part) for part in (rule["rule"], *(numbers.get(name, "") for name in _SUBJECT)))


def _time(record: Record) -> datetime:
    return datetime.fromisoformat(record.time)
