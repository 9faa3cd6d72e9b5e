"""Which partitions a performance verdict looks at: those whose labels are mature, and those that still wait."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.record import Record

_SHOWN = 5


class Logged(Protocol):
    """One partition that was scored, as `hooks.prediction_log.Labelled` has it."""

    @property
    def predictions(self) -> Record:
        """The record of its log."""

    @property
    def labels(self) -> Record | None:
        """The newest record of its labels, None where none were joined."""

    @property
    def matured(self) -> bool:
        """Whether all its labels were due when they were joined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceWindow:
    """The partitions of one verdict, each list oldest first and no longer than the window.

    :param partition_key: the partition up to which is looked.
    :param manifest_hash: content of the version that served it; only its predictions are judged.
    :param version: that version.
    :param served: its newest partitions: latency and errors are judged on them.
    :param mature: its newest partitions with mature labels: what needs labels is judged on them.
    :param waiting: those of ``served`` without mature labels: what they will show can only be estimated.
    :param others: partitions in between that another version served.
    """

    partition_key: str
    manifest_hash: str
    version: str
    served: tuple[Logged, ...]
    mature: tuple[Logged, ...]
    waiting: tuple[Logged, ...]
    others: tuple[str, ...]

    def inputs(self) -> dict[str, Any]:
        """Return what a verdict rests on, JSON-safe: the record of every log and of its labels."""
        return {
            "served": {key_of(one): one.predictions.hash for one in self.served},
            "mature": {
                key_of(one): [one.predictions.hash, one.labels.hash if one.labels else None] for one in self.mature
            },
        }

    def missing(self) -> str:
        """Say which labels are missing and when they are due, in one sentence."""
        if not self.waiting:
            return f"No partition of version {self.version} up to {self.partition_key} has mature labels."
        keys = [key_of(one) for one in self.waiting]
        shown = ", ".join(keys[:_SHOWN]) + (f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else "")
        due = due_times(self.waiting)
        when = f"the first is due on {min(due.values())}" if due else "join them with JoinLabelsOperator to learn when"
        return f"The labels of {shown} are not mature; {when}."


def choose_window(found: Sequence[Logged], partition_key: str, window: int) -> PerformanceWindow:
    """Choose the partitions of a verdict; no more than twice the window is ever read.

    :param found: what was scored, oldest first.
    :param partition_key: the newest partition to look at.
    :param window: how many partitions at most.
    :return: the choice.
    :raises BadInput: when the partition was not scored, or the window is no whole number of at least 1.
    """
    if isinstance(window, bool) or not isinstance(window, int) or window < 1:
        raise BadInput(f"window={window!r} must be a whole number of partitions of at least 1.")
    Partition.parse(partition_key)
    earlier = [one for one in found if key_of(one) <= partition_key and len(key_of(one)) == len(partition_key)]
    if not earlier or key_of(earlier[-1]) != partition_key:
        known = ", ".join(key_of(one) for one in earlier[-_SHOWN:]) or "none"
        raise BadInput(
            f"Partition {partition_key!r} has no prediction log; the newest before it: {known}. Score it with "
            "ScoreBatchOperator."
        )
    judged = earlier[-1].predictions.body
    own = [one for one in earlier if one.predictions.body["manifest_hash"] == judged["manifest_hash"]]
    served = tuple(own[-window:])
    others = [key_of(one) for one in earlier if key_of(one) >= key_of(served[0]) and one not in own]
    return PerformanceWindow(
        partition_key=partition_key,
        manifest_hash=str(judged["manifest_hash"]),
        version=str(judged["model_version"]),
        served=served,
        mature=tuple([one for one in own if one.matured][-window:]),
        waiting=tuple(one for one in served if not one.matured),
        others=tuple(others),
    )


def due_times(waiting: Sequence[Logged]) -> Mapping[str, str]:
    """Say when labels are due, where a join said how long they take.

    :param waiting: partitions without mature labels.
    :return: day by partition key.
    """
    known = [one.labels.body.get("maturity_seconds") for one in waiting if one.labels is not None]
    seconds = max((float(value) for value in known if value is not None), default=None)
    if seconds is None:
        return {}
    try:
        return {
            key_of(one): (Partition.parse(key_of(one)).end + timedelta(seconds=seconds)).date().isoformat()
            for one in waiting
        }
    except OverflowError:
        return {}


def key_of(one: Logged) -> str:
    """Return the partition key of a log.

    :param one: the log.
    """
    return str(one.predictions.body["partition_key"])
