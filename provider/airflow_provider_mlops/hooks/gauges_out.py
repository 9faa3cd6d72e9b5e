"""Telling monitoring systems what a model's ledger says: Airflow's own statistics, Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from airflow_provider_mlops import config
from airflow_provider_mlops.core.errors import MLOpsError
from airflow_provider_mlops.core.gauges import Sample, samples_of
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.ledger import LedgerHook, model_ledger

if TYPE_CHECKING:
    from airflow_provider_mlops.core.run import RunFacts

_STATS = ("mlops_drift_effect_ratio", "mlops_drifted_features", "mlops_performance", "mlops_alias_version")


def tell_after(model: str, run: RunFacts, recorded: str | None, ledger_root: str | None, log: Any) -> None:
    """Tell what a model's ledger says, after a step that may have written to it; the step stands whatever happens here.

    Nothing is read where no system is configured, or the run is not live.

    :param model: name of the model.
    :param run: the facts of the run.
    :param recorded: hash of the record that the step wrote or found, None where it names none.
    :param ledger_root: folder of the ledgers; None: as the options say.
    :param log: the task's log.
    """
    if not run.mode.moves:
        return
    try:
        if not _wanted():
            return
        records = model_ledger(model, ledger_root).records()
        samples = samples_of(model, records)
        _to_airflow(samples, next((item for item in reversed(records) if item.hash == recorded), None))
        to_prometheus(model, samples)
    except MLOpsError as err:
        log.warning("Gauges were not written: %s", err)
    except Exception as err:  # noqa: BLE001 - a monitoring system that is down must not fail a decision
        log.warning("Gauges were not written: %s.", type(err).__name__)


def to_prometheus(model: str, samples: Sequence[Sample], folder: str = "") -> list[str]:
    """Write gauges to where the options say.

    :param model: name of the model.
    :param samples: its gauges.
    :param folder: folder of text files, in place of the option.
    :return: where they went.
    :raises BadInput: when the folder cannot be written.
    :raises TransientError: when the gateway cannot be reached.
    """
    from airflow_provider_mlops.backends import prometheus

    told = []
    if place := folder or config.prometheus_textfile_dir():
        told.append(str(prometheus.write_textfile(Path(place), model, samples)))
    if not folder and (conn_id := config.prometheus_pushgateway()):
        connection = BaseHook.get_connection(conn_id)
        scheme = connection.schema or (connection.conn_type if connection.conn_type in {"http", "https"} else "http")
        port = f":{connection.port}" if connection.port else ""
        host = connection.host or ""
        address = host if "://" in host else f"{scheme}://{host}{port}"
        prometheus.push(address, model, samples, login=connection.login or "", password=connection.password or "")
        told.append(f"the Pushgateway of connection {conn_id!r}")
    return told


def models(ledger_root: str | None = None) -> list[str]:
    """List the models that have a ledger.

    :param ledger_root: folder of all ledgers; None: as the options say.
    """
    from airflow_provider_mlops.core.chains import chains

    names = chains(LedgerHook().store(ledger_root))
    return sorted(name.removeprefix("model/") for name in names if name.startswith("model/"))


def _wanted() -> bool:
    return bool(_airflow_counts() or config.prometheus_textfile_dir() or config.prometheus_pushgateway())


def _airflow_counts() -> bool:
    from airflow.sdk import conf

    return any(
        conf.getboolean("metrics", name, fallback=False) for name in ("statsd_on", "statsd_datadog_enabled", "otel_on")
    )


def _to_airflow(samples: Sequence[Sample], record: Record | None) -> None:
    """Hand gauges to Airflow's statistics, which go where its section ``metrics`` says."""
    if not _airflow_counts():
        return
    from airflow.sdk.observability import stats

    if record is not None and record.outcome is not None:
        model = record.chain.partition("/")[2]
        stats.incr(
            f"mlops.verdict.{record.kind}.{record.outcome.lower()}.{stats.normalize_name_for_stats(model)}",
            tags={"model": model, "record": record.kind, "outcome": record.outcome},
        )
    for sample in samples:
        if sample.name in _STATS:
            # Plain StatsD drops tags, so the labels are part of the name, too.
            parts = [stats.normalize_name_for_stats(value) for value in sample.labels.values()]
            name = ".".join(["mlops", sample.name.removeprefix("mlops_"), *parts])
            stats.gauge(name, sample.value, tags=dict(sample.labels))
