"""Profiles that Spark makes through the operator: those of this process, and the same verdicts."""

from pathlib import Path

import pytest

from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.profile_store import read_profile, read_spec
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.statistics.profile_compare import differences
from tests.conftest import MakeLab
from tests.integration.test_profile_operator import BY_PROFILES, judged, write_policy
from tests.support.lab import Lab, Stages

pytestmark = pytest.mark.usefixtures("local_spark")

WINDOW = {"partition_key": "2020-04", "window": 2}


@pytest.fixture
def labs(stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeLab:
    """Makes labs, each of which is entered as it is made."""

    def make(stage: str) -> Lab:
        lab = stages.copy(stage, tmp_path / str(len(list(tmp_path.iterdir()))))
        lab.enter(monkeypatch)
        return lab

    return make


def profiled(labs: MakeLab, engine: str) -> tuple[Lab, list[Record], Record]:
    """Profile two months of a lab, slices too, and judge them together."""
    lab = labs("drifted")
    write_policy(lab, BY_PROFILES + "slices: [group]\n")
    lab.run("profile", engine=engine, **WINDOW)
    return lab, lab.records("profile"), judged(lab, window=2)


def test_the_operator_makes_the_same_profiles_on_spark(labs: MakeLab) -> None:
    """One specification, every count equal, moments to rounding; one verdict on the window, rule by rule."""
    _, ours, our_verdict = profiled(labs, "arrow")
    stored = {
        record.body["partition_key"]: read_profile(Storage(), record.body["path"], record.body["profile"])[0]
        for record in ours
    }
    _, theirs, their_verdict = profiled(labs, "spark")
    storage = Storage()

    assert [record.body["partition_key"] for record in theirs] == ["2020-03", "2020-04"]
    assert {record.body["engine"] for record in theirs} == {"spark"}
    for one, other in zip(ours, theirs, strict=True):
        found = read_profile(storage, other.body["path"], other.body["profile"])[0]
        assert differences(stored[one.body["partition_key"]], found) == []
        assert (one.body["profile_spec"], one.body["path"]) == (other.body["profile_spec"], other.body["path"])
        assert (one.body["rows"], other.body["rows"]) == (800, 800)
        assert read_spec(storage, other.body["spec_path"]).hash == one.body["profile_spec"]
    rules = [
        [(rule["rule"], rule["outcome"], rule["reason"]) for rule in verdict.body["verdict"]["rules"]]
        for verdict in (our_verdict, their_verdict)
    ]
    assert rules[0] == rules[1]
    assert our_verdict.outcome == their_verdict.outcome == "FAIL"


@pytest.mark.parametrize(("live", "audit"), [("arrow", "spark"), ("spark", "arrow")])
def test_an_audit_may_count_by_the_other_engine(labs: MakeLab, live: str, audit: str) -> None:
    """What one counted the other counts again, and finds no difference; nothing is profiled twice meanwhile."""
    lab, first, _ = profiled(labs, live)
    again = lab.run("profile", engine=audit, **WINDOW)
    lab.run("profile", engine=audit, run_type="backfill", **WINDOW)
    audits = [record for record in lab.records("profile") if record.mode == "audit"]

    assert [one["record"] for one in again["profiles"]] == [record.hash for record in first]
    assert [(record.outcome, record.body["differs"], record.body["engine"]) for record in audits] == [
        ("PASS", [], audit)
    ] * 2


def test_a_column_that_is_gone_is_absent_on_spark_too(labs: MakeLab) -> None:
    """Each engine says so, and the verdict names it."""
    found = []
    for engine in ("arrow", "spark"):
        lab = labs("drifted")
        write_policy(lab)
        lab.facts["snapshots"]["2020-05"] = lab.accept("2020-05", "without_noise")
        lab.run("profile", engine=engine, partition_key="2020-05", window=2)
        found.append(
            [(rule["rule"], rule["outcome"]) for rule in judged(lab, partition_key="2020-05").body["verdict"]["rules"]]
        )

    assert found[0] == found[1]
    assert ("noise", "FAIL") in found[0]
