"""Whether a training repeats itself: trained a second time, and compared to the bit."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.code_identity import DAG_FILE_PREFIX
from airflow_provider_mlops.core.determinism import finding
from airflow_provider_mlops.core.manifest import task_of
from airflow_provider_mlops.core.search import WINNER, manifest_to_replay

if TYPE_CHECKING:
    from airflow_provider_mlops.hooks.fitting import Base
    from airflow_provider_mlops.hooks.storage import Storage
    from airflow_provider_mlops.hooks.training import Training

_OFFERED = ("base", "checkpoint")


def verify_training(
    manifest: Mapping[str, Any],
    function: Callable[..., Any],
    trained: Training,
    storage: Storage,
    log: Any,
    *,
    base: Base | None = None,
) -> dict[str, Any]:
    """Train once more, in a fresh process where the function can be called there, and compare.

    A search is not made twice: its winner is fitted again.

    :param manifest: the training's manifest.
    :param function: the training function.
    :param trained: what it gave the first time.
    :param storage: where the snapshots lie.
    :param log: where it is told.
    :param base: what the manifest cites as its base; None where it cites none.
    :return: as `core.determinism.finding` says, with ``process`` (``fresh`` or ``same``) and ``seconds``.
    :raises BadInput: when the second training refuses what the first one took.
    """
    from airflow_provider_mlops.backends import scikit_learn as sk
    from airflow_provider_mlops.hooks.training import train_from_manifest

    started, task = time.monotonic(), task_of(manifest)
    second = _elsewhere(manifest, function, log)
    process = "same" if second is None else "fresh"
    log.info("Training a second time, in %s process: does it repeat itself?", "a fresh" if second else "the same")
    again = train_from_manifest(_without_trials(manifest, trained), second or function, storage, log, base=base)
    scores = [sk.score(one.estimator, trained.sample, task) for one in (trained, again)]
    found = finding(
        parameters=trained.model_digest == again.model_digest,
        predictions=sk.prediction_digest(scores[0]) == sk.prediction_digest(scores[1]),
        largest_difference=float(abs(scores[0] - scores[1]).max()) if len(trained.sample) else 0.0,
        threshold=trained.operating_threshold == again.operating_threshold,
    )
    log.info("Second training: %s.", found["says"])
    return {**found, "process": process, "seconds": round(time.monotonic() - started, 3)}


def _without_trials(manifest: Mapping[str, Any], trained: Training) -> dict[str, Any]:
    """Return the manifest that fits the winner of a search alone, whatever a replay of it would do."""
    found = manifest_to_replay({"manifest": manifest, "search": trained.search})
    return {**found, "search": {**found["search"], "replay": WINNER}} if found.get("search") else found


def _elsewhere(manifest: Mapping[str, Any], function: Callable[..., Any], log: Any) -> Callable[..., Any] | None:
    """Return the function in a fresh process; None where it cannot be called there."""
    from airflow_provider_mlops.backends.interpreter import InterpreterFunction, fresh_process

    if isinstance(function, InterpreterFunction):
        return function  # each call of it is a process of its own
    if "fit" in manifest or any(name in inspect.signature(function).parameters for name in _OFFERED):
        return None  # a fitted base, or a place for its states, does not travel
    name = manifest["function"].rpartition(":")[2]
    module = sys.modules.get(function.__module__)
    if DAG_FILE_PREFIX.match(function.__module__) or getattr(module, name, None) is not function:
        return None  # a function of a Dag file has no name by which another process could import it
    return fresh_process(function, name, manifest["trusted_types"], log)
