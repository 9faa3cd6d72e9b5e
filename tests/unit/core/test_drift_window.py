"""Trailing windows, the partitions before them, and seasons."""

import pytest

from airflow_provider_mlops.core.drift_options import Match
from airflow_provider_mlops.core.drift_window import Season, partitions_before, season_of, window_of, windows_before
from airflow_provider_mlops.core.errors import BadInput

DAYS = [f"2013-03-{day:02}" for day in range(1, 21)]


def test_a_window_ends_at_its_partition() -> None:
    """Days and months, across the ends of months and years."""
    assert window_of("2013-03-02", 3) == ["2013-02-28", "2013-03-01", "2013-03-02"]
    assert window_of("2013-01", 2) == ["2012-12", "2013-01"]


@pytest.mark.parametrize("size", [0, -1, True, 1.5, "3"])
def test_a_window_has_a_whole_size(size: object) -> None:
    """Anything else is refused."""
    with pytest.raises(BadInput, match="must be a whole number of partitions"):
        window_of("2013-01", size)  # type: ignore[arg-type]


def test_partitions_before_are_of_the_same_length() -> None:
    """A month is no day of a rolling reference."""
    assert partitions_before([*DAYS, "2013-02"], "2013-03-05", 2) == ["2013-03-03", "2013-03-04"]
    assert partitions_before(DAYS, "2013-03-01", 5) == []


def test_clean_windows_do_not_overlap() -> None:
    """The newest ones, and none that is short."""
    found = windows_before(DAYS[:10], "2013-03-11", 3, 10)

    assert found == [DAYS[1:4], DAYS[4:7], DAYS[7:10]]
    assert windows_before(DAYS, "2013-03-21", 1, 2) == [["2013-03-19"], ["2013-03-20"]]


def test_weekdays_of_a_window() -> None:
    """A Friday and a Saturday; a week has all of them."""
    assert season_of(["2013-03-01", "2013-03-02"], Match.WEEKDAY) == Season(weekdays=(4, 5))
    assert season_of(DAYS[:7], Match.WEEKDAY) == Season()
    with pytest.raises(BadInput, match="partitions of a day"):
        season_of(["2013-03"], Match.WEEKDAY)


def test_the_same_months_of_last_year() -> None:
    """A day stands for its month; a window over two months for both."""
    march = Season(since="2012-03-01T00:00:00+00:00", until="2012-04-01T00:00:00+00:00")

    assert season_of(["2013-03-05"], Match.MONTH_LAST_YEAR) == march
    assert season_of(["2013-03"], Match.MONTH_LAST_YEAR) == march
    assert season_of(["2013-12-31", "2014-01-01"], Match.MONTH_LAST_YEAR) == Season(
        since="2012-12-01T00:00:00+00:00", until="2013-02-01T00:00:00+00:00"
    )
