"""Which partitions a training window holds."""

from typing import Any

import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.snapshot_manifest import is_window, window_id, window_manifest
from airflow_provider_mlops.core.window import Window

MONTHS = ["2013-03", "2013-01", "2013-02"]


@pytest.mark.parametrize(
    ("spec", "chosen"),
    [
        (None, ["2013-01", "2013-02", "2013-03"]),
        (2, ["2013-02", "2013-03"]),
        ("2", ["2013-02", "2013-03"]),
        ({"since": "2013-02"}, ["2013-02", "2013-03"]),
        ({"since": "2013-02-28"}, ["2013-02", "2013-03"]),
        ({"since": "2013-03-01"}, ["2013-03"]),
        ({"since": "2014-01"}, []),
        ({"partitions": 1}, ["2013-03"]),
        ({"since": "2013-02", "partitions": 1}, ["2013-03"]),
        ({"since": "2013-03", "partitions": 5}, ["2013-03"]),
    ],
)
def test_windows(spec: Any, chosen: list[str]) -> None:
    """Expanding, sliding, and since a month or day, which its partition holds whole."""
    assert Window.parse(spec).choose(MONTHS) == chosen


def test_days_since_a_month() -> None:
    """A month begins with its first day."""
    assert Window.parse({"since": "2013-02"}).choose(["2013-01-31", "2013-02-01"]) == ["2013-02-01"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (0, "window=0 must be at least 1"),
        ({"partitions": -1}, "must be at least 1"),
        (1.5, r"window=1.5 must be a number of partitions, None, or \{'since'"),
        (True, "must be a number of partitions"),
        ("last month", "must be a number of partitions"),
        ({}, "must have 'partitions', 'since' or both, or 'dataset'"),
        ({"sincee": "2013-01"}, "or 'dataset' and 'snapshot_id'"),
        ({"since": "January"}, "since must be a month"),
    ],
)
def test_windows_that_are_none(spec: Any, words: str) -> None:
    """Whatever else is said is refused, with what could be."""
    with pytest.raises(BadInput, match=words):
        Window.parse(spec)


MEMBERS = [{"dataset": "d", "partition_key": key, "snapshot_id": f"sha256:{key}"} for key in sorted(MONTHS)]
CUT = {"time_column": "t", "since": None, "until": "2013-03-15"}


def test_id_of_a_window_follows_from_members_and_cut() -> None:
    """Another member, order or cut is another window; facts are not."""
    one = window_manifest(MEMBERS, {"dataset": "w"})
    assert is_window(one)
    assert (
        one["snapshot_id"] == window_manifest(MEMBERS, {"dataset": "other"})["snapshot_id"] == window_id(MEMBERS, None)
    )
    others = {
        window_manifest(members, {}, cut=cut)["snapshot_id"]
        for members, cut in ((MEMBERS[:2], None), (MEMBERS[::-1], None), (MEMBERS, CUT))
    }
    assert len(others | {one["snapshot_id"]}) == 4


@pytest.mark.parametrize(
    ("members", "cut", "words"),
    [
        ([], None, "A window needs at least one snapshot"),
        ([{"dataset": "d"}], None, "lacks partition_key, snapshot_id"),
        (MEMBERS, {"since": "2013-01"}, "only with a time_column"),
    ],
)
def test_windows_without_what_they_need(members: Any, cut: Any, words: str) -> None:
    """No member, a member without a name, a cut without a column."""
    with pytest.raises(BadInput, match=words):
        window_manifest(members, {}, cut=cut)
