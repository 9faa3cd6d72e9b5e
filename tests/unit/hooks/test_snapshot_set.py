"""Several snapshots read as one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from airflow_provider_mlops.backends.parquet import write_snapshot, write_window
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.hooks.rows import read_rows
from airflow_provider_mlops.hooks.snapshot_set import Cut, SnapshotSet, published_manifest, snapshot_path
from airflow_provider_mlops.hooks.storage import MARKER, Storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """A storage in a folder."""
    return Storage(str(tmp_path / "rows"), str(tmp_path / "ledger"))


def keep(storage: Storage, table: pa.Table, dataset: str = "d") -> dict[str, str]:
    """Keep a table as a snapshot."""
    with storage.staging() as folder:
        found = write_snapshot([table], folder, {"dataset": dataset})["snapshot_id"]
        storage.publish(folder, snapshot_path(dataset, found))
    return {"dataset": dataset, "partition_key": "2020-01", "snapshot_id": found}


def keep_window(
    storage: Storage, members: Sequence[Mapping[str, Any]], dataset: str = "w", **more: Any
) -> dict[str, str]:
    """Keep a window."""
    with storage.staging() as folder:
        found = write_window(members, folder, {"dataset": dataset}, **more)["snapshot_id"]
        storage.publish(folder, snapshot_path(dataset, found))
    return {"dataset": dataset, "partition_key": "2020-01", "snapshot_id": found}


def days(first: int, count: int) -> pa.Table:
    """Return a row a day of January 2020."""
    times = pd.date_range(f"2020-01-{first:02}", periods=count, unit="us", tz="UTC")
    return pa.table({"t": times, "x": range(first, first + count), "y": ["a"] * count})


def numbers(found: SnapshotSet) -> list[int]:
    """Read the column `x`."""
    return [value for batch in found.batches(["x"]) for value in batch.column(0).to_pylist()]


def test_window_stands_for_its_members(storage: Storage) -> None:
    """Its rows are those of the members, in their order, cut as it says and as the reader says; none is copied."""
    members = [keep(storage, days(1, 5)), keep(storage, days(6, 5))]
    cut = {"time_column": "t", "since": "2020-01-03T00:00:00+00:00", "until": None}
    window = keep_window(storage, members, cut=cut)
    folder = Path(storage.root) / snapshot_path("w", window["snapshot_id"])
    assert [path.name for path in folder.iterdir()] == [MARKER]

    assert numbers(SnapshotSet(storage, "w", [window])) == list(range(3, 11))
    outer = SnapshotSet(storage, "w", [window], Cut("t", until="2020-01-08T00:00:00+00:00"))
    assert numbers(outer) == [3, 4, 5, 6, 7]
    assert (SnapshotSet(storage, "w", [window]).count(), outer.count()) == (8, 5)
    assert read_rows(storage, "w", [window], columns=["x"])["x"].tolist() == list(range(3, 11))

    nested = keep_window(storage, [window, members[0]], "n")
    assert numbers(SnapshotSet(storage, "n", [nested])) == [*range(3, 11), *range(1, 6)]


def test_members_are_proved(storage: Storage) -> None:
    """A changed member breaks the window, and so does a changed window."""
    member = keep(storage, days(1, 3))
    window = keep_window(storage, [member])
    path = Path(storage.root) / snapshot_path("w", window["snapshot_id"]) / MARKER
    text = path.read_text()
    path.write_text(text.replace("2020-01", "2020-02"))
    with pytest.raises(EvidenceBroken, match="was changed"):
        numbers(SnapshotSet(storage, "w", [window]))
    path.write_text(text)
    (part,) = (Path(storage.root) / snapshot_path("d", member["snapshot_id"])).glob("*.parquet")
    part.write_bytes(part.read_bytes()[:-1] + b"!")
    with pytest.raises(EvidenceBroken, match="was changed: its SHA-256"):
        numbers(SnapshotSet(storage, "w", [window]))


def test_missing_member(storage: Storage) -> None:
    """A member that is not stored is named."""
    window = keep_window(storage, [{"dataset": "d", "partition_key": "2020-01", "snapshot_id": "sha256:" + "0" * 64}])
    with pytest.raises(EvidenceBroken, match=f"Nothing is stored at .*/snapshots/d/{'0' * 64}"):
        numbers(SnapshotSet(storage, "w", [window]))


def test_layout_may_differ_and_types_may_not(storage: Storage) -> None:
    """Dictionaries and text are read as one; another type is named with its column."""
    text = keep(storage, pa.table({"c": ["a", "b"]}))
    kinds = keep(storage, pa.table({"c": pa.array(["b", "c"]).dictionary_encode()}))
    assert read_rows(storage, "d", [text, kinds])["c"].tolist() == ["a", "b", "b", "c"]
    assert read_rows(storage, "d", [kinds, text])["c"].tolist() == ["b", "c", "a", "b"]
    with pytest.raises(
        BadInput, match=r"training snapshots of dataset 'd' differ in their schema: .* 'c' is int64 and not"
    ):
        read_rows(storage, "d", [text, keep(storage, pa.table({"c": [1]}))])
    with pytest.raises(BadInput, match="column 'c' is missing"):
        read_rows(storage, "d", [text, keep(storage, pa.table({"d": [1]}))], columns=["c", "d"])


def test_only_the_asked_columns_are_read(storage: Storage) -> None:
    """The time column is read for the cut and left out again; where one is missing, all there are come back."""
    kept = keep(storage, days(1, 5))
    assert list(read_rows(storage, "d", [kept], columns=["y", "z"])) == ["t", "x", "y"]
    frame = read_rows(storage, "d", [kept], columns=["y", "x"], time_column="t", since="2020-01-04T00:00:00+00:00")
    assert (list(frame), frame["x"].tolist()) == (["y", "x"], [4, 5])


def test_frame_can_be_written_to(storage: Storage) -> None:
    """A training function may change the rows that it gets."""
    kept = [keep(storage, days(1, 5)), keep(storage, days(6, 5))]
    for snapshots in (kept, kept[:1]):
        frame = read_rows(storage, "d", snapshots)
        frame["x"] += 1
        frame["x"].to_numpy()[0] = 100
        frame.loc[1, "y"] = "b"
        assert (frame["x"].iloc[0], frame["y"].iloc[1]) == (100, "b")


def test_manifest_is_read_alone(storage: Storage) -> None:
    """What a manifest says costs no row; one under another id is found."""
    kept = keep(storage, days(1, 5))
    assert published_manifest(storage, "d", kept["snapshot_id"])["rows"] == 5
    other = Path(storage.root) / snapshot_path("d", "sha256:" + "1" * 64)
    (Path(storage.root) / snapshot_path("d", kept["snapshot_id"])).rename(other)
    with pytest.raises(EvidenceBroken, match="not sha256:1111"):
        published_manifest(storage, "d", "sha256:" + "1" * 64)


@pytest.mark.parametrize("dataset", ["../d", "a//b", ".d"])
def test_names_lead_nowhere_else(storage: Storage, dataset: str) -> None:
    """A dataset's name is a plain path below the root."""
    with pytest.raises(BadInput):
        numbers(SnapshotSet(storage, dataset, [{"snapshot_id": "sha256:" + "0" * 64}]))
