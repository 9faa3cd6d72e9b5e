"""A training in an interpreter of its own: the program that runs there.

It needs pandas, pyarrow, scikit-learn and skops, and nothing of this project: an interpreter that lacks Airflow runs
the same file. Called as ``python -I interpreter_child.py FOLDER``; the folder has ``job.json`` and the rows, and gets
``answer.json`` and the model. When whoever started it ends, so does this, with all that it has started.
"""

import atexit
import contextlib
import hashlib
import importlib
import importlib.util
import inspect
import json
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any


def main(folder: Path) -> None:
    """Do the job of a folder.

    :param folder: the folder.
    """
    atexit.register(_end_the_others)  # the first one that is registered is the last one that is called
    threading.Thread(target=_end_with_the_starter, daemon=True).start()
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    sys.path.extend(path for path in job["path"] if path not in sys.path)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            answer = _work(folder, job)
    except ModuleNotFoundError as err:
        answer = {"error": "missing", "message": str(err)}
    except Exception as err:  # noqa: BLE001 - whatever it is, the starter must be told
        traceback.print_exc()
        answer = {"error": "failed", "message": f"{type(err).__name__}: {err}"}
    unfinished = folder / "answer.part"
    unfinished.write_text(json.dumps(answer), encoding="utf-8")
    unfinished.replace(folder / "answer.json")


def _work(folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    answer = _train(folder, job) if job.get("function") else {}
    if "error" in answer:
        return answer
    for name in ("pandas", "pyarrow", "sklearn", "skops"):
        importlib.import_module(name)
    return {**answer, "environment": _facts_module().interpreter_facts(job["also"])}


def _train(folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    import pyarrow.parquet as pq
    import skops.io
    from sklearn.utils import _openmp_helpers  # noqa: F401 - its threads are there to be limited then
    from threadpoolctl import threadpool_limits

    module = importlib.import_module(job["module"])
    function = getattr(module, job["function"], None)
    if not callable(function):
        return _refused(f"Module {job['module']!r} has no function {job['function']!r}.")
    # As Airflow does it: a decorated function stands behind its decorator.
    function = inspect.unwrap(getattr(function, "function", function))
    features = pq.read_table(folder / "features.parquet").to_pandas()
    labels = pq.read_table(folder / "labels.parquet").to_pandas().iloc[:, 0].rename(job["label"])
    try:
        inspect.signature(function).bind(features, labels, seed=job["seed"], **job["params"])
    except TypeError as err:
        return _refused(f"The training function cannot be called with these train_params: {err}.")
    with threadpool_limits(1):
        try:
            estimator = function(features, labels, seed=job["seed"], **job["params"])
        except (ValueError, TypeError) as err:
            traceback.print_exc()
            return _refused(f"The training function refused these rows: {str(err)[:300]}")
    skops.io.dump(estimator, folder / "model.skops")
    # What was not imported has not run.
    sources = {name: _source_hash(sys.modules[name]) for name in job["sources"] if name in sys.modules}
    return {"sources": sources, "sha256": hashlib.sha256((folder / "model.skops").read_bytes()).hexdigest()}


def _refused(message: str) -> dict[str, Any]:
    """Say that the function does not take these rows or parameters: it would say the same again."""
    return {"error": "refused", "message": message}


def _source_hash(module: Any) -> str:
    source = module.__loader__.get_source(module.__name__) or ""
    return hashlib.sha256(source.encode()).hexdigest()


def _facts_module() -> Any:
    path = Path(__file__).with_name("interpreter_facts.py")
    spec = importlib.util.spec_from_file_location("interpreter_facts", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be read.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _end_the_others() -> None:
    """End what the function has started and left: the starter reads its output as long as somebody may write."""
    if os.getpgrp() == os.getpid():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(os.getpid(), signal.SIGTERM)


def _end_with_the_starter() -> None:
    """Wait until the starter's end of the pipe is closed, which it is when the starter is gone, however it went."""
    while os.read(0, 1):  # not sys.stdin, whose lock this thread would hold when the interpreter ends
        pass
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
