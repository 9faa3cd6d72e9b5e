# ruff: noqa: INP001
"""A question that reminds, escalates and ends."""

from datetime import timedelta

from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import DAG, Param

from airflow_provider_mlops.operators.approve import ModelApprovalOperator

with DAG("ask", schedule=None, params={"gate_record": Param("", type="string")}) as dag:
    # [START example_reminders]
    approve = ModelApprovalOperator(
        task_id="approve",
        model_name="flight_delays",
        gate_record="{{ params.gate_record }}",
        groups=["model-owners"],
        response_timeout=timedelta(hours=48),
        remind_after=timedelta(hours=8),
        reminders=[
            SmtpNotifier(to="owners@example.com", subject="Waits for you: {{ task.model_name }}", html_content=".")
        ],
        escalate_after=timedelta(hours=36),
        escalations=[SmtpNotifier(to="lead@example.com", subject="Ends soon: {{ task.model_name }}", html_content=".")],
    )
    # [END example_reminders]
