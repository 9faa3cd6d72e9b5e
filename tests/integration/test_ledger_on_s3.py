"""The ledger on S3: conditional puts over HTTP, races of processes, lost answers, and the whole lifecycle."""

import contextlib
import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest

from airflow_provider_mlops.core.chains import chains
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken, TransientError
from airflow_provider_mlops.core.ledger import Ledger, Record
from airflow_provider_mlops.hooks.ledger import LedgerHook, dataset_ledger, ledgers_read_once, model_ledger
from tests.conftest import MakeLab
from tests.support.keys import private_pem
from tests.support.lab import Lab
from tests.support.s3 import BUCKET, OneAtATime, aws_connection

MODEL = "late_events"
ROOT = f"s3://minio@{BUCKET}/deep/ledger"
FOLDER = f"/{BUCKET}/deep/ledger/model/{MODEL}"


@pytest.fixture
def bucket(bucket: Any, s3: tuple[str, OneAtATime], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The bucket, whose connection has none of boto's own retries."""
    endpoint, app = s3
    retries = {"retries": {"total_max_attempts": 1}}
    monkeypatch.setenv("AIRFLOW_CONN_MINIO", aws_connection(endpoint, config_kwargs=retries))
    app.seen.clear()
    app.lose.clear()
    return bucket


@pytest.fixture
def ledger(bucket: object) -> Ledger:
    """A chain of three records."""
    ledger = model_ledger(MODEL, ROOT)
    for number in range(1, 4):
        ledger.append(kind="gate", key=f"k{number}", body={"number": number})
    return ledger


def test_a_chain_is_objects_named_by_number(ledger: Ledger, bucket: Any) -> None:
    """What a local ledger writes into files stands in objects; others read it, find it and go on."""
    keys = sorted(item.key for item in bucket.objects.all())
    fresh = model_ledger(MODEL, ROOT)

    assert keys == ["deep/ledger/.conditional-put", *(f"deep/ledger/model/{MODEL}/0000000{n}.json" for n in (1, 2, 3))]
    assert fresh.records() == ledger.records()
    assert fresh.append(kind="gate", key="k2", body={"other": 1}) == ledger.records()[1]
    assert fresh.append(kind="gate", key="k4", body={}).seq == 4
    assert (fresh.verify(), chains(fresh.store)) == ([], [f"model/{MODEL}"])


def test_chains_of_models_and_datasets_are_listed(ledger: Ledger, bucket: Any) -> None:
    """Other objects under the root are no chains; an empty root has none."""
    dataset_ledger("events", ROOT).append(kind="snapshot", key="k", body={})
    bucket.put_object(Key="deep/ledger/readme.txt", Body=b"x")
    bucket.put_object(Key="deep/ledger/model/readme.txt", Body=b"x")

    assert chains(LedgerHook().store(ROOT)) == ["dataset/events", f"model/{MODEL}"]
    assert chains(LedgerHook().store(f"s3://minio@{BUCKET}/none")) == []


def test_a_long_listing_has_pages(ledger: Ledger, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of two names each hides none."""
    store = ledger.store
    real = store._client.get_paginator("list_objects_v2").paginate

    class Small:
        def paginate(self, **arguments: Any) -> Any:
            return real(**arguments, PaginationConfig={"PageSize": 2})

    monkeypatch.setattr(store._client, "get_paginator", lambda _: Small())
    assert store.names(f"model/{MODEL}") == ["00000001.json", "00000002.json", "00000003.json"]


@pytest.mark.parametrize("tamper", ["edit", "delete", "extra"])
def test_tampering_is_found_and_named(ledger: Ledger, bucket: Any, tamper: str) -> None:
    """As on a disk."""
    key = f"deep/ledger/model/{MODEL}/00000002.json"
    if tamper == "edit":
        bucket.put_object(Key=key, Body=bucket.Object(key).get()["Body"].read().replace(b'"number":2', b'"number":3'))
    elif tamper == "delete":
        bucket.Object(key).delete()
    else:
        bucket.put_object(Key=f"{key}.bak", Body=b"x")
    fresh = model_ledger(MODEL, ROOT)
    words = {"edit": "00000002.json: edited", "delete": "00000002.json: missing", "extra": "00000002.json.bak: extra"}
    (problem,) = fresh.verify()

    assert problem.startswith(f"model/{MODEL}/{words[tamper]}")
    if tamper != "extra":
        with pytest.raises(EvidenceBroken, match=f"{ROOT}/model/{MODEL}/{words[tamper]}"):
            fresh.append(kind="gate", key="k9", body={})


# --- racing


def appended(ledger: Ledger, kind: str, key: str, writer: int) -> Record:
    """Append a record; as a task is, the writer is tried again when the busy server has not answered it."""
    for _ in range(9):
        with contextlib.suppress(TransientError):
            return ledger.append(kind=kind, key=key, body={"writer": writer})
    return ledger.append(kind=kind, key=key, body={"writer": writer})


def append_many(root: str, writer: int, count: int) -> list[str]:
    """Append records of one writer."""
    ledger = model_ledger(MODEL, root)
    return [appended(ledger, "drift", f"w{writer}-{i}", writer).key for i in range(count)]


def append_same(root: str, writer: int) -> str:
    """Append the record that all writers want."""
    return appended(model_ledger(MODEL, root), "gate", "same", writer).hash


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_two_hundred_appends_of_eight_processes_make_one_chain(bucket: object) -> None:
    """No record is lost, none is doubled, the chain does not fork."""
    with ProcessPoolExecutor(8, mp_context=get_context("fork")) as pool:
        jobs = [pool.submit(append_many, ROOT, writer, 25) for writer in range(8)]
        written = [key for job in jobs for key in job.result()]
        same = {job.result() for job in [pool.submit(append_same, ROOT, writer) for writer in range(8)]}
    ledger = model_ledger(MODEL, ROOT)

    assert ledger.verify() == []
    assert sorted(record.key for record in ledger.records("drift")) == sorted(written)
    assert [record.seq for record in ledger.records()] == list(range(1, 202))
    assert {record.hash for record in ledger.records("gate")} == same


# --- a network that does not play along


def test_a_put_whose_answer_was_lost_is_found(ledger: Ledger, s3: tuple[str, OneAtATime]) -> None:
    """The record is there: it is read and compared, not written a second time."""
    app = s3[1]
    app.lose[f"{FOLDER}/00000004.json"] = 1
    record = ledger.append(kind="gate", key="k4", body={})

    assert record.seq == 4
    assert [r.key for r in model_ledger(MODEL, ROOT).records()] == ["k1", "k2", "k3", "k4"]
    assert app.seen.count(("PUT", f"{FOLDER}/00000004.json")) == 1


def test_a_repeated_put_of_botocore_is_taken_for_what_it_is(
    ledger: Ledger, s3: tuple[str, OneAtATime], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library puts again after an error, and is told that the name is taken: by itself."""
    endpoint, app = s3
    monkeypatch.setenv("AIRFLOW_CONN_MINIO", aws_connection(endpoint))
    app.lose[f"{FOLDER}/00000004.json"] = 1
    record = model_ledger(MODEL, ROOT).append(kind="gate", key="k4", body={})

    assert record.seq == 4
    assert len(model_ledger(MODEL, ROOT).records()) == 4
    assert app.seen.count(("PUT", f"{FOLDER}/00000004.json")) == 2


def test_without_an_answer_the_retry_finds_what_there_is(bucket: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there: the error may pass, and names the address, not the credentials."""
    secret = aws_connection("http://127.0.0.1:9", config_kwargs={"retries": {"total_max_attempts": 1}})
    monkeypatch.setenv("AIRFLOW_CONN_MINIO", secret.replace('"password": "test"', '"password": "hunter2"'))
    with pytest.raises(TransientError, match=f"cannot reach {ROOT}") as caught:
        model_ledger(MODEL, ROOT).append(kind="gate", key="k", body={})

    assert "hunter2" not in str(caught.value)


def test_a_missing_bucket_is_final(bucket: object) -> None:
    """A retry cannot make it; the message shows the address."""
    with pytest.raises(BadInput, match=r"S3 refuses s3://minio@no-such-bucket/x/.*NoSuchBucket"):
        model_ledger(MODEL, "s3://minio@no-such-bucket/x").append(kind="gate", key="k", body={})


def test_a_store_that_ignores_the_condition_is_refused(bucket: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would let one record overwrite another: no chain begins there."""
    ledger = model_ledger(MODEL, ROOT)
    real = ledger.store._client.put_object
    monkeypatch.setattr(ledger.store._client, "put_object", lambda **a: real(**{**a, "IfNoneMatch": ""}))
    with pytest.raises(BadInput, match="does not refuse a put under a name that is taken"):
        ledger.append(kind="gate", key="k", body={})

    assert model_ledger(MODEL, ROOT).records() == []


# --- the index


def test_the_index_saves_a_request_for_each_old_record(
    bucket: Any, s3: tuple[str, OneAtATime], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written once, by a conditional put; what comes after it is asked for, and `verify` asks for all."""
    monkeypatch.setattr("airflow_provider_mlops.core.ledger_index.SIZES", (16, 4))
    monkeypatch.setattr("airflow_provider_mlops.core.ledger.BLOCK", 4)
    ledger, app = model_ledger(MODEL, ROOT), s3[1]
    for number in range(1, 23):
        ledger.append(kind="gate", key=f"k{number}", body={"number": number, "partition_key": f"p{number}"})
    with ledgers_read_once(by_index=True):
        assert model_ledger(MODEL, ROOT).records() == ledger.records()
    made = sorted(item.key for item in bucket.objects.all() if ".index" in item.key)
    app.seen.clear()
    with ledgers_read_once(by_index=True):
        fast = model_ledger(MODEL, ROOT)
        found = fast.latest(kind="gate", partition_key="p3")
    asked = sorted(path for method, path in app.seen if method == "GET" and path.endswith(".json"))

    assert [name.rpartition("/")[2] for name in made] == ["00000001-00000016.jsonl", "00000017-00000020.jsonl"]
    assert asked == [f"{FOLDER}/000000{number}.json" for number in (20, 21, 22, 23)]
    assert found == ledger.records()[2]
    assert (fast.verify(), chains(fast.store)) == ([], [f"model/{MODEL}"])
    bucket.put_object(Key=made[0], Body=b"nothing")
    with ledgers_read_once(by_index=True):
        assert model_ledger(MODEL, ROOT).records() == ledger.records()
    assert "cannot be read" in ledger.verify()[0]


# --- the connection


@pytest.fixture
def connection(bucket: object, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The ledger's connection with its root on S3, a signing key, and encryption."""
    value = {
        "conn_type": "mlops_ledger",
        "host": f"s3://{BUCKET}/deep/ledger",
        "password": private_pem("one"),
        "extra": {"aws_conn_id": "minio", "sse": "aws:kms", "sse_kms_key_id": "key-1"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_MLOPS_LEDGER_DEFAULT", json.dumps(value))
    return value


def test_records_are_encrypted_by_the_key_of_the_connection(connection: dict[str, Any], bucket: Any) -> None:
    """Each put asks for it."""
    model_ledger(MODEL).append(kind="gate", key="k", body={})
    found = bucket.Object(f"deep/ledger/model/{MODEL}/00000001.json").get()

    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", "key-1")


def test_the_connection_tests_itself(connection: dict[str, Any]) -> None:
    """It lists, reads the key, and tries the conditional put; twice as well as once."""
    model_ledger(MODEL).append(kind="gate", key="k", body={})
    for _ in range(2):
        worked, text = LedgerHook().test_connection()

    assert worked, text
    assert text.startswith(f"s3://{BUCKET}/deep/ledger holds 1 chains; records are signed by key sha256:")


def test_the_lifecycle_with_all_evidence_on_s3(
    make_lab: MakeLab,
    connection: dict[str, Any],
    bucket: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Rows, scores and signed records on S3: a candidate becomes champion; the private key is nowhere to be seen."""
    caplog.set_level("DEBUG")
    lab: Lab = make_lab("empty")
    monkeypatch.setenv("AIRFLOW__MLOPS__STORAGE_ROOT", f"s3://minio@{BUCKET}/rows")
    for key in ("2020-01", "2020-02"):
        lab.accept(key)
    found = lab.judge("2020-02")
    promoted = lab.run("promote", gate_record=found["gate"]["record"])
    records = model_ledger(lab.model).records()

    assert promoted["moved"] is True
    assert [record.kind for record in records] == ["training", "registration", "evaluation", "gate", "promotion"]
    assert all(record.signed_by for record in records)
    assert not list(lab.root.rglob("00000001.json"))
    seen = [json.dumps([found, promoted, lab.xcoms, lab.events]), caplog.text, *capfd.readouterr()]
    seen += [item.get()["Body"].read().decode(errors="replace") for item in bucket.objects.all()]
    seen += [path.read_bytes().decode(errors="replace") for path in lab.root.rglob("*") if path.is_file()]
    secret = "".join(connection["password"].split("\n")[1:-2])
    assert not [text for text in seen if secret in text or secret[20:44] in text]
