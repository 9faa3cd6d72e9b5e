"""Approvals as steps of the lab: one that asks, reminds, or is answered at once; what people get is files."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from airflow.sdk import BaseNotifier

from airflow_provider_mlops.operators import approve
from airflow_provider_mlops.operators.approve import ModelApprovalOperator

# More rows than there are: the gate cannot decide.
UNDECIDED = "schema: 1\nname: strict\nrules: [{name: rows, kind: min_rows, rows: 1000000}]\n"
ANSWER: dict[str, Any] = {
    "chosen_options": ["Approve"],
    "params_input": {"reason": "Looked at it."},
    "responded_at": datetime(2020, 4, 1, tzinfo=UTC),
    "responded_by_user": {"id": "ada", "name": "ada"},
}


class Desk:
    """What reaches people, below the working directory: the question, one per task, and the messages."""

    @staticmethod
    def ask(question: dict[str, Any]) -> None:
        """Put a question, as Airflow does: the next try's replaces it."""
        Path("question.json").write_text(json.dumps(question))

    @staticmethod
    def send(text: str) -> None:
        """Send a message."""
        with Path("messages.txt").open("a") as file:
            file.write(text + "\n")

    @staticmethod
    def lies_there(root: Path) -> dict[str, Any]:
        """Return what has reached people of a lab."""
        question, messages = root / "question.json", root / "messages.txt"
        return {
            "question": json.loads(question.read_text()) if question.exists() else None,
            "messages": sorted(messages.read_text().splitlines()) if messages.exists() else [],
        }


class Sender(BaseNotifier):
    """Sends what the message says to the desk."""

    template_fields = ("text",)

    def __init__(self, text: str = "{{ news.subject }}") -> None:
        super().__init__()
        self.text = text

    def notify(self, context: Any) -> None:
        """Send."""
        Desk.send(self.text)


class AnsweredApproval(ModelApprovalOperator):
    """Takes ada's yes instead of asking."""

    def execute(self, context: Any) -> Any:
        """Take the answer."""
        return self.execute_complete(context, ANSWER)


class AskingApproval(ModelApprovalOperator):
    """Asks, with a notifier, a reminder and an escalation, and returns where the task begins to wait."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            notifiers=[Sender()],
            reminders=[Sender()],
            remind_after=timedelta(hours=1),
            escalations=[Sender()],
            escalate_after=timedelta(hours=2),
            response_timeout=timedelta(hours=3),
            **kwargs,
        )

    def execute(self, context: Any) -> Any:
        """Ask."""
        return self._until_it_waits(lambda: super(AskingApproval, self).execute(context), context)

    def _until_it_waits(self, act: Any, context: Any) -> dict[str, Any]:
        def upsert(ti_id: Any, subject: str, assigned_users: Any, **_: Any) -> None:
            Desk.ask({"subject": subject, "assigned_users": assigned_users})

        context["ti"].id = "0"
        context["task_instance"] = context["ti"]
        with patch("airflow.providers.standard.operators.hitl.upsert_hitl_detail", upsert):
            try:
                act()
            except approve._WAITING:
                return {"waits": True}
        raise AssertionError("The task did not wait.")


class RemindingApproval(AskingApproval):
    """Wakes for the reminder; a retry begins with the question, as Airflow's does, and wakes again."""

    def execute(self, context: Any) -> Any:
        """Ask, then remind."""
        super().execute(context)
        return self._until_it_waits(lambda: self.execute_complete(context, {"wake": "reminder"}), context)
