"""Gauges for Prometheus: a text file for the node exporter's collector, or a push to a gateway."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput, TransientError
from airflow_provider_mlops.core.gauges import COUNTER, GAUGES, Sample

EXTRA = "prometheus"
JOB = "airflow_mlops"
_SECONDS = 10.0


def write_textfile(folder: Path, model: str, samples: Iterable[Sample]) -> Path:
    """Write a model's gauges to ``mlops_<model>.prom`` in one step: a reader sees the old file or the new one.

    :param folder: folder that the node exporter collects.
    :param model: name of the model.
    :param samples: its gauges.
    :return: the file.
    :raises BadInput: when the folder is not there or cannot be written.
    :raises MissingBackend: when prometheus-client is not installed.
    """
    path = folder / f"mlops_{model}.prom"
    try:
        load("prometheus_client", EXTRA).write_to_textfile(str(path), _registry(samples))
    except OSError as err:
        raise BadInput(f"The folder of text files {str(folder)!r} cannot be written: {err.strerror}.") from err
    return path


def push(address: str, model: str, samples: Iterable[Sample], *, login: str = "", password: str = "") -> None:
    """Push a model's gauges to a Pushgateway, in place of those that it holds of this model.

    :param address: web address of the gateway.
    :param model: name of the model.
    :param samples: its gauges.
    :param login: user, where the gateway asks for one.
    :param password: the user's password.
    :raises TransientError: when the gateway cannot be reached or refuses.
    :raises MissingBackend: when prometheus-client is not installed.
    """
    client = load("prometheus_client", EXTRA)
    exposition = load("prometheus_client.exposition", EXTRA)

    def handler(**request: Any) -> Any:
        if login:
            return exposition.basic_auth_handler(**request, username=login, password=password)
        return exposition.default_handler(**request)

    def called(url: str, method: str, timeout: float | None, headers: Any, data: bytes) -> Any:
        return handler(url=url, method=method, timeout=timeout, headers=headers, data=data)

    try:
        client.push_to_gateway(
            address,
            job=JOB,
            registry=_registry(samples),
            grouping_key={"model": model},
            timeout=_SECONDS,
            handler=called,
        )
    except OSError as err:
        # The address may hold a password: the kind of the error is enough.
        raise TransientError(f"The Pushgateway took nothing: {type(err).__name__}.") from None


def _registry(samples: Iterable[Sample]) -> Any:
    client = load("prometheus_client", EXTRA)
    registry = client.CollectorRegistry()
    made: dict[str, Any] = {}
    for sample in samples:
        kind, text, labels = GAUGES[sample.name]
        if sample.name not in made:
            maker = client.Counter if kind == COUNTER else client.Gauge
            made[sample.name] = maker(sample.name, text, labels, registry=registry)
        found = made[sample.name].labels(**sample.labels)
        if kind == COUNTER:
            found.inc(sample.value)
        else:
            found.set(sample.value)
    return registry
