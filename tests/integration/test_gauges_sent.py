"""What Airflow's own statistics send out after a live verdict: StatsD on the wire, OpenTelemetry to a collector."""

import atexit
from collections.abc import Iterator

import pytest
from airflow.sdk._shared.observability.metrics import otel_logger
from airflow.sdk._shared.observability.metrics import stats as backend
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils

from tests.conftest import MakeLab
from tests.support.gateway import pushgateway
from tests.support.lab import Lab
from tests.support.metrics import datagrams, points_of, statsd_listener


@pytest.fixture
def lab(make_lab: MakeLab) -> Iterator[Lab]:
    """A month to judge; Airflow's statistics are as they were afterwards."""
    before = (backend._factory, backend._backend, backend._export_legacy_names)
    yield make_lab("drifted")
    backend._factory, backend._backend, backend._export_legacy_names = before


def judge(lab: Lab, run_type: str = "scheduled") -> None:
    """Judge April in a task whose statistics are set up as Airflow's task runner does it."""
    stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=True)
    lab.run("drift", partition_key="2020-04", run_type=run_type)
    if client := getattr(backend._backend, "statsd", None):
        client.close()  # Airflow leaves that to the end of the process


def test_statsd_is_sent_datagrams(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The count of the verdict and a gauge for each feature, by names that plain StatsD takes; an audit sends none."""
    with statsd_listener() as listener:
        host, port = listener.getsockname()
        for name, value in {"ON": "true", "HOST": host, "PORT": str(port), "PREFIX": "airflow"}.items():
            monkeypatch.setenv(f"AIRFLOW__METRICS__STATSD_{name}", value)
        judge(lab, run_type="backfill")
        silent = datagrams(listener)
        judge(lab)
        found = datagrams(listener)

    assert silent == {}
    assert found[f"airflow.mlops.verdict.drift.fail.{lab.model}"] == "1|c"
    value, _, kind = found[f"airflow.mlops.drift_effect_ratio.{lab.model}.feature.signal"].partition("|")
    assert (float(value) > 1, kind) == (True, "g")
    assert found[f"airflow.mlops.drifted_features.{lab.model}.feature"] == "1.0|g"


def test_a_collector_is_sent_points_with_labels(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """By OTLP over HTTP, as Airflow exports it when the task ends: values, and the labels as attributes."""
    with pushgateway() as server:
        monkeypatch.setenv("AIRFLOW__METRICS__OTEL_ON", "true")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", f"http://127.0.0.1:{server.server_port}/v1/metrics")
        try:
            judge(lab)
            otel_logger.flush_otel_metrics()
        finally:
            otel_logger.metrics.get_meter_provider().shutdown()
            atexit.unregister(otel_logger.flush_otel_metrics)
        found = {name: (labels, value) for *_, content in server.seen for name, labels, value in points_of(content)}

    labels = {"model": lab.model, "kind": "feature", "feature": "signal"}
    told, value = found[f"airflow.mlops.drift_effect_ratio.{lab.model}.feature.signal"]
    assert {path for path, *_ in server.seen} == {"/v1/metrics"}
    assert (told, value > 1) == (labels, True)
    outcome = {"model": lab.model, "record": "drift", "outcome": "FAIL"}
    assert found[f"airflow.mlops.verdict.drift.fail.{lab.model}"] == (outcome, 1.0)
