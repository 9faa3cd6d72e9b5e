"""What a promotion goes by: the pinned policy, checks of the training rows, every snapshot's PASS, the stored bytes."""

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_provider_mlops.core.promotion_evidence import checks_of
from tests.conftest import MakeLab
from tests.support.approval import UNDECIDED
from tests.support.lab import CHECKS, POLICY, Lab

STRICT = POLICY.replace("value: 0.6}", "value: 0.99}")


@pytest.fixture
def challenged(make_lab: MakeLab) -> Lab:
    """A champion, and a candidate trained on two months that passed the gate."""
    return make_lab("challenged")


@pytest.fixture
def evaluated(make_lab: MakeLab) -> Lab:
    """A candidate that is not judged yet."""
    return make_lab("evaluated")


def judge(lab: Lab, name: str, text: str) -> str:
    """Judge the candidate by a policy, and return the record's hash."""
    (lab.root / name).write_text(text)
    return str(lab.run("gate", evaluation_id=lab.facts["evaluate"]["evaluation_id"], policy=name)["record"])


def rule(lab: Lab, name: str) -> dict[str, Any]:
    """Return what a rule of the newest promotion said."""
    rules = lab.records("promotion")[-1].body["verdict"]["rules"]
    return next(item for item in rules if item["rule"] == name)


def test_a_laxer_policy_does_not_promote_what_the_pinned_one_failed(evaluated: Lab) -> None:
    """The promotion goes by a policy, and by the hash of its content: the laxer verdict is none of it."""
    judge(evaluated, "strict.yaml", STRICT)
    lax = judge(evaluated, "policy.yaml", POLICY)
    with pytest.raises(AirflowSkipException, match="the promotion goes by"):
        evaluated.run("promote", gate_record=lax, policy="strict.yaml")

    assert "judge the version by that one" in rule(evaluated, "policy_pinned")["reason"]
    assert "champion" not in evaluated.aliases()
    (evaluated.root / "policy.yaml").write_text(POLICY.replace("alpha: 0.05", "alpha: 0.06"))
    with pytest.raises(AirflowSkipException, match="the promotion goes by"):
        evaluated.run("promote", gate_record=lax, policy="policy.yaml")


def test_the_pinned_policys_own_verdict_promotes_and_an_earlier_fail_is_told(
    evaluated: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a pin the laxer verdict counts, too: what another policy said is a mark, and a line of the log."""
    judge(evaluated, "strict.yaml", STRICT)
    lax = judge(evaluated, "policy.yaml", POLICY)

    assert evaluated.run("promote", gate_record=lax, policy="policy.yaml")["moved"]
    assert evaluated.records("promotion")[-1].body["verdict"]["marks"] == ["failed_by_another_policy"]
    assert "was judged FAIL by another policy, strict.yaml" in capsys.readouterr().out


def test_nobody_is_asked_about_a_verdict_by_another_policy(evaluated: Lab) -> None:
    """Neither at the question nor at the answer."""
    record = judge(evaluated, "undecided.yaml", UNDECIDED)
    judge(evaluated, "strict.yaml", STRICT)
    for step in ("ask", "answer"):
        with pytest.raises(AirflowFailException, match=r"given by policy undecided\.yaml"):
            evaluated.run(step, gate_record=record, policy="strict.yaml")

    assert evaluated.records("approval_request") == evaluated.records("approval") == []
    assert evaluated.run("ask", gate_record=record, policy="undecided.yaml") == {"waits": True}


def test_every_snapshot_of_the_window_needs_its_pass(challenged: Lab) -> None:
    """Also the oldest one, and also when it lost its PASS after the training."""
    oldest = challenged.facts["snapshots"]["2020-01"]
    suite = (challenged.root / "suite.yaml").read_text().replace("min_value: -9, max_value: 9", "max_value: -9")
    (challenged.root / "strict.yaml").write_text(suite)
    with pytest.raises(AirflowFailException, match="is not accepted"):
        challenged.run("validate", partition_key="2020-01", snapshot_id=oldest, suite="strict.yaml")
    with pytest.raises(AirflowSkipException, match="1 of 2 training snapshots have no PASS"):
        challenged.run("promote", gate_record=challenged.facts["gate"]["record"])


def check(lab: Lab, text: str, name: str = "checks.yaml") -> None:
    """Check the candidate's training rows."""
    (lab.root / name).write_text(text)
    lab.run("check", partition_key="2020-03", checks=name)


def test_checks_that_failed_on_the_training_rows_refuse(challenged: Lab) -> None:
    """Whoever trains beside a failed check does not promote; the same file's later PASS takes it back."""
    none_are_alike = CHECKS.replace("max_difference: 0.15", "max_difference: 0.0000001")
    with pytest.raises(AirflowFailException, match="is refused"):
        check(challenged, none_are_alike)
    with pytest.raises(AirflowSkipException, match=r"did not pass their checks: checks\.yaml said INCONCLUSIVE"):
        challenged.run("promote", gate_record=challenged.facts["gate"]["record"])

    check(challenged, CHECKS)
    assert challenged.run("promote", gate_record=challenged.facts["gate"]["record"])["moved"]


def test_demanded_checks_must_have_been_made(challenged: Lab) -> None:
    """A group with checks promotes nothing that was trained around them; nor by checks that were changed since."""
    record = challenged.facts["gate"]["record"]
    with pytest.raises(AirflowSkipException, match="no verdict by the demanded checks"):
        challenged.run("promote", gate_record=record, checks="checks.yaml")
    check(challenged, CHECKS)
    (challenged.root / "other.yaml").write_text(CHECKS.replace("min_rows: 50", "min_rows: 60"))
    with pytest.raises(AirflowSkipException, match="no verdict by the demanded checks"):
        challenged.run("promote", gate_record=record, checks="other.yaml")

    assert challenged.run("promote", gate_record=record, checks="checks.yaml")["moved"]


@pytest.mark.parametrize("mode", [{}, {"conf": {"mode": "dry_run"}}], ids=["live", "dry_run"])
def test_checks_and_training_with_a_holdout_name_the_same_rows(evaluated: Lab, mode: dict[str, Any]) -> None:
    """As in a retraining: the head of the partition is trained on, its tail tested; a dry run's own checks count."""
    rows = {"partition_key": "2020-03", "holdout_days": 10, "time_column": "time"}
    evaluated.run("check", **mode, **rows)
    evaluated.run("train", **mode, **rows)
    manifest = evaluated.records("training")[-1].body["manifest"]
    (found,) = checks_of(evaluated.records("data_check", "dataset/events"), manifest, "dry_run" if mode else "live")
    assert found.outcome == "PASS"
    assert found.body["cutoff"] is not None


def stored_model(lab: Lab, version: str) -> Path:
    """Return where the registry keeps the model of a version."""
    return Path(lab.client.get_model_version_download_uri(lab.model, version).removeprefix("file://")) / "model.skops"


def test_bytes_that_were_exchanged_in_the_registry_are_not_promoted(challenged: Lab) -> None:
    """What was judged is not what would serve; the refusal is a record."""
    ours, others = stored_model(challenged, "2"), stored_model(challenged, "1")
    ours.write_bytes(others.read_bytes())
    with pytest.raises(AirflowSkipException, match=r"model\.skops of version 2 was changed"):
        challenged.run("promote", gate_record=challenged.facts["gate"]["record"])

    assert challenged.aliases()["champion"] == "1"
    assert rule(challenged, "artifact_unchanged")["outcome"] == "FAIL"


def test_a_version_that_is_gone_from_the_registry_is_not_promoted(challenged: Lab) -> None:
    """Nothing is recorded as moved that cannot move."""
    challenged.client.delete_model_version(challenged.model, "2")
    with pytest.raises(AirflowSkipException, match="not in the registry any more"):
        challenged.run("promote", gate_record=challenged.facts["gate"]["record"])
