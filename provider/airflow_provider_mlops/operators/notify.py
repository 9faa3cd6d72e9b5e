"""Telling people what a run decided, once."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput, TransientError
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.messages import INFO, SEVERITIES, TOLD, Message, message_key, message_of
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.hooks.ledger import model_ledger
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
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "sent", "already_sent"}``.
    """

    template_fields: Sequence[str] = ("model_name", "ledger_root")
    ui_color = "#d6eaf8"

    def __init__(
        self,
        *,
        model_name: str,
        notifiers: Sequence[BaseNotifier],
        kinds: Sequence[str] = DEFAULT_KINDS,
        min_severity: str = INFO,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.notifiers = notifiers
        self.kinds = kinds
        self.min_severity = min_severity
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Tell about each record of this run."""
        counts = tell(
            context,
            run,
            model_ledger(self.model_name, self.ledger_root),
            list(self.notifiers),
            kinds=self.kinds,
            min_severity=self.min_severity,
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
    :param task_only: only about records of this very task.
    :param channel: where it goes, for telling what was sent before; default: what the notifier's own settings say.
    :param moment: why it is told again.
    :return: how many messages were sent, and how many had been sent before.
    :raises BadInput: when a kind or the severity is unknown.
    """
    if unknown := sorted(set(kinds) - set(TOLD)):
        raise BadInput(f"Nothing is told about records of the kind {unknown[0]!r}; only about: {', '.join(TOLD)}.")
    if min_severity not in SEVERITIES:
        raise BadInput(f"min_severity={min_severity!r} must be one of: {', '.join(SEVERITIES)}.")
    sent = before = 0
    if not run.mode.moves:
        return sent, before
    for record in [r for r in ledger.records() if r.kind in kinds and _of_run(r, run, task_only=task_only)]:
        message = message_of(record, moment=moment, url=run.url)
        if SEVERITIES.index(message.severity) < SEVERITIES.index(min_severity):
            continue
        for notifier in notifiers:
            key = message_key(record, channel or channel_of(notifier), moment)
            if (claim := _claim(ledger, key, record, run)) is None:
                before += 1
                continue
            _send(ledger, claim, notifier, context, message, run)
            sent += 1
    return sent, before


def channel_of(notifier: BaseNotifier) -> str:
    """Name where a notifier sends to: its class, and a digest of its settings, so that two of a class are two.

    :param notifier: the notifier, before its templates are rendered.
    """
    settings = {name: repr(getattr(notifier, name, None)) for name in notifier.template_fields}
    return f"{type(notifier).__name__}/{sha256_of(settings).removeprefix('sha256:')[:12]}"


def _of_run(record: Record, run: RunFacts, *, task_only: bool) -> bool:
    names = ("dag_id", "run_id", "task_id", "map_index") if task_only else ("dag_id", "run_id")
    same = all(record.run.get(name) == getattr(run, name) for name in names)
    return same and record.mode == run.mode


def _claim(ledger: Ledger, key: str, record: Record, run: RunFacts) -> Record | None:
    """Claim a message; None when it was sent, or another task is sending it."""
    attempts = [r for r in ledger.records("notification") if r.body["message"] == key]
    if attempts and attempts[-1].outcome != Outcome.FAIL:
        return None
    number, token = 1 + sum(r.outcome == Outcome.FAIL for r in attempts), uuid.uuid4().hex
    claim = ledger.append(
        kind="notification",
        key=sha256_of({"message": key, "attempt": number}),
        body={
            "partition_key": record.body.get("partition_key"),
            "record_hash": record.hash,
            "message": key,
            "attempt": number,
            "claim": token,
            "error": None,
        },
        run=run.to_record(),
        mode=run.mode,
    )
    return claim if claim.body["claim"] == token else None


def _send(
    ledger: Ledger, claim: Record, notifier: BaseNotifier, context: Context, message: Message, run: RunFacts
) -> None:
    """Send, and say so when it failed: then the message may be claimed again."""
    try:
        # Rendering changes a notifier for good. Not `message`: where a notifier has a field of that name it hides this.
        copy.deepcopy(notifier)({**context, "news": message})
    except Exception as err:  # noqa: BLE001 - whatever a notifier raises
        ledger.append(
            kind="notification",
            key=sha256_of({"message": claim.body["message"], "failed": claim.body["attempt"]}),
            # The type alone: what a notifier says about an address may hold its token.
            body={**claim.body, "error": type(err).__name__},
            run=run.to_record(),
            mode=run.mode,
            outcome=Outcome.FAIL,
        )
        # Airflow's notifier has logged the rest, where Airflow masks what connections hold.
        raise TransientError(f"{type(notifier).__name__} could not send: {type(err).__name__}.") from None
