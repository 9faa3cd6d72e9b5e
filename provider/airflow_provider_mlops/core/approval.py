"""A human's answer to a verdict: how it is asked for, found again, and who may give it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core.errors import Refused
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Outcome, Verdict

_MARKDOWN = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]<>#|"})


@dataclass(frozen=True, slots=True)
class Question:
    """What a human is asked.

    :param subject: the headline.
    :param body: the text, Markdown.
    """

    subject: str
    body: str


def approval_question(model: str, gate: Record) -> Question:
    """Write the question that a verdict raises.

    :param model: name of the registered model.
    :param gate: the gate's record.
    :return: the question; what comes from data is escaped.
    """
    body, verdict = gate.body, Verdict.from_dict(gate.body["verdict"])
    rules = [
        f"- **{rule.outcome.value}** {rule.rule.translate(_MARKDOWN)}: {rule.reason.translate(_MARKDOWN)}"
        for rule in sorted(verdict.rules, key=lambda rule: rule.outcome is Outcome.PASS)
    ]
    versions = f"version {body['candidate_version']} against champion version {body['champion_version'] or '(none)'}"
    return Question(
        subject=f"{model}: promote version {body['candidate_version']}? The gate says {verdict.outcome.value}",
        body="\n".join([f"Partition {body['partition_key']}, {versions}.", "", *rules, "", f"Verdict: `{gate.hash}`"]),
    )


def approval_of(records: Iterable[Record], gate_hash: str) -> Record | None:
    """Find the answer to a verdict.

    :param records: records of the model's ledger.
    :param gate_hash: hash of the gate's record.
    :return: the live approval record, None when nobody has answered.
    """
    for record in records:
        if (record.kind, record.mode) == ("approval", "live") and record.body["gate_record_hash"] == gate_hash:
            return record
    return None


def newest_undecided(records: Iterable[Record], model: str) -> Record:
    """Find the newest verdict that is INCONCLUSIVE and that nobody has answered.

    :param records: records of the model's ledger, oldest first.
    :param model: name of the model, for the error.
    :return: the gate's record.
    :raises Refused: when there is none.
    """
    records = list(records)
    for record in reversed(records):
        undecided = (record.kind, record.mode, record.outcome) == ("gate", "live", Outcome.INCONCLUSIVE)
        if undecided and approval_of(records, record.hash) is None:
            return record
    raise Refused(f"The ledger of model {model!r} holds no undecided verdict: there is nothing to approve.")


def check_four_eyes(user: Mapping[str, Any], starter: str | None) -> None:
    """Refuse an approver who is nobody, or who started the run.

    :param user: ``{"id", "name"}`` of who answered; empty for nobody.
    :param starter: name of who started the run by hand; None when nobody did, or it does not matter.
    :raises Refused: naming the way out.
    """
    names = {str(user[key]) for key in ("id", "name") if user.get(key)}
    if not names:
        raise Refused("Nobody is named as the approver; clear the task and let a person answer.")
    if starter in names:
        raise Refused(f"{starter} started this run and may not approve it; clear the task and let another one answer.")
