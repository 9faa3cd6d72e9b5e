"""Days that a champion served in a laboratory: logged scores, and the labels that came later."""

from datetime import date, timedelta
from typing import Any

import numpy as np

from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.storage import Storage
from tests.support.lab import Lab
from tests.support.prediction_logs import log_labels, log_scores

FIRST = date(2020, 3, 1)


def days(number: int, first: date = FIRST) -> list[str]:
    """Name days that follow one another."""
    return [(first + timedelta(days=at)).isoformat() for at in range(number)]


def champion_of(lab: Lab) -> dict[str, str]:
    """Say who the champion is, as logs name it."""
    body = lab.records("promotion")[-1].body
    return {"version": body["version"], "manifest_hash": body["manifest_hash"]}


def drawn(key: str, rows: int, concept: float = 0.0) -> tuple[list[float], list[float]]:
    """Draw scores and labels of a day: calibrated scores, unless the concept has moved on the logit scale."""
    random = np.random.default_rng(int(key.replace("-", "")))
    logit = 2 * random.normal(size=rows)
    labels = random.random(rows) < 1 / (1 + np.exp(-(logit + concept)))
    return list(map(float, 1 / (1 + np.exp(-logit)))), list(map(float, labels))


def serve(
    lab: Lab, key: str, *, rows: int = 200, concept: float = 0.0, labelled: bool = True, **changes: Any
) -> tuple[Record, Record | None]:
    """Log a day, and its labels; ``scores``, ``labels`` and ``matured`` replace what would be logged."""
    storage = Storage(str(lab.storage), None)
    scores, labels = drawn(key, rows, concept)
    kept = {name: changes.pop(name) for name in ("labels", "matured") if name in changes}
    scores = changes.pop("scores", scores)
    logged = log_scores(storage, lab.model, key, scores, **{"part_rows": 1_000, **champion_of(lab), **changes})
    if not labelled:
        return logged, None
    return logged, log_labels(
        storage, lab.model, logged, kept.get("labels", labels), matured=kept.get("matured", True), key=key
    )
