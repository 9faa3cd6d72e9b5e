"""The files behind snapshots and windows."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_mlops.backends.validation import judge
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.suite import read_suite
from airflow_provider_mlops.hooks.row_files import columns_stated, row_files
from airflow_provider_mlops.hooks.snapshot_set import Cut, snapshot_path
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.hooks.validation import validate_snapshot
from tests.unit.hooks.test_snapshot_set import days, keep, keep_window

SUITE = {
    "name": "days",
    "expectations": [
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "x"}},
        {"type": "expect_column_values_to_be_increasing", "kwargs": {"column": "x"}},
        {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "y", "regex": "(?=a)a"}},
        {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 8}},
    ],
}


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """A storage in a folder."""
    return Storage(str(tmp_path / "rows"), str(tmp_path / "ledger"))


def numbers(files: list[Path]) -> list[int]:
    """Read the column `x` of files."""
    return [value for file in files for value in pq.read_table(file)["x"].to_pylist()]


def test_members_are_read_where_they_are(storage: Storage) -> None:
    """The files of a window are those of its members, in order; its manifest says their rows and columns."""
    members = [keep(storage, days(1, 5)), keep(storage, days(6, 5))]
    window = keep_window(storage, members)
    homes = [Path(storage.root) / snapshot_path("d", item["snapshot_id"]) for item in members]
    with row_files(storage, "w", window["snapshot_id"]) as opened:
        assert [file.parent for file in opened.files] == homes
        assert numbers(opened.files) == list(range(1, 11))
        assert opened.manifest["rows"] == 10
        assert opened.manifest["snapshot_id"] == window["snapshot_id"]
        assert [(item["name"], item["nulls"]) for item in opened.manifest["columns"]] == [("t", 0), ("x", 0), ("y", 0)]
    assert columns_stated(storage, "w", window["snapshot_id"]) == opened.manifest["columns"]


def test_only_what_a_cut_goes_through_is_written(storage: Storage) -> None:
    """The member that is cut is written without the rows before; a member that is cut off as a whole is not there."""
    members = [keep(storage, days(1, 2)), keep(storage, days(3, 5)), keep(storage, days(8, 3))]
    window = keep_window(
        storage, members, cut={"time_column": "t", "since": "2020-01-05T00:00:00+00:00", "until": None}
    )
    with row_files(storage, "w", window["snapshot_id"]) as opened:
        assert numbers(opened.files) == list(range(5, 11))
        cut, whole = opened.files
        assert cut.parent.parent.name == ".staging"
        assert whole.parent == Path(storage.root) / snapshot_path("d", members[2]["snapshot_id"])
        assert opened.manifest["rows"] == 6
    assert not cut.exists()
    with (
        pytest.raises(BadInput, match="No row of snapshot"),
        row_files(storage, "w", window["snapshot_id"], Cut("t", until="2020-01-02T00:00:00+00:00")),
    ):
        pass


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (pa.table({"x": [1], "y": ["a"]}), "'t', which is missing there"),
        (days(1, 1).set_column(1, "x", pa.array(["1"])), r"column 'x' \(string\)"),
        (days(1, 1).select(["x", "t", "y"]), "the order of the columns"),
    ],
)
def test_members_with_other_columns(storage: Storage, other: pa.Table, reason: str) -> None:
    """They are no one table, and the difference is named."""
    window = keep_window(storage, [keep(storage, days(1, 5)), keep(storage, other)])
    with (
        pytest.raises(BadInput, match=f"of a window differ in their columns: .*{reason}"),
        row_files(storage, "w", window["snapshot_id"]),
    ):
        pass


def test_window_is_judged_as_the_rows_are(storage: Storage) -> None:
    """A verdict is about all rows of the members, in order, also where Great Expectations judges on pandas."""
    members = [
        keep(storage, days(1, 5)),
        keep(storage, days(6, 5).set_column(2, "y", pa.array(["a"] * 5, pa.large_string()))),
    ]
    window = keep_window(
        storage, members, cut={"time_column": "t", "since": "2020-01-03T00:00:00+00:00", "until": None}
    )
    suite = read_suite(SUITE, "days")
    found = validate_snapshot(storage, "w", window["snapshot_id"], suite, engine="auto")
    assert found.verdict.passed
    assert (found.rows, found.accepted["snapshot_id"] if found.accepted else None) == (8, window["snapshot_id"])
    with row_files(storage, "w", window["snapshot_id"]) as opened:
        assert all(item.holds for item in judge(opened.files, suite, seed="s"))

    twice = keep_window(storage, [*members, members[0]])
    found = validate_snapshot(storage, "w", twice["snapshot_id"], suite, engine="auto")
    assert [item.holds for item in found.judged] == [False, False, True, False]


def test_no_rows_of_a_window_are_set_aside(storage: Storage) -> None:
    """It has none of its own: rows that break are a FAIL that says where they can be set aside."""
    window = keep_window(storage, [keep(storage, days(1, 5))])
    limits = {"column": "x", "max_value": 4}
    item = {"type": "expect_column_values_to_be_between", "kwargs": limits, "severity": "quarantine"}
    suite = read_suite({"name": "q", "quarantine": {"max_share": 0.5}, "expectations": [item]}, "q")
    found = validate_snapshot(storage, "w", window["snapshot_id"], suite, engine="auto")
    assert not found.verdict.passed
    assert "validate its members by this suite" in found.verdict.rules[-1].reason
    assert not (Path(storage.root) / "quarantine").exists()


def test_missing_window_and_member(storage: Storage) -> None:
    """What is not stored is named."""
    gone = "sha256:" + "0" * 64
    with pytest.raises(EvidenceBroken, match="Nothing is stored at"):
        validate_snapshot(storage, "w", gone, read_suite(SUITE, "days"), engine="auto")
    window = keep_window(storage, [{"dataset": "d", "partition_key": "2020-01", "snapshot_id": gone}])
    with pytest.raises(EvidenceBroken, match=f"Nothing is stored at .*/snapshots/d/{'0' * 64}"):
        validate_snapshot(storage, "w", window["snapshot_id"], read_suite(SUITE, "days"), engine="auto")
