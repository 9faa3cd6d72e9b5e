"""Partition keys: the text that names a slice of a dataset, and the time it spans."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from airflow_provider_mlops.core.errors import BadInput

_MONTH = re.compile(r"[1-9][0-9]{3}-[0-9]{2}")
_DAY = re.compile(r"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Partition:
    """One slice of a dataset: its key and the half-open time span ``[start, end)`` in UTC.

    :param key: ``2013-01`` (a month) or ``2013-01-31`` (a day).
    :param start: first instant of the span, timezone-aware.
    :param end: first instant after the span, timezone-aware.
    """

    key: str
    start: datetime
    end: datetime

    @classmethod
    def parse(cls, key: str | None) -> "Partition":
        """Read a partition key.

        :param key: ``YYYY-MM`` or ``YYYY-MM-DD``.
        :return: the partition with its time span.
        :raises BadInput: when the key is missing or is neither form.
        """
        if not key:
            raise BadInput(
                "This run has no partition key. Schedule the Dag with CronPartitionTimetable, "
                "or trigger it with a partition key such as 2013-01."
            )
        try:
            if _MONTH.fullmatch(key):
                start = datetime.fromisoformat(f"{key}-01").replace(tzinfo=UTC)
                return cls(key, start, (start + timedelta(days=31)).replace(day=1))
            if _DAY.fullmatch(key):
                start = datetime.fromisoformat(key).replace(tzinfo=UTC)
                return cls(key, start, start + timedelta(days=1))
        except (ValueError, OverflowError):
            pass
        raise BadInput(f"Partition key {key!r} is neither a month (2013-01) nor a day (2013-01-31).")

    @property
    def previous(self) -> "Partition":
        """The partition just before this one, of the same length."""
        before = self.start - timedelta(days=1)
        return Partition.parse(before.strftime("%Y-%m" if _MONTH.fullmatch(self.key) else "%Y-%m-%d"))
