"""The program of the clean process that serves a model once: ``python -m ... <folder>``.

The folder holds ``model.skops`` from the registry, ``probe.parquet`` and ``request.json``; the answer is written to
``answer.json`` beside them. MLflow is not loaded: it would take longer than the model, and its signature is enforced
before rows come here.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load, quiet
from airflow_provider_mlops.backends.signature import wrong_frames

if TYPE_CHECKING:
    import pandas as pd

ARCHIVE, PROBE = "model.skops", "probe.parquet"
REQUEST, ANSWER = "request.json", "answer.json"
WARM_UP = 10
TIMED, ENOUGH_TIMED = 300, 100
SECONDS, MOST_SECONDS = 3.0, 15.0
MAX_ERROR = 300
_MIB = 1024 * 1024


def serve_once(folder: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """Load the model, predict the frozen rows, offer it broken rows, and time it.

    :param folder: holds the model and the probe rows; without rows the model is only loaded.
    :param request: ``sha256``, ``trusted_types``, ``task``, ``features`` and ``prediction_digest`` of the record, and
        ``let_through``: which of the broken rows the signature does not refuse.
    :return: ``loads``, ``load_seconds``, ``predicts``, ``probe_identical``, ``refuses``, ``latency_ms``, ``warm_up``,
        ``peak_memory_mib`` and ``error``, the first that came up; what was not reached is missing.
    """
    from airflow_provider_mlops.backends import scikit_learn as sk

    answer: dict[str, Any] = {"loads": False}
    errors: list[str] = []
    started = time.perf_counter()
    with _noted(errors):
        model = sk.read_model(folder / ARCHIVE, sha256=request["sha256"], trusted_types=request["trusted_types"])
        answer |= {"loads": True, "load_seconds": round(time.perf_counter() - started, 3)}
        if not (folder / PROBE).exists():
            return {**answer, "error": None}
        features, task = request["features"], request["task"]
        probe = load("pandas", "parquet").read_parquet(folder / PROBE)
        scores = sk.score(model, probe[features], task)
        answer["predicts"] = True
        answer["probe_identical"] = sk.prediction_digest(scores) == request["prediction_digest"]
        answer["refuses"] = _refuses(lambda rows: sk.score(model, rows, task), probe[features], request["let_through"])
        predict = model.predict if task == "regression" else model.predict_proba
        answer["latency_ms"] = _latencies(predict, probe[features])
        answer["warm_up"] = WARM_UP
    answer["peak_memory_mib"] = round(_peak_memory() / _MIB, 1)
    return {**answer, "error": errors[0] if errors else None}


def limit_resources(*, memory_mib: int, seconds: int) -> None:
    """Bound what this process may take: memory of its own, processor time, files; no core dump.

    :param memory_mib: memory in MiB.
    :param seconds: processor seconds.
    """
    import resource

    limits = {
        resource.RLIMIT_DATA: memory_mib * _MIB,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: 1024 * _MIB,
        resource.RLIMIT_CORE: 0,
    }
    for name, value in limits.items():
        with suppress(ValueError, OSError):  # a lower limit stands already, or this system has none
            resource.setrlimit(name, (value, value))


def main(folder: Path) -> None:
    """Answer the request in a folder.

    :param folder: see the top of this module.
    """
    request = json.loads((folder / REQUEST).read_text())
    limit_resources(memory_mib=request["memory_mib"], seconds=request["seconds"])
    with quiet():
        answer = serve_once(folder, request)
    (folder / ANSWER).write_text(json.dumps(answer))


class _noted:  # noqa: N801 - reads as a function
    """Note an exception instead of raising it: the model failed, not the check."""

    def __init__(self, errors: list[str]) -> None:
        self.errors = errors

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        """Note it; a model may also ask the interpreter to end."""
        if error is not None:
            self.errors.append(f"{type(error).__name__}: {error}"[:MAX_ERROR])
        return True


def _refuses(score: Callable[[pd.DataFrame], Any], probe: pd.DataFrame, let_through: list[str]) -> bool:
    """Whether the model itself refuses the broken rows that its signature lets through."""
    for fault, frame in wrong_frames(probe):
        if fault in let_through:
            try:
                score(frame)
            except Exception:  # noqa: BLE001, S112 - any refusal is one
                continue
            return False
    return True


def _latencies(predict: Callable[[Any], Any], rows: pd.DataFrame) -> list[float]:
    """Time the prediction of one row, a row after the other, in milliseconds."""
    frames = [rows.iloc[[index]] for index in range(min(len(rows), TIMED))]
    for index in range(WARM_UP):
        predict(frames[index % len(frames)])
    found: list[float] = []
    started = time.perf_counter()
    while len(found) < TIMED:
        spent = time.perf_counter() - started
        if spent > MOST_SECONDS or (spent > SECONDS and len(found) >= ENOUGH_TIMED):
            break
        before = time.perf_counter()
        predict(frames[len(found) % len(frames)])
        found.append(1_000 * (time.perf_counter() - before))
    return sorted(round(value, 4) for value in found)


def _peak_memory() -> int:
    """Return the peak resident memory of this program in bytes.

    Where Linux counts it per program, that is read: what `getrusage` says covers the parent before the exec too.
    """
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]))
