"""A window that was taken as a snapshot: validated, checked and trained on by its name."""

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops import sources
from tests.conftest import MakeLab
from tests.support.command import run_command
from tests.support.lab import DATASET, Lab

WINDOW = "events_window"


def taken(lab: Lab, key: str = "2020-03", **more: Any) -> dict[str, str]:
    """Take the window before a month; return how a Dag names it."""
    found = lab.run(
        "snapshot", dataset=WINDOW, partition_key=key, source=sources.snapshots(DATASET, **more), time_column="time"
    )
    return {"dataset": WINDOW, "snapshot_id": found["snapshot_id"]}


def test_window_is_validated_checked_and_trained_on(make_lab: MakeLab) -> None:
    """The members' rows are judged where they are, and a training on it is the training on its members."""
    lab = make_lab("accepted")
    named = taken(lab)
    result = lab.run("validate", dataset=WINDOW, partition_key="2020-03", snapshot_id=named["snapshot_id"])
    assert result["snapshot_id"] == named["snapshot_id"]
    assert result["rows"] == lab.records("validation", f"dataset/{WINDOW}")[-1].body["rows"] > 1_000
    again = {"dataset": WINDOW, "partition_key": "2020-03", "contract": "last"}
    assert lab.run("validate", **again, snapshot_id=named["snapshot_id"])["verdict"]["outcome"] == "PASS"
    following = taken(lab, "2020-04")
    found = lab.run("validate", **{**again, "partition_key": "2020-04"}, snapshot_id=following["snapshot_id"])
    assert found["verdict"]["outcome"] == "PASS"

    assert lab.run("check", partition_key="2020-03", window=named)["verdict"]["outcome"] == "PASS"
    assert lab.run("check", partition_key="2020-03", window=named) == lab.run("check", partition_key="2020-03")
    counted = lab.run("train", partition_key="2020-03", window=2)
    assert lab.run("train", partition_key="2020-03", window=named) == counted


def test_window_that_begins_within_a_month(make_lab: MakeLab) -> None:
    """The training, its manifest and the check begin where the window does."""
    lab = make_lab("accepted")
    named = taken(lab, since="2020-01-15")
    lab.run("check", partition_key="2020-03", window=named, time_column="time")
    assert lab.records("data_check", f"dataset/{DATASET}")[-1].body["since"].startswith("2020-01-15")
    whole = lab.run("train", partition_key="2020-03", window=2)
    cut = lab.run("train", partition_key="2020-03", window=named)
    assert cut["rows"] < whole["rows"]
    manifest = lab.records("training")[-1].body["manifest"]
    assert manifest["train"]["since"].startswith("2020-01-15")


def test_window_that_is_not_trained_on(make_lab: MakeLab) -> None:
    """What is no window, holds what is held out, or was refused itself, is not trained on."""
    lab = make_lab("accepted")
    plain = {"dataset": DATASET, "snapshot_id": lab.facts["snapshots"]["2020-01"]}
    with pytest.raises(AirflowFailException, match="is no window"):
        lab.run("train", partition_key="2020-03", window=plain)
    late = taken(lab, "2020-03", include_current=True)
    with pytest.raises(AirflowFailException, match="holds 2020-03, which is not before 2020-03"):
        lab.run("train", partition_key="2020-03", window=late)
    with pytest.raises(AirflowFailException, match="must name the 'dataset' and the 'snapshot_id'"):
        lab.run("train", partition_key="2020-03", window={"snapshot_id": late["snapshot_id"]})
    named = taken(lab)
    (lab.root / "strict.yaml").write_text((lab.root / "suite.yaml").read_text().replace("max_value: 9", "max_value: 1"))
    with pytest.raises(AirflowFailException, match="is not accepted"):
        lab.run(
            "validate",
            dataset=WINDOW,
            partition_key="2020-03",
            snapshot_id=named["snapshot_id"],
            suite="strict.yaml",
        )
    with pytest.raises(AirflowFailException, match="was judged FAIL: it is not trained on"):
        lab.run("train", partition_key="2020-03", window=named)


def test_erasure_reaches_the_reports_on_windows(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """They may show values of the rows; the window itself holds none, and goes on with the rows that are left."""
    lab = make_lab("accepted")
    lab.enter(monkeypatch)
    suite = (lab.root / "suite.yaml").read_text() + (
        "  - {type: expect_column_values_to_not_be_in_set, severity: warning, "
        "kwargs: {column: row_id, value_set: [2020-01/7]}}\n"
    )
    (lab.root / "shows.yaml").write_text(suite)
    named, other = taken(lab), taken(lab, since="2020-02")
    arguments = {"dataset": WINDOW, "partition_key": "2020-03", "suite": "shows.yaml"}
    reports = [
        Path(lab.run("validate", snapshot_id=window["snapshot_id"], **arguments)["report_uri"])
        for window in (named, other)
    ]
    assert "2020-01/7" in (reports[0] / "result.json").read_text()

    words = ["--dataset", DATASET, "--key-column", "row_id", "--key", "2020-01/7", "--reason", "DSR"]
    assert run_command("snapshots", "erase", *words, "--yes") == 0
    assert [report.exists() for report in reports] == [False, True]
    left = lab.run("validate", snapshot_id=named["snapshot_id"], **arguments)
    assert left["findings"] == []
    assert lab.run("train", partition_key="2020-03", window=named)["rows"] > 0
