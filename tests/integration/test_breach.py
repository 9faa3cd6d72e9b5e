"""Self-healing: a bad performance soon after a promotion takes the promotion back, by policy."""

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from tests.conftest import MakeLab
from tests.support.lab import Lab
from tests.support.steps import performance


def skipped(lab: Lab, because: str, key: str = "2020-04", **run: Any) -> None:
    """Run the task, see it skipped, and nothing moved."""
    with pytest.raises(AirflowSkipException, match=because):
        lab.run("breach", partition_key=key, **run)
    assert lab.aliases()["champion"] == "2"
    assert lab.records("rollback") == []


def test_a_breach_takes_the_promotion_back(make_lab: MakeLab) -> None:
    """The alias goes to the version before; the record names the verdict by its hash, and why in plain words."""
    lab = make_lab("replaced")
    breach = performance(lab, "2020-04", "FAIL")
    healed = lab.run("breach", partition_key="2020-04")

    (record,) = lab.records("rollback")
    assert (healed["previous_version"], healed["version"], healed["moved"]) == ("2", "1", True)
    assert lab.aliases()["champion"] == "1"
    assert record.body["performance_record"] == breach
    assert (record.body["asked_by"], record.body["policy"]) == (None, "retrain.yaml")
    assert "(realised) of 2020-04 FAIL, verdict 1 since version 2 was promoted: roc_auc fell" in record.body["reason"]
    assert breach in healed["reason"]


def test_a_second_run_finds_another_champion(make_lab: MakeLab) -> None:
    """The same breach takes back one promotion, not two."""
    lab = make_lab("replaced")
    performance(lab, "2020-04", "FAIL")
    lab.run("breach", partition_key="2020-04")

    with pytest.raises(AirflowSkipException, match="about version 2; version 1 is champion now"):
        lab.run("breach", partition_key="2020-04", run_id="later")
    assert len(lab.records("rollback")) == 1


def test_what_is_no_breach_is_left_alone(make_lab: MakeLab) -> None:
    """No verdict, a good one, one that could not judge, one by an estimate, and one that is not live."""
    lab = make_lab("replaced")
    skipped(lab, "no live performance verdict about 2020-04")
    performance(lab, "2020-04", "FAIL", mode="dry_run")
    skipped(lab, "no live performance verdict about 2020-04")
    for outcome, kind in (("PASS", "realised"), ("INCONCLUSIVE", "realised"), ("FAIL", "estimated")):
        performance(lab, "2020-04", outcome, kind)
        skipped(lab, "no breach of the kinds realised")


def test_an_estimate_is_a_breach_by_policy(make_lab: MakeLab) -> None:
    """Where the policy says so."""
    lab = make_lab("replaced")
    text = (lab.root / "retrain.yaml").read_text()
    (lab.root / "retrain.yaml").write_text(text.replace("within: 2", "within: 2, estimated: true"))
    performance(lab, "2020-04", "FAIL", "estimated")

    assert lab.run("breach", partition_key="2020-04")["version"] == "1"


def test_only_a_new_promotion_is_taken_back(make_lab: MakeLab) -> None:
    """The third verdict since the promotion calls for a retraining, not for the model of long ago."""
    lab = make_lab("replaced")
    performance(lab, "2020-04-01", "PASS")
    performance(lab, "2020-04-02", "PASS")
    performance(lab, "2020-04-03", "FAIL")

    skipped(lab, "in verdict 3 since version 2 was promoted; only the first 2", "2020-04-03")


def test_nothing_moves_outside_live_runs(make_lab: MakeLab) -> None:
    """Neither in an audit nor in a dry run."""
    lab = make_lab("replaced")
    performance(lab, "2020-04", "FAIL")

    skipped(lab, "In audit mode", run_type="backfill")
    skipped(lab, "In dry_run mode", conf={"mode": "dry_run"})


def test_a_policy_may_forbid_it(make_lab: MakeLab) -> None:
    """Without on_breach nothing is taken back."""
    lab = make_lab("replaced")
    (lab.root / "retrain.yaml").write_text("schema: 1\nname: events\ntriggers: {drift: {}}\n")
    performance(lab, "2020-04", "FAIL")

    skipped(lab, "rolls nothing back on a breach")


def test_without_an_earlier_version_somebody_must_look(make_lab: MakeLab) -> None:
    """The first champion breaks its bounds: the task fails, loudly."""
    lab = make_lab("promoted")
    performance(lab, "2020-04", "FAIL", version="1")

    with pytest.raises(AirflowFailException, match="there is nothing to roll back to"):
        lab.run("breach", partition_key="2020-04")
    assert lab.aliases()["champion"] == "1"
