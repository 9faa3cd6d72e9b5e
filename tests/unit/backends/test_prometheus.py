"""Gauges for Prometheus: a file that is exchanged whole, a gateway with a password, errors that say what is wrong."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.backends.prometheus import push, write_textfile
from airflow_provider_mlops.core.errors import BadInput, TransientError
from airflow_provider_mlops.core.gauges import Sample
from tests.support.gateway import pushgateway

SAMPLES = [
    Sample("mlops_drift_effect_ratio", {"model": "m", "kind": "feature", "feature": 'odd "name"\n'}, 2.5),
    Sample("mlops_verdicts_total", {"model": "m", "record": "drift", "kind": "feature", "outcome": "FAIL"}, 3),
]


@pytest.fixture
def gateway() -> Iterator[Any]:
    with pushgateway() as server:
        yield server


def test_a_text_file_is_what_the_node_exporter_reads(tmp_path: Path) -> None:
    """One file a model, exchanged in one step; hostile names are escaped."""
    path = write_textfile(tmp_path, "m", SAMPLES)
    write_textfile(tmp_path, "m", SAMPLES)

    assert [item.name for item in tmp_path.iterdir()] == ["mlops_m.prom"]
    text = path.read_text()
    assert r'feature="odd \"name\"\n"' in text
    assert 'mlops_verdicts_total{kind="feature",model="m",outcome="FAIL",record="drift"} 3.0' in text


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """A wrong option is said, with its name."""
    with pytest.raises(BadInput, match=r"folder of text files .*missing.* cannot be written: No such file"):
        write_textfile(tmp_path / "missing", "m", SAMPLES)


def test_a_push_carries_the_login(gateway: Any) -> None:
    """The gateway is asked for one model's group, with basic authentication."""
    push(f"http://127.0.0.1:{gateway.server_port}", "m", SAMPLES, login="ann", password="secret")

    ((path, authorization, body),) = gateway.seen
    assert path == "/metrics/job/airflow_mlops/model/m"
    assert authorization.startswith("Basic ")
    assert b"mlops_drift_effect_ratio" in body


def test_a_gateway_that_is_down_is_transient_and_tells_no_secret() -> None:
    """The address may hold a password."""
    with pytest.raises(TransientError) as found:
        push("http://ann:secret@127.0.0.1:9", "m", SAMPLES)

    assert "secret" not in str(found.value)
