"""Models that are well-behaved in the process that trains them, and fail in the one that serves them."""

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

TRAP, LENIENT = "tests.support.serving_models.Trap", "tests.support.serving_models.Lenient"


class Trap(LogisticRegression):
    """A logistic regression that falls into its trap where it serves."""

    def predict_proba(self, features: Any) -> Any:
        """Return probabilities, if at all."""
        if _serving():
            _fall_into(self.trap)
        answer = super().predict_proba(features)
        if self.trap == "another answer" and _serving():
            return np.nextafter(answer, 1)
        return answer


class Lenient(LogisticRegression):
    """A model that makes the best of any frame."""

    def predict_proba(self, features: Any) -> Any:
        """Return probabilities, whatever comes in."""
        return np.full((len(features), 2), 0.5)


def fit_trap(features: pd.DataFrame, labels: pd.Series, *, seed: int, trap: str) -> Any:
    """Fit a model with a trap."""
    model = Trap(random_state=seed).fit(features, labels)
    model.trap = trap
    return model


def _serving() -> bool:
    return "serving_probe" in sys.argv[0]


def _fall_into(trap: str) -> None:
    if trap in _TRAPS:
        _TRAPS[trap]()


def _fail(text: str) -> None:
    raise RuntimeError(text)


def _take_memory() -> None:
    held = [np.ones(10_000_000) for _ in range(1_000)]
    raise RuntimeError(f"{len(held)} arrays fitted in")


def _flood() -> None:
    print("x" * 1_000_000, flush=True)
    os.write(2, b"x" * 1_000_000)


_TRAPS: dict[str, Callable[[], Any]] = {
    "raise": lambda: _fail("no such thing"),
    "exit": lambda: sys.exit(3),
    "vanish": lambda: os._exit(0),
    "sleep": lambda: time.sleep(3_600),
    "fork and sleep": lambda: (os.fork(), time.sleep(3_600)),
    "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "memory": _take_memory,
    "flood": _flood,
    "environment": lambda: _fail(" ".join(sorted(os.environ))),
    "address": lambda: _fail("cannot reach https://me:secret@host/path?signature=secret now"),
}
