"""Mutes: a person accepts a drift for a time; every verdict shows it, and it ends by itself."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_mlops.core.canonical import PREFIX
from airflow_provider_mlops.core.drift_options import DriftKind
from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.near import did_you_mean
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.rollback import stated_reason

MUTE, UNMUTE = "mute", "unmute"
MAX_DAYS = 90
"""For how many days a drift may be muted at most: what is accepted for longer belongs into the policy."""

_SCOPE = ("feature", "rule", "drift_kind")
_MAX_NAME = 200
_NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """A drift that a person accepted for a time.

    :param feature: the feature; None for any.
    :param rule: the rule of the verdict; None for any.
    :param drift_kind: the kind of drift (``feature``, ``prediction``, ``label``, ...); None for any.
    :param until: first instant at which it is muted no more, UTC.
    :param why: why it was accepted.
    :param who: who accepted it.
    :param record: hash of the mute's record.
    """

    feature: str | None = None
    rule: str | None = None
    drift_kind: str | None = None
    until: datetime
    why: str
    who: str
    record: str

    @classmethod
    def of(cls, record: Record) -> "Mute":
        """Read a record of the kind ``mute``.

        :param record: the record.
        :return: the mute.
        """
        body = record.body
        scope = {name: body.get(name) for name in _SCOPE}
        return cls(until=_instant(body["until"]), why=body["why"], who=body["who"], record=record.hash, **scope)

    def covers(self, *, feature: str | None = None, rule: str | None = None, drift_kind: str | None = None) -> bool:
        """Whether a finding is muted: everything that the mute names must be what the finding is about.

        :param feature: the feature that the finding is about; None where it is about none.
        :param rule: the rule that found it.
        :param drift_kind: the kind of drift.
        """
        pairs = ((self.feature, feature), (self.rule, rule), (self.drift_kind, drift_kind))
        return all(mine is None or mine == theirs for mine, theirs in pairs)

    def words(self) -> str:
        """Return one sentence for a verdict: what is muted, until when, by whom and why."""
        return f"{scope_words(self)} muted until {_text(self.until)} by {self.who}: {self.why}"


def active_mutes(records: Iterable[Record], at: datetime) -> list[Mute]:
    """List the mutes that hold at an instant; of mutes of one thing all that hold.

    Only live ones count, from their record on, until their time is over or a record of the kind ``unmute`` ends them.

    :param records: records of the model's ledger, oldest first.
    :param at: the instant, with its time zone.
    :return: the mutes, oldest first.
    :raises BadInput: when the instant has no time zone.
    """
    if at.tzinfo is None:
        raise BadInput("Mutes are asked for at an instant with a time zone.")
    found: dict[str, Mute] = {}
    for record in records:
        if record.mode != Mode.LIVE or record.kind not in (MUTE, UNMUTE) or _instant(record.time) > at:
            continue
        if record.kind == MUTE:
            mute = Mute.of(record)
            if at < mute.until:
                found[record.hash] = mute
        else:
            found.pop(record.body["mute_record"], None)
    return list(found.values())


def mute_body(
    *,
    until: Any,
    why: Any,
    who: Any,
    now: datetime,
    feature: Any = None,
    rule: Any = None,
    drift_kind: Any = None,
) -> dict[str, Any]:
    """Check what a person asked for, and return it as the body of a record.

    :param until: when the mute ends: a day (``2013-05-01``, it is muted to its end) or an instant in ISO 8601; without
        a time zone it is UTC.
    :param why: why the drift is accepted.
    :param who: who accepts it.
    :param now: the instant of the asking.
    :param feature: the feature to mute; None or empty for any.
    :param rule: the rule to mute, likewise.
    :param drift_kind: the kind of drift to mute, likewise.
    :return: the body.
    :raises BadInput: when nothing is named, the time is over or too far away, or why or who is missing.
    """
    scope = {name: _name(name, value) for name, value in zip(_SCOPE, (feature, rule, drift_kind), strict=True)}
    kinds = [kind.value for kind in DriftKind]
    if (kind := scope["drift_kind"]) and kind not in kinds:
        raise BadInput(f"The kind of drift {kind!r} must be one of: {', '.join(kinds)}.{did_you_mean(kind, kinds)}")
    if not any(scope.values()):
        raise BadInput("A mute must name a feature, a rule or a kind of drift: a whole model is not muted.")
    end = _end(until)
    if end <= now:
        raise BadInput(f"The mute would end at {_text(end)}, which is over; name a later day.")
    if end > now + timedelta(days=MAX_DAYS):
        raise BadInput(
            f"The mute would end at {_text(end)}; at most {MAX_DAYS} days are muted. "
            "Change the drift policy for what is accepted for good."
        )
    by = " ".join(str(who or "").split())
    if not by or len(by) > _MAX_NAME:
        raise BadInput("A mute needs the name of who accepts the drift; start the Dag by hand, as somebody.")
    return {**scope, "until": _text(end), "why": stated_reason(why, "A mute"), "who": by}


def check_scope(body: Mapping[str, Any], records: Iterable[Record]) -> None:
    """Refuse to mute what no verdict has ever looked at: a typing error would mute nothing, and say that it did.

    :param body: what `mute_body` returned.
    :param records: records of the model's ledger; where none of them is a drift verdict, nothing is known, nor refused.
    :raises BadInput: naming what was meant.
    """
    live = [record for record in records if record.kind == "drift" and record.mode == Mode.LIVE]
    rules = [rule for record in live for rule in (record.body.get("verdict") or {}).get("rules", ())]
    looked_at = {
        "feature": {str(rule["numbers"]["feature"]) for rule in rules if rule["numbers"].get("feature")},
        "rule": {str(rule["rule"]) for rule in rules},
    }
    for what, known in looked_at.items():
        if (name := body.get(what)) and known and name not in known:
            more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
            raise BadInput(
                f"No drift verdict has looked at a {what} {name!r}; they looked at: "
                f"{', '.join(sorted(known)[:_NAMED])}{more}.{did_you_mean(name, known)}"
            )


def mute_by_hash(records: Sequence[Record], digest: str, at: datetime) -> Mute:
    """Find a mute that holds, by the hash of its record or its first digits.

    :param records: records of the model's ledger, oldest first.
    :param digest: the hash, or at least its first 8 digits, with or without ``sha256:``.
    :param at: the instant.
    :return: the mute.
    :raises BadInput: when too few digits are given, or several mutes begin with them.
    :raises Refused: when no such mute holds.
    """
    digits = str(digest or "").strip().removeprefix(PREFIX)
    if len(digits) < 8:
        raise BadInput(f"Name the mute by at least 8 digits of its record's hash, not {str(digest)[:80]!r}.")
    active = active_mutes(records, at)
    found = [mute for mute in active if mute.record.removeprefix(PREFIX).startswith(digits)]
    if len(found) > 1:
        raise BadInput(f"Several mutes begin with {digits!r}; give more digits.")
    if not found:
        known = ", ".join(mute.record.removeprefix(PREFIX)[:12] for mute in active) or "none"
        raise Refused(f"No mute {digits[:80]!r} holds; these do: {known}.")
    return found[0]


def scope_words(mute: Mute) -> str:
    """Say what a mute is about.

    :param mute: the mute.
    :return: such as ``feature 'wind' of prediction drift``.
    """
    parts = [f"feature {mute.feature!r}" if mute.feature else "", f"rule {mute.rule!r}" if mute.rule else ""]
    parts.append(f"{mute.drift_kind} drift" if mute.drift_kind else "")
    return " of ".join(part for part in parts if part)


def _name(what: str, value: Any) -> str | None:
    text = str(value or "").strip()
    if len(text) > _MAX_NAME or not (text.isprintable() or not text):
        raise BadInput(f"The {what} of a mute must be a printable name of at most {_MAX_NAME} characters.")
    return text or None


def _end(until: Any) -> datetime:
    text = str(until or "").strip()
    try:
        end = datetime.fromisoformat(text)
        end = end if end.tzinfo else end.replace(tzinfo=UTC)
        return (end + timedelta(days=1) if len(text) <= len("2013-05-01") else end).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput(f"A mute needs a day (2013-05-01) or an instant until which it holds, not {text!r}.") from None


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
