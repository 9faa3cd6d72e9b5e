"""Telling people what a run decided, once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.chains import no_records
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.messages import INFO, SEVERITIES, TOLD, message_key, message_of
from airflow_provider_mlops.core.news import unchanged_before
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.hooks.ledger import model_ledger
from airflow_provider_mlops.hooks.telling import channel_of, claim_message, send_message, was_sent
from airflow_provider_mlops.operators.base import MLOpsOperator

if TYPE_CHECKING:
    from airflow.sdk import BaseNotifier, Context

DEFAULT_KINDS = ("gate", "approval", "promotion", "rollback", "retirement", "reconciliation")


class NotifyOperator(MLOpsOperator):
    """Send a message about each decision that this run recorded, through any Airflow notifier, once.

    The templates of the notifiers see the message as ``news``: ``news.subject``, ``.text``, ``.markdown``,
    ``.html``, ``.slack``, ``.severity``. A message is claimed by a record before it is sent, so that no retry and
    no second task sends it again; when sending fails the task fails, and its retry sends anew. Only a kill while it is
    sent may lose a message. ``audit`` and ``dry_run`` send nothing.

    :param model_name: name of the registered model. (templated)
    :param notifiers: Airflow notifiers.
    :param kinds: kinds of records to tell about.
    :param min_severity: tell nothing below ``info``, ``warning`` or ``error``.
    :param repeat_after: a verdict on drift or performance that says the same as the one before is told again only when
        the last message about it is so old; None: each verdict is told.
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "sent", "already_sent"}``.
    """

    by_index = True
    template_fields: Sequence[str] = ("model_name", "ledger_root")
    ui_color = "#d6eaf8"

    def __init__(
        self,
        *,
        model_name: str,
        notifiers: Sequence[BaseNotifier],
        kinds: Sequence[str] = DEFAULT_KINDS,
        min_severity: str = INFO,
        repeat_after: timedelta | None = None,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.notifiers = notifiers
        self.kinds = kinds
        self.min_severity = min_severity
        self.repeat_after = repeat_after
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Tell about each record of this run."""
        ledger = model_ledger(self.model_name, self.ledger_root)
        if (unknown := no_records(ledger)) is not None:
            # The first run of a model may have failed before its first record: there is nothing to tell, and no error.
            self.log.warning("%s Nothing is told.", unknown)
        counts = tell(
            context,
            run,
            ledger,
            list(self.notifiers),
            kinds=self.kinds,
            min_severity=self.min_severity,
            repeat_after=self.repeat_after,
        )
        self.log.info("Sent %d messages; %d were sent before.", *counts)
        return {"model_name": self.model_name, "sent": counts[0], "already_sent": counts[1]}


def tell(
    context: Context,
    run: RunFacts,
    ledger: Ledger,
    notifiers: Sequence[BaseNotifier],
    *,
    kinds: Sequence[str],
    min_severity: str = INFO,
    repeat_after: timedelta | None = None,
    task_only: bool = False,
    channel: str = "",
    moment: str = "",
) -> tuple[int, int]:
    """Send a message about each live record of a run, unless it was sent before.

    :param context: Airflow's context; the notifiers' templates see it, and the message as ``news``.
    :param run: the facts of the run; unless it is live nothing is sent.
    :param ledger: the model's ledger.
    :param notifiers: Airflow notifiers.
    :param kinds: kinds of records to tell about.
    :param min_severity: tell nothing below.
    :param repeat_after: how long a verdict of monitoring that says nothing new is not told again; None: not at all.
    :param task_only: only about records of this very task.
    :param channel: where it goes, for telling what was sent before; default: what the notifier's own settings say.
    :param moment: why it is told again.
    :return: how many messages were sent, and how many had been sent before, or say nothing new.
    :raises BadInput: when a kind or the severity is unknown, or ``repeat_after`` is no time span.
    """
    if unknown := sorted(set(kinds) - set(TOLD)):
        raise BadInput(f"Nothing is told about records of the kind {unknown[0]!r}; only about: {', '.join(TOLD)}.")
    if min_severity not in SEVERITIES:
        raise BadInput(f"min_severity={min_severity!r} must be one of: {', '.join(SEVERITIES)}.")
    if repeat_after is not None and not (isinstance(repeat_after, timedelta) and repeat_after > timedelta(0)):
        raise BadInput(f"repeat_after={repeat_after!r} must be a timedelta above zero.")
    sent = before = 0
    if not run.mode.moves:
        return sent, before
    records = ledger.records()
    for record in [r for r in records if r.kind in kinds and _of_run(r, run, task_only=task_only)]:
        message = message_of(record, moment=moment, url=run.url)
        if SEVERITIES.index(message.severity) < SEVERITIES.index(min_severity):
            continue
        row = unchanged_before(records, record, repeat_after) if repeat_after and not moment else []
        for notifier in notifiers:
            where = channel or channel_of(notifier)
            key = message_key(record, where, moment)
            told = was_sent(records, [message_key(earlier, where) for earlier in row])
            if told or (claim := claim_message(ledger, key, record, run)) is None:
                before += 1
                continue
            send_message(ledger, claim, notifier, context, message, run)
            sent += 1
    return sent, before


def _of_run(record: Record, run: RunFacts, *, task_only: bool) -> bool:
    names = ("dag_id", "run_id", "task_id", "map_index") if task_only else ("dag_id", "run_id")
    same = all(record.run.get(name) == getattr(run, name) for name in names)
    return same and (record.mode == run.mode or record.kind == "fire_drill")  # a drill is never live
