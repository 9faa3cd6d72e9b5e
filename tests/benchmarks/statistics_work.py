"""The work that the figures of the statistics measure, each in a process of its own; prints a JSON line."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

LEVEL = 0.9
THRESHOLD = 0.5
DRAWS = 2_000
CLUSTERS = 30
NAIVE_DRAWS = 20
"""A naive resample costs the same each time: some are measured, and scaled to 2,000."""


def sample(n: int) -> tuple[Any, Any, Any]:
    """Make labels and two models' scores, 30 % positive and no ties."""
    random = np.random.default_rng(1)
    labels = (random.random(n) < 0.3).astype(np.float64)
    shared = random.normal(size=n) + 1.2 * labels
    first, second = (1 / (1 + np.exp(-(shared + 0.4 * random.normal(size=n) - 0.5))) for _ in range(2))
    return labels, first, second


def ours(n: int) -> dict[str, Any]:
    """Give three paired differences their bootstrap intervals: 2,000 resamples and a jackknife of 200 groups each."""
    from airflow_provider_mlops.statistics.bootstrap import table_difference
    from airflow_provider_mlops.statistics.resampling import Plan, resample
    from airflow_provider_mlops.statistics.weighted_auc import WeightedAuc

    labels, first, second = sample(n)
    began = time.process_time()
    positive = labels == 1
    areas = [WeightedAuc(positive, scores) for scores in (first, second)]
    plan = Plan(n=n, seed=1)
    found = [resample(lambda weights: areas[0](weights) - areas[1](weights), plan, LEVEL, smallest=int(labels.sum()))]
    for metric in (
        lambda table: 2 * table[0] / (2 * table[0] + table[1] + table[2]),
        lambda table: (table[0] + table[3]) / sum(table),
    ):
        found.append(table_difference(metric, positive, first >= THRESHOLD, second >= THRESHOLD, LEVEL, 1))
    return {"seconds": time.process_time() - began, "values": [interval.value for interval in found]}


def naive(n: int) -> dict[str, Any]:
    """Resample rows in a loop and ask scikit-learn for the three metrics of both models."""
    from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

    labels, first, second = sample(n)
    labels = labels == 1  # what scikit-learn is fastest with

    def differences(rows: Any) -> list[float]:
        truth, pair = labels[rows], (first[rows], second[rows])
        areas = [roc_auc_score(truth, scores) for scores in pair]
        f1, accuracy = (
            [metric(truth, scores >= THRESHOLD) for scores in pair] for metric in (f1_score, accuracy_score)
        )
        return [float(values[0] - values[1]) for values in (areas, f1, accuracy)]

    values = differences(np.arange(n))  # this imports what scikit-learn imports late
    random = np.random.default_rng(1)
    began = time.process_time()
    for _ in range(NAIVE_DRAWS):
        differences(random.integers(0, n, n))
    return {"seconds": (time.process_time() - began) / NAIVE_DRAWS * DRAWS, "values": values}


def naive_auc(n: int) -> dict[str, Any]:
    """Resample rows in a loop and ask scikit-learn for ROC-AUC of both models."""
    from sklearn.metrics import roc_auc_score

    labels, first, second = sample(n)
    labels = labels == 1  # what scikit-learn is fastest with

    def difference(rows: Any) -> float:
        areas = [roc_auc_score(labels[rows], scores[rows]) for scores in (first, second)]
        return float(areas[0] - areas[1])

    values = [difference(np.arange(n))]  # this imports what scikit-learn imports late
    random = np.random.default_rng(1)
    began = time.process_time()
    for _ in range(NAIVE_DRAWS):
        difference(random.integers(0, n, n))
    return {"seconds": (time.process_time() - began) / NAIVE_DRAWS * DRAWS, "values": values}


def clustered(n: int, *, by_row: bool = False) -> dict[str, Any]:
    """Give the differences of ROC-AUC and Brier score their intervals from whole days: 30 clusters, 2,000 resamples."""
    from airflow_provider_mlops.statistics.folding import Difference, weighted_mean
    from airflow_provider_mlops.statistics.resampling import Plan, resample
    from airflow_provider_mlops.statistics.weighted_auc import WeightedAuc

    labels, first, second = sample(n)
    plan = Plan(n=n, seed=1, clusters=np.arange(n) * CLUSTERS // n)
    began = time.process_time()
    areas = Difference(*(WeightedAuc(labels == 1, scores) for scores in (first, second)))
    losses = Difference(*(weighted_mean(np.square(scores - labels)) for scores in (first, second)))
    found = [
        # A plain function of the weights is computed from rows.
        resample(statistic.__call__ if by_row else statistic, plan, LEVEL, smallest=int(labels.sum()))
        for statistic in (areas, losses)
    ]
    values = [number for interval in found for number in (interval.value, interval.low, interval.high)]
    return {"seconds": time.process_time() - began, "values": values}


def clustered_rows(n: int) -> dict[str, Any]:
    """Give the same differences the same intervals from weights of every row."""
    return clustered(n, by_row=True)


def delong(n: int) -> dict[str, Any]:
    """Give the difference of ROC-AUC its DeLong interval; the mean of ten times, as one is short."""
    from airflow_provider_mlops.statistics.auc import auc_difference

    labels, first, second = sample(n)
    began = time.process_time()
    for _ in range(10):
        difference = auc_difference(labels == 1, first, second, LEVEL)
    return {"seconds": (time.process_time() - began) / 10, "values": [difference.value]}


def sliced(n: int) -> dict[str, Any]:
    """Compare ROC-AUC by DeLong on all rows and on each of 16 slices; the peak of resident memory is the figure."""
    from airflow_provider_mlops.statistics.auc import auc_difference
    from airflow_provider_mlops.statistics.score_table import ScoreTable

    labels, first, second = sample(n)
    names = np.array([f"carrier {index}" for index in range(16)], dtype=object)
    carriers = names[np.random.default_rng(2).integers(0, 16, n)]
    table = ScoreTable(labels=labels, candidate=first, champion=second, slices={"carrier": carriers})
    found = [auc_difference(labels == 1, first, second, LEVEL)]
    for name in names:
        part = table.where(carriers == name)
        assert part.champion is not None
        found.append(auc_difference(part.labels == 1, part.candidate, part.champion, LEVEL))
    return {"mib": peak_mib(), "values": [interval.value for interval in found]}


def peak_mib() -> float:
    """Return the most memory that this process ever had resident, in MiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


WORK: dict[str, Callable[[int], dict[str, Any]]] = {
    work.__name__: work for work in (ours, naive, naive_auc, clustered, clustered_rows, delong, sliced)
}

if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(WORK[sys.argv[1]](int(sys.argv[2]))) + "\n")
