"""The whole way against a real `mlflow server` with authentication on PostgreSQL: promotion, rollback and the rest."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from airflow.sdk.exceptions import AirflowFailException
from sqlalchemy.engine import URL

from tests.conftest import MakeLab
from tests.support.lab import Lab
from tests.support.server import PostgresMlflowServer

if TYPE_CHECKING:
    from tests.support.sources import PostgresServer

PASSWORD = "correct-horse-battery-4711"


@pytest.fixture(scope="session")
def guarded_server(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: "PostgresServer"
) -> Iterator[PostgresMlflowServer]:
    """A real `mlflow server` that asks for a password, on PostgreSQL, for the whole session."""
    address = URL.create(
        "postgresql+psycopg2",
        username="postgres",
        password=postgres_server.password,
        host="127.0.0.1",
        port=postgres_server.ports.postgres,
        database="mlflow",
    )
    folder = tmp_path_factory.mktemp("mlflow-auth")
    database = address.render_as_string(hide_password=False)
    with PostgresMlflowServer(folder, database, PASSWORD) as server:
        yield server


@pytest.fixture
def guarded_lab(make_lab: MakeLab, guarded_server: PostgresMlflowServer, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab with three accepted partitions whose MLflow asks for a password."""
    lab = make_lab("accepted")
    lab.serve(guarded_server.uri)
    lab.login, lab.password = "admin", PASSWORD
    lab.enter(monkeypatch)
    # What the tests themselves look at; the hook takes its credentials from the connection alone.
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    return lab


def test_it_asks_for_a_password(guarded_server: PostgresMlflowServer) -> None:
    """Without credentials the server refuses."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{guarded_server.uri}/api/2.0/mlflow/experiments/search?max_results=1", timeout=60)
    refused.value.close()
    assert refused.value.code == 401


def test_every_move_over_http(guarded_lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    """Promotion, rollback, reconciliation and retirement: alias, ledger and tags agree, and the password is nowhere."""
    lab = guarded_lab
    for key, champion in (("2020-02", None), ("2020-03", "1")):
        found = lab.judge(key, run_id=f"scheduled__{key}")
        assert found["gate"]["champion_version"] == champion
        assert lab.run("promote", gate_record=found["gate"]["record"])["moved"] is True
    tags = lab.client.get_model_version(lab.model, "2").tags
    assert (tags["mlops.verdict"], tags["mlops.gate_record"]) == ("PASS", found["gate"]["record"])
    assert tags["mlops.moved.champion"] == lab.records("promotion")[-1].hash
    assert tags["airflow.url"] == "http://airflow.example/log"

    assert lab.run("rollback")["version"] == "1"
    lab.client.delete_registered_model_alias(lab.model, "champion")
    assert lab.run("reconcile")["differences"][0]["finding"] == "deleted"
    assert lab.aliases()["champion"] == "1"
    assert lab.run("retire", version="2")["aliases"] == ["candidate"]
    assert lab.aliases() == {"champion": "1"}
    assert lab.ledger().verify() == []

    written = [path for path in lab.root.rglob("*") if path.is_file()]
    assert [path for path in written if PASSWORD.encode() in path.read_bytes()] == []
    out = capfd.readouterr()
    assert PASSWORD not in out.out + out.err


def test_wrong_password_is_final(guarded_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal of the credentials is not retried, and nothing is recorded."""
    guarded_lab.run("train", partition_key="2020-02")
    before = len(guarded_lab.ledger().records())
    guarded_lab.connect(monkeypatch, host=guarded_lab.host, login="admin", password="wrong")
    with pytest.raises(AirflowFailException, match="refused the credentials"):
        guarded_lab.run("reconcile")
    assert len(guarded_lab.ledger().records()) == before
