"""A notifier that tells what a task recorded, through any other notifier."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import BaseNotifier

from airflow_provider_mlops.core.errors import FinalError
from airflow_provider_mlops.core.messages import INFO, TOLD
from airflow_provider_mlops.hooks.ledger import model_ledger
from airflow_provider_mlops.operators.context import run_facts
from airflow_provider_mlops.operators.notify import tell

if TYPE_CHECKING:
    from airflow.sdk import Context


class LedgerNotifier(BaseNotifier):
    """Tell what a task recorded in a model's ledger, through another notifier, once.

    For ``on_success_callback``, ``on_failure_callback`` and ``on_skipped_callback`` of a task, and for ``notifiers``,
    ``reminders`` and ``escalations`` of `ModelApprovalOperator`. The other notifier's templates see the message as
    ``news``, as those of `NotifyOperator` do, and the same holds: claimed before it is sent, sent again after a
    failure, nothing in ``audit`` and ``dry_run``.

    :param model_name: name of the registered model. (templated)
    :param notifier: the notifier that sends.
    :param kinds: kinds of records to tell about.
    :param min_severity: tell nothing below ``info``, ``warning`` or ``error``.
    :param repeat_after: how long a verdict on drift or performance that says the same as the one before is not told
        again; None: each verdict is told.
    :param channel: name of where it goes, by which is told what was sent before; default: by the notifier's settings.
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)
    """

    template_fields: Sequence[str] = ("model_name", "ledger_root")
    claims = True

    def __init__(
        self,
        *,
        model_name: str,
        notifier: BaseNotifier,
        kinds: Sequence[str] = TOLD,
        min_severity: str = INFO,
        repeat_after: timedelta | None = None,
        channel: str = "",
        ledger_root: str | None = None,
    ) -> None:
        super().__init__()
        self.model_name = model_name
        self.notifier = notifier
        self.kinds = kinds
        self.min_severity = min_severity
        self.repeat_after = repeat_after
        self.channel = channel
        self.ledger_root = ledger_root

    def notify(self, context: Context) -> None:
        """Tell about each record of this task.

        :param context: Airflow's context.
        """
        try:
            sent, before = tell(
                context,
                run_facts(context),
                model_ledger(self.model_name, self.ledger_root),
                [self.notifier],
                kinds=self.kinds,
                min_severity=self.min_severity,
                repeat_after=self.repeat_after,
                task_only=True,
                channel=self.channel,
                moment=str(context.get("mlops_moment", "")),
            )
        except FinalError as err:
            # In a callback nothing may stop the task: its decision stands.
            self.log.error("Nothing was sent: %s", err)  # noqa: TRY400 - the headline is enough
            return
        self.log.info("Sent %d messages; %d were sent before.", sent, before)
