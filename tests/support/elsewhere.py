"""Training functions that need nothing of this project: another interpreter, or a fresh process, runs them too."""

import atexit
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from sklearn.linear_model import LinearRegression, LogisticRegression


def fit_strength(features: Any, labels: Any, *, seed: int, strength: float, solver: str = "lbfgs") -> Any:
    """Fit a logistic regression of some strength; a strength of 0.5 is refused."""
    if strength == 0.5:
        raise ValueError("a strength of one half is bad luck")
    return LogisticRegression(C=strength, solver=solver, random_state=seed).fit(features, labels)


def fit_plain(features: Any, labels: Any, *, seed: int) -> Any:
    """Fit a logistic regression, and say something."""
    print("fitting", len(features), "rows")
    return LogisticRegression(random_state=seed).fit(features, labels)


def fit_linear(features: Any, labels: Any, *, seed: int) -> Any:
    """Fit a regression."""
    return LinearRegression().fit(features, labels)


def fit_by_process(features: Any, labels: Any, *, seed: int) -> Any:
    """Fit what depends on the process: every other one gives another model."""
    return LogisticRegression(C=1 + os.getpid() / 1e6, random_state=seed).fit(features, labels)


def fit_noted(features: Any, labels: Any, *, seed: int) -> Any:
    """Fit a model that carries a random number it does not use."""
    model = LogisticRegression(random_state=seed).fit(features, labels)
    model.noted_ = random.SystemRandom().random()
    return model


def fit_where(features: Any, labels: Any, *, seed: int) -> Any:
    """Fit, and leave word of the interpreter, the modules and the variables that it saw."""
    word = {"prefix": sys.prefix, "airflow": "airflow" in sys.modules, "secret": "AIRFLOW_CONN_X" in os.environ}
    model = LogisticRegression(random_state=seed).fit(features, labels)
    model.where_ = word
    return model


def fit_forever(features: Any, labels: Any, *, seed: int, mark: str) -> Any:
    """Say that it has begun, and never end."""
    Path(mark).write_text(str(os.getpid()), encoding="utf-8")
    time.sleep(600)
    return None


def end_at_once(features: Any, labels: Any, *, seed: int) -> Any:
    """Be killed, as for want of memory."""
    os.kill(os.getpid(), 9)
    return None


def break_down(features: Any, labels: Any, *, seed: int) -> Any:
    """Fail with what is no answer about the rows."""
    raise KeyError("nobody knows")


def fit_environment(features: Any, labels: Any, *, seed: int) -> Any:
    """Fit, and note the names of the variables that are there."""
    model = fit_plain(features, labels, seed=seed)
    model.variables_ = sorted(os.environ)
    return model


def leave(features: Any, labels: Any, *, seed: int, how: str, code: int = 0) -> Any:
    """End the process in one way or another instead of returning."""
    if how == "exit":
        sys.exit(code)
    if how == "_exit":
        os._exit(code)
    if how == "ask":
        input("how many trees? ")
    os.kill(os.getpid(), code)
    return None


def shout(features: Any, labels: Any, *, seed: int, how: str) -> Any:
    """Write a megabyte: in one line, in many, or as a progress bar, and an error at the end."""
    piece = {"line": "x" * 100, "lines": "x" * 99 + "\n", "bar": "x" * 99 + "\r"}[how]
    for _ in range(10_000):
        sys.stderr.write(piece)
    sys.stderr.write("\nthe last words\n")
    return fit_plain(features, labels, seed=seed)


def hang_at_the_end(features: Any, labels: Any, *, seed: int, how: str) -> Any:
    """Fit, and leave what keeps the process from ending, or its output open."""
    if how == "thread":
        threading.Thread(target=time.sleep, args=(600,), name="forever").start()
    elif how == "farewell":
        atexit.register(time.sleep, 600)
    else:
        code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
        stubborn = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert stubborn.stdout is not None
        stubborn.stdout.readline()
    return fit_plain(features, labels, seed=seed)


def threads_of_late_libraries(features: Any, labels: Any, *, seed: int) -> Any:
    """Fit, and note the threads of what was loaded while training."""
    import scipy.linalg  # noqa: F401
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_info

    model = HistGradientBoostingClassifier(max_iter=3, random_state=seed).fit(features, labels)
    model.threads_ = sorted({item["num_threads"] for item in threadpool_info()})
    return model


def fit_and_leave(features: Any, labels: Any, *, seed: int, mark: str) -> Any:
    """Leave a process behind that could write to standard error for long."""
    subprocess.Popen(["sh", "-c", 'sleep 60; echo late > "$0"', mark])
    return fit_plain(features, labels, seed=seed)
