"""Which partitions a drift check judges, which are just before them, and which are of the same season."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_provider_mlops.core.drift_options import Match
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.partition import Partition

ALL_WEEKDAYS = 7


@dataclass(frozen=True, slots=True)
class Season:
    """Which rows of the reference count.

    :param since: first time (ISO 8601), None for no limit.
    :param until: first time not to count, None for no limit.
    :param weekdays: days of the week, Monday 0; empty for all.
    """

    since: str | None = None
    until: str | None = None
    weekdays: tuple[int, ...] = ()


def window_of(partition_key: str, size: int) -> list[str]:
    """Name the partitions of a trailing window.

    :param partition_key: its last partition.
    :param size: number of partitions.
    :return: their keys, oldest first.
    :raises BadInput: when the key is not one, or the size is below 1.
    """
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise BadInput(f"window={size!r} must be a whole number of partitions, at least 1.")
    found = [Partition.parse(partition_key)]
    while len(found) < size:
        found.append(found[-1].previous)
    return [partition.key for partition in reversed(found)]


def partitions_before(keys: Collection[str], first: str, count: int) -> list[str]:
    """Choose the newest partitions before one, of the same length.

    :param keys: the partitions there are.
    :param first: the partition that they are before.
    :param count: how many.
    :return: their keys, oldest first, possibly fewer.
    """
    earlier = sorted(key for key in keys if key < first and len(key) == len(first))
    return earlier[-count:]


def windows_before(keys: Collection[str], first: str, size: int, count: int) -> list[list[str]]:
    """Cut the partitions before one into windows that do not overlap.

    :param keys: the partitions there are.
    :param first: the partition that they are before.
    :param size: partitions of a window.
    :param count: how many windows.
    :return: the windows, oldest first, each oldest first; possibly fewer, none of them short.
    """
    earlier = partitions_before(keys, first, size * count)
    start = len(earlier) % size
    return [earlier[at : at + size] for at in range(start, len(earlier), size)]


def season_of(keys: Sequence[str], match: Match) -> Season:
    """Say which rows of the reference are of the same season as some partitions.

    :param keys: the partitions that are judged, oldest first.
    :param match: what makes a season.
    :return: the rows that count.
    :raises BadInput: when weekdays are asked for and a partition is no day.
    """
    partitions = [Partition.parse(key) for key in keys]
    if match is Match.WEEKDAY:
        days = {partition.start.weekday() for partition in partitions}
        if any(partition.end - partition.start > timedelta(days=1) for partition in partitions):
            raise BadInput("A reference of the same weekday needs partitions of a day, such as 2013-01-31.")
        return Season() if len(days) == ALL_WEEKDAYS else Season(weekdays=tuple(sorted(days)))
    if match is Match.MONTH_LAST_YEAR:
        first = _year_before(partitions[0].start)
        last = _year_before((partitions[-1].end - timedelta(days=1)).replace(day=1))
        return Season(since=first.isoformat(), until=(last + timedelta(days=31)).replace(day=1).isoformat())
    return Season()


def _year_before(moment: datetime) -> datetime:
    return moment.replace(year=moment.year - 1, day=1)
