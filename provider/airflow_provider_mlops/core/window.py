"""Which partitions a training window holds: all before, the newest few, or those since a date."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.partition import Partition

WindowSpec = int | str | Mapping[str, Any] | None
"""How a Dag says which partitions to train on: see `Window.parse`, and `names_snapshot` for a window that was taken."""

_KEYS = frozenset({"partitions", "since"})


def names_snapshot(spec: WindowSpec) -> tuple[str, str] | None:
    """Tell whether a Dag names a window that was taken as a snapshot: ``{"dataset": ..., "snapshot_id": ...}``.

    :param spec: what a Dag says.
    :return: dataset and snapshot id of the window; None when it is said in another way.
    :raises BadInput: when it says more than these two, or one of them is no text.
    """
    if not isinstance(spec, Mapping) or "snapshot_id" not in spec:
        return None
    named = spec.get("dataset"), spec["snapshot_id"]
    if set(spec) != {"dataset", "snapshot_id"} or not all(isinstance(part, str) and part for part in named):
        raise BadInput(f"window={dict(spec)!r} must name the 'dataset' and the 'snapshot_id' of a window, no more.")
    return str(named[0]), str(named[1])


@dataclass(frozen=True, slots=True)
class Window:
    """The partitions of a training window.

    :param partitions: how many partitions at most, the newest ones; None for any number.
    :param since: the first partition is the one that holds this partition's start; None for no limit.
    """

    partitions: int | None = None
    since: Partition | None = None

    @classmethod
    def parse(cls, spec: WindowSpec) -> "Window":
        """Read what a Dag says.

        :param spec: None for all partitions before (expanding); a number, or text of one, for the newest (sliding);
            ``{"since": "2013-01"}`` or ``{"since": "2013-01-15"}`` for those from there on; ``{"partitions": 6}``,
            alone or with ``since``. In a mapping an empty text, as a template may give it, is no limit.
        :return: the window.
        :raises BadInput: when it is none of these.
        """
        if spec is None:
            return cls()
        if not isinstance(spec, Mapping):
            return cls(_count(spec, spec))
        if not spec or set(spec) - _KEYS:
            raise BadInput(
                f"window={dict(spec)!r} must have 'partitions', 'since' or both, or 'dataset' and 'snapshot_id'."
            )
        since, partitions = (None if spec.get(key) == "" else spec.get(key) for key in ("since", "partitions"))
        return cls(
            None if partitions is None else _count(partitions, dict(spec)),
            None if since is None else _partition(since, dict(spec)),
        )

    def choose(self, keys: Iterable[str]) -> list[str]:
        """Choose among partitions.

        :param keys: partition keys that could belong to it.
        :return: those that do, oldest first.
        """
        since = self.since
        chosen = sorted(key for key in keys if since is None or Partition.parse(key).end > since.start)
        return chosen if self.partitions is None else chosen[-self.partitions :]


def _count(value: Any, spec: Any) -> int:
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadInput(f"window={spec!r} must be a number of partitions, None, or {{'since': '2013-01'}}.")
    if value < 1:
        raise BadInput(f"window={spec!r} must be at least 1, or None for all partitions before.")
    return value


def _partition(value: Any, spec: Any) -> Partition:
    try:
        return Partition.parse(str(value))
    except BadInput:
        raise BadInput(f"window={spec!r}: since must be a month (2013-01) or a day (2013-01-31).") from None
