"""An approval whose question is answered at once, as a step of the lab."""

from datetime import UTC, datetime
from typing import Any

from airflow_provider_mlops.operators.approve import ModelApprovalOperator

# More rows than there are: the gate cannot decide.
UNDECIDED = "schema: 1\nname: strict\nrules: [{name: rows, kind: min_rows, rows: 1000000}]\n"
ANSWER: dict[str, Any] = {
    "chosen_options": ["Approve"],
    "params_input": {"reason": "Looked at it."},
    "responded_at": datetime(2020, 4, 1, tzinfo=UTC),
    "responded_by_user": {"id": "ada", "name": "ada"},
}


class AnsweredApproval(ModelApprovalOperator):
    """Takes ada's yes instead of asking."""

    def execute(self, context: Any) -> Any:
        """Take the answer."""
        return self.execute_complete(context, ANSWER)
