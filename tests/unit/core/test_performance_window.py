"""Which partitions are judged: of the version that serves, mature ones for labels, never more than the window."""

from dataclasses import dataclass
from typing import Any

import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.performance_window import choose_window, key_of


@dataclass
class FakeRecord:
    """A record of which only the body and the hash are looked at."""

    body: dict[str, Any]
    hash: str


@dataclass
class Log:
    """A log with its labels."""

    predictions: Any
    labels: Any
    matured: bool


def log(key: str, version: str = "1", *, mature: bool = True, labels: bool = True, seconds: float = 86_400.0) -> Any:
    """Make a log of a partition."""
    body = {"partition_key": key, "manifest_hash": f"m{version}", "model_version": version}
    found = FakeRecord({"maturity_seconds": seconds}, f"l{key}") if labels else None
    return Log(FakeRecord(body, f"p{key}"), found, mature and labels)


def test_mature_partitions_and_those_that_wait() -> None:
    """The newest that were served, and the newest with labels, which are older."""
    logs = [log(f"2020-03-0{day}", mature=day < 6) for day in range(1, 9)]
    found = choose_window(logs, "2020-03-07", 3)

    assert [key_of(one) for one in found.served] == ["2020-03-05", "2020-03-06", "2020-03-07"]
    assert [key_of(one) for one in found.mature] == ["2020-03-03", "2020-03-04", "2020-03-05"]
    assert [key_of(one) for one in found.waiting] == ["2020-03-06", "2020-03-07"]
    assert "2020-03-06, 2020-03-07 are not mature; the first is due on 2020-03-08" in found.missing()
    assert set(found.inputs()["mature"]) == {"2020-03-03", "2020-03-04", "2020-03-05"}


def test_another_version_is_left_out() -> None:
    """Only what the version of the newest partition predicted is judged, and only partitions of its length."""
    logs = [log("2020-03", "2"), log("2020-03-01", "1"), log("2020-03-02", "2"), log("2020-03-03", "1")]
    found = choose_window([*logs, log("2020-03-04", "2", labels=False)], "2020-03-04", 5)

    assert found.version == "2"
    assert [key_of(one) for one in found.served] == ["2020-03-02", "2020-03-04"]
    assert found.others == ("2020-03-03",)
    assert "join them with JoinLabelsOperator" in found.missing()


@pytest.mark.parametrize(
    ("key", "window", "reason"),
    [
        ("2020-03-09", 3, "has no prediction log; the newest before it: 2020-03-01"),
        ("2020-02-01", 3, "the newest before it: none"),
        ("../../etc", 3, "neither a month"),
        ("2020-03-01", 0, "at least 1"),
        ("2020-03-01", True, "at least 1"),
    ],
)
def test_bad_requests(key: str, window: int, reason: str) -> None:
    """A partition that was not scored, a key that is none, a window that is none."""
    with pytest.raises(BadInput, match=reason):
        choose_window([log("2020-03-01")], key, window)


def test_a_maturity_beyond_the_calendar_names_no_day() -> None:
    """It does not break the verdict."""
    found = choose_window([log("2020-03-01", mature=False, seconds=1e14)], "2020-03-01", 3)

    assert "JoinLabelsOperator" in found.missing()
