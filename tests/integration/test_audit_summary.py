"""One summary for an audit: which months, at which level, why, and the worst; whatever order its runs end in."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_provider_mlops.core.audit_summary import Scope, build_summary, current_summary, summary_hash
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.hooks.audit_summary import summarise_audit
from airflow_provider_mlops.hooks.certificate import certify_audit
from airflow_provider_mlops.hooks.storage import Storage
from tests.conftest import MakeLab
from tests.support.command import run_command
from tests.support.lab import Lab

KEYS = ("2020-02", "2020-03")


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """A lab whose second model has replaced the first."""
    return make_lab("replaced")


def audit(lab: Lab, key: str, name: str | None = None, until: str = "gate", run: str = "audit") -> None:
    """Audit a partition as a backfill does, up to a step."""
    conf = {"audit": name} if name else {}
    keywords: dict[str, Any] = {"run_type": "backfill", "run_id": f"{run}-{name}-{key}", "conf": conf}
    manifest_hash = lab.run("train", partition_key=key, **keywords)["manifest_hash"]
    if until == "train":
        return
    evaluation = lab.run("evaluate", manifest_hash=manifest_hash, **keywords)
    lab.run("gate", evaluation_id=evaluation["evaluation_id"], **keywords)


def summary_of(lab: Lab, **scope: Any) -> tuple[Record, dict[str, Any]]:
    """Return the summary of an audit that holds the most: its record, and what is stored."""
    record = current_summary(lab.ledger().records(), Scope(**(scope or {"dag_id": "lifecycle"})))
    assert record is not None
    return record, json.loads((Path(record.body["uri"]) / "summary.json").read_text())


def months(summary: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Say partition, level and outcome of each entry."""
    return [(entry["partition_key"], entry["level"], entry["outcome"]) for entry in summary["partitions"]]


def test_the_last_run_leaves_a_summary_of_all(lab: Lab) -> None:
    """In any order: every month beside its original, the counts, the worst; under its hash, in three forms."""
    for key in reversed(KEYS):
        audit(lab, key)
    with pytest.raises(AirflowSkipException):
        audit(lab, "2020-01")
    record, summary = summary_of(lab)
    originals = {r.body["partition_key"]: r for r in lab.records("training") if r.mode == "live"}

    assert months(summary) == [
        ("2020-01", "no record", "INCONCLUSIVE"),
        ("2020-02", "L0", "PASS"),
        ("2020-03", "L0", "PASS"),
    ]
    assert (summary["outcome"], record.outcome, record.mode) == ("INCONCLUSIVE", "INCONCLUSIVE", "audit")
    assert summary["worst"]["partition_key"] == "2020-01"
    assert summary["levels"] == {"L0": 2, "no record": 1}
    for entry in summary["partitions"][1:]:
        assert entry["original"]["record"] == originals[entry["partition_key"]].hash
        assert entry["original"]["run_id"] != entry["replay"]["run_id"]
    assert record.body["summary_hash"] == summary_hash(summary)
    folder = Path(record.body["uri"])
    assert set(record.body["files"]) == {"summary.json", "summary.md", "summary.html"}
    assert "| 2020\\-02" in (folder / "summary.md").read_text() or "2020-02" in (folder / "summary.md").read_text()
    assert "<script" not in (folder / "summary.html").read_text()
    assert lab.ledger().verify() == []


def test_two_audits_at_once_are_kept_apart_by_their_names(lab: Lab) -> None:
    """Their runs take turns; each summary holds its own alone."""
    audit(lab, "2020-02", "spring")
    audit(lab, "2020-03", "summer")
    audit(lab, "2020-03", "spring")

    assert months(summary_of(lab, audit="spring")[1]) == [("2020-02", "L0", "PASS"), ("2020-03", "L0", "PASS")]
    assert months(summary_of(lab, audit="summer")[1]) == [("2020-03", "L0", "PASS")]


def test_a_run_that_was_killed_is_named_until_it_is_tried_again(lab: Lab) -> None:
    """Trained and not judged: no certificate, so nothing is proved; the retry makes it right, twice the same."""
    audit(lab, "2020-02")
    audit(lab, "2020-03", until="train")
    audit(lab, "2020-02", run="again")
    record, summary = summary_of(lab)

    assert months(summary)[1] == ("2020-03", "L0", "INCONCLUSIVE")
    assert "has no certificate" in summary["partitions"][1]["differences"][0]["detail"]
    audit(lab, "2020-03")
    audit(lab, "2020-03")
    later, whole = summary_of(lab)
    assert later.seq > record.seq
    assert (whole["outcome"], months(whole)[1]) == ("PASS", ("2020-03", "L0", "PASS"))
    assert whole["partitions"][0]["replay"]["run_id"] == "again-None-2020-02"


def test_a_month_that_fails_is_the_worst(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The summary says which, and the cause."""
    from tests.support import synthetic

    original = synthetic.train
    audit(lab, "2020-02")
    monkeypatch.setattr(synthetic, "train", lambda features, labels, **words: original(-features, labels, **words))
    with pytest.raises(AirflowFailException):
        audit(lab, "2020-03")

    _, summary = summary_of(lab)
    assert summary["worst"] == {"partition_key": "2020-03", "version": "2", "level": "none", "outcome": "FAIL"}
    assert summary["causes"] == {"code changed": 1}


def test_runs_that_end_at_once_leave_the_whole(lab: Lab) -> None:
    """Eight tasks summarise at the same time; the one that holds the most holds everything."""
    for key in KEYS:
        audit(lab, key, until="train")
    runs = [
        RunFacts(
            dag_id="lifecycle",
            run_id=f"audit-None-{key}",
            task_id="gate",
            try_number=1,
            map_index=-1,
            partition_key=key,
            run_type="backfill",
            mode=Mode.AUDIT,
        )
        for key in KEYS
    ]

    def finish(run: RunFacts) -> None:
        storage, ledger = Storage(), lab.ledger()
        certify_audit(storage, ledger, lab.model, run)
        summarise_audit(storage, ledger, lab.model, run)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(finish, runs * 4))

    _, summary = summary_of(lab)
    assert months(summary) == [("2020-02", "L0", "PASS"), ("2020-03", "L0", "PASS")]
    assert len(lab.records("certificate")) == 2
    assert lab.ledger().verify() == []


def test_a_replay_by_hand_has_its_summary(lab: Lab) -> None:
    """Of its own run, also where the models of one partition are two."""
    lab.run("replay", run_type="manual", run_id="by-hand")
    _, summary = summary_of(lab, dag_id="lifecycle", run_ids=frozenset({"by-hand"}))

    assert months(summary) == [("2020-02", "L0", "PASS"), ("2020-03", "L0", "PASS")]


def test_the_command_finds_a_replay_by_hand_without_options(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever replays by the form, and asks what came of it, sees it; of a backfill and it the later one counts."""
    words = ("audit", "summary", "--model", lab.model, "--json")
    audit(lab, "2020-02")
    lab.run("replay", run_type="manual", run_id="by-hand", version="2")
    capsys.readouterr()

    assert run_command(*words) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(e["partition_key"], e["replay"]["run_id"]) for e in found["partitions"]] == [
        ("2020-02", "audit-None-2020-02"),
        ("2020-03", "by-hand"),
    ]
    assert run_command(*words, "--from", "2020-03") == 0
    assert months(json.loads(capsys.readouterr().out)) == [("2020-03", "L0", "PASS")]


def test_the_command_shows_it(lab: Lab, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """By partitions, by name, as a table, as JSON and as a page; what there is not is a wrong call."""
    for key in KEYS:
        audit(lab, key, "year")
    words = ("audit", "summary", "--model", lab.model)
    capsys.readouterr()

    assert run_command(*words, "--audit", "year", "--output", str(tmp_path / "page")) == 0
    out = capsys.readouterr().out
    assert "as recorded" in out
    assert "2020-03" in out
    assert "2 L0" in (tmp_path / "page" / "summary.md").read_text()
    assert run_command(*words, "--from", "2020-03", "--json") == 0
    assert months(json.loads(capsys.readouterr().out)) == [("2020-03", "L0", "PASS")]
    for wrong in (("--audit", "none"), ("--backfill", "first"), ("--from", "2031-01")):
        assert run_command(*words, *wrong) == 2
    capsys.readouterr()
    assert run_command(*words, "--audit", "years") == 2
    assert "Its audits by name: year. Did you mean year?" in capsys.readouterr().err


@pytest.fixture
def airflow_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str, str, str], None]:
    """Give Airflow a database of its own; the function adds a run: Dag, id, partition, name of its audit."""
    from airflow.models.dagrun import DagRun
    from sqlalchemy import create_engine
    from sqlalchemy.orm import Session

    engine = create_engine(f"sqlite:///{tmp_path / 'airflow.db'}")
    DagRun.metadata.create_all(engine, tables=[DagRun.__table__])
    monkeypatch.setattr("airflow.utils.session.create_session", lambda: Session(engine))

    def add(dag_id: str, run_id: str, key: str, name: str) -> None:
        now = datetime.now(UTC)
        facts = {"dag_id": dag_id, "run_id": run_id, "partition_key": key, "conf": {"audit": name}}
        table = DagRun.__table__
        with engine.begin() as connection:
            connection.execute(table.insert().values(run_type="backfill", run_after=now, log_template_id=1, **facts))

    return add


def test_a_run_of_a_named_audit_that_recorded_nothing_is_named(
    lab: Lab, airflow_runs: Callable[[str, str, str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """It may have failed before its first record: a year without it must not pass for whole."""
    audit(lab, "2020-02", "year")
    airflow_runs("lifecycle", "audit-year-2020-02", "2020-02", "year")
    airflow_runs("lifecycle", "failed-at-once", "2020-03", "year")
    airflow_runs("lifecycle", "of-another-audit", "2020-04", "spring")
    airflow_runs("another_dag", "of-another-model", "2020-03", "year")
    words = ("audit", "summary", "--model", lab.model, "--audit", "year", "--json")
    capsys.readouterr()

    assert run_command(*words) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["outcome"], months(found)) == (
        "INCONCLUSIVE",
        [("2020-02", "L0", "PASS"), ("2020-03", "none", "INCONCLUSIVE")],
    )
    assert run_command(*words, "--to", "2020-02") == 0
    assert months(json.loads(capsys.readouterr().out)) == [("2020-02", "L0", "PASS")]


def test_a_run_whose_partition_was_replayed_again_is_not_called_silent(lab: Lab) -> None:
    """It recorded something; of several replays of one training the newest stands in the summary."""
    audit(lab, "2020-02", "year", run="first")
    audit(lab, "2020-02", "year", run="second")
    expected = {"first-year-2020-02": "2020-02", "second-year-2020-02": "2020-02"}

    found = build_summary(lab.model, lab.ledger().records(), Scope(audit="year"), expected)
    assert months(found) == [("2020-02", "L0", "PASS")]


@pytest.mark.parametrize("name", ["", "a b", "../x", 7, ["x"]])
def test_a_name_that_is_none_is_refused(lab: Lab, name: Any) -> None:
    """It ends in a path and on a page."""
    with pytest.raises(AirflowFailException, match="audit"):
        lab.run("train", partition_key="2020-02", run_type="backfill", conf={"audit": name})
