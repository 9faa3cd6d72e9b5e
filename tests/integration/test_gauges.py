"""A live step tells monitoring systems; an audit tells nothing; what is wrong there fails no step."""

import logging
from pathlib import Path

import pytest
from airflow.sdk.observability import stats

from tests.conftest import MakeLab

FOLDER = "AIRFLOW__MLOPS__PROMETHEUS_TEXTFILE_DIR"


def test_a_drift_verdict_is_told(make_lab: MakeLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """File, Airflow's statistics and the command say the same."""
    lab = make_lab("drifted")
    folder = tmp_path / "textfile"
    folder.mkdir()
    told: list[tuple[str, float]] = []
    monkeypatch.setattr(stats, "gauge", lambda name, value, **_: told.append((name, value)))
    monkeypatch.setattr(stats, "incr", lambda name, **_: told.append((name, 1)))
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "true")
    monkeypatch.setenv(FOLDER, str(folder))

    lab.run("drift", partition_key="2020-04", run_type="backfill")
    assert not list(folder.iterdir())
    assert told == []
    lab.run("drift", partition_key="2020-04")

    text = (folder / f"mlops_{lab.model}.prom").read_text()
    assert f'mlops_verdict_outcome{{kind="feature",model="{lab.model}",outcome="FAIL",record="drift"}} 1.0' in text
    assert (f"mlops.verdict.drift.fail.{lab.model}", 1) in told
    assert any(name == f"mlops.drift_effect_ratio.{lab.model}.feature.signal" and value > 1 for name, value in told)


def test_a_wrong_folder_is_a_warning(
    make_lab: MakeLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The verdict stands, and the log says what to set right."""
    lab = make_lab("drifted")
    monkeypatch.setenv(FOLDER, str(tmp_path / "missing"))

    with caplog.at_level(logging.WARNING):
        result = lab.run("drift", partition_key="2020-04")

    assert result["verdict"]["outcome"] == "FAIL"
