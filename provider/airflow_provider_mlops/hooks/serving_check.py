"""Whether a model serves: it is loaded from the registry's bytes in a clean process, and tried there."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends import serving_probe as probe_program
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import EvidenceBroken
from airflow_provider_mlops.core.manifest import task_of
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.mlflow import MlflowHook

if TYPE_CHECKING:
    import pandas as pd

TIMEOUT = 120.0
MEMORY_MIB = 8_192
SIGNATURE = "MLmodel"
_KEPT_VARIABLES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_NOTHING: dict[str, Any] = {
    "loads": False,
    "accepts_signature": False,
    "rejects_wrong_signature": False,
    "probe_identical": False,
    "probe_rows": 0,
    "latency_ms": [],
    "warm_up": 0,
    "peak_memory_mib": None,
    "load_seconds": None,
    "error": None,
}


def check_serving(
    hook: MlflowHook,
    training: Record,
    probe: pd.DataFrame | None,
    *,
    timeout: float = TIMEOUT,
    memory_mib: int = MEMORY_MIB,
) -> dict[str, Any]:
    """Load a trained model in a clean process and let it predict the rows that were frozen in its training.

    The process has no variable of this one but the search path of Python: no connection, no secret, no proxy. It gets
    the archive whose hash is recorded. The signature beside it is enforced here, as a server of MLflow does; broken
    rows that it lets through must be refused by the model. A model that fails, crashes, hangs or takes too much
    memory is an answer, not an error.

    :param hook: the MLflow connection.
    :param training: the training record.
    :param probe: the first 1,000 rows that it was trained on, as `hooks.training.probe_rows` reads them; None where
        they are gone: then it is only loaded.
    :param timeout: seconds after which the process is killed.
    :param memory_mib: memory that the process may take, MiB.
    :return: ``loads``, ``accepts_signature``, ``rejects_wrong_signature``, ``probe_identical``, ``probe_rows``,
        ``latency_ms`` (of single rows, sorted, after ``warm_up`` rows that do not count), ``peak_memory_mib``,
        ``load_seconds`` and ``error``, a short text or None.
    :raises TransientError: when MLflow cannot be reached.
    :raises BadInput: when MLflow refuses the credentials.
    """
    with tempfile.TemporaryDirectory(prefix="mlops-serving-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        try:
            _download(hook, training, folder)
        except EvidenceBroken as err:
            return {**_NOTHING, "error": _redacted(str(err))}
        manifest = training.body["manifest"]
        refused, let_through = None, None
        if probe is not None:
            refused, let_through = _enforce_signature(folder / SIGNATURE, manifest["features"], probe)
            probe.reset_index(drop=True).to_parquet(folder / probe_program.PROBE)
        request = {
            "sha256": training.body["archive_sha256"],
            "trusted_types": manifest["trusted_types"],
            "task": task_of(manifest),
            "features": manifest["features"],
            "prediction_digest": training.body["prediction_digest"],
            "let_through": let_through or [],
            "memory_mib": memory_mib,
            "seconds": int(timeout) + 1,
        }
        (folder / probe_program.REQUEST).write_text(json.dumps(request))
        problem = _run(folder, timeout)
        answer = _answer(folder)
    if answer is None:
        return {**_NOTHING, "error": problem or "The process ended without an answer."}
    found = {name: answer[name] for name in _NOTHING if name in answer}
    return {
        **_NOTHING,
        **found,
        "accepts_signature": refused is None and bool(answer.get("predicts")),
        "rejects_wrong_signature": let_through is not None and bool(answer.get("refuses")),
        "probe_rows": 0 if probe is None else len(probe),
        "error": _redacted(refused or answer.get("error")),
    }


def _enforce_signature(path: Path, features: Sequence[str], probe: pd.DataFrame) -> tuple[str | None, list[str] | None]:
    """Say why the signature refuses the probe rows, if it does, and which broken rows it lets through."""
    from airflow_provider_mlops.backends.signature import input_schema, refusal, wrong_frames

    try:
        schema = input_schema(path, features)
    except EvidenceBroken as err:
        return str(err), None
    let_through = [fault for fault, frame in wrong_frames(probe) if refusal(schema, frame) is None]
    return refusal(schema, probe), let_through


def _download(hook: MlflowHook, training: Record, folder: Path) -> None:
    from airflow_provider_mlops.backends import mlflow_models as models

    model_id = training.body["logged_model_id"]
    with hook.session() as client:
        models.download_model_file(client, model_id, folder, training.body["archive_sha256"])
        exceptions = load("mlflow.exceptions", "mlflow")
        location = models.artifact_location(client, model_id)
        try:
            load("mlflow.artifacts", "mlflow").download_artifacts(
                artifact_uri=f"{location}/{SIGNATURE}", dst_path=str(folder)
            )
        except (exceptions.MlflowException, OSError) as err:
            if "Max retries exceeded" in str(err):
                raise
            raise EvidenceBroken(f"Logged model {model_id} has no readable {SIGNATURE}.") from err


def _run(folder: Path, timeout: float) -> str | None:
    """Run the program; say what went wrong with the process itself."""
    command = [sys.executable, "-P", "-s", "-B", "-m", probe_program.__name__, str(folder)]
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command,
        cwd=folder,
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired:
        return f"The process did not answer within {timeout:g} s."
    finally:
        _end(process)
    if code < 0:
        return f"The process was killed by {signal.Signals(-code).name}."
    return f"The process ended with the exit code {code}." if code else None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process with whatever it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _environment(folder: Path) -> dict[str, str]:
    found = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {
        **found,
        **dict.fromkeys(_THREADS, "1"),
        "PATH": os.defpath,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # The model's own classes may stand in the Dag bundle, which only this process has on its path.
        "PYTHONPATH": os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry),  # noqa: PTH100 - links stay links
    }


def _answer(folder: Path) -> dict[str, Any] | None:
    try:
        answer: dict[str, Any] = json.loads((folder / probe_program.ANSWER).read_text())
    except (OSError, ValueError):
        return None
    return answer


def _redacted(text: str | None) -> str | None:
    """Shorten an error, and take out what an address may carry of credentials."""
    if text is None:
        return None
    text = re.sub(r"://[^/@\s]+@", "://***@", text)
    return re.sub(r"\?[^\s'\"]+=[^\s'\"]*", "?***", text)[: probe_program.MAX_ERROR]
