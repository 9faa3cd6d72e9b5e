"""What is told about a record: one short message, as plain text and as Markdown."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core.approval_records import described
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.drift_brief import cause_lines
from airflow_provider_mlops.core.drift_history import FEATURE
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.markdown import code, escaped
from airflow_provider_mlops.core.news import WATCHED
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.undecided import ways_out
from airflow_provider_mlops.core.verdict import Outcome

INFO, WARNING, ERROR = "info", "warning", "error"
SEVERITIES = (INFO, WARNING, ERROR)
_SEVERITY_OF = {Outcome.PASS: INFO, Outcome.INCONCLUSIVE: WARNING, Outcome.FAIL: ERROR}
_MOST_SUBJECT = 99
_MOST_REASONS = 5


@dataclass(frozen=True, slots=True)
class Message:
    """What people are told.

    :param subject: the headline: one line of at most 99 ASCII characters, as e-mail and SNS take it.
    :param text: plain text, several lines.
    :param markdown: the same as Markdown; what comes from data is escaped.
    :param severity: ``info``, ``warning`` or ``error``.
    :param record: hash of the record that it is about.
    """

    subject: str
    text: str
    markdown: str
    severity: str
    record: str

    @property
    def html(self) -> str:
        """The plain text, escaped for HTML: for e-mail."""
        return f"<pre>{html.escape(self.text)}</pre>"

    @property
    def slack(self) -> str:
        """The plain text, escaped for Slack, where ``<!channel>`` would call everybody."""
        return self.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def message_of(record: Record, *, moment: str = "", url: str = "") -> Message:
    """Write the message about a record.

    :param record: a record of a model's ledger.
    :param moment: why it is told again (``reminder``, ``escalation``); empty the first time.
    :param url: address of the task in Airflow's UI; empty when unknown.
    :return: the message; the same record gives the same message.
    :raises BadInput: when nothing is told about records of this kind.
    """
    if record.kind not in _HEADLINES:
        raise BadInput(f"Nothing is told about a {record.kind!r} record; only about: {', '.join(_HEADLINES)}.")
    model = record.chain.partition("/")[2]
    headline, severity = _HEADLINES[record.kind](record)
    prefix = f"{moment.capitalize()}: " if moment else ""
    facts = [(name, str(value)) for name, value in _facts(record) if value is not None]
    reasons = _reasons(record)
    lines = [f"{prefix}{model}: {headline}", "", *(f"{name}: {value}" for name, value in facts)]
    marked = [f"**{prefix}{escaped(model)}: {escaped(headline)}**", ""]
    marked += [f"- {name}: {code(value) if value.startswith('sha256:') else escaped(value)}" for name, value in facts]
    for reason in reasons:
        lines.append(f"- {reason}")
        marked.append(f"- {escaped(reason)}")
    if url:
        lines += ["", url]
        marked += ["", f"[The task in Airflow](<{url}>)"]
    return Message(
        subject=_subject(lines[0]),
        text="\n".join(_line(line) for line in lines),
        markdown="\n".join(marked),
        severity=ERROR if moment == "escalation" else severity,
        record=record.hash,
    )


def message_key(record: Record, channel: str, moment: str = "") -> str:
    """Return the key of a message, by which it is sent once however many tasks want to send it.

    :param record: the record that it is about.
    :param channel: where it goes.
    :param moment: why it is told again.
    """
    return sha256_of({"step": "notify", "record": record.hash, "channel": channel, "moment": moment})


def _gate(record: Record) -> tuple[str, str]:
    version = record.body["candidate_version"] or "(dry run)"
    return f"the gate says {record.outcome} to version {version}", _severity(record)


def _approval(record: Record) -> tuple[str, str]:
    return described(record.body), INFO if record.outcome == Outcome.PASS else WARNING


def _request(record: Record) -> tuple[str, str]:
    return f"version {record.body['version']} waits for an approval", WARNING


def _move(record: Record) -> tuple[str, str]:
    body = record.body
    version = body.get("version")
    if record.outcome != Outcome.PASS:
        return f"version {version} was refused ({record.kind})", WARNING
    before, alias = body.get("previous_version"), body.get("alias")
    severity = INFO if record.kind in ("promotion", "adoption") else WARNING
    return f"{record.kind}: {alias} is on {_named(version)}, was on {_named(before)}", severity


def _named(version: str | None) -> str:
    return "no version" if version is None else f"version {version}"


def _drift(record: Record) -> tuple[str, str]:
    words = {Outcome.PASS: "no drift", Outcome.FAIL: "drift"}
    found = words.get(Outcome(record.outcome or Outcome.INCONCLUSIVE), "drift cannot be judged")
    kind = str(record.body.get("kind") or FEATURE).replace("_", " ")
    return f"{'' if kind == FEATURE else f'{kind}: '}{found} in {record.body['partition_key']}", _severity(record)


def _performance(record: Record) -> tuple[str, str]:
    words = {Outcome.PASS: "keeps its performance", Outcome.FAIL: "does worse than it must"}
    found = words.get(Outcome(record.outcome or Outcome.INCONCLUSIVE), "cannot be judged")
    return f"version {record.body['champion_version']} {found} in {record.body['partition_key']}", _severity(record)


def _retrain(record: Record) -> tuple[str, str]:
    """A retraining that is avoided is the rule: it is told, and wakes nobody."""
    words = {Outcome.PASS: "will be retrained", Outcome.FAIL: "retraining is avoided"}
    found = words.get(Outcome(record.outcome or Outcome.INCONCLUSIVE), "no retraining: not enough is known")
    return f"{found}, {record.body['partition_key']}", WARNING if record.outcome == Outcome.PASS else INFO


def _drill(record: Record) -> tuple[str, str]:
    words = {Outcome.PASS: "every alarm rang", Outcome.FAIL: "an alarm that must ring did not"}
    found = words.get(Outcome(record.outcome or Outcome.INCONCLUSIVE), "not every alarm could be tried")
    return f"fire drill on {record.body['partition_key']}: {found}", _severity(record)


def _severity(record: Record) -> str:
    return _SEVERITY_OF[Outcome(record.outcome or Outcome.INCONCLUSIVE)]


_HEADLINES = {
    "gate": _gate,
    "approval_request": _request,
    "approval": _approval,
    "promotion": _move,
    "rollback": _move,
    "retirement": _move,
    "adoption": _move,
    "reconciliation": _move,
    "drift": _drift,
    "performance": _performance,
    "retrain": _retrain,
    "fire_drill": _drill,
}
TOLD = tuple(_HEADLINES)


def _facts(record: Record) -> list[tuple[str, Any]]:
    return [
        ("Partition", record.body.get("partition_key")),
        ("Report", _report(record.body)),
        ("Dag run", f"{record.run.get('dag_id')} {record.run.get('run_id')}"),
        ("Record", record.hash),
    ]


def _report(body: Mapping[str, Any]) -> str | None:
    """Return where a drift report lies; other records keep other things under that name."""
    report = body.get("report")
    uri = report.get("uri") if isinstance(report, Mapping) else None
    return None if uri is None else f"{uri}/index.html"


def _reasons(record: Record) -> list[str]:
    body, report = record.body, record.body.get("report")
    causes = [f"Cause: {line}" for line in cause_lines(report)] if isinstance(report, Mapping) else []
    told = _blocking(body) + causes[:_MOST_REASONS]
    if record.kind in WATCHED and record.outcome == Outcome.INCONCLUSIVE:
        told += [f"What to do: {way}" for way in ways_out(body)]
    return told


def _blocking(body: Mapping[str, Any]) -> list[str]:
    rules = (body.get("verdict") or {}).get("rules") or []
    blocking = [f"{rule['rule']}: {rule['reason']}" for rule in rules if rule["outcome"] != Outcome.PASS]
    more = [f"and {len(blocking) - _MOST_REASONS} more"] if len(blocking) > _MOST_REASONS else []
    return [*blocking[:_MOST_REASONS], *more] or ([str(body["reason"])] if body.get("reason") and not rules else [])


def _line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _subject(text: str) -> str:
    plain = _line(text).encode("ascii", "replace").decode()
    return plain if len(plain) <= _MOST_SUBJECT else f"{plain[: _MOST_SUBJECT - 3]}..."
