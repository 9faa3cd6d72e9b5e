"""An audit backfill reproduces what was recorded, and moves nothing."""

from tests.e2e.conftest import LIFECYCLE, MONTHS, REPLAY, Audit


def test_an_audit_runs_beside_the_originals(audit: Audit) -> None:
    """Each month has a new run of type backfill; the originals stay."""
    assert sorted(run["partition_key"] for run in audit.runs) == list(MONTHS)
    assert {run["run_type"] for run in audit.runs} == {"backfill"}
    assert {run["state"] for run in audit.runs} == {"success"}


def test_an_audit_moves_nothing(audit: Audit) -> None:
    """No alias, version, MLflow run or asset event is new."""
    assert audit.after == audit.before


def test_every_training_is_reproduced(audit: Audit) -> None:
    """Each recorded training replays at L0; January had none."""
    replays = {r.body["partition_key"]: r for r in audit.world.ledger().records("replay")}

    assert {key: record.body["level"] for key, record in replays.items()} == {
        "2013-01": "no record",
        "2013-02": "L0",
        "2013-03": "L0",
        "2013-04": "L0",
    }
    assert {record.mode for record in replays.values()} == {"audit"}
    assert all(record.body["differences"] == [] for key, record in replays.items() if key != "2013-01")


def test_scores_and_verdicts_are_the_recorded_ones(audit: Audit) -> None:
    """The audit scores to the same bits and judges to the same outcome."""
    records = audit.world.ledger().records()
    for kind in ("evaluation", "gate"):
        found = [r for r in records if r.kind == kind and r.body["partition_key"] in MONTHS]
        live = {r.body["partition_key"]: r for r in found if r.mode == "live" and r.run["dag_id"] == LIFECYCLE}
        again = {r.body["partition_key"]: r for r in found if r.mode == "audit"}

        assert sorted(again) == ["2013-02", "2013-03", "2013-04"]
        for month, record in again.items():
            assert record.body["evaluation_id"] == live[month].body["evaluation_id"]
            assert record.body["recorded"]["record"] == live[month].hash
            assert record.outcome == ("PASS" if kind == "evaluation" else live[month].outcome)


def test_every_training_has_a_certificate(audit: Audit) -> None:
    """Three months were trained; each ends with a certificate that says how far it was reproduced."""
    certificates = {r.body["partition_key"]: r for r in audit.world.ledger().records("certificate")}

    assert {key: (record.outcome, record.body["level"]) for key, record in certificates.items()} == {
        "2013-02": ("PASS", "L0"),
        "2013-03": ("PASS", "L0"),
        "2013-04": ("PASS", "L0"),
    }


def test_the_retraining_is_replayed_by_hand(audit: Audit) -> None:
    """A backfill cannot replay what an event started; the form does, and moves nothing."""
    world, before = audit.world, audit.world.state()
    world.api.unpause(REPLAY)
    version = world.champion()
    run = world.api.trigger(REPLAY, conf={"version": version})

    assert world.api.wait_for_run(REPLAY, run["dag_run_id"])["state"] == "success"
    newest = world.ledger().records("certificate")[-1]
    assert (newest.mode, newest.outcome, newest.body["level"], newest.body["version"]) == (
        "live",
        "PASS",
        "L0",
        version,
    )
    assert world.state() == before


def test_the_chains_are_intact_after_it(audit: Audit) -> None:
    """Two audited months at once do not fork a chain."""
    assert audit.world.ledger().verify() == []
    assert audit.world.ledger("dataset/flights").verify() == []
