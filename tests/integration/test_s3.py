"""Storage on S3, as moto's server plays it: publish, open, marker last, and the operators on it."""

import json
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.backends.parquet import write_snapshot_files
from airflow_provider_mlops.backends.source_file import SteadyFile
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.hooks import storage_remote
from airflow_provider_mlops.hooks.prediction_log import find_labelled, read_labelled
from airflow_provider_mlops.hooks.storage import MARKER, Storage
from tests.conftest import MakeLab
from tests.support.lab import Lab
from tests.support.s3 import BUCKET


@pytest.fixture
def storage(bucket: object) -> Storage:
    """A storage below a prefix of the bucket."""
    return Storage(f"s3://minio@{BUCKET}/deep/er")


def stage(storage: Storage, relative: str, **files: str) -> str:
    """Publish a folder with these files."""
    with storage.staging() as folder:
        for name, text in files.items():
            (folder / name).write_text(text)
        (folder / MARKER).write_text("{}")
        return storage.publish(folder, relative)


def test_published_folder_can_be_opened(storage: Storage) -> None:
    """What was published is read as local files, and is there."""
    assert not storage.exists("a/b")
    assert stage(storage, "a/b", rows="1 2 3") == f"s3://minio@{BUCKET}/deep/er/a/b"
    assert storage.exists("a/b")
    with storage.open("a/b") as folder:
        assert {path.name: path.read_text() for path in folder.iterdir()} == {"rows": "1 2 3", MARKER: "{}"}


def test_first_one_stays(storage: Storage) -> None:
    """A second publish under the same name changes nothing."""
    stage(storage, "a/b", rows="first")
    stage(storage, "a/b", rows="second")
    with storage.open("a/b") as folder:
        assert (folder / "rows").read_text() == "first"


def test_marker_is_written_last(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload that breaks off leaves no marker: nobody reads the half, and the next try completes it."""

    def breaks_off(*_: object) -> None:
        raise ConnectionError("the line is down")

    with monkeypatch.context() as patches:
        patches.setattr(storage_remote, "_create", breaks_off)
        with pytest.raises(ConnectionError):
            stage(storage, "a/b", aaa="1", zzz="2")

    with pytest.raises(EvidenceBroken, match="Nothing is stored at s3://minio@mlops/deep/er/a/b"), storage.open("a/b"):
        pass
    stage(storage, "a/b", aaa="1", zzz="2")
    assert storage.exists("a/b")


def test_two_at_once_give_one(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two that publish other bytes under one name at the same moment the first one stays, whole."""
    with monkeypatch.context() as patches:
        # Neither sees the other when it begins.
        patches.setattr(storage, "exists", lambda relative: False)
        for number in ("first", "second"):
            with storage.staging() as folder:
                (folder / "rows").write_text(number)
                (folder / MARKER).write_text(json.dumps({"of": number}))
                storage.publish(folder, "a/b")
    with storage.open("a/b") as folder:
        assert {path.name: path.read_text() for path in folder.iterdir()} == {
            "rows": "first",
            MARKER: '{"of": "first"}',
        }


def test_large_files_move_in_pieces(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file is read or written whole: what a piece holds bounds the memory."""
    monkeypatch.setattr(storage_remote, "PIECE_BYTES", 1_000)
    monkeypatch.setattr(Path, "read_bytes", _small_files_only(Path.read_bytes))
    stage(storage, "a/b", rows="0123456789" * 1_000)
    with storage.open("a/b") as folder:
        assert (folder / "rows").stat().st_size == 10_000


def _small_files_only(read: Callable[[Path], bytes]) -> Callable[[Path], bytes]:
    def checked(path: Path) -> bytes:
        assert path.stat().st_size <= 1_000
        return read(path)

    return checked


def test_folder_of_the_first_version(storage: Storage, bucket: Any) -> None:
    """Files beside their marker, as the first version left them, are read."""
    for name, text in (("rows", "1 2 3"), (MARKER, "{}")):
        bucket.Object(f"deep/er/old/{name}").put(Body=text.encode())
    with storage.open("old") as folder:
        assert {path.name: path.read_text() for path in folder.iterdir()} == {"rows": "1 2 3", MARKER: "{}"}


def test_parquet_objects_are_copied_as_they_are(storage: Storage, bucket: Any, tmp_path: Path) -> None:
    """A Parquet file of a bucket keeps its bytes; one that is exchanged while it is copied is an error."""
    rows = BytesIO()
    pq.write_table(pa.table({"x": [1, 2, 3]}), rows)
    bucket.Object("raw/rows.parquet").put(Body=rows.getvalue())
    source = ObjectStoragePath(f"s3://minio@{BUCKET}/raw/rows.parquet")
    manifest = write_snapshot_files([source], tmp_path, {})
    assert (tmp_path / manifest["files"][0]["name"]).read_bytes() == rows.getvalue()

    steady = SteadyFile(source)
    bucket.Object("raw/rows.parquet").put(Body=rows.getvalue()[::-1])
    with pytest.raises(BadInput, match=r"rows\.parquet was changed while it was read"):
        steady.copy(tmp_path / "copy")


@pytest.fixture
def s3_lab(make_lab: MakeLab, bucket: object, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """An empty lab with its rows on S3 and its ledger on disk."""
    lab = make_lab("empty")
    monkeypatch.setenv("AIRFLOW__MLOPS__STORAGE_ROOT", f"s3://minio@{BUCKET}/prefix")
    monkeypatch.setenv("AIRFLOW__MLOPS__LEDGER_ROOT", str(lab.storage / "ledger"))
    return lab


def test_lifecycle_on_s3(s3_lab: Lab) -> None:
    """A candidate goes the whole way with its rows and scores on S3; a second run finds everything."""
    lab = s3_lab
    for key in ("2020-01", "2020-02"):
        lab.accept(key)
    found = lab.judge("2020-02")
    promoted = lab.run("promote", gate_record=found["gate"]["record"])

    assert promoted["moved"] is True
    before = lab.census()
    assert lab.judge("2020-02") == found
    assert lab.census() == before
    assert not list(lab.storage.rglob("*.parquet"))


def test_rows_are_set_aside_on_s3(s3_lab: Lab, bucket: Any) -> None:
    """Quarantine, report and accepted snapshot lie on S3; training data is checked from there."""
    taken = {key: s3_lab.run("snapshot", partition_key=key)["snapshot_id"] for key in ("2020-01", "2020-02")}
    found = [s3_lab.run("quarantine", partition_key=key, snapshot_id=taken[key]) for key in taken]
    folders = {item.key.split("/")[1] for item in bucket.objects.all()}

    assert {"quarantine", "reports", "snapshots"} <= folders
    assert found[1]["quarantine"]["uri"].startswith(f"s3://minio@{BUCKET}/prefix/quarantine/")
    assert s3_lab.run("check", partition_key="2020-02")["verdict"]["outcome"] == "PASS"
    assert not list(s3_lab.storage.rglob("*.parquet"))


def test_tampered_object_is_found(s3_lab: Lab, bucket: Any) -> None:
    """A changed object fails the validation for good."""
    taken = s3_lab.run("snapshot", partition_key="2020-01")
    (rows,) = [item for item in bucket.objects.all() if item.key.endswith(".parquet")]
    rows.put(Body=rows.get()["Body"].read()[:-1] + b"!")

    with pytest.raises(AirflowFailException, match=r"EvidenceBroken: .*part-00000.parquet was changed"):
        s3_lab.run("validate", partition_key="2020-01", snapshot_id=taken["snapshot_id"])


def test_missing_bucket_is_told(s3_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket that does not exist ends the task; nothing is recorded."""
    monkeypatch.setenv("AIRFLOW__MLOPS__STORAGE_ROOT", "s3://minio@no-such-bucket/prefix")
    with pytest.raises(Exception, match=r"bucket|Bucket"):
        s3_lab.run("snapshot", partition_key="2020-01")
    assert s3_lab.records("snapshot", "dataset/events") == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("s3://no-such-bucket/in/*.csv", "No file matches .* There is no bucket 'no-such-bucket'"),
        (f"s3://{BUCKET}/in/*.csv", r"No file matches .*; nothing to take for 2020-01\.$"),
        ("s3://*/in/a.csv", "cannot be read: Cannot traverse all of S3"),
    ],
)
def test_source_in_a_bucket_that_lacks(s3_lab: Lab, bucket: Any, url: str, words: str) -> None:
    """Whether files are late or the bucket is misspelt is told apart; no bucket is guessed."""
    from airflow_provider_mlops import sources

    with pytest.raises(AirflowFailException, match=words):
        s3_lab.run("snapshot", source=sources.files(url, "csv", conn_id="minio"), partition_key="2020-01")


@pytest.mark.parametrize("format", ["csv", "parquet", "jsonl"])
def test_files_on_s3_are_a_source(s3_lab: Lab, bucket: Any, format: str, tmp_path: Path) -> None:
    """A glob on S3, in the order of names; the same rows from disk are the same snapshot."""
    import pandas as pd

    from airflow_provider_mlops import sources

    write: dict[str, Callable[[pd.DataFrame, Path], object]] = {
        "csv": lambda frame, path: frame.to_csv(path, index=False),
        "parquet": lambda frame, path: frame.to_parquet(path, index=False),
        "jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True),
    }
    for number in (2, 10, 1):
        frame, path = pd.DataFrame({"id": [number], "name": ["x"]}), tmp_path / f"part-{number:02}.{format}"
        write[format](frame, path)
        bucket.put_object(Key=f"in/2020-01/{path.name}", Body=path.read_bytes())
    bucket.put_object(Key="in/2020-01/_SUCCESS", Body=b"")
    arguments = {"partition_key": "2020-01", "time_column": None}
    remote = s3_lab.run(
        "snapshot", source=sources.files(f"s3://minio@{BUCKET}/in/2020-01/*.{format}", format), **arguments
    )
    local = s3_lab.run("snapshot", source=sources.files(f"{tmp_path}/*.{format}", format), **arguments)
    named = s3_lab.run(
        "snapshot", source=sources.files(f"s3://{BUCKET}/in/*/*.{format}", format, conn_id="minio"), **arguments
    )

    deep = s3_lab.run(
        "snapshot", source=sources.files(f"s3://{BUCKET}/in/**/*.{format}", format, conn_id="minio"), **arguments
    )

    assert remote["snapshot_id"] == local["snapshot_id"] == named["snapshot_id"] == deep["snapshot_id"]
    assert remote["rows"] == 3
    assert s3_lab.xcoms == {}


def test_files_on_s3_that_change(s3_lab: Lab, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object that is replaced while the others are read is noticed; nothing is recorded."""
    from airflow_provider_mlops import sources
    from airflow_provider_mlops.core.errors import TransientError
    from airflow_provider_mlops.hooks.sources import files

    for name in ("a", "b"):
        bucket.put_object(Key=f"in/{name}.csv", Body=b"id\n1\n")
    real = files.tables_of_files

    def replaced(*arguments: object) -> Iterator[object]:
        yield from real(*arguments)  # type: ignore[arg-type]
        bucket.put_object(Key="in/a.csv", Body=b"id\n2\n")

    monkeypatch.setattr(files, "tables_of_files", replaced)
    with pytest.raises(TransientError, match=r"in/a\.csv was changed while s3://minio@mlops/in/\*\.csv was read"):
        s3_lab.run(
            "snapshot",
            source=sources.files(f"s3://minio@{BUCKET}/in/*.csv", "csv"),
            partition_key="2020-01",
            time_column=None,
        )
    assert s3_lab.records("snapshot", "dataset/events") == []


def test_predictions_on_s3(s3_lab: Lab, bucket: Any) -> None:
    """Logs, labels and their erasure work on S3 as on a disk; no finished part stays behind."""
    lab = s3_lab
    for key in ("2020-01", "2020-02", "2020-03"):
        lab.accept(key)
    lab.run("promote", gate_record=lab.judge("2020-02")["gate"]["record"])
    parts = {"batch_rows": 200, "part_rows": 400}
    assert lab.run("score", partition_key="2020-03", **parts)["scored"] == 800
    joined = lab.run("labels", partition_key="2020-03")
    (lab.root / "keys.txt").write_text("2020-03/7\n")
    lab.run("erase", key_column="row_id", keys_file=str(lab.root / "keys.txt"), reason="DSR")

    found = find_labelled(lab.ledger().records(), ["2020-03"])
    rows = pa.Table.from_batches(read_labelled(Storage(), found, ["row_id"]))
    assert (joined["rows"], rows.num_rows) == (800, 799)
    assert "2020-03/7" not in rows["row_id"].to_pylist()
    names = [item.key for item in bucket.objects.filter(Prefix="prefix/predictions/")]
    assert len({name.split("/")[4] for name in names}) == 2
    assert not any("scoring-" in name for name in names)
