"""No secret of a connection is left anywhere after a whole lifecycle: one run, then everything is searched."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier
from airflow.sdk.log import redact
from moto.server import ThreadedMotoServer

from airflow_provider_mlops.operators.notify import NotifyOperator
from tests.conftest import MakeLab
from tests.support.approval import UNDECIDED
from tests.support.keys import private_pem
from tests.support.lab import POLICY, Lab, Stages
from tests.support.runner import ExecutionApi, run_in_task_runner
from tests.support.server import MlflowServer, free_port

PASSWORD, SECRET_KEY, WEBHOOK = "mlflow-Passw0rd-4711", "aws-Secret-Key-0815", "T0000/B0000/webhook-Token-1234"
BUCKET = "secret-mlops"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket on loopback HTTP, and the connection to it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    extra = {"endpoint_url": f"http://{host}:{port}", "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": "key-id", "password": SECRET_KEY, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_MINIO", json.dumps(connection))
    found = boto3.resource("s3", aws_access_key_id="key-id", aws_secret_access_key=SECRET_KEY, **extra).Bucket(BUCKET)
    found.create()
    yield found
    server.stop()


@pytest.fixture
def mlflow(stages: Stages, tmp_path: Path) -> Iterator[MlflowServer]:
    """An MLflow that asks for the password."""
    (tmp_path / "mlflow").mkdir()
    with MlflowServer(tmp_path / "mlflow", database=stages.database(), password=PASSWORD) as server:
        yield server


@pytest.fixture
def lab(make_lab: MakeLab, mlflow: MlflowServer, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab whose MLflow asks for a password, whose rows lie on S3, and whose ledger is signed."""
    made = make_lab("empty")
    made.serve(mlflow.uri)
    made.connect(monkeypatch, host=mlflow.uri, login="admin", password=PASSWORD)
    monkeypatch.setenv("AIRFLOW__MLOPS__STORAGE_ROOT", f"s3://minio@{BUCKET}/deep")
    monkeypatch.setenv("AIRFLOW__MLOPS__LEDGER_ROOT", str(made.storage / "ledger"))
    ledger = {"conn_type": "mlops_ledger", "host": str(made.storage / "ledger"), "password": private_pem("one")}
    monkeypatch.setenv("AIRFLOW_CONN_MLOPS_LEDGER_DEFAULT", json.dumps(ledger))
    slack = {"conn_type": "slackwebhook", "host": f"http://127.0.0.1:{free_port()}", "password": WEBHOOK}
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_DEFAULT", json.dumps(slack))
    return made


class Lifecycle:
    """Runs the steps by Airflow's task runner, and keeps what each told Airflow."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.told: list[Any] = []

    def run(self, task: Any, expected: str = "success") -> dict[str, Any]:
        """Run a task to the state that it must end in."""
        api = ExecutionApi(max_tries=0)
        state, error = run_in_task_runner(task, api)
        self.told += [api.pushed, api.rendered, api.ended, repr(error)]
        assert state == expected, (task.task_id, error)
        result: dict[str, Any] = api.pushed.get("return_value") or {}
        return result

    def step(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Run a step of the lab."""
        return self.run(self.lab.task(name, **arguments))


def live(lab: Lab) -> Lifecycle:
    """Run all steps; the message cannot be sent, so that its error is told too."""
    runs = Lifecycle(lab)
    for key in ("2020-01", "2020-02"):
        taken = runs.step("snapshot", partition_key=key)
        runs.step("validate", partition_key=key, snapshot_id=taken["snapshot_id"])
    manifest = runs.step("train", partition_key="2020-02")["manifest_hash"]
    runs.step("register", manifest_hash=manifest)
    evaluation = runs.step("evaluate", manifest_hash=manifest)["evaluation_id"]
    (lab.root / "undecided.yaml").write_text(UNDECIDED)
    asked = runs.step("gate", evaluation_id=evaluation, policy="undecided.yaml")["record"]
    runs.step("answer", gate_record=asked)
    (lab.root / "policy.yaml").write_text(POLICY)
    promoted = runs.step("promote", gate_record=runs.step("gate", evaluation_id=evaluation)["record"])
    runs.step("card", version=promoted["version"])
    notifier = SlackWebhookNotifier(slack_webhook_conn_id="slack_default", text="{{ news.slack }}")
    runs.run(NotifyOperator(task_id="notify", model_name=lab.model, notifiers=[notifier]), "failed")
    return runs


def everything(lab: Lab, runs: Lifecycle, bucket: Any) -> Iterator[tuple[str, bytes]]:
    """Yield all that is left: what Airflow was told, the lab's files, MLflow's database and artifacts, the bucket."""
    yield "what Airflow was told", json.dumps(runs.told, default=repr).encode()
    for path in lab.root.parent.rglob("*"):
        # MLflow's own store of users has the password's hash.
        if path.is_file() and path.name != "basic_auth.db":
            yield str(path), path.read_bytes()
    for item in bucket.objects.all():
        yield item.key, item.get()["Body"].read()


def test_no_secret_is_left_anywhere(lab: Lab, bucket: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """Passwords, keys and tokens, plain and as HTTP sends them; the run did use each of them."""
    runs = live(lab)
    printed = capfd.readouterr()
    pem = "".join(private_pem("one").splitlines()[1:-1])
    secrets = {
        "password of MLflow": PASSWORD.encode(),
        "password of MLflow, as HTTP sends it": base64.b64encode(f"admin:{PASSWORD}".encode()),
        "secret key of AWS": SECRET_KEY.encode(),
        "signing key": pem[-40:].encode(),
        "token of Slack": WEBHOOK.rpartition("/")[2].encode(),
    }
    found = [*everything(lab, runs, bucket), ("log", f"{printed.out}{printed.err}".encode())]

    assert lab.records("promotion")[-1].outcome == "PASS"
    assert lab.records("model_card")
    assert lab.records("notification")[-1].outcome == "FAIL"
    assert any(key.endswith(".parquet") for key, _ in found)
    left = [(where, name) for where, text in found for name, secret in secrets.items() if secret in text]
    # Airflow's own notifier logs the address that it could not reach: that is what Airflow's masking of logs is for.
    assert [item for item in left if item != ("log", "token of Slack")] == []
    masked = redact(f"{printed.out}{printed.err}").encode()
    assert [name for name, secret in secrets.items() if secret in masked] == []
