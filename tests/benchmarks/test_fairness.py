"""What the table of groups costs, against fairlearn's."""

import time
from collections.abc import Callable

import numpy as np
from fairlearn.metrics import MetricFrame, false_positive_rate, mean_prediction, selection_rate, true_positive_rate

from airflow_provider_mlops.statistics.fairness import fairness_table
from airflow_provider_mlops.statistics.score_table import ScoreTable

ROWS, GROUPS, PAIRS, THRESHOLD = 327_000, 16, 3, 0.5


def rows() -> ScoreTable:
    """Make as many rows as there are flights of a year, of as many carriers."""
    random = np.random.default_rng(1)
    labels = (random.random(ROWS) < 0.24).astype(float)
    scores = np.clip(0.3 * labels + 0.7 * random.random(ROWS), 0, 1)
    carriers = np.array([f"carrier {number}" for number in range(GROUPS)], dtype=object)
    return ScoreTable(labels, scores, None, {"carrier": carriers[random.integers(0, GROUPS, ROWS)]})


def seconds(call: Callable[[], object]) -> float:
    """Return the processor time of a call."""
    before = time.process_time()
    call()
    return time.process_time() - before


def test_fairness_vs_metricframe(keep: Callable[..., None]) -> None:
    """Four rates of 16 groups from 327,000 rows; ours has their intervals and comparisons too."""
    table = rows()

    def theirs() -> object:
        metrics = {
            "selection_rate": selection_rate,
            "true_positive_rate": true_positive_rate,
            "false_positive_rate": false_positive_rate,
            "mean_label": lambda y_true, _: mean_prediction(y_true, y_true),
        }
        decided = (table.candidate >= THRESHOLD).astype(float)
        frame = MetricFrame(
            metrics=metrics, y_true=table.labels, y_pred=decided, sensitive_features=table.slices["carrier"]
        )
        return frame.by_group

    def ours() -> object:
        return fairness_table(table, ["carrier"], THRESHOLD, 0.9)

    ours()
    pairs = [(seconds(theirs), seconds(ours)) for _ in range(PAIRS)]
    keep(
        "fairness_vs_metricframe",
        [slow / quick for slow, quick in pairs],
        unit="ratio",
        goal=">= 100",
        peer="fairlearn MetricFrame, rates alone",
    )
