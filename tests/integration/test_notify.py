"""Messages about decisions, over the real protocols, each sent once."""

import json
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_string
from typing import Any

import pytest
from airflow.providers.amazon.aws.notifications.sns import SnsNotifier
from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier
from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import DAG, BaseNotifier
from airflow.sdk.exceptions import AirflowFailException
from moto.server import ThreadedMotoServer

from airflow_provider_mlops.hooks.ledger import model_ledger
from airflow_provider_mlops.notifications.ledger import LedgerNotifier
from airflow_provider_mlops.operators.notify import NotifyOperator
from tests.conftest import MakeLab
from tests.support.airflow import fake_context
from tests.support.lab import Lab
from tests.support.receivers import Receiver, http_receiver, smtp_receiver

RUN_ID = "scheduled__run"
MAIL: dict[str, Any] = {
    "from_email": "airflow@example.com",
    "to": "team@example.com",
    "subject": "{{ news.subject }}",
    "html_content": "{{ news.html }}",
}


@pytest.fixture
def judged(make_lab: MakeLab) -> Lab:
    """A lab whose candidate was judged and promoted in one run."""
    return make_lab("promoted")


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A mail server, and the connection to it."""
    with smtp_receiver() as kept:
        extra = {"disable_ssl": True, "disable_tls": True, "retry_limit": 0}
        connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": kept.port, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
        yield kept


def operator(lab: Lab, *notifiers: BaseNotifier, **arguments: Any) -> Any:
    """Make the step that tells."""
    with DAG("lifecycle", schedule=None):
        return NotifyOperator(task_id="notify", model_name=lab.model, notifiers=list(notifiers), **arguments)


def tell(lab: Lab, *notifiers: BaseNotifier, context: dict[str, Any] | None = None, **arguments: Any) -> Any:
    """Tell about the run that judged and promoted."""
    task = operator(lab, *notifiers, **arguments)
    return task.execute(fake_context(task, lab.root, run_id=RUN_ID, **(context or {})))


def test_mail_tells_each_decision_once(judged: Lab, mail: Receiver) -> None:
    """Verdict and promotion; a retry, or a second task with the same notifier, sends nothing more."""
    first = tell(judged, SmtpNotifier(**MAIL))
    again = tell(judged, SmtpNotifier(**MAIL), context={"try_number": 2})

    assert (first["sent"], first["already_sent"]) == (2, 0)
    assert (again["sent"], again["already_sent"]) == (0, 2)
    subjects = [message_from_string(text)["Subject"] for text in mail.received]
    assert subjects == [
        "late_events: the gate says PASS to version 1",
        "late_events: promotion: champion is on version 1, was on no version",
    ]
    assert [r.outcome for r in judged.records("notification")] == [None, None]


def test_a_misspelt_model_is_named(
    judged: Lab, mail: Receiver, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its first run may have failed before the first record, so that it is a warning and no error."""
    task = operator(judged, SmtpNotifier(**MAIL))
    task.model_name = "late_event"
    found = task.execute(fake_context(task, judged.root, run_id=RUN_ID))

    said = caplog.text + capsys.readouterr().out
    assert (found["sent"], mail.received) == (0, [])
    assert "Model 'late_event' has no record in" in said
    assert "Did you mean late_events? Nothing is told." in said


def test_slack_gets_no_commands_from_data(judged: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over HTTP to the webhook; what Slack would obey is escaped."""
    with http_receiver() as kept:
        connection = {
            "conn_type": "slackwebhook",
            "host": f"http://127.0.0.1:{kept.port}",
            "password": "T00/B00/token",  # pragma: allowlist secret
        }
        monkeypatch.setenv("AIRFLOW_CONN_SLACK_DEFAULT", json.dumps(connection))
        monkeypatch.setattr(
            "airflow_provider_mlops.core.messages._facts", lambda record: [("Partition", "<!channel> & co")]
        )
        slack = SlackWebhookNotifier(slack_webhook_conn_id="slack_default", text="{{ news.slack }}")
        tell(judged, slack, kinds=["promotion"])

    (body,) = kept.received
    assert "&lt;!channel&gt; &amp; co" in json.loads(body)["text"]


def test_sns_takes_the_message(judged: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over HTTP to moto's SNS, through a topic to a queue."""
    import boto3

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "eu-west-1"}
        session = boto3.Session(**keys)
        sns = session.client("sns", endpoint_url=f"http://{host}:{port}")
        sqs = session.client("sqs", endpoint_url=f"http://{host}:{port}")
        topic = sns.create_topic(Name="verdicts")["TopicArn"]
        queue = sqs.create_queue(QueueName="verdicts")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        extra = {"endpoint_url": f"http://{host}:{port}", "region_name": "eu-west-1"}
        connection = {"conn_type": "aws", "login": "k", "password": "s", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
        notifier = SnsNotifier(target_arn=topic, subject="{{ news.subject }}", message="{{ news.text }}")
        tell(judged, notifier, kinds=["gate"])

        (received,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    finally:
        server.stop()
    body = json.loads(received["Body"])
    assert "late_events: the gate says PASS to version 1" in body["Message"]
    assert judged.facts["gate"]["record"] in body["Message"]


def test_what_could_not_be_sent_is_sent_by_the_retry(judged: Lab, mail: Receiver) -> None:
    """The failure is a record with the error's type alone, since an address may hold a token."""
    mail.refusals = 1
    with pytest.raises(Exception, match="SmtpNotifier could not send: SMTPDataError"):
        tell(judged, SmtpNotifier(**MAIL), kinds=["gate"])
    assert mail.received == []

    assert tell(judged, SmtpNotifier(**MAIL), kinds=["gate"])["sent"] == 1
    assert [r.outcome for r in judged.records("notification")] == [None, "FAIL", None]
    assert judged.records("notification")[1].body["error"] == "SMTPDataError"


@pytest.mark.parametrize("run", [{"run_type": "backfill"}, {"conf": {"mode": "dry_run"}}])
def test_audits_and_dry_runs_send_nothing(judged: Lab, mail: Receiver, run: dict[str, Any]) -> None:
    """Nobody is woken by a replay."""
    assert tell(judged, SmtpNotifier(**MAIL), context=run)["sent"] == 0
    assert mail.received == []


class Kept(BaseNotifier):
    """Keeps what it was called with."""

    template_fields = ("text",)
    kept: list[str] = []  # noqa: RUF012 - one list for all copies

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def notify(self, context: Any) -> None:
        """Keep the rendered text."""
        self.kept.append(self.text)


def test_a_callback_tells_what_its_task_recorded(judged: Lab) -> None:
    """Of this task only, of the severities asked for, under each template once; the notifier itself is not changed."""
    Kept.kept.clear()
    inner = Kept("{{ news.severity }}: {{ news.subject }}")
    task = operator(judged)
    task.task_id = "promote"
    for notifier in (
        LedgerNotifier(model_name=judged.model, notifier=inner),
        LedgerNotifier(model_name=judged.model, notifier=inner),
        LedgerNotifier(model_name=judged.model, notifier=Kept("again {{ news.record[:7] }}")),
        LedgerNotifier(model_name=judged.model, notifier=Kept("never"), min_severity="error"),
        LedgerNotifier(model_name="../no", notifier=Kept("never")),
    ):
        notifier(fake_context(task, judged.root, run_id=RUN_ID))

    assert Kept.kept == [
        "info: late_events: promotion: champion is on version 1, was on no version",
        "again sha256:",
    ]
    assert inner.text.startswith("{{")


def test_the_same_drift_is_told_once_a_week(judged: Lab) -> None:
    """A channel hears of it once; what it could not be told, and what is new, it hears the next day."""
    Kept.kept.clear()
    ledger = model_ledger(judged.model, None)
    for day, features in enumerate((["x"], ["x"], ["x", "n"], ["x", "n"]), start=1):
        rules = [{"rule": "drift", "outcome": "FAIL", "reason": "moved", "numbers": {"feature": f}} for f in features]
        body = {"partition_key": f"2013-05-0{day}", "dataset": "d", "kind": "feature", "verdict": {"rules": rules}}
        run = {"dag_id": "lifecycle", "run_id": f"day{day}"}
        ledger.append(kind="drift", key=str(day), body=body, run=run, mode="live", outcome="FAIL")

    def told(day: int, *notifiers: BaseNotifier, **arguments: Any) -> Any:
        task = operator(judged, *notifiers, kinds=["drift"], **arguments)
        return task.execute(fake_context(task, judged.root, run_id=f"day{day}"))

    week = {"repeat_after": timedelta(days=7)}
    counts = [told(day, Kept("{{ news.subject }}"), **week) for day in (1, 2, 3, 4)]
    late = told(4, Kept("another channel"), **week)
    every = told(2, Kept("{{ news.subject }}"))

    assert [(count["sent"], count["already_sent"]) for count in counts] == [(1, 0), (0, 1), (1, 0), (0, 1)]
    assert (late["sent"], every["sent"]) == (1, 1)
    assert [text[-10:] for text in Kept.kept] == ["2013-05-01", "2013-05-03", "er channel", "2013-05-02"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"kinds": ["snapshot"]}, "kind 'snapshot'"),
        ({"min_severity": "loud"}, "info, warning, error"),
        ({"repeat_after": timedelta(0)}, "above zero"),
    ],
)
def test_what_cannot_be_told_is_an_error(judged: Lab, arguments: dict[str, Any], words: str) -> None:
    """Silence must not be a typo."""
    with pytest.raises(AirflowFailException, match=words):
        tell(judged, Kept("x"), **arguments)
