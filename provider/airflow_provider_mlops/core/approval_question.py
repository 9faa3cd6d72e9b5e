"""What a human is asked about a verdict, in Markdown."""

from dataclasses import dataclass

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
