"""Profiles through the operator, and drift that is judged by them alone."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.core.cited import Finding
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.evidence_audit import Audit, run_audit
from airflow_provider_mlops.hooks.ledger import LedgerHook
from airflow_provider_mlops.hooks.profile_store import read_content, write_content
from airflow_provider_mlops.hooks.storage import Storage
from tests.support.lab import DATASET, Lab
from tests.support.prediction_logs import log_labels, log_scores

BASE = "schema: 1\nname: events\nmin_rows: 100\nthresholds: {ks: 0.3, cramers_v: 0.3, missing: 0.3}\n"
BY_PROFILES = "data: profile\n"


def write_policy(lab: Lab, more: str = BY_PROFILES) -> None:
    """Write the drift policy of a lab."""
    (lab.root / "drift.yaml").write_text(BASE + more)


def judged(lab: Lab, **arguments: Any) -> Record:
    """Judge and return the record."""
    result = lab.run("drift", **{"partition_key": "2020-04", **arguments})
    return next(record for record in lab.records("drift") if record.hash == result["record"])


def rules(record: Record) -> dict[str, str]:
    """Return outcome by rule."""
    return {rule["rule"]: rule["outcome"] for rule in record.body["verdict"]["rules"]}


def hide_rows(lab: Lab) -> None:
    """Take the rows of all snapshots away: whoever reads one fails."""
    for part in lab.storage.glob("snapshots/*/*/*.parquet"):
        part.unlink()


def profile_folders(lab: Lab) -> list[Path]:
    """Return the stored profiles and specifications."""
    return sorted(path.parent for path in lab.storage.glob("profiles/*/*/manifest.json"))


def audit_of_profiles(lab: Lab) -> Sequence[Finding]:
    """Check what lies below ``profiles/`` as ``airflow mlops audit verify`` does."""
    hook = LedgerHook()
    asked = Audit(storage=Storage(str(lab.storage)), store=hook.store(), keys=hook.keys, below="profiles/")
    return [found for found in run_audit(asked).findings if found.file.startswith("profiles/")]


def test_drift_is_judged_without_a_row(make_lab: Any) -> None:
    """With all rows out of reach the verdict is that of rows, says what it rests on, and emits its event."""
    lab = make_lab("drifted")
    write_policy(lab, "")
    by_rows = judged(lab, window=2)
    write_policy(lab)
    made = lab.run("profile", partition_key="2020-04", window=2)
    hide_rows(lab)
    record = judged(lab, window=2)

    assert [one["partition_key"] for one in made["profiles"]] == ["2020-03", "2020-04"]
    assert made["champion_version"] == "1"
    assert record.outcome == by_rows.outcome == "FAIL"
    assert rules(record) == rules(by_rows)
    assert "from_profiles" in record.body["verdict"]["marks"]
    assert [one["profile"] for one in record.body["profiles"]["current"]] == [
        one["profile"] for one in made["profiles"]
    ]
    assert record.body["profiles"]["reference"][0]["profile"].startswith("sha256:")
    assert lab.events[0][1]["record_hash"] == record.hash


def test_a_partition_without_a_profile_is_named_and_decides_nothing(make_lab: Any) -> None:
    """INCONCLUSIVE until it is profiled, never "no drift"; then the same question is judged anew."""
    lab = make_lab("drifted")
    write_policy(lab)
    lab.run("profile", partition_key="2020-03")
    before = judged(lab, window=2)
    lab.run("profile", partition_key="2020-04")
    after = judged(lab, window=2)
    longer = judged(lab, window=5)

    assert (before.outcome, after.outcome, longer.outcome) == ("INCONCLUSIVE", "FAIL", "INCONCLUSIVE")
    assert before.body["verdict"]["rules"][0]["numbers"]["partition_keys"] == ["2020-04"]
    assert "2020-04" in before.body["verdict"]["rules"][0]["reason"]
    assert "2019-12" in longer.body["verdict"]["rules"][0]["reason"]


def test_a_profile_that_is_gone_is_missed_and_made_again(make_lab: Any) -> None:
    """What is not in the storage is not taken for good by its record."""
    lab = make_lab("drifted")
    write_policy(lab)
    first = lab.run("profile", partition_key="2020-04")
    (record,) = lab.records("profile")
    shutil.rmtree(lab.storage / record.body["path"])
    missed = judged(lab)
    again = lab.run("profile", partition_key="2020-04")
    found = judged(lab)

    assert (missed.outcome, found.outcome) == ("INCONCLUSIVE", "FAIL")
    assert again["profiles"][0]["profile"] == first["profiles"][0]["profile"]
    assert again["record"] != first["record"]


def test_a_changed_profile_is_refused(make_lab: Any) -> None:
    """Its bytes are proved against the hash that the record cites."""
    lab = make_lab("drifted")
    write_policy(lab)
    lab.run("profile", partition_key="2020-04")
    lab.run("profile", partition_key="2020-03")
    one, two = lab.records("profile")
    shutil.rmtree(lab.storage / one.body["path"])
    shutil.copytree(lab.storage / two.body["path"], lab.storage / one.body["path"])

    with pytest.raises(AirflowFailException, match="not the profile that a record cites"):
        judged(lab)


def test_the_audit_finds_a_profile_that_was_exchanged_with_its_hashes(make_lab: Any) -> None:
    """Whoever writes another profile can write its marker, too: the record says which one it was."""
    lab = make_lab("drifted")
    write_policy(lab)
    lab.run("profile", partition_key="2020-04")
    storage = Storage(str(lab.storage))
    (record,) = lab.records("profile")
    content, _ = read_content(storage, record.body["path"])
    facts = {"kind": "profile", "spec_hash": record.body["profile_spec"], "snapshot_ids": [record.body["source"]]}
    before = audit_of_profiles(lab)
    shutil.rmtree(lab.storage / record.body["path"])
    missing = audit_of_profiles(lab)
    write_content(storage, record.body["path"], {**content, "rows": content["rows"] + 1}, facts)

    (found,) = audit_of_profiles(lab)
    assert (before, missing) == ([], [])  # what is missing is missed by the drift check, and made again
    assert (found.file, found.by) == (record.body["path"], f"record {record.seq} of {record.chain}")
    assert "it was exchanged" in found.problem


def test_bins_of_a_season_are_not_frozen_as_those_of_the_whole_reference(make_lab: Any) -> None:
    """A policy for rows may match seasons; profiles by it would be found by every other policy."""
    lab = make_lab("drifted")
    write_policy(lab, "reference: {of: training, match: month_last_year}\n")

    with pytest.raises(AirflowFailException, match="the policy says match: month_last_year"):
        lab.run("profile", partition_key="2020-04")
    assert profile_folders(lab) == []


def test_profiling_twice_finds_the_profile(make_lab: Any) -> None:
    """The second run reads no row and writes no record."""
    lab = make_lab("drifted")
    first = lab.run("profile", partition_key="2020-04", window=2)
    hide_rows(lab)
    second = lab.run("profile", partition_key="2020-04", window=2)

    assert second == first
    assert len(lab.records("profile")) == 2


def test_an_audit_counts_again_and_finds_what_differs(make_lab: Any) -> None:
    """The same rows give the same profile; a record that says otherwise fails the audit, and nothing is emitted."""
    lab = make_lab("drifted")
    write_policy(lab)
    lab.run("profile", partition_key="2020-04")
    lab.run("profile", partition_key="2020-04", run_type="backfill")
    (live, audit) = lab.records("profile")
    folders = profile_folders(lab)
    forged = {**live.body, "partition_key": "2020-03", "source": lab.facts["snapshots"]["2020-03"]}
    lab.ledger().append(kind="profile", key="sha256:" + "1" * 64, body=forged)

    assert (audit.mode, audit.outcome, audit.body["differs"]) == ("audit", "PASS", [])
    with pytest.raises(AirflowFailException, match="counts otherwise than recorded: column noise differs in bins"):
        lab.run("profile", partition_key="2020-03", run_type="backfill")
    assert lab.records("profile")[-1].outcome == "FAIL"
    assert (lab.events, profile_folders(lab)) == ([], folders)


def test_the_test_snapshot_can_freeze_the_bins(make_lab: Any) -> None:
    """The policy's reference says whose bins; profiles by others are not taken for them."""
    lab = make_lab("drifted")
    write_policy(lab)
    lab.run("profile", partition_key="2020-04")
    write_policy(lab, BY_PROFILES + "reference: test\n")
    before = judged(lab)
    lab.run("profile", partition_key="2020-04")
    after = judged(lab)

    assert (before.outcome, after.outcome) == ("INCONCLUSIVE", "FAIL")
    assert after.body["reference"]["of"] == "test"
    assert {record.body["reference_of"] for record in lab.records("profile")} == {"training", "test"}


def test_recent_change_merges_profiles_on_both_sides(make_lab: Any) -> None:
    """The partitions before are a merged profile as well, by the bins of the training."""
    lab = make_lab("drifted")
    write_policy(lab, BY_PROFILES + "reference: {of: rolling, partitions: 2}\n")
    lab.run("profile", partition_key="2020-04", window=2)
    early = judged(lab, kind="recent_change")
    lab.run("profile", partition_key="2020-04", window=3)
    record = judged(lab, kind="recent_change")

    assert early.outcome == "INCONCLUSIVE"
    assert "2020-02" in early.body["verdict"]["rules"][0]["reason"]
    assert record.outcome == "FAIL"
    assert [one["partition_key"] for one in record.body["profiles"]["reference"]] == ["2020-02", "2020-03"]


def test_declared_slices_are_judged_from_profiles(make_lab: Any) -> None:
    """The verdict on each value is that of its rows."""
    lab = make_lab("drifted")
    write_policy(lab, "slices: [group]\n")
    by_rows = judged(lab)
    write_policy(lab, BY_PROFILES + "slices: [group]\n")
    lab.run("profile", partition_key="2020-04")
    hide_rows(lab)
    record = judged(lab)

    assert rules(record) == rules(by_rows)
    assert rules(record)["group=a/signal"] == "FAIL"


def test_scores_and_labels_are_profiled_too(make_lab: Any) -> None:
    """Prediction drift and label shift from profiles of the log, as from its rows."""
    lab = make_lab("promoted")
    manifest_hash = lab.facts["train"]["manifest_hash"]
    scores = np.random.default_rng(1).beta(8, 2, 700)
    log = log_scores(Storage(), lab.model, "2020-04", list(scores), dataset=DATASET, manifest_hash=manifest_hash)
    log_labels(Storage(), lab.model, log, [1.0] * 650 + [0.0] * 50)
    kinds = ("prediction", "confidence", "label")
    write_policy(lab, "")
    by_rows = {kind: judged(lab, kind=kind) for kind in kinds}
    write_policy(lab)
    for kind in kinds:
        lab.run("profile", partition_key="2020-04", kind=kind)
    shutil.rmtree(lab.storage / "predictions")
    found = {kind: judged(lab, kind=kind) for kind in kinds}

    assert {kind: rules(record) for kind, record in found.items()} == {k: rules(r) for k, r in by_rows.items()}
    assert rules(found["label"])["label"] == "FAIL"


def test_no_champion_is_no_profile(make_lab: Any) -> None:
    """Nothing froze bins yet: the task says so, and succeeds."""
    result = make_lab("trained").run("profile", partition_key="2020-03")

    assert (result["profiles"], result["record"]) == ([], None)
    assert "No champion served" in result["reason"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"kind": "skew"}, "has no profiles of its own"),
        ({"kind": "nonsense"}, "must be one of: feature"),
        ({"engine": "dask"}, "Engine 'dask' is not known"),
        ({"engine": "spark", "kind": "label"}, "profiles snapshots"),
        ({"partition_key": "2020-09"}, "has no accepted snapshot"),
        ({"window": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_profiled_is_refused(make_lab: Any, arguments: dict[str, Any], says: str) -> None:
    """A clear error, and nothing written."""
    lab = make_lab("promoted")
    manifest_hash = lab.facts["train"]["manifest_hash"]
    log_scores(Storage(), lab.model, "2020-03", [0.5] * 10, dataset=DATASET, manifest_hash=manifest_hash)
    with pytest.raises(AirflowFailException, match=says):
        lab.run("profile", **{"partition_key": "2020-03", **arguments})
    assert (lab.records("profile"), profile_folders(lab)) == ([], [])


@pytest.mark.parametrize(
    ("policy", "arguments", "says"),
    [
        ("", {"backend": "alibi"}, "needs rows"),
        ("", {"kind": "skew"}, "data: rows"),
        ("dependence: {kind: days}\n", {}, "no rows to permute"),
        ("reference: {match: weekday}\n", {}, "whole reference"),
    ],
)
def test_what_needs_rows_is_refused(make_lab: Any, policy: str, arguments: dict[str, Any], says: str) -> None:
    """Profiles answer what they can, and nothing in place of what they cannot."""
    lab = make_lab("drifted")
    write_policy(lab, BY_PROFILES + policy)
    with pytest.raises(AirflowFailException, match=says):
        judged(lab, **arguments)


def test_the_report_needs_no_rows_either(make_lab: Any) -> None:
    """What moved and how, with its figures, from the bins; the profiles that were judged stand in it."""
    lab = make_lab("drifted")
    write_policy(lab, BY_PROFILES + "slices: [group]\n")
    lab.run("profile", partition_key="2020-04", window=2)
    hide_rows(lab)
    record = judged(lab)
    (folder,) = lab.storage.glob(f"drift_reports/{lab.model}/*/")
    page, report = (folder / "index.html").read_text(), json.loads((folder / "report.json").read_text())

    (feature,) = report["features"]
    assert (feature["feature"], feature["since"], feature["clean"]) == ("signal", "2020-04", "2020-03")
    assert "standard deviation" in feature["changes"][0]["text"]
    assert report["profiles"] == record.body["profiles"]
    assert record.body["profiles"]["current"][0]["profile"] in page
    assert "no row was read" in page
    assert page.count("data:image/png") >= 2
