"""Mutes of an accepted drift: what they cover, and when they hold."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.mute import MAX_DAYS, Mute, active_mutes, check_scope, mute_body, mute_by_hash
from airflow_provider_mlops.core.record import Record

NOW = datetime.now(UTC)
SOON = (NOW + timedelta(days=10)).date().isoformat()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An empty chain of a model."""
    return Ledger(tmp_path, "model/flight_delays")


def body(**given: Any) -> dict[str, Any]:
    """Return the body of a mute of a feature."""
    return mute_body(**{"feature": "wind", "until": SOON, "why": "new station", "who": "ann", "now": NOW, **given})


def mute(ledger: Ledger, mode: str = "live", **given: Any) -> Record:
    """Append a mute."""
    return ledger.append(kind="mute", key=f"{len(ledger.records())}", body=body(**given), mode=mode)


def later(days: float) -> datetime:
    """Return an instant after now."""
    return datetime.now(UTC) + timedelta(days=days)


def test_a_mute_holds_from_its_record_to_its_end(ledger: Ledger) -> None:
    """Before it was written and after its last day it does not: it ends by itself."""
    record = mute(ledger)

    assert [found.record for found in active_mutes(ledger.records(), later(0))] == [record.hash]
    assert [found.record for found in active_mutes(ledger.records(), later(9))] == [record.hash]
    assert active_mutes(ledger.records(), later(11.1)) == []
    assert active_mutes(ledger.records(), later(-1)) == []


def test_the_last_day_is_muted_whole() -> None:
    """A day alone means its end; an instant is taken as it stands, in UTC where it does not say."""
    day = (NOW + timedelta(days=3)).date()

    assert body(until=str(day))["until"] == f"{day + timedelta(days=1)}T00:00:00Z"
    assert body(until=f"{day}T12:00")["until"] == f"{day}T12:00:00Z"
    assert body(until=f"{day}T12:00+02:00")["until"] == f"{day}T10:00:00Z"


def test_an_unmute_ends_it(ledger: Ledger) -> None:
    """From the record of the end on; another mute of the same feature holds on."""
    first, second = mute(ledger), mute(ledger, why="two of them")
    ledger.append(kind="unmute", key="u", body={"mute_record": first.hash, "why": "mended", "who": "bob"})

    assert [found.record for found in active_mutes(ledger.records(), later(0))] == [second.hash]


def test_dry_mutes_mute_nothing(ledger: Ledger) -> None:
    """A dry run or an audit changes nothing for the live verdicts."""
    mute(ledger, mode="dry_run")
    mute(ledger, mode="audit")

    assert active_mutes(ledger.records(), later(0)) == []


def test_a_mute_covers_what_it_names() -> None:
    """What it does not name may be anything."""
    given: dict[str, Any] = {"until": NOW, "why": "w", "who": "a", "record": "sha256:0"}
    feature = Mute(feature="wind", **given)
    kind = Mute(feature="wind", drift_kind="skew", **given)

    assert feature.covers(feature="wind", rule="wind", drift_kind="feature")
    assert not feature.covers(feature="hour", rule="hour", drift_kind="feature")
    assert not feature.covers(rule="share")
    assert kind.covers(feature="wind", drift_kind="skew")
    assert not kind.covers(feature="wind", drift_kind="feature")
    assert "feature 'wind' of skew drift muted until" in kind.words()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"feature": ""}, "must name a feature"),
        ({"feature": "a\x1bb"}, "printable"),
        ({"feature": "x" * 201}, "at most 200"),
        ({"until": ""}, "needs a day"),
        ({"until": "next week"}, "needs a day"),
        ({"until": "9999-12-31"}, "needs a day"),
        ({"until": "2013-05-01"}, "which is over"),
        ({"until": str((NOW + timedelta(days=MAX_DAYS + 1)).date())}, "at most 90 days"),
        ({"why": " "}, "needs a reason"),
        ({"who": None}, "who accepts"),
        ({"drift_kind": "features"}, "must be one of: feature, .* Did you mean feature"),
    ],
)
def test_what_is_no_mute_is_refused(wrong: dict[str, Any], message: str) -> None:
    """A mute without an end, a reason, a name or a scope is a switched-off alarm."""
    with pytest.raises(BadInput, match=message):
        body(**wrong)


def test_a_mute_is_found_by_the_first_digits(ledger: Ledger) -> None:
    """Of one that holds; too few digits name none."""
    record = mute(ledger)
    digits = record.hash.removeprefix("sha256:")

    assert mute_by_hash(ledger.records(), digits[:8], later(0)).record == record.hash
    assert mute_by_hash(ledger.records(), record.hash, later(0)).feature == "wind"
    with pytest.raises(BadInput, match="at least 8"):
        mute_by_hash(ledger.records(), digits[:7], later(0))
    with pytest.raises(Refused, match=f"these do: {digits[:12]}"):
        mute_by_hash(ledger.records(), "0" * 8, later(0))


def test_what_no_verdict_looked_at_is_not_muted(ledger: Ledger) -> None:
    """A misspelt feature would mute nothing for weeks; before the first verdict nobody knows what is misspelt."""
    check_scope(body(feature="wnid"), ledger.records())

    rules = [{"rule": "wind:nulls", "numbers": {"feature": "wind"}}, {"rule": "slices", "numbers": {}}]
    ledger.append(kind="drift", key="d", body={"verdict": {"rules": rules}})

    check_scope(body(feature="wind", rule="wind:nulls", drift_kind="skew"), ledger.records())
    with pytest.raises(BadInput, match=r"looked at a feature 'wnid'; they looked at: wind\. Did you mean wind\?"):
        check_scope(body(feature="wnid"), ledger.records())
    with pytest.raises(BadInput, match="looked at a rule 'wind:null'; they looked at: slices, wind:nulls"):
        check_scope(body(feature="", rule="wind:null"), ledger.records())
