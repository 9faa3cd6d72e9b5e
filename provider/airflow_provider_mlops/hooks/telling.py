"""Sending a message through an Airflow notifier: claimed in the ledger first, so that no try sends it twice."""

from __future__ import annotations

import copy
import re
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import FinalError, TransientError
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.messages import Message, message_key, message_of
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Outcome

if TYPE_CHECKING:
    from airflow.sdk import BaseNotifier, Context

_PLACE = re.compile(r" at 0x[0-9a-fA-F]+")


def call_once(
    context: Context,
    run: RunFacts,
    ledger: Ledger,
    record: Record,
    notifiers: Sequence[BaseNotifier],
    *,
    moment: str = "",
    retry: bool = False,
) -> list[str]:
    """Call notifiers about one record, each at most once however often the task is tried.

    :param context: Airflow's context; the notifiers' templates see it, and the message as ``news``.
    :param run: the facts of the run.
    :param ledger: the model's ledger.
    :param record: what they tell about.
    :param notifiers: Airflow notifiers; one that claims its messages itself, such as `LedgerNotifier`, is just called.
    :param moment: why it is told again.
    :param retry: raise an error when a notifier failed, after all were called.
    :return: what went wrong, a sentence for each notifier that failed; the next try calls those again.
    :raises EvidenceBroken: when the ledger is broken.
    :raises TransientError: when one failed and ``retry`` is set.
    """
    failed, message = [], message_of(record, moment=moment, url=run.url)
    said = cast("Context", {**context, "mlops_moment": moment})  # a key of ours beside those of Airflow
    for place, notifier in enumerate(notifiers):
        try:
            if getattr(notifier, "claims", False):
                notifier(said)
            # The place in the list, since a notifier without templates has no settings that tell it from another one.
            elif claim := claim_message(
                ledger, message_key(record, f"{channel_of(notifier)}/{place}", moment), record, run
            ):
                send_message(ledger, claim, notifier, said, message, run)
        except FinalError:
            raise  # the ledger is broken, or what is told about is wrong
        except TransientError as err:
            failed.append(str(err))
        except Exception as err:  # noqa: BLE001 - whatever a notifier raises, the others are called
            failed.append(f"{type(notifier).__name__} could not send: {type(err).__name__}.")
    if failed and retry:
        raise TransientError(" ".join(failed))
    return failed


def channel_of(notifier: BaseNotifier) -> str:
    """Name where a notifier sends to: its class, and a digest of its settings, so that two of a class are two.

    :param notifier: the notifier, before its templates are rendered.
    """
    # Where an object lies in memory is another place at each try.
    settings = {name: _PLACE.sub("", repr(getattr(notifier, name, None))) for name in notifier.template_fields}
    return f"{type(notifier).__name__}/{sha256_of(settings).removeprefix('sha256:')[:12]}"


def claim_message(ledger: Ledger, key: str, record: Record, run: RunFacts) -> Record | None:
    """Claim a message.

    :param ledger: the model's ledger.
    :param key: the message's key.
    :param record: what it is about.
    :param run: the facts of the run.
    :return: the claim; None when it was sent, or another task is sending it.
    """
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


def was_sent(records: Sequence[Record], keys: Sequence[str]) -> bool:
    """Tell whether one of several messages was sent, or is being sent.

    :param records: records of the model's ledger, oldest first.
    :param keys: keys of the messages.
    """
    last = {r.body["message"]: r.outcome for r in records if r.kind == "notification" and r.body["message"] in keys}
    return any(outcome != Outcome.FAIL for outcome in last.values())


def send_message(
    ledger: Ledger, claim: Record, notifier: BaseNotifier, context: Context, message: Message, run: RunFacts
) -> None:
    """Send, and say so when it failed: then the message may be claimed again.

    :param ledger: the model's ledger.
    :param claim: the claim of the message.
    :param notifier: the notifier, which stays as it is.
    :param context: Airflow's context.
    :param message: what its templates see as ``news``.
    :param run: the facts of the run.
    :raises TransientError: when it could not be sent.
    """
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
