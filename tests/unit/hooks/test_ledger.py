"""Ledgers by name."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.hooks.ledger import (
    LedgerHook,
    dataset_ledger,
    ledgers_read_once,
    model_ledger,
    read_by_index,
)
from tests.support.keys import private_pem, signing_key


def test_chains_by_name(tmp_path: Path) -> None:
    """Datasets and models have chains of their own below the root."""
    assert dataset_ledger("flights", str(tmp_path)).chain == "dataset/flights"
    assert model_ledger("flight_delays-2", str(tmp_path)).folder == tmp_path / "model/flight_delays-2"


def test_root_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a root the option counts."""
    monkeypatch.setenv("AIRFLOW__MLOPS__LEDGER_ROOT", "/ledgers")
    assert model_ledger("m").root == Path("/ledgers")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a.b", "a b", "-a", "a'b", "a\n", "ä", "a" * 101, None, 3])
def test_names_are_plain(tmp_path: Path, name: str) -> None:
    """A name that would need quoting anywhere is refused, and shown no longer than needed."""
    for ledger, what in ((dataset_ledger, "Dataset"), (model_ledger, "Model")):
        with pytest.raises(BadInput, match=f"{what} name .* must be of 1 to 100 letters") as caught:
            ledger(name, str(tmp_path))
        assert len(str(caught.value)) < 200


# --- the connection


CONNECTION = "AIRFLOW_CONN_MLOPS_LEDGER_DEFAULT"
CONN_ID = "AIRFLOW__MLOPS__LEDGER_CONN_ID"


def connect(monkeypatch: pytest.MonkeyPatch, name: str = CONNECTION, **fields: Any) -> None:
    """Set a connection of the ledger."""
    monkeypatch.setenv(name, json.dumps({"conn_type": "mlops_ledger", **fields}))


def test_the_argument_wins_then_the_connection_then_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """One rule for every operator and command."""
    monkeypatch.setenv("AIRFLOW__MLOPS__LEDGER_ROOT", "/option")
    assert LedgerHook().root() == "/option"
    connect(monkeypatch, password=private_pem("one"))
    assert LedgerHook().root() == "/option"
    connect(monkeypatch, extra={"root": "/extra"})
    assert LedgerHook().root() == "/extra"
    connect(monkeypatch, host="/host/")
    assert model_ledger("m").folder == Path("/host/model/m")
    assert model_ledger("m", "/argument").folder == Path("/argument/model/m")


def test_another_connection_by_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """The option names the one of this deployment; then it must exist."""
    connect(monkeypatch, host="/default")
    connect(monkeypatch, "AIRFLOW_CONN_EVIDENCE", host="/evidence")
    monkeypatch.setenv(CONN_ID, "evidence")
    assert LedgerHook().root() == "/evidence"
    assert LedgerHook("mlops_ledger_default").root() == "/default"

    monkeypatch.setenv(CONN_ID, "no_such")
    with pytest.raises(AirflowNotFoundException, match="no_such"):
        model_ledger("m")


@pytest.mark.parametrize(
    ("root", "words"),
    [
        ("relative", "relative path 'relative'"),
        ("gs://bucket/x", "local folder or on S3, not at 'gs://bucket/x'"),
        ("s3://", "no address on S3"),
        ("s3://conn@/x", "no address on S3"),
    ],
)
def test_a_wrong_root_is_refused(monkeypatch: pytest.MonkeyPatch, root: str, words: str) -> None:
    """The message shows the value."""
    connect(monkeypatch, extra={"root": root})
    with pytest.raises(BadInput, match=words):
        model_ledger("m")


def test_records_are_signed_by_the_key_of_the_connection(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As password or in a file; what others signed is trusted by public_keys."""
    connect(monkeypatch, password=private_pem("one"))
    model_ledger("m", str(tmp_path)).append(kind="gate", key="a", body={})
    (tmp_path / "key.pem").write_text(private_pem("two"))
    public = [signing_key(name).public.pem for name in ("one", "three")]
    connect(monkeypatch, extra={"signing_key_file": str(tmp_path / "key.pem"), "public_keys": public})
    ledger = model_ledger("m", str(tmp_path))
    ledger.append(kind="gate", key="b", body={})

    assert [record.signed_by for record in ledger.records()] == [signing_key(name).public.id for name in ("one", "two")]
    connect(monkeypatch, extra={"public_keys": public[1]})
    with pytest.raises(EvidenceBroken, match="unknown key"):
        model_ledger("m", str(tmp_path)).records()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"password": "hunter2"}, "The password of connection 'mlops_ledger_default' must be one Ed25519"),
        ({"password": private_pem("one"), "extra": {"signing_key_file": "/x"}}, "stands twice"),
        ({"extra": {"signing_key_file": "/no/such/file"}}, "'/no/such/file' .* cannot be read: No such file"),
        ({"extra": {"public_keys": private_pem("one")}}, "it holds a private key"),
        ({"extra": {"public_keys": 3}}, "'public_keys' .* must be text"),
    ],
)
def test_wrong_keys_are_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fields: dict[str, Any], words: str
) -> None:
    """Fail closed: a ledger that should be signed is not opened unsigned."""
    connect(monkeypatch, **fields)
    with pytest.raises(BadInput, match=words) as caught:
        model_ledger("m", str(tmp_path))
    worked, text = LedgerHook().test_connection()

    assert worked is False
    for shown in (str(caught.value), text):
        assert "hunter2" not in shown
        assert private_pem("one").split("\n")[1] not in shown


def test_the_connection_tests_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a key it says so."""
    connect(monkeypatch, host=str(tmp_path))
    model_ledger("m").append(kind="gate", key="a", body={})

    assert LedgerHook().test_connection() == (
        True,
        f"{tmp_path} holds 1 chains; records are not signed; 0 keys are trusted.",
    )


def test_the_key_appears_nowhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in records, not in logs at their most talkative, not in what the objects say of themselves."""
    caplog.set_level("DEBUG")
    connect(monkeypatch, host=str(tmp_path), password=private_pem("one"))
    hook = LedgerHook()
    ledger = hook.ledger("model/m")
    record = ledger.append(kind="gate", key="a", body={})
    told = f"{record} {hook.keys!r} {hook.keys.signer!s} {vars(ledger)!r} {hook.test_connection()} {caplog.text}"
    told += "".join(path.read_text() for path in tmp_path.rglob("*.json"))
    secret = "".join(private_pem("one").split("\n")[1:-2])

    assert secret not in told
    assert secret[20:40] not in told


def test_a_task_reads_a_ledger_once(tmp_path: Path) -> None:
    """Opened again within a task, it reads what was written since; what walks through many keeps few; then none."""
    root = str(tmp_path)
    with ledgers_read_once():
        first = model_ledger("m", root)
        first.append(kind="drift", key="a", body={})
        Ledger(tmp_path, "model/m").append(kind="drift", key="b", body={})
        again = model_ledger("m", root)
        others = [dataset_ledger(f"d{number}", root) for number in range(9)]
        after = model_ledger("m", root)
    outside = model_ledger("m", root)

    assert again is first
    assert [record.key for record in again.records()] == ["a", "b"]
    assert dataset_ledger("d8", root) is not others[-1]
    assert after is not first
    assert outside is not after


def test_a_task_asks_for_the_connection_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whether there is one or not; another task asks again."""
    monkeypatch.setenv("AIRFLOW_CONN_ELSEWHERE", json.dumps({"conn_type": "mlops_ledger", "host": str(tmp_path)}))
    asked = []
    found = LedgerHook.get_connection

    def get_connection(conn_id: str) -> Any:
        asked.append(conn_id)
        return found(conn_id)

    monkeypatch.setattr(LedgerHook, "get_connection", staticmethod(get_connection))
    for _ in range(2):
        with ledgers_read_once():
            for _ in range(3):
                assert LedgerHook("elsewhere").root() == str(tmp_path)
                assert LedgerHook().connection is None

    assert asked == ["elsewhere", "mlops_ledger_default"] * 2


def test_an_index_is_for_those_who_ask_for_it(tmp_path: Path) -> None:
    """Ledgers that a task opened before it asked, and those outside, read every record."""
    root = str(tmp_path)
    read_by_index()
    assert not model_ledger("m", root).by_index
    with ledgers_read_once():
        before = model_ledger("m", root)
        read_by_index()
        after = dataset_ledger("d", root)
    with ledgers_read_once(by_index=True):
        asked = model_ledger("m", root)

    assert [one.by_index for one in (before, after, asked, model_ledger("m", root))] == [False, True, True, False]


def test_threads_do_not_share_a_ledger(tmp_path: Path) -> None:
    """A ledger belongs to one thread, within a task too."""
    with ledgers_read_once(), ThreadPoolExecutor(1) as pool:
        own = model_ledger("m", str(tmp_path))

        assert pool.submit(model_ledger, "m", str(tmp_path)).result() is not own
