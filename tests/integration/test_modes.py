"""Audits and dry runs of every step: what they find, and that nothing moves."""

import importlib
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from tests.conftest import MakeLab
from tests.support.lab import SYNTHETIC, Lab
from tests.support.steps import STEPS, arguments_of

AUDIT = {"run_type": "backfill"}
DRY_RUN = {"conf": {"mode": "dry_run"}}
USER_CODE = """
from sklearn.linear_model import LogisticRegression


def train(features, labels, *, seed):
    return LogisticRegression(C=1.0, random_state=seed).fit(features, labels)
"""


def still(lab: Lab) -> dict[str, Any]:
    """Return all of the census that an audit must leave alone."""
    census = lab.census()
    census["records"] = {key: count for key, count in census["records"].items() if key[1] == "live"}
    for found in ("evaluations", "reports", "drift_reports", "profiles"):  # results by content: found or kept again
        del census["folders"][found]
    return census


@pytest.mark.parametrize("mode", [AUDIT, DRY_RUN], ids=["audit", "dry_run"])
@pytest.mark.parametrize("step", sorted(set(STEPS) - {"claim", "decide", "train", "search", "learn_on"}))
def test_nothing_moves(make_lab: MakeLab, step: str, mode: dict[str, Any]) -> None:
    """Of an audit and a dry run neither MLflow nor an alias nor a live record nor an event tells."""
    lab = make_lab("alarmed")
    arguments = arguments_of(step, lab)
    if step == "snapshot":
        arguments = {"partition_key": "2020-02"}
    if step == "rollback":  # there must be something to go back to
        lab.run("promote", gate_record=lab.facts["gate"]["record"])
    if step == "labels":
        lab.run("score", partition_key="2020-03")
    before = still(lab)

    with suppress(AirflowSkipException):  # a dry promotion wants a dry gate
        lab.run(step, **mode, **arguments)

    after = still(lab)
    if step == "quarantine" and mode is DRY_RUN:  # the rows that are left are trained on by what comes after
        before["folders"] |= {"quarantine": 1, "snapshots": before["folders"]["snapshots"] + 1}
    assert after == before
    assert lab.events == []


def test_claim_is_skipped_outside_live_runs(make_lab: MakeLab) -> None:
    """An audit claims no drift."""
    lab = make_lab("alarmed")
    with pytest.raises(AirflowSkipException, match="In audit mode no drift is claimed"):
        lab.run("claim", partition_key="2020-04", **AUDIT)
    assert lab.records("retrain_claim") == []


def test_audit_returns_the_recorded_snapshot(make_lab: MakeLab) -> None:
    """An audit does not read the source, which has changed since."""
    lab = make_lab("accepted")
    found = lab.run("snapshot", partition_key="2020-02", source=f"{SYNTHETIC}:corrected", **AUDIT)

    assert found["snapshot_id"] == lab.facts["snapshots"]["2020-02"]
    assert len(lab.snapshot_folders()) == 3


def test_audit_of_an_unknown_partition_is_skipped(make_lab: MakeLab) -> None:
    """What was never taken cannot be audited."""
    lab = make_lab("accepted")
    with pytest.raises(AirflowSkipException, match="no recorded snapshot of 2020-05: there is nothing to audit"):
        lab.run("snapshot", partition_key="2020-05", **AUDIT)
    with pytest.raises(AirflowSkipException, match="no recorded training of 2020-05"):
        lab.run("train", partition_key="2020-05", **AUDIT)
    assert [(r.outcome, r.body["level"]) for r in lab.records("replay")] == [("INCONCLUSIVE", "no record")]


def test_audit_of_the_lifecycle_agrees_with_the_record(make_lab: MakeLab) -> None:
    """An audit trains the same model, and scores it on the same rows against the champion of the time."""
    lab = make_lab("alarmed")
    lab.run("promote", gate_record=lab.facts["gate"]["record"])
    before = still(lab)

    trained = lab.run("train", partition_key="2020-03", **AUDIT)
    registered = lab.run("register", manifest_hash=trained["manifest_hash"], **AUDIT)
    evaluated = lab.run("evaluate", manifest_hash=trained["manifest_hash"], **AUDIT)
    gated = lab.run("gate", evaluation_id=evaluated["evaluation_id"], **AUDIT)
    promoted = lab.run("promote", gate_record=gated["record"], **AUDIT)

    assert trained["replay"] == {"level": "L0", "differences": []}
    assert registered["version"] == "2"
    assert (evaluated["champion_version"], evaluated["metrics"]) == ("1", lab.facts["evaluate"]["metrics"])
    assert gated["verdict"] == lab.facts["gate"]["verdict"]
    assert promoted["moved"] is False
    assert still(lab) == before
    assert [(r.mode, r.outcome) for r in lab.records("replay")] == [("audit", "PASS")]


def user_module(lab: Lab, monkeypatch: pytest.MonkeyPatch, code: str) -> str:
    """Write the user's module, import it anew, and return the path of its function."""
    name = "user_training"
    Path(lab.root / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(lab.root)
    monkeypatch.delitem(sys.modules, name, raising=False)
    importlib.invalidate_caches()
    return f"{name}:train"


def test_audit_names_code_that_changed(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Edited code that still gives the same model passes, and the difference is told."""
    lab = make_lab("accepted")
    lab.run("train", partition_key="2020-02", train_function=user_module(lab, monkeypatch, USER_CODE))
    function = user_module(lab, monkeypatch, USER_CODE + "\n# tidied up since\n")

    found = lab.run("train", partition_key="2020-02", train_function=function, **AUDIT)

    assert found["replay"] == {"level": "L0", "differences": ["code differs from the record in user_training"]}


def test_audit_fails_when_the_model_differs(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tampered code gives another model: the task fails for good and names the code."""
    lab = make_lab("accepted")
    lab.run("train", partition_key="2020-02", train_function=user_module(lab, monkeypatch, USER_CODE))
    function = user_module(lab, monkeypatch, USER_CODE.replace("C=1.0", "C=0.001"))

    with pytest.raises(AirflowFailException, match="code differs from the record in user_training"):
        lab.run("train", partition_key="2020-02", train_function=function, **AUDIT)
    replay = lab.records("replay")[-1]
    assert (replay.outcome, replay.body["level"]) == ("FAIL", "none")
    assert any("model digest: recorded" in difference for difference in replay.body["differences"])


def test_dry_run_of_the_lifecycle(make_lab: MakeLab) -> None:
    """A dry run goes the whole way and decides, but registers nothing, moves nothing and emits nothing."""
    lab = make_lab("promoted")
    before = lab.census()

    trained = lab.run("train", partition_key="2020-03", **DRY_RUN)
    registered = lab.run("register", manifest_hash=trained["manifest_hash"], **DRY_RUN)
    evaluated = lab.run("evaluate", manifest_hash=trained["manifest_hash"], **DRY_RUN)
    gated = lab.run("gate", evaluation_id=evaluated["evaluation_id"], **DRY_RUN)
    promoted = lab.run("promote", gate_record=gated["record"], **DRY_RUN)

    after = lab.census()
    assert (registered["version"], promoted["moved"]) == (None, False)
    assert gated["verdict"]["outcome"] == "PASS"
    assert (after["versions"], after["aliases"]) == (before["versions"], before["aliases"])
    assert [r.outcome for r in lab.records("promotion") if r.mode == "dry_run"] == ["PASS"]


def test_live_run_after_a_dry_run(make_lab: MakeLab) -> None:
    """A dry run does not stand in for the live one: that decides and records, on the same MLflow run."""
    lab = make_lab("accepted")
    dry = lab.run("train", partition_key="2020-02", **DRY_RUN)
    live = lab.run("train", partition_key="2020-02")

    assert dry["mlflow_run_id"] == live["mlflow_run_id"]
    assert [record.mode for record in lab.records("training")] == ["dry_run", "live"]
    assert lab.census()["runs"] == {"FINISHED": 1}


def test_dry_runs_of_two_candidates_do_not_meet(make_lab: MakeLab) -> None:
    """The dry promotion of one candidate does not refuse that of another."""
    lab = make_lab("promoted")
    for strength in (1.0, 0.5):
        trained = lab.run("train", partition_key="2020-03", train_params={"strength": strength}, **DRY_RUN)
        evaluated = lab.run("evaluate", manifest_hash=trained["manifest_hash"], **DRY_RUN)
        gated = lab.run("gate", evaluation_id=evaluated["evaluation_id"], **DRY_RUN)
        assert lab.run("promote", gate_record=gated["record"], **DRY_RUN)["moved"] is False


@pytest.mark.parametrize("step", STEPS)
def test_misspelt_mode_fails(make_lab: MakeLab, step: str) -> None:
    """A mode that nobody knows is an error, not a live run."""
    lab = make_lab("alarmed")
    arguments = arguments_of(step, lab)
    before = lab.census()
    with pytest.raises(AirflowFailException, match="conf has mode 'dryrun'; it must be one of: live, audit, dry_run"):
        lab.run(step, conf={"mode": "dryrun"}, **arguments)
    assert lab.census() == before
