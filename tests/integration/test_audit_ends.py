"""An audit that cannot go on ends with a certificate all the same, whichever of its steps it is; the others go on."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.record import Record
from tests.conftest import MakeLab
from tests.support.faults import watched
from tests.support.lab import DATASET, SYNTHETIC, Lab

CHAIN = f"dataset/{DATASET}"
RUN = "audit"


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """A lab whose second model has replaced the first; three months are accepted."""
    return make_lab("replaced")


def prune(lab: Lab, key: str) -> Record:
    """Remove a month's snapshot as retention does: by a record."""
    ledger, snapshot_id = lab.ledger(CHAIN), lab.facts["snapshots"][key]
    body: dict[str, Any] = {"planned_on": ledger.records()[-1].hash, "snapshots": [{"snapshot_id": snapshot_id}]}
    record = ledger.append(kind="pruning", key=sha256_of(body), body=body)
    lose(lab, key)
    return record


def lose(lab: Lab, key: str) -> None:
    """Remove a month's snapshot behind the ledger's back."""
    shutil.rmtree(lab.storage / "snapshots" / DATASET / lab.facts["snapshots"][key].removeprefix("sha256:"))


def audit(lab: Lab, key: str, **validate: Any) -> str:
    """Run the steps of a month as a backfill does; return the one that ended it, and how."""
    words: dict[str, Any] = {"run_type": "backfill", "run_id": f"{RUN}-{key}"}
    step = "snapshot"
    try:
        taken = lab.run("snapshot", partition_key=key, source=f"{SYNTHETIC}:read_partition", **words)
        step = "validate"
        lab.run("validate", partition_key=key, snapshot_id=taken["snapshot_id"], **{**words, **validate})
        step = "train"
        manifest_hash = lab.run("train", partition_key=key, **words)["manifest_hash"]
        step = "evaluate"
        evaluation_id = lab.run("evaluate", manifest_hash=manifest_hash, **words)["evaluation_id"]
        step = "gate"
        lab.run("gate", evaluation_id=evaluation_id, **words)
    except AirflowSkipException:
        return f"{step} skipped"
    except AirflowFailException:
        return f"{step} failed"
    return "whole"


def certificate(lab: Lab, key: str) -> tuple[Record, list[dict[str, str]]]:
    """Return the certificate of a month, and what it says is not as recorded."""
    (found,) = [r for r in lab.records("certificate") if r.body["partition_key"] == key]
    assert found.run["run_id"] == f"{RUN}-{key}"
    return found, found.body["differences"]


def summary(lab: Lab) -> dict[str, Any]:
    """Return the newest summary as it is stored."""
    newest = max(lab.records("audit_summary"), key=lambda record: (record.body["through"], record.seq))
    found: dict[str, Any] = json.loads((Path(newest.body["uri"]) / "summary.json").read_text())
    return found


def stored_and_cited(lab: Lab) -> tuple[set[str], set[str]]:
    """Return the folders of certificates and summaries that are there, and those that records cite."""
    folders = {path.name for path in (lab.storage / "certificates" / lab.model).iterdir()}
    hashes = [r.body["certificate_hash"] for r in lab.records("certificate")]
    hashes += [r.body["summary_hash"] for r in lab.records("audit_summary")]
    return folders, {digest.removeprefix("sha256:") for digest in hashes}


def uncited(lab: Lab) -> set[str]:
    """Return the folders beside the certificates that no record cites."""
    folders, cited = stored_and_cited(lab)
    return folders - cited


def test_a_month_whose_snapshot_was_pruned(lab: Lab) -> None:
    """Its certificate names snapshot and pruning, the run is skipped and green, the other month is whole."""
    pruned = prune(lab, "2020-03")

    assert audit(lab, "2020-03") == "validate skipped"
    assert audit(lab, "2020-02") == "whole"
    found, (difference,) = certificate(lab, "2020-03")
    assert (found.outcome, found.body["level"]) == ("INCONCLUSIVE", "none")
    assert difference["cause"] == "data missing (pruned)"
    assert lab.facts["snapshots"]["2020-03"] in difference["detail"]
    assert pruned.hash in difference["detail"]
    assert "It could not be replayed" in (Path(found.body["uri"]) / "certificate.md").read_text()
    told = summary(lab)
    assert [(entry["partition_key"], entry["level"], entry["outcome"]) for entry in told["partitions"]] == [
        ("2020-02", "L0", "PASS"),
        ("2020-03", "none", "INCONCLUSIVE"),
    ]
    assert told["causes"] == {"data missing (pruned)": 1}
    assert told["partitions"][1]["certificate"]["record"] == found.hash
    assert uncited(lab) == set()


def test_a_month_that_was_trained_on_a_pruned_one(lab: Lab) -> None:
    """The training ends it: with the same cause, twice the same, and nothing is compared with less."""
    pruned = prune(lab, "2020-01")

    assert [audit(lab, "2020-02"), audit(lab, "2020-02")] == ["train skipped", "train skipped"]
    found, (difference,) = certificate(lab, "2020-02")
    assert (found.outcome, difference["cause"]) == ("INCONCLUSIVE", "data missing (pruned)")
    assert pruned.hash in difference["detail"]
    (replay,) = lab.records("replay")
    assert replay.outcome == "INCONCLUSIVE"
    assert "Nothing was trained again" in replay.body["verdict"]["rules"][0]["reason"]


@pytest.mark.parametrize(("lost", "ended"), [("2020-03", "validate failed"), ("2020-01", "train failed")])
def test_a_snapshot_that_nobody_pruned_is_missing(lab: Lab, lost: str, ended: str) -> None:
    """No record explains it: the certificate is a FAIL that names it, and so is the task."""
    lose(lab, lost)

    assert audit(lab, "2020-03") == ended
    found, differences = certificate(lab, "2020-03")
    assert found.outcome == "FAIL"
    assert [item["cause"] for item in differences] == ["data missing"]
    assert lab.facts["snapshots"][lost].removeprefix("sha256:") in differences[0]["detail"]
    assert summary(lab)["outcome"] == "FAIL"


def test_erased_rows_do_not_excuse_a_missing_snapshot(lab: Lab) -> None:
    """One row of a month was lawfully erased, another month was lost: that is a FAIL."""
    keys = lab.root / "keys.txt"
    keys.write_text("2020-01/1\n")
    lab.run("erase", run_type="manual", key_column="row_id", keys_file=str(keys), reason="DSR-1")
    lose(lab, "2020-02")

    assert audit(lab, "2020-03") == "train failed"
    found, differences = certificate(lab, "2020-03")
    assert found.outcome == "FAIL"
    assert [item["cause"] for item in differences] == ["data missing", "data erased"]


def test_a_champion_that_cannot_be_compared_with(lab: Lab) -> None:
    """The model came out again, the champion of its time is gone: L0, and no PASS."""
    champion = lab.records("training")[0].body["logged_model_id"]
    (folder,) = lab.root.glob(f"mlruns/*/models/{champion}")
    shutil.rmtree(folder)

    assert audit(lab, "2020-03") == "evaluate failed"
    found, _ = certificate(lab, "2020-03")
    assert (found.body["level"], found.outcome) == ("L0", "FAIL")
    reasons = {rule["rule"]: rule["reason"] for rule in found.body["verdict"]["rules"]}
    assert "The audit could not go on after evaluate" in reasons["whole"]


@pytest.mark.parametrize("same", [True, False])
def test_checks_of_other_rows_hold_nothing_back(lab: Lab, same: bool) -> None:
    """What is left of the rows may be refused where all of them passed: the training says what came of it."""
    checks = lab.root / "checks.yaml"
    checks.write_text(checks.read_text().replace("min_rows: 50", "min_rows: 1000000"))
    with pytest.raises(AirflowFailException, match="is refused"):
        lab.run("check", partition_key="2020-03", run_type="backfill", run_id="first")
    refused = lab.records("data_check", CHAIN)[-1]
    train = (
        refused.body["train"] if same else [*refused.body["train"], {"partition_key": "2019-12", "snapshot_id": "x"}]
    )
    body, run = {**refused.body, "train": train, "recorded": None}, {"dag_id": "lifecycle"}
    lab.ledger(CHAIN).append(kind="data_check", key="live", body=body, run=run, outcome="PASS")
    words: dict[str, Any] = {"partition_key": "2020-03", "run_type": "backfill", "run_id": "second"}

    if same:
        with pytest.raises(AirflowFailException, match="is refused"):
            lab.run("check", **words)
    else:
        assert lab.run("check", **words)["verdict"]["outcome"] == "FAIL"
    assert lab.records("data_check", CHAIN)[-1].body["recorded"]["same_rows"] is same


class Killed(BaseException):
    """Stands for SIGKILL."""


def test_a_summary_that_was_stored_and_not_recorded_is_finished(lab: Lab) -> None:
    """Another month ends before the retry, so that its summary is another one: both are recorded, nothing is left."""
    begun: list[str] = []

    def kill(number: int, name: str, after: bool) -> None:
        begun.extend([] if after else [name])
        if not after and begun.count("record") == 6:  # validation, replay, evaluation, gate, certificate, summary
            raise Killed

    with watched(kill), pytest.raises(Killed):
        audit(lab, "2020-02")
    (lost,) = uncited(lab)
    assert audit(lab, "2020-03") == "whole"

    assert audit(lab, "2020-02") == "whole"
    assert uncited(lab) == set()
    (finished,) = [r for r in lab.records("audit_summary") if r.body["summary_hash"].endswith(lost)]
    assert finished.body["partitions"] == ["2020-02"]
    assert [entry["partition_key"] for entry in summary(lab)["partitions"]] == ["2020-02", "2020-03"]
    assert lab.ledger().verify() == []


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_certificate_that_was_stored_and_not_recorded_is_swept(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, by_hand: bool
) -> None:
    """The retry comes to another one, because the code was changed meanwhile: one is recorded, none is left."""
    from tests.support import synthetic

    begun: list[str] = []
    words: dict[str, Any] = {"run_type": "manual", "run_id": f"{RUN}-2020-02", "on_difference": "record"}

    def go() -> None:
        if by_hand:
            lab.run("replay", version="1", **words)
        else:
            audit(lab, "2020-02")

    def kill(number: int, name: str, after: bool) -> None:
        begun.extend([] if after else [name])
        if not after and begun.count("record") == (1 if by_hand else 5):  # of an audit after the gate's record
            raise Killed

    with watched(kill), pytest.raises(Killed):
        go()
    (lost,) = uncited(lab)
    original = synthetic.train
    monkeypatch.setattr(synthetic, "train", lambda features, labels, **more: original(-features, labels, **more))
    go()

    found, _ = certificate(lab, "2020-02")
    assert found.outcome == "FAIL"
    assert uncited(lab) == set()
    assert lost not in {path.name for path in (lab.storage / "certificates" / lab.model).iterdir()}
    assert list((lab.storage / ".issuing").iterdir()) == []
    go()
    assert len(lab.records("certificate")) == 1


def test_two_tries_that_meet(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """One is about to record when the other, by other code, ends the audit and sweeps; it dies once it has recorded."""
    from tests.support import synthetic

    begun: list[str] = []
    original, other_try = synthetic.train, [False]

    def meet(number: int, name: str, after: bool) -> None:
        if other_try[0] or name != "record":
            return
        begun.append("after" if after else "before")
        if begun.count("before") == 5 and not after:  # after the gate's record
            other_try[0] = True
            monkeypatch.setattr(
                synthetic, "train", lambda features, labels, **more: original(-features, labels, **more)
            )
            assert audit(lab, "2020-02") == "train failed"
            other_try[0] = False
        if begun.count("after") == 5:
            raise Killed

    with watched(meet), pytest.raises(Killed):
        audit(lab, "2020-02")
    folders, cited = stored_and_cited(lab)
    assert [record.outcome for record in lab.records("certificate")] == ["FAIL", "PASS"]
    assert folders == cited

    audit(lab, "2020-02")
    folders, cited = stored_and_cited(lab)
    assert folders == cited
    assert list((lab.storage / ".issuing").iterdir()) == []


def narrower(lab: Lab) -> None:
    """Change the suite so that it refuses what it has accepted."""
    suite = lab.root / "suite.yaml"
    suite.write_text(suite.read_text().replace("min_value: -9", "min_value: -0.5"))


def test_a_suite_of_today_that_refuses_a_month_is_named(lab: Lab) -> None:
    """The cause is the suite, with both hashes and both outcomes; no other is listed."""
    narrower(lab)

    assert audit(lab, "2020-03") == "validate failed"
    found, (difference,) = certificate(lab, "2020-03")
    assert (found.outcome, difference["cause"]) == ("FAIL", "suite changed")
    assert difference["detail"].startswith("the suite suite.yaml is not the recorded one (")
    assert "it gives FAIL, on record is PASS" in difference["detail"]
    assert summary(lab)["causes"] == {"suite changed": 1}


def test_the_recorded_suite_that_refuses_today_is_no_changed_suite(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """What judges is another version, or errs: the cause stays unknown, and says what it is not."""
    from airflow_provider_mlops.backends import validation

    judge = validation.judge

    def other(*arguments: Any, **keywords: Any) -> Any:
        return [replace(item, holds=False) for item in judge(*arguments, **keywords)]

    monkeypatch.setattr(validation, "judge", other)
    assert audit(lab, "2020-03") == "validate failed"
    _, (difference,) = certificate(lab, "2020-03")
    assert difference["cause"] == "unknown"
    assert difference["detail"].startswith("suite and contract are the recorded ones, on the recorded rows, and give")


def test_another_suite_that_accepts_is_named_too(lab: Lab) -> None:
    """It explains nothing, and an auditor wants to know; the same for the policy."""
    suite, policy = lab.root / "suite.yaml", lab.root / "policy.yaml"
    suite.write_text(suite.read_text().replace("min_value: -9", "min_value: -99"))
    policy.write_text(policy.read_text().replace("value: 0.6", "value: 0.61"))

    assert audit(lab, "2020-02") == "whole"
    found, differences = certificate(lab, "2020-02")
    assert (found.body["level"], found.outcome) == ("L0", "INCONCLUSIVE")
    assert [item["cause"] for item in differences] == ["suite changed", "policy changed"]
    assert differences[1]["detail"].startswith("the policy policy.yaml is not the recorded one (")
    assert summary(lab)["causes"] == {"policy changed": 1, "suite changed": 1}


def of_contract(lab: Lab, old: str, new: str) -> tuple[str, Record, list[dict[str, str]]]:
    """Judge the third month by a contract, change it, and audit; return how that ended, and the certificate."""
    snapshot_id = lab.facts["snapshots"]["2020-03"]
    lab.run("validate", partition_key="2020-03", snapshot_id=snapshot_id, contract="contract.yaml")
    contract = lab.root / "contract.yaml"
    contract.write_text(contract.read_text().replace(old, new))
    return audit(lab, "2020-03", contract="contract.yaml"), *certificate(lab, "2020-03")


def test_a_contract_of_today_that_refuses_a_month_is_named(lab: Lab) -> None:
    """The cause is the contract, with both hashes and both outcomes; no other is listed."""
    ended, found, (difference,) = of_contract(lab, "categories: [a, b]", "categories: [a, c]")

    assert (ended, found.outcome, difference["cause"]) == ("validate failed", "FAIL", "contract changed")
    assert difference["detail"].startswith("the contract contract.yaml is not the recorded one (")
    assert "it gives FAIL, on record is PASS" in difference["detail"]
    assert summary(lab)["causes"] == {"contract changed": 1}


def test_another_contract_that_accepts_is_named_too(lab: Lab) -> None:
    """It explains nothing, and an auditor wants to know."""
    ended, found, (difference,) = of_contract(lab, "categories: [a, b]", "categories: [a, b, c]")

    assert (ended, found.outcome, found.body["level"]) == ("whole", "PASS", "L0")
    assert difference["cause"] == "contract changed"
    assert "it gives PASS, on record is PASS" in difference["detail"]


def test_checks_of_today_that_refuse_are_named(lab: Lab) -> None:
    """Their rows are the recorded ones."""
    lab.run("check", partition_key="2020-03")
    checks = lab.root / "checks.yaml"
    checks.write_text(checks.read_text().replace("min_rows: 50", "min_rows: 1000000"))
    with pytest.raises(AirflowFailException, match="is refused"):
        lab.run("check", partition_key="2020-03", run_type="backfill", run_id=f"{RUN}-2020-03")

    _, (difference,) = certificate(lab, "2020-03")
    assert difference["cause"] == "checks changed"
    assert "the checks checks.yaml is not the recorded one" in difference["detail"]
