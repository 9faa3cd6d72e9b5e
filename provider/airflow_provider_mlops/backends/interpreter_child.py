"""A training in an interpreter of its own: the program that runs there.

It needs pandas, pyarrow, scikit-learn and skops, and nothing of this project: an interpreter that lacks Airflow runs
the same file. Called as ``python -I interpreter_child.py FOLDER``; the folder has ``job.json`` and the rows, and gets
``answer.json`` and the model. When whoever started it ends, so does this, with all that it has started.
"""

import atexit
import contextlib
import faulthandler
import hashlib
import importlib
import importlib.util
import inspect
import json
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any


def main(folder: Path) -> None:
    """Do the job of a folder.

    :param folder: the folder.
    """
    atexit.register(_end_the_others)  # the first one that is registered is the last one that is called
    starter = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # whoever asks for input gets none, and does not wait
    threading.Thread(target=_end_with_the_starter, args=(starter,), daemon=True).start()
    faulthandler.enable()
    (folder / "begun").touch()
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    sys.path.extend(path for path in job["path"] if path not in sys.path)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            answer = _work(folder, job)
    except ModuleNotFoundError as err:
        answer = {"error": "missing", "message": str(err)}
    except SystemExit as err:
        answer = _refused(
            f"The training function called sys.exit({err.code!r}): it must return an estimator, or raise."
        )
    except Exception as err:  # noqa: BLE001 - whatever it is, the starter must be told
        traceback.print_exc()
        answer = {"error": "failed", "message": f"{type(err).__name__}: {err}"}
    unfinished = folder / "answer.part"
    unfinished.write_text(json.dumps(answer), encoding="utf-8")
    unfinished.replace(folder / "answer.json")
    threading.Thread(target=_end_in_time, args=(job["grace"],), daemon=True).start()


def _work(folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    answer = _train(folder, job) if job.get("function") else {}
    if "error" in answer:
        return answer
    for name in ("pandas", "pyarrow", "sklearn", "skops"):
        importlib.import_module(name)
    return {**answer, "environment": _module("interpreter_facts").interpreter_facts(job["also"])}


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
    keywords = {**job["params"], **_offered(folder, job, function)}
    try:
        inspect.signature(function).bind(features, labels, seed=job["seed"], **keywords)
    except TypeError as err:
        return _refused(f"The training function cannot be called with these train_params: {err}.")
    with threadpool_limits(1), _module("files_read").files_read(job["data_root"] or None) as read:
        try:
            estimator = function(features, labels, seed=job["seed"], **keywords)
        except (ValueError, TypeError) as err:
            traceback.print_exc()
            return _refused(f"The training function refused these rows: {str(err)[:300]}")
    skops.io.dump(estimator, folder / "model.skops")
    # What was not imported has not run.
    sources = {name: _source_hash(sys.modules[name]) for name in job["sources"] if name in sys.modules}
    data_files = read.hashes() if read is not None else {}
    return {
        "sources": sources,
        "data_files": data_files,
        "sha256": hashlib.sha256((folder / "model.skops").read_bytes()).hexdigest(),
    }


def _offered(folder: Path, job: dict[str, Any], function: Any) -> dict[str, Any]:
    """Return what the function gets beside its parameters: a fitted base, and a place for its state, which keeps none.

    Whoever asks for a base has seen in the record that the function takes one.
    """
    import skops.io

    offered = {}
    if "base" in job:
        offered["base"] = skops.io.load(folder / job["base"], trusted=job["trusted"])
    if "checkpoint" in inspect.signature(function).parameters and "checkpoint" not in job["params"]:
        offered["checkpoint"] = _Unsaved()
    return offered


class _Unsaved:
    """A training checkpoint that keeps nothing."""

    def load(self) -> None:
        """Return nothing: the training begins at the beginning."""

    def save(self, state: Any, step: int) -> None:
        """Keep nothing."""


def _refused(message: str) -> dict[str, Any]:
    """Say that the function does not take these rows or parameters: it would say the same again."""
    return {"error": "refused", "message": message}


def _source_hash(module: Any) -> str:
    """Hash the source of a module, or what was compiled where there is none, as the starter did."""
    text = module.__loader__.get_source(module.__name__)
    raw = module.__loader__.get_data(module.__spec__.origin) if text is None else text.encode()
    return hashlib.sha256(raw).hexdigest()


def _module(name: str) -> Any:
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
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


def _end_with_the_starter(starter: int) -> None:
    """Wait until the starter's end of the pipe is closed, which it is when the starter is gone, however it went."""
    while os.read(starter, 1):  # not sys.stdin, whose lock this thread would hold when the interpreter ends
        pass
    _end_at_once(1)


def _end_in_time(grace: float) -> None:
    """End this process though a thread that the function has left, or a library's farewell, goes on for ever."""
    time.sleep(grace)
    others = [one.name for one in threading.enumerate() if not one.daemon and one is not threading.main_thread()]
    left = f"threads that go on ({', '.join(others[:5])})" if others else "something that does not end"
    os.write(2, f"The training function has answered and left {left}: its process is ended.\n".encode())
    _end_at_once(0)


def _end_at_once(code: int) -> None:
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(code)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
