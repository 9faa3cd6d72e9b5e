"""Partition keys and their time spans."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.partition import Partition

DAYS = st.dates(min_value=date(1900, 1, 1), max_value=date(2999, 11, 30))


def test_a_month_spans_to_the_first_of_the_next() -> None:
    """The span is half open, in UTC, also over the end of a year and a leap day."""
    assert Partition.parse("2013-12") == Partition(
        "2013-12", datetime(2013, 12, 1, tzinfo=UTC), datetime(2014, 1, 1, tzinfo=UTC)
    )
    assert Partition.parse("2012-02").end == datetime(2012, 3, 1, tzinfo=UTC)


def test_a_day_spans_24_hours() -> None:
    """The span of a day ends where the next begins."""
    assert Partition.parse("2013-01-31") == Partition(
        "2013-01-31", datetime(2013, 1, 31, tzinfo=UTC), datetime(2013, 2, 1, tzinfo=UTC)
    )


@given(DAYS, st.sampled_from(["%Y-%m", "%Y-%m-%d"]))
def test_partitions_follow_one_another_without_gap_or_overlap(day: date, form: str) -> None:
    """The one before ends where this one starts, and has the same form of key."""
    partition = Partition.parse(day.strftime(form))
    before = partition.previous

    assert before.end == partition.start
    assert len(before.key) == len(partition.key)
    assert partition.start.date() <= day < partition.end.date()


@pytest.mark.parametrize("key", ["2013", "2013-1", "2013-13", "2013-02-30", "2013-01-01T00", " 2013-01", "2013-01\n"])
def test_anything_else_is_refused_by_name(key: str) -> None:
    """The message shows the key and both forms."""
    with pytest.raises(BadInput, match=r"neither a month \(2013-01\) nor a day"):
        Partition.parse(key)


@pytest.mark.parametrize("key", [None, ""])
def test_a_run_without_a_key_says_how_to_get_one(key: str | None) -> None:
    """A Dag without a partitioned schedule is told which timetable to use."""
    with pytest.raises(BadInput, match="CronPartitionTimetable"):
        Partition.parse(key)


def test_the_last_month_that_time_can_hold_is_refused() -> None:
    """A span whose end does not exist is no span."""
    with pytest.raises(BadInput):
        Partition.parse("9999-12")
