"""Trained twice, compared to the bit, and remembered where a replay differs."""

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.core.record import Record
from tests.conftest import MakeLab
from tests.support.elsewhere import fit_plain
from tests.support.lab import Lab

ELSEWHERE = "tests.support.elsewhere"
ASKED: dict[str, Any] = {"partition_key": "2020-03", "determinism": "verify"}


def verified(make_lab: MakeLab, function: str, **more: Any) -> tuple[Lab, Record]:
    """Train twice."""
    lab = make_lab("accepted")
    lab.run("train", **{**ASKED, "train_function": f"{ELSEWHERE}:{function}", **more})
    return lab, lab.records("training")[-1]


def test_training_that_repeats_itself(make_lab: MakeLab) -> None:
    """Parameters and predictions agree with those of a fresh process; record, run and manifest say so."""
    lab, record = verified(make_lab, "fit_plain")
    found = record.body["determinism"]
    run = lab.client.get_run(record.body["mlflow_run_id"])

    assert (found["agrees"], found["largest_difference"], found["process"]) == ("parameters", 0.0, "fresh")
    assert run.data.tags["mlops.determinism"] == "parameters"
    assert run.data.metrics["determinism_largest_difference"] == 0.0
    assert record.body["manifest"]["determinism"] == "verify"


@pytest.mark.parametrize("replay", ["winner", "search"])
def test_search_is_verified_by_its_winner(make_lab: MakeLab, capsys: pytest.CaptureFixture[str], replay: str) -> None:
    """The second training fits what has won, whatever a replay does; the operating threshold is chosen again."""
    _, record = verified(
        make_lab,
        "fit_strength",
        search={"method": "grid", "space": {"strength": [0.1, 1.0]}, "metric": "roc_auc", "replay": replay},
        operating_threshold={"metric": "f1"},
    )

    assert capsys.readouterr().out.count("Trial 1: ") == 1
    assert (record.body["determinism"]["agrees"], record.body["determinism"]["threshold"]) == ("parameters", True)


def test_state_of_the_process_is_found(make_lab: MakeLab) -> None:
    """What depends on its process differs in a fresh one; by how much is said, and the task does not fail."""
    _, record = verified(make_lab, "fit_by_process")
    found = record.body["determinism"]

    assert (found["agrees"], found["process"]) == ("neither", "fresh")
    assert 0 < found["largest_difference"] < 1


def test_parameters_alone_may_differ(make_lab: MakeLab) -> None:
    """Equal predictions of unequal models are a finding of their own."""
    _, record = verified(make_lab, "fit_noted")

    assert (record.body["determinism"]["agrees"], record.body["determinism"]["largest_difference"]) == (
        "predictions",
        0.0,
    )


def test_required_determinism_fails_after_the_record(make_lab: MakeLab) -> None:
    """The finding is kept, the task fails, and so does its retry, without training again."""
    lab = make_lab("accepted")
    asked = {**ASKED, "determinism": "require", "train_function": f"{ELSEWHERE}:fit_by_process"}
    for _ in range(2):
        with pytest.raises(AirflowFailException, match="does not repeat itself: the second one gave other predictions"):
            lab.run("train", **asked)

    records = [item for item in lab.records("training") if "determinism" in item.body]
    assert len(records) == 1


def test_replay_that_differs_is_explained_by_what_was_measured(
    make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was measured when it was recorded is the cause that the audit and the certificate name."""
    lab, _ = verified(make_lab, "fit_by_process")
    monkeypatch.setattr("tests.support.elsewhere.os.getpid", lambda: 10**7)
    with pytest.raises(AirflowFailException, match="nondeterminism measured: when it was recorded, a second training"):
        lab.run("train", run_type="backfill", **ASKED, train_function=f"{ELSEWHERE}:fit_by_process")
    lab.run("replay", partition_key="2020-03", on_difference="record")
    certificate = lab.records("certificate")[-1]
    page = (Path(certificate.body["uri"].removeprefix("file://")) / "certificate.md").read_text()

    assert [item["cause"] for item in certificate.body["differences"]] == ["nondeterminism measured"]
    assert "other predictions, by" in certificate.body["differences"][0]["detail"]
    assert "trained twice when it was recorded" in page


def test_function_that_another_process_cannot_import(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is trained twice in the same process, and the record says so."""

    def local(features: Any, labels: Any, *, seed: int) -> Any:
        return fit_plain(features, labels, seed=seed)

    lab = make_lab("accepted")
    task = lab.task("train", **ASKED, train_function=f"{ELSEWHERE}:fit_plain")
    monkeypatch.setattr(type(task), "training_function", lambda _: local)
    lab.run("train", **ASKED, train_function=f"{ELSEWHERE}:fit_plain")

    assert lab.records("training")[-1].body["determinism"]["process"] == "same"


def test_unknown_value_is_refused(make_lab: MakeLab) -> None:
    """A word that is none of the three trains nothing."""
    with pytest.raises(AirflowFailException, match="must be one of: trust, verify, require"):
        verified(make_lab, "fit_plain", determinism="always")


def test_image_is_part_of_the_environment(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest stands in record and certificate; a replay in another image says so, and still gives the model."""
    monkeypatch.setenv("AIRFLOW__MLOPS__IMAGE_DIGEST", "sha256:" + 64 * "a")
    lab, record = verified(make_lab, "fit_plain")
    monkeypatch.setenv("AIRFLOW__MLOPS__IMAGE_DIGEST", "sha256:" + 64 * "b")
    lab.run("replay", partition_key="2020-03")
    certificate = lab.records("certificate")[-1]
    page = (Path(certificate.body["uri"].removeprefix("file://")) / "certificate.md").read_text()

    assert record.body["environment"]["image"] == "sha256:" + 64 * "a"
    assert certificate.body["level"] == "L0"
    assert [item["detail"][:18] for item in certificate.body["differences"]] == ["environment: image"]
    assert "Container image" in page
