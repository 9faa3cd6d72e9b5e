"""The report of a drift verdict: how, since when, and what changed upstream, beside the evidence and linked."""

import json
from pathlib import Path

import pytest

from tests.support.lab import Stages


def test_a_drift_verdict_says_how_since_when_and_which_run(
    stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record keeps the cause; the page lies under the hash of its content, and the task links to it."""
    lab = stages.copy("drifted", tmp_path / "lab")
    lab.enter(monkeypatch)
    monkeypatch.setenv("AIRFLOW__MLOPS__REPORTS_URL", "https://reports.example.com")

    lab.run("drift", partition_key="2020-04", run_id="april")

    report = lab.records("drift")[-1].body["report"]
    (signal,) = report["features"]
    assert (signal["feature"], signal["since"], signal["clean"]) == ("signal", "2020-04", "2020-03")
    assert signal["kinds"] == ["location"]
    assert any("the source function" in line or "the source changed" in line for line in report["upstream"])
    folder = lab.storage / "drift_reports" / lab.model / report["hash"].removeprefix("sha256:")
    content = json.loads((folder / "report.json").read_text())
    assert content["upstream"][0]["drifted_runs"][0]["run_id"] == "scheduled__2020-04"
    page = (folder / "index.html").read_text()
    assert page.count("data:image/png") == 2
    assert "2020-04/1" not in page  # no row id
    link = f"https://reports.example.com/drift_reports/{lab.model}/{folder.name}/index.html"
    assert lab.xcoms["mlops_links"] == {"drift_report": link}
    assert lab.events[0][1]["cause"][0].startswith("signal: the median moved")


def test_an_earlier_window_is_as_long_as_the_judged_one(
    stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two months were judged, so that the window before them is February and March, and March alone is no look."""
    lab = stages.copy("drifted", tmp_path / "lab")
    lab.enter(monkeypatch)

    lab.run("drift", partition_key="2020-04", window=2)

    report = lab.records("drift")[-1].body["report"]
    (signal,) = report["features"]
    folder = lab.storage / "drift_reports" / lab.model / report["hash"].removeprefix("sha256:")
    history = json.loads((folder / "report.json").read_text())["history"]
    assert (signal["since"], signal["clean"]) == ("2020-04", "2020-03")
    assert [look["partition_key"] for look in history] == ["2020-03", "2020-04"]
    assert history[0]["sizes"]["signal"] < 1 < history[1]["sizes"]["signal"]


def test_an_opinion_and_a_page_of_others_stand_beside_the_verdict(
    stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evidently's page lies with the report and is linked; the verdict is ours."""
    lab = stages.copy("drifted", tmp_path / "lab")
    lab.enter(monkeypatch)
    monkeypatch.setenv("AIRFLOW__MLOPS__REPORTS_URL", "https://reports.example.com")

    result = lab.run("drift", partition_key="2020-04", backend="evidently")

    assert result["verdict"]["outcome"] == "FAIL"
    assert lab.xcoms["mlops_links"]["evidently"].endswith("/evidently.html")
    (page,) = lab.storage.glob("drift_reports/*/*/evidently.html")
    assert (page.parent / "index.html").is_file()


@pytest.mark.filterwarnings("ignore")
def test_the_opinion_of_a_classifier_stands_in_the_record(
    stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It decides nothing, and is seen."""
    lab = stages.copy("drifted", tmp_path / "lab")
    lab.enter(monkeypatch)

    lab.run("drift", partition_key="2020-04", backend="alibi_classifier")

    opinion = lab.records("drift")[-1].body["report"]["opinion"]
    assert (opinion["backend"], opinion["drift"]) == ("alibi_classifier", True)
