"""When drift leads to a retraining."""

from pathlib import Path

import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.ledger import Ledger, Record
from airflow_provider_mlops.core.retrain import decide_retrain, live_claims, newly_claimed, pending_drift
from airflow_provider_mlops.core.verdict import Outcome


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An empty chain of a model."""
    return Ledger(tmp_path, "model/flight_delays")


def drift(ledger: Ledger, partition_key: str, outcome: str = "FAIL", mode: str = "live") -> Record:
    """Append a drift record."""
    key = f"{partition_key} {outcome}"
    return ledger.append(kind="drift", key=key, body={"partition_key": partition_key}, outcome=outcome, mode=mode)


def claim(ledger: Ledger, partition_key: str, *cited: Record, mode: str = "live") -> Record:
    """Append a claim that cites drift records."""
    hashes = [record.hash for record in cited]
    body = {"partition_key": partition_key, "drift_record_hashes": hashes}
    return ledger.append(kind="retrain_claim", key=f"{partition_key} {hashes}", body=body, mode=mode)


def reasons(pending: list[Record], claims: list[Record], now: str) -> list[str]:
    """Return the names of the rules that forbid it."""
    verdict = decide_retrain(pending, claims, now_partition=now)
    return [rule.rule for rule in verdict.rules if rule.outcome is not Outcome.PASS]


def test_live_drift_that_no_claim_cites_is_pending(ledger: Ledger) -> None:
    """No drift, too few rows, audits and dry runs do not wait for a retraining."""
    first = drift(ledger, "2013-04")
    second = drift(ledger, "2013-05")
    drift(ledger, "2013-06", outcome="PASS")
    drift(ledger, "2013-07", outcome="INCONCLUSIVE")
    drift(ledger, "2013-08", mode="audit")
    drift(ledger, "2013-09", mode="dry_run")

    assert pending_drift(ledger.records()) == [first, second]


def test_a_live_claim_answers_the_drift_it_cites(ledger: Ledger) -> None:
    """Drift that it does not cite stays pending."""
    first, second = drift(ledger, "2013-04"), drift(ledger, "2013-05")
    claim(ledger, "2013-04", first)

    assert pending_drift(iter(ledger.records())) == [second]


def test_a_dry_claim_answers_nothing(ledger: Ledger) -> None:
    """A dry run changes nothing for the live one."""
    first = drift(ledger, "2013-04")
    claim(ledger, "2013-04", first, mode="dry_run")

    assert pending_drift(ledger.records()) == [first]
    assert live_claims(ledger.records()) == []


def test_pending_drift_of_this_partition_leads_to_a_retraining(ledger: Ledger) -> None:
    """Older pending drift is answered with it."""
    pending = [drift(ledger, "2013-04"), drift(ledger, "2013-05")]
    verdict = decide_retrain(pending, [], now_partition="2013-05")

    assert verdict.passed
    assert "2 record(s), the newest of 2013-05" in verdict.rules[0].reason


def test_without_pending_drift_nothing_is_trained(ledger: Ledger) -> None:
    """The run that comes second finds nothing to do."""
    assert reasons([], [claim(ledger, "2013-05")], "2013-05") == ["drift_pending"]


def test_the_run_of_the_newest_drift_answers_all(ledger: Ledger) -> None:
    """Of two runs one acts, and the other says which."""
    pending = [drift(ledger, "2013-04"), drift(ledger, "2013-05")]

    assert reasons(pending, [], "2013-04") == ["newest_drift"]
    assert "2013-05" in decide_retrain(pending, [], now_partition="2013-04").reasons[0]


def test_a_retraining_never_falls_behind_one_that_was_claimed(ledger: Ledger) -> None:
    """Late drift of an older partition waits for newer data; the same partition may be trained again."""
    claims = [claim(ledger, "2013-05")]

    assert reasons([drift(ledger, "2013-04")], claims, "2013-04") == ["not_behind"]
    assert reasons([drift(ledger, "2013-05")], claims, "2013-05") == []


def test_of_two_claims_the_earlier_holds_what_both_cite(ledger: Ledger) -> None:
    """Two runs that saw different drift never answer the same record twice."""
    first, second = drift(ledger, "2013-04"), drift(ledger, "2013-05")
    early = claim(ledger, "2013-04", first)
    late = claim(ledger, "2013-05", first, second)
    lost = claim(ledger, "2013-06", first)

    assert newly_claimed(early, ledger.records()) == [first.hash]
    assert newly_claimed(late, ledger.records()) == [second.hash]
    assert newly_claimed(lost, ledger.records()) == []


def test_a_key_that_is_no_partition_is_an_error() -> None:
    """A decision about nonsense is not made."""
    with pytest.raises(BadInput):
        decide_retrain([], [], now_partition="may")
