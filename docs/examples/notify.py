# ruff: noqa: INP001
"""Telling people through mail, SNS and Slack."""

from datetime import timedelta

from airflow.providers.amazon.aws.notifications.sns import SnsNotifier
from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier
from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import DAG, Param

from airflow_provider_mlops.notifications.ledger import LedgerNotifier
from airflow_provider_mlops.operators.approve import ModelApprovalOperator
from airflow_provider_mlops.operators.notify import NotifyOperator
from airflow_provider_mlops.operators.promote import PromoteModelOperator

with DAG("tell", schedule=None, params={"gate_record": Param("", type="string")}) as dag:
    # [START example_notify_providers]
    mail = SmtpNotifier(to="team@example.com", subject="{{ news.subject }}", html_content="{{ news.html }}")
    topic = SnsNotifier(
        target_arn="arn:aws:sns:eu-west-1:123456789012:models",
        subject="{{ news.subject }}",
        message="{{ news.text }}",
    )
    slack = SlackWebhookNotifier(slack_webhook_conn_id="slack_models", text="{{ news.slack }}")

    approve = ModelApprovalOperator(
        task_id="approve",
        model_name="flight_delays",
        gate_record="{{ params.gate_record }}",
        response_timeout=timedelta(days=2),
        notifiers=[LedgerNotifier(model_name="flight_delays", notifier=slack)],
        remind_after=timedelta(days=1),
        reminders=[LedgerNotifier(model_name="flight_delays", notifier=mail)],
    )
    # [START example_notifier]
    promote = PromoteModelOperator(
        task_id="promote",
        model_name="flight_delays",
        gate_record="{{ params.gate_record }}",
        on_success_callback=LedgerNotifier(model_name="flight_delays", notifier=slack),
        on_skipped_callback=LedgerNotifier(model_name="flight_delays", notifier=topic, min_severity="warning"),
    )
    # [END example_notifier]
    # [START example_notify_changes]
    drifted = NotifyOperator(
        task_id="tell_drift",
        model_name="flight_delays",
        notifiers=[mail],
        kinds=["drift", "performance"],
        repeat_after=timedelta(days=7),
    )
    # [END example_notify_changes]
    approve >> promote
    # [END example_notify_providers]
