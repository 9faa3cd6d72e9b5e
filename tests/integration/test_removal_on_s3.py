"""Pruning and erasing with the rows on S3, as moto's server plays it."""

import json
from io import BytesIO
from typing import Any

import pyarrow.parquet as pq
import pytest

from airflow_provider_mlops.core.evidence import accepted_snapshots
from airflow_provider_mlops.hooks.leftovers_remote import remove_unpublished
from airflow_provider_mlops.hooks.removal import REMOVING, folders, has_files, is_being_removed, remove, settled
from airflow_provider_mlops.hooks.storage import MARKER, Storage
from tests.conftest import MakeLab
from tests.support.command import run_command
from tests.support.lab import DATASET, Lab
from tests.support.s3 import BUCKET

CHAIN = f"dataset/{DATASET}"


@pytest.fixture
def storage(bucket: Any) -> Storage:
    """A storage with one published folder, ``a/b``."""
    found = Storage(f"s3://minio@{BUCKET}/deep")
    publish(found)
    return found


def publish(storage: Storage, path: str = "a/b") -> None:
    """Publish a folder with one file."""
    with storage.staging() as folder:
        (folder / "rows").write_text("1 2 3")
        (folder / MARKER).write_text(json.dumps({"files": [{"name": "rows"}]}))
        storage.publish(folder, path)


def keys(bucket: Any) -> list[str]:
    """Every object that is left."""
    return sorted(item.key for item in bucket.objects.all())


def test_removed_is_removed(storage: Storage, bucket: Any) -> None:
    """Nothing of it is left, and doing it again is no error."""
    assert folders(storage, "a") == ["b"]
    assert settled(storage, "a/b")
    assert remove(storage, "a/b")
    assert remove(storage, "a/b")
    assert keys(bucket) == []
    assert folders(storage, "a") == folders(storage, "nothing") == []
    assert not has_files(storage, "a")


def test_what_is_wanted_after_all_is_put_back(storage: Storage, bucket: Any) -> None:
    """It is asked about when it is out of sight already, and under a mark that tells publishers to wait."""
    before, seen = keys(bucket), []

    def is_gone() -> bool:
        publish_again = [storage.exists("a/b"), settled(storage, "a/b"), any(REMOVING in key for key in keys(bucket))]
        seen.extend(publish_again)
        return False

    assert not remove(storage, "a/b", is_gone)
    assert seen == [False, False, True]
    assert keys(bucket) == before
    assert settled(storage, "a/b")


def test_what_is_published_while_objects_go_is_not_settled(storage: Storage, bucket: Any) -> None:
    """The mark stands until the last object is gone; what lost an object is not whole afterwards either."""

    def is_gone() -> bool:
        publish(storage)
        assert not settled(storage, "a/b")
        return True

    assert remove(storage, "a/b", is_gone)
    assert not settled(storage, "a/b")
    publish(storage)
    next(item for item in bucket.objects.all() if item.key.endswith("rows")).delete()
    assert storage.exists("a/b")
    assert not settled(storage, "a/b")


def test_a_killed_removal_is_finished_by_the_next(storage: Storage, bucket: Any) -> None:
    """It was killed while the folder was out of sight."""

    def die() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        remove(storage, "a/b", die)
    assert not storage.exists("a/b")
    assert remove(storage, "a/b")
    assert keys(bucket) == []


def test_a_removal_that_begins_meanwhile_keeps_its_files(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its marker is out of sight for a moment, and put back: the files must lie there still."""
    storage, path = Storage(f"s3://minio@{BUCKET}/deep"), "snapshots/events/1"

    def die() -> bool:
        raise KeyboardInterrupt

    def begins_now(*asked: Any) -> bool:
        before = is_being_removed(*asked)
        with pytest.raises(KeyboardInterrupt):
            remove(storage, path, die)
        return before

    publish(storage, path)
    before = keys(bucket)
    monkeypatch.setattr("airflow_provider_mlops.hooks.leftovers_remote.is_being_removed", begins_now)

    assert remove_unpublished(storage, seconds=-1) == 0
    assert not remove(storage, path, lambda: False)
    assert keys(bucket) == before
    assert settled(storage, path)


@pytest.fixture
def lab(make_lab: MakeLab, bucket: object, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab with two accepted months, its rows on S3 and its ledger on disk."""
    lab = make_lab("empty")
    monkeypatch.setenv("AIRFLOW__MLOPS__STORAGE_ROOT", f"s3://minio@{BUCKET}/prefix")
    monkeypatch.setenv("AIRFLOW__MLOPS__LEDGER_ROOT", str(lab.storage / "ledger"))
    for key in ("2020-01", "2020-02"):
        lab.accept(key)
    return lab


def test_prune_erase_and_take_again(lab: Lab, bucket: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The same commands, the same records; what was pruned can be taken again, what was erased cannot."""
    before = accepted_snapshots(lab.ledger(CHAIN).records())
    words = ["--dataset", DATASET, "--key-column", "row_id", "--key", "2020-02/3", "--reason", "DSR"]
    assert run_command("snapshots", "prune", DATASET, "--keep", "1", "--yes", "--without-registry") == 0
    assert run_command("snapshots", "erase", *words, "--yes") == 0
    after = accepted_snapshots(lab.ledger(CHAIN).records())
    stored = {key.split("/")[3] for key in keys(bucket) if key.startswith(f"prefix/snapshots/{DATASET}/")}

    assert set(after) == {"2020-02"}
    assert after["2020-02"] != before["2020-02"]
    assert stored == {after["2020-02"].removeprefix("sha256:")}
    assert not any("/reports/" in key for key in keys(bucket) if before["2020-02"] in key)
    assert run_command("snapshots", "verify", "--all") == 0
    assert run_command("snapshots", "list", "--json") == 0
    shown = capsys.readouterr().out
    assert json.loads(shown[shown.index("[\n") :])[0]["snapshot_id"] == after["2020-02"]

    lab.run("snapshot", partition_key="2020-01")
    assert accepted_snapshots(lab.ledger(CHAIN).records())["2020-01"] == before["2020-01"]
    with pytest.raises(Exception, match="still gives rows that were erased"):
        lab.run("snapshot", partition_key="2020-02")
    assert not any(REMOVING in key for key in keys(bucket))


def holding(bucket: Any, value: str) -> list[str]:
    """Every object that has a value in it."""
    found = []
    for item in bucket.objects.all():
        data = item.get()["Body"].read()
        if item.key.endswith(".parquet"):
            held = any(value in map(str, column.to_pylist()) for column in pq.read_table(BytesIO(data)).columns)
        else:
            held = value.encode() in data
        if held:
            found.append(item.key)
    return found


def test_erased_is_nowhere_on_s3(make_lab: MakeLab, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in snapshots, in rows set aside, in per-row scores, in reports, in Data Docs."""
    lab = make_lab("empty")
    monkeypatch.setenv("AIRFLOW__MLOPS__STORAGE_ROOT", f"s3://minio@{BUCKET}/prefix")
    monkeypatch.setenv("AIRFLOW__MLOPS__LEDGER_ROOT", str(lab.storage / "ledger"))
    lab.accept("2020-01")
    taken = lab.run("snapshot", partition_key="2020-02")["snapshot_id"]
    judged = lab.run("quarantine", partition_key="2020-02", snapshot_id=taken)
    lab.judge("2020-02")
    aside = next(item for item in bucket.objects.all() if "/quarantine/" in item.key and item.key.endswith(".parquet"))
    kept = next(
        item
        for item in bucket.objects.all()
        if judged["snapshot_id"].removeprefix("sha256:") in item.key and item.key.endswith(".parquet")
    )
    subjects = [pq.read_table(BytesIO(item.get()["Body"].read())).column("row_id")[0].as_py() for item in (aside, kept)]
    folders_before = {key.split("/")[1] for value in subjects for key in holding(bucket, value)}
    assert {"snapshots", "quarantine", "evaluations"} <= folders_before

    for value in subjects:
        words = ["--dataset", DATASET, "--key-column", "row_id", "--key", value, "--reason", "DSR"]
        assert run_command("snapshots", "erase", *words, "--yes") == 0
        assert holding(bucket, value) == []
    assert not any(judged["report_uri"].rpartition("/")[2] in key for key in keys(bucket))
    assert run_command("snapshots", "verify", "--all") == 0


def test_what_a_killed_upload_left_is_removed(storage: Storage, bucket: Any) -> None:
    """Files without a marker, or beside the one that names others, go after a day; what is published stays."""
    with storage.staging() as folder:
        (folder / "rows").write_text("1 2 3")
        (folder / MARKER).write_text(json.dumps({"files": [{"name": "rows"}]}))
        storage.publish(folder, "snapshots/d/" + "a" * 64)
    published = keys(bucket)
    lost = [f"deep/{name}/{'0' * 32}/rows" for name in ("snapshots/d/" + "a" * 64, "snapshots/d/" + "b" * 64)]
    foreign = [
        f"deep/mlruns/{'0' * 32}/model",
        f"deep/snapshots/{'c' * 32}/{MARKER}",
        f"deep/snapshots/{'c' * 32}/rows",
    ]
    for key in (*lost, *foreign):
        bucket.put_object(Key=key, Body=b"1")

    assert remove_unpublished(storage) == 0  # they may still be written
    assert keys(bucket) == sorted([*published, *lost, *foreign])
    assert remove_unpublished(storage, seconds=-1) == 2
    assert keys(bucket) == sorted([*published, *foreign])
    assert remove_unpublished(storage, seconds=-1) == 0


def test_a_removal_that_may_be_undone_keeps_its_files(storage: Storage, bucket: Any) -> None:
    """Between the marker's removal and the answer of the ledger the files are not left over."""
    relative = "snapshots/d/" + "a" * 64
    bucket.put_object(Key=f"deep/{relative}/{'0' * 32}/rows", Body=b"1")
    mark = f"deep/{REMOVING}/{relative.replace('/', '+')}"
    bucket.put_object(Key=mark, Body=b"{}")

    assert remove_unpublished(storage, seconds=-1) == 0
    bucket.Object(mark).delete()
    assert remove_unpublished(storage, seconds=-1) == 1
