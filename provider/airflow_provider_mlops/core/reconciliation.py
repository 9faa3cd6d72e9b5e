"""Differences between where the ledger has put an alias and where the registry has it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from airflow_provider_mlops.core.record import Record

HALF_DONE, MOVED, DELETED, UNRECORDED = "half_done", "moved", "deleted", "unrecorded"
ACTIONS = ("heal", "fail", "warn")


@dataclass(frozen=True, slots=True)
class Difference:
    """One alias that is not where the ledger has put it.

    :param alias: the alias.
    :param finding: ``half_done`` (recorded and never moved), ``moved`` or ``deleted`` behind the ledger's back, or
        ``unrecorded``: the registry has it and the ledger never moved it.
    :param recorded: version where the ledger has put it; None for none.
    :param found: version where the registry has it; None for none.
    :param before: the newest move in the ledger, None when there is none.
    """

    alias: str
    finding: str
    recorded: str | None
    found: str | None
    before: Record | None

    @property
    def text(self) -> str:
        """One sentence that says what is wrong and, where nothing can heal it, the way out."""
        here = f"Alias {self.alias!r} is on {_version(self.found)}"
        if self.finding == UNRECORDED:
            return f"{here}, and the ledger has never moved it: take the version in with `airflow mlops adopt`."
        if self.finding == HALF_DONE:
            return f"{here}: its move to {_version(self.recorded)} was recorded and never made."
        return f"{here}, the ledger has put it on {_version(self.recorded)}: it was {self.finding} by something else."


def difference_of(
    alias: str, before: Record | None, *, found: str | None, half_done: bool, grace_seconds: float
) -> Difference | None:
    """Compare an alias with the ledger.

    :param alias: the alias.
    :param before: the newest move in the ledger, None when it has never moved the alias.
    :param found: version where the registry has it.
    :param half_done: whether the newest move was recorded and not made yet.
    :param grace_seconds: a younger move may still be under way, and is no difference.
    :return: the difference, None when there is none.
    """
    if before is None:
        return Difference(alias, UNRECORDED, None, found, None) if found is not None else None
    recorded = before.body["version"]
    if found == recorded or _age(before) < grace_seconds:
        return None
    finding = HALF_DONE if half_done else DELETED if found is None else MOVED
    return Difference(alias, finding, recorded, found, before)


def _age(record: Record) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(record.time)).total_seconds()


def _version(version: str | None) -> str:
    return "no version" if version is None else f"version {version}"
