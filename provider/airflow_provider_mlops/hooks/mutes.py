"""Writing mutes into a model's ledger, and ending them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow_provider_mlops.core.canonical import PREFIX, sha256_of
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.mute import MUTE, UNMUTE, active_mutes, check_scope, mute_by_hash
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.rollback import stated_reason
from airflow_provider_mlops.core.run import RunFacts

_SAME = ("feature", "rule", "drift_kind", "until")


def add_mute(ledger: Ledger, body: Mapping[str, Any], run: RunFacts) -> Record:
    """Record a mute, unless the same thing is muted until the same instant already.

    :param ledger: the model's ledger.
    :param body: what `core.mute.mute_body` returned.
    :param run: who asks, and in which mode.
    :return: the record of the mute, also when it was there before.
    :raises BadInput: when the model has no record, or no verdict has looked at what is to be muted: a typing error
        would mute nothing, and say that it did.
    """
    known = ledger.records()
    if not known:
        model = ledger.chain.removeprefix("model/")
        raise BadInput(f"Model {model!r} has no record in {ledger.store.root}: there is no drift of it to mute.")
    check_scope(body, known)

    def there(records: Sequence[Record]) -> Record | None:
        active = {mute.record for mute in active_mutes(records, datetime.now(UTC))}
        same = [r for r in records if r.hash in active and all(r.body[name] == body[name] for name in _SAME)]
        return same[0] if same else None

    return ledger.append(
        kind="mute",
        key=sha256_of({**body, "after": _newest(ledger)}),
        body={**body, "request": run.request},
        run=run.to_record(),
        mode=run.mode,
        unless=there if run.mode is Mode.LIVE else None,
    )


def end_mute(ledger: Ledger, digest: str, *, why: Any, who: str, run: RunFacts) -> Record:
    """Record that a mute holds no more; it ends once, however often that is asked.

    :param ledger: the model's ledger.
    :param digest: hash of the mute's record, or its first digits.
    :param why: why it is ended.
    :param who: who ends it.
    :param run: who asks, and in which mode.
    :return: the record.
    :raises Refused: when no such mute holds.
    """
    if (ended := _ended(ledger, digest, run)) is not None:
        return ended
    mute = mute_by_hash(ledger.records(), digest, datetime.now(UTC))
    return ledger.append(
        kind="unmute",
        key=sha256_of({"mute": mute.record}),
        body={
            "mute_record": mute.record,
            "why": stated_reason(why, "The end of a mute"),
            "who": who,
            "request": run.request,
        },
        run=run.to_record(),
        mode=run.mode,
    )


def mute_of_request(records: Iterable[Record], run: RunFacts) -> Record | None:
    """Find the mute that an earlier try of the same task recorded.

    :param records: records of the model's ledger.
    :param run: facts of the run.
    :return: the record, None when there is none.
    """
    for record in records:
        if (record.kind, record.mode, record.body.get("request")) == (MUTE, run.mode, run.request):
            return record
    return None


def _ended(ledger: Ledger, digest: str, run: RunFacts) -> Record | None:
    """Find what an earlier try of the same task did."""
    for record in ledger.records(UNMUTE):
        same = record.body["mute_record"].removeprefix(PREFIX).startswith(str(digest).strip().removeprefix(PREFIX))
        if same and record.mode == run.mode and record.body.get("request") == run.request:
            return record
    return None


def _newest(ledger: Ledger) -> str | None:
    # What was muted, ended and muted again is two decisions, although both say the same.
    records = reversed(ledger.records())
    return next((record.hash for record in records if record.kind in (MUTE, UNMUTE) and record.mode == Mode.LIVE), None)
