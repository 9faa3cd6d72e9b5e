"""Columns of snapshots, one at a time: every type has its kind, cuts and windows hold, changed bytes are refused."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from airflow_provider_mlops.backends.parquet import write_snapshot, write_window
from airflow_provider_mlops.backends.parquet_column import ParquetColumns
from airflow_provider_mlops.backends.parquet_pairs import ParquetPairs
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken, TransientError
from airflow_provider_mlops.hooks.samples import open_columns
from airflow_provider_mlops.hooks.snapshot_set import snapshot_path
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.statistics.columns import Categories, Numbers


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """A storage in a folder."""
    return Storage(str(tmp_path))


def keep(storage: Storage, rows: pa.Table | dict[str, Any], time_column: str | None = None) -> dict[str, str]:
    """Keep rows as a snapshot of the dataset `d`."""
    table = rows if isinstance(rows, pa.Table) else pa.table(rows)
    with storage.staging() as folder:
        manifest = write_snapshot([table], folder, {}, time_column)
        storage.publish(folder, snapshot_path("d", manifest["snapshot_id"]))
    return {"snapshot_id": manifest["snapshot_id"]}


@contextmanager
def opened(storage: Storage, *snapshots: dict[str, str], **cut: Any) -> Iterator[ParquetColumns]:
    with open_columns(storage, "d", snapshots, **cut) as columns:
        yield columns


def numbers(columns: ParquetColumns, name: str) -> Numbers:
    summary = columns.summary(name)
    assert isinstance(summary, Numbers)
    return summary


def categories(columns: ParquetColumns, name: str) -> Categories:
    summary = columns.summary(name)
    assert isinstance(summary, Categories)
    return summary


@pytest.mark.parametrize(
    ("array", "ordered"),
    [
        (pa.array([2.5, None, float("nan"), -1]), [-1, 2.5]),
        (pa.array([3, None, 1, None]), [1, 3]),
        (pa.array([2, None, 1, None], pa.uint8()), [1, 2]),
        (pa.array([1.5, None, -2, None], pa.float32()), [-2, 1.5]),
        (pa.array([True, None, False, None]), [0, 1]),
        (pa.array([Decimal("2.50"), None, Decimal("1.25"), None]), [1.25, 2.5]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_numbers_are_sorted_and_their_nulls_counted(storage: Storage, array: pa.Array, ordered: list[float]) -> None:
    """Whole numbers, decimals and truth values are numbers, with nulls or without."""
    with opened(storage, keep(storage, {"x": array})) as columns:
        found = numbers(columns, "x")

    assert (found.ordered.tolist(), found.nulls, found.infinite) == (ordered, 2, 0)


def test_infinities_are_counted_and_kept(storage: Storage) -> None:
    """They stand at the ends."""
    with opened(storage, keep(storage, {"x": [np.inf, 1.0, -np.inf, np.inf]})) as columns:
        found = numbers(columns, "x")

    assert (found.ordered.tolist(), found.nulls, found.infinite) == ([-np.inf, 1, np.inf, np.inf], 0, 3)


@pytest.mark.parametrize(
    ("array", "counts"),
    [
        (pa.array(["a", None, "a", "b"]), {"a": 2, "b": 1}),
        (pa.array(["a", None, "a", "b"], pa.large_string()), {"a": 2, "b": 1}),
        (pa.array(["a", None, "a", "b"]).dictionary_encode(), {"a": 2, "b": 1}),
        (pa.array([b"\xff", None, b"\x00", b"\x00"]), {"ff": 1, "00": 2}),
        (pa.array([date(2020, 1, 2), None, date(2020, 1, 2), date(2020, 1, 3)]), {"2020-01-02": 2, "2020-01-03": 1}),
    ],
    ids=["text", "large text", "dictionary", "bytes", "dates"],
)
def test_everything_else_is_counted_by_its_text(storage: Storage, array: pa.Array, counts: dict[str, int]) -> None:
    """Nulls apart."""
    with opened(storage, keep(storage, {"x": array})) as columns:
        found = categories(columns, "x")

    assert (found.counts, found.nulls) == (counts, 1)


def test_a_hundred_thousand_texts_over_many_batches_are_all_counted(storage: Storage) -> None:
    """Each batch has its own dictionary."""
    texts = [f"t{number % 100_000}" for number in range(300_000)]
    with opened(storage, keep(storage, {"x": texts[:170_000]}), keep(storage, {"x": texts[170_000:]})) as columns:
        found = categories(columns, "x")

    assert len(found.counts) == 100_000
    assert set(found.counts.values()) == {3}


def test_a_missing_column_has_no_summary(storage: Storage) -> None:
    """The drift check says that it is missing; those that neither side has are left out."""
    with opened(storage, keep(storage, {"x": [1]})) as one, opened(storage, keep(storage, {"y": [1]})) as other:
        pairs = {name: (was, now) for name, was, now in ParquetPairs(one, other, ["x", "y", "z"])}

    assert pairs.keys() == {"x", "y"}
    assert pairs["x"][1] is None
    assert pairs["y"][0] is None


def test_a_column_of_nulls_alone_is_what_the_other_side_is(storage: Storage) -> None:
    """A column without a type did not change its type."""
    typed = keep(storage, {"n": [1.5], "t": ["a"], "both": pa.nulls(1)})
    nulls = keep(storage, {"n": pa.nulls(2), "t": pa.nulls(2), "both": pa.nulls(2)})
    with opened(storage, typed) as one, opened(storage, nulls) as other:
        pairs = list(ParquetPairs(one, other, ["n", "t", "both"]))

    assert [now.kind for _, _, now in pairs if now] == ["numeric", "categorical", "categorical"]
    assert [now.nulls for _, _, now in pairs if now] == [2, 2, 2]


def test_snapshots_are_cut_by_time_and_windows_are_taken_apart(storage: Storage) -> None:
    """Rows before the limit, of each member; rows without a time are on no side."""
    times = pd.date_range("2020-01-01", periods=4, freq="D", tz="UTC", unit="us")
    first = keep(storage, {"x": [1, 2, 3, 4, 5], "time": pa.array([*times, None])}, "time")
    second = keep(storage, {"x": [10], "time": pa.array(times[:1])}, "time")
    members = [{"dataset": "d", "partition_key": str(k), **item} for k, item in enumerate((first, second))]
    with storage.staging() as folder:
        cut = {"time_column": "time", "since": "2020-01-02T00:00:00+00:00", "until": None}
        window = write_window(members, folder, {}, cut=cut)
        storage.publish(folder, snapshot_path("d", window["snapshot_id"]))
    until = {"time_column": "time", "until": "2020-01-04T00:00:00+00:00"}
    with opened(storage, first, second, **until) as columns:
        assert numbers(columns, "x").ordered.tolist() == [1, 2, 3, 10]
        assert columns.rows == 4
    with opened(storage, {"snapshot_id": window["snapshot_id"]}, **until) as columns:
        assert numbers(columns, "x").ordered.tolist() == [2, 3]


def test_rows_of_some_weekdays_are_kept(storage: Storage) -> None:
    """Monday is 0, the days are UTC's; a row without a time is of no day."""
    days = pd.date_range("2013-03-04T00:30", periods=14, freq="1D", tz="UTC").append(
        pd.DatetimeIndex([pd.NaT], tz="UTC")
    )
    rows = {"x": [float(number) for number in range(15)], "time": pa.array(days, pa.timestamp("us", "UTC"))}
    with opened(storage, keep(storage, rows), time_column="time", weekdays=(0, 6)) as columns:
        assert numbers(columns, "x").ordered.tolist() == [0.0, 6.0, 7.0, 13.0]


def test_a_cut_needs_its_time_column(storage: Storage) -> None:
    """Without it no row is read."""
    with (
        pytest.raises(BadInput, match="only with a time column; 'when'"),
        opened(storage, keep(storage, {"x": [1]}), time_column="when", until="2020-01-01"),
    ):
        pass


def test_changed_bytes_are_refused_before_a_column_is_read(storage: Storage) -> None:
    """The hash of the manifest no longer holds."""
    snapshot = keep(storage, {"x": [1.0, 2.0]})
    with storage.open(snapshot_path("d", snapshot["snapshot_id"])) as folder:
        part = next(folder.glob("*.parquet"))
        part.chmod(0o644)
        part.write_bytes(part.read_bytes()[:-1] + b"x")

    with pytest.raises(EvidenceBroken, match="was changed"), opened(storage, snapshot):
        pass


@pytest.mark.parametrize(
    ("other", "message"),
    [({"y": [1]}, "is in some of the snapshots"), ({"x": ["text"]}, "is of several types")],
)
def test_snapshots_read_together_must_agree(storage: Storage, other: dict[str, Any], message: str) -> None:
    """A column half there would be compared on other rows."""
    with (
        opened(storage, keep(storage, {"x": [1]}), keep(storage, other)) as columns,
        pytest.raises(BadInput, match=message),
    ):
        columns.summary("x")


def test_no_rows_are_an_empty_summary(storage: Storage) -> None:
    """Too few rows is for the verdict to say."""
    times = pd.date_range("2020-01-01", periods=1, tz="UTC", unit="us")
    kept = keep(storage, {"x": [1.0], "t": ["a"], "time": pa.array(times)}, "time")
    with opened(storage, kept, time_column="time", until="2019-01-01T00:00:00+00:00") as columns:
        assert (len(numbers(columns, "x").ordered), categories(columns, "t").counts) == (0, {})


def test_an_erasure_while_columns_are_read_is_no_broken_evidence(storage: Storage) -> None:
    """The rows are gone between two columns: a retry follows the ledger. Without a file of theirs they are broken."""
    kept = keep(storage, {"a": [1.0, 2.0], "b": [3.0, 4.0]})
    folder = Path(storage.root) / snapshot_path("d", kept["snapshot_id"])
    (part,) = folder.glob("*.parquet")
    content = part.read_bytes()

    def read(remove: Callable[[], None]) -> None:
        with opened(storage, kept) as columns:
            numbers(columns, "a")
            remove()
            numbers(columns, "b")

    with pytest.raises(EvidenceBroken, match="cannot be decoded"):
        read(part.unlink)
    part.write_bytes(content)
    with pytest.raises(TransientError, match="was removed while it was read"):
        read(lambda: shutil.rmtree(folder))
