"""Rows that depend on each other: of one customer, one session, one day."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core import reading
from airflow_provider_mlops.core.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependence:
    """Rows that are not independent: they are resampled together, since intervals would else be too short.

    :param cluster: column of the test rows; rows of one value belong together (a customer, a session, a day).
    :param time: column of the test rows with their time; rows of one block of time belong together.
    :param block_days: length of a block, days.
    """

    cluster: str | None = None
    time: str | None = None
    block_days: float = 1.0

    @property
    def column(self) -> str:
        """The column that says what belongs together."""
        return self.cluster or self.time or ""

    def to_dict(self) -> dict[str, Any]:
        """Return the form that `read_dependence` reads."""
        if self.cluster:
            return {"cluster": self.cluster}
        return {"time": self.time, "block_days": self.block_days}


def read_dependence(mapping: Any, where: str) -> Dependence:
    """Read which rows belong together.

    :param mapping: ``{"cluster": column}``, or ``{"time": column, "block_days": days}``, a day when missing.
    :param where: what it is, for the error message.
    :return: the dependence.
    :raises BadInput: when it is anything else.
    """
    reading.check_keys(mapping, where, allowed=("cluster", "time", "block_days"))
    if ("cluster" in mapping) == ("time" in mapping) or ("block_days" in mapping and "time" not in mapping):
        raise BadInput(f"{where} must have either cluster, or time with block_days; it has: {', '.join(mapping)}.")
    if "cluster" in mapping:
        return Dependence(cluster=reading.text(mapping["cluster"], f"{where}: cluster"))
    return Dependence(
        time=reading.text(mapping["time"], f"{where}: time"),
        block_days=reading.above_zero(mapping.get("block_days", 1.0), f"{where}: block_days"),
    )


def stored_dependence(body: Mapping[str, Any]) -> Dependence | None:
    """Read which rows belong together from an evaluation's record.

    :param body: body of the record.
    :return: the dependence; None where the rows were taken for independent.
    """
    found = body.get("dependence")
    return read_dependence(found, "The record's dependence") if found else None
