"""A live step tells monitoring systems; an audit tells nothing; what is wrong there fails no step."""

import json
import logging
from pathlib import Path

import pytest
from airflow.sdk.observability import stats

from tests.conftest import MakeLab
from tests.support.gateway import pushgateway

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


def test_a_live_step_pushes_to_the_gateway_of_the_connection(
    make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Address and login are those of the HTTP connection; a gateway that is down is a warning without the secret."""
    lab = make_lab("drifted")
    monkeypatch.setenv("AIRFLOW__MLOPS__PROMETHEUS_PUSHGATEWAY", "gateway")
    with pushgateway() as server:
        connection = {"conn_type": "http", "host": "127.0.0.1", "port": server.server_port}
        monkeypatch.setenv("AIRFLOW_CONN_GATEWAY", json.dumps({**connection, "login": "ann", "password": "geheim"}))
        lab.run("drift", partition_key="2020-04", conf={"mode": "dry_run"}, run_id="dry")
        assert server.seen == []
        lab.run("drift", partition_key="2020-04")
    with caplog.at_level(logging.WARNING):
        lab.run("drift", partition_key="2020-03")

    ((path, authorization, content),) = server.seen
    assert lab.model in path
    assert authorization.startswith("Basic ")
    assert b"mlops_verdict_outcome" in content
    assert "geheim" not in caplog.text
    assert lab.records("drift")[-1].body["partition_key"] == "2020-03"
