"""alibi-detect on all features at once: MMD, LSDD, a classifier, online detectors. Opinions, never the decision.

``update_x_ref`` is never set: a reference that follows the data forgets what the model was trained on. Nulls never
reach the library (`feature_matrix`), and what it answers must be a number.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.drift_backends import MOST_ROWS, Opinion
from airflow_provider_mlops.backends.feature_matrix import matrices
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    from airflow_provider_mlops.statistics.columns import ColumnSample

    Sample = Mapping[str, ColumnSample]

ERT = 200
"""Expected run time of an online detector: values between two false alarms of a feature where nothing drifts."""
WINDOWS = (20, 60)
_BOOTSTRAPS = 2_000
_MOST_ONLINE = 5
_MOST_VALUES = 1_000
_FOLDS = 5
_PERMUTATIONS = 200
_SEED = 0


def mmd(reference: Sample, current: Sample, alpha: float) -> Opinion:
    """Compare by the maximum mean discrepancy, p-value by permutation (Gretton et al. 2012).

    :param reference: rows of the reference by column.
    :param current: rows now, by column.
    :param alpha: error rate.
    """
    return _kernel("alibi_mmd", "MMDDrift", reference, current, alpha)


def lsdd(reference: Sample, current: Sample, alpha: float) -> Opinion:
    """Compare by the least-squares density difference, p-value by permutation.

    :param reference: rows of the reference by column.
    :param current: rows now, by column.
    :param alpha: error rate.
    """
    return _kernel("alibi_lsdd", "LSDDDrift", reference, current, alpha)


def classifier(reference: Sample, current: Sample, alpha: float) -> Opinion:
    """Train a classifier to tell reference from current, and test whether it can, out of fold.

    :param reference: rows of the reference by column.
    :param current: rows now, by column.
    :param alpha: error rate.
    """
    was, now, names = matrices(reference, current, MOST_ROWS)
    forest = load("sklearn.ensemble", "scikit-learn").RandomForestClassifier
    model = forest(n_estimators=60, min_samples_leaf=5, random_state=_SEED, n_jobs=1)
    detector = _cd().ClassifierDrift(was, model, backend="sklearn", p_val=alpha, n_folds=_FOLDS, seed=_SEED)
    data = detector.predict(now)["data"]
    return _opinion(
        "alibi_classifier",
        f"ClassifierDrift, random forest, {_FOLDS} folds, Kolmogorov-Smirnov test of the scores",
        data,
        (len(was), len(now)),
        columns=len(names),
    )


def online(reference: Sample, current: Sample, alpha: float) -> Opinion:
    """Go through the current rows in order: Cramer-von Mises for numbers, Fisher's exact test for two categories.

    A detector rings by itself once in `ERT` values. It starts anew after each alarm, and what counts is whether it rang
    more often than that: the p-value is Poisson's.

    :param reference: rows of the reference by column.
    :param current: rows now, by column, in the order of time.
    :param alpha: error rate.
    """
    names = [name for name in reference if name in current and reference[name].kind == current[name].kind]
    asked = [name for name in names if _streams(reference[name], current[name])][:_MOST_ONLINE]
    if not asked:
        least = 2 * max(WINDOWS)
        raise BadInput(f"No column can be followed row by row: numbers, or two categories, of at least {least} values.")
    found = {name: _alarms(reference[name], current[name]) for name in asked}
    values, alarms = sum(item[0] for item in found.values()), sum(len(item[1]) for item in found.values())
    usual = values / ERT
    p_value = float(load("scipy.special", "parquet").pdtrc(alarms - 1, usual)) if alarms else 1.0
    return Opinion(
        backend="alibi_online",
        method=f"CVMDriftOnline and FETDriftOnline, one false alarm in {ERT} values, windows {list(WINDOWS)}",
        drift=p_value < alpha,
        p_value=p_value,
        distance=None,
        rows=(min(len(reference[name]) for name in asked), max(item[0] for item in found.values())),
        details={
            "alpha": alpha,
            "ert": ERT,
            "windows": list(WINDOWS),
            "alarms": alarms,
            "alarms_expected": usual,
            "first_alarm": {name: item[1][0] for name, item in found.items() if item[1]},
        },
    )


def counted_p_value(share: float, permutations: int) -> float:
    """Turn the share of permutations that were more extreme into a p-value, which zero of them do not make zero.

    Phipson and Smyth 2010, "Permutation p-values should never be zero".

    :param share: share of the permutations, as alibi-detect answers it.
    :param permutations: how many there were.
    :return: the p-value; the data count as one permutation.
    """
    return (share * permutations + 1) / (permutations + 1)


def _kernel(name: str, detector: str, reference: Sample, current: Sample, alpha: float) -> Opinion:
    torch = load("torch", "alibi")
    torch.manual_seed(_SEED)
    was, now, names = matrices(reference, current, MOST_ROWS)
    found = getattr(_cd(), detector)(was, backend="pytorch", p_val=alpha, n_permutations=_PERMUTATIONS)
    data = found.predict(now)["data"]
    p_value = counted_p_value(float(data["p_val"]), _PERMUTATIONS)
    data = {**data, "p_val": p_value, "is_drift": p_value < alpha}
    return _opinion(name, f"{detector}, {_PERMUTATIONS} permutations", data, (len(was), len(now)), columns=len(names))


def _opinion(name: str, method: str, data: Mapping[str, Any], rows: tuple[int, int], **details: Any) -> Opinion:
    p_value, distance = float(data["p_val"]), float(data["distance"])
    if not 0 <= p_value <= 1 or not math.isfinite(distance):
        raise BadInput(f"{name} answered p-value {p_value} and distance {distance}; use backend='native'.")
    return Opinion(
        backend=name,
        method=method,
        drift=bool(data["is_drift"]),
        p_value=p_value,
        distance=distance,
        rows=rows,
        details={"alpha": float(data["threshold"]), **details},
    )


def _streams(was: ColumnSample, now: ColumnSample) -> bool:
    if min(len(_present(was)), len(_present(now))) < 2 * max(WINDOWS):
        return False
    return was.kind == "numeric" or len({*_present(was).tolist(), *_present(now).tolist()}) == 2


def _alarms(was: ColumnSample, now: ColumnSample) -> tuple[int, list[int]]:
    """Return how many values were gone through, and at which ones it rang."""
    numpy = load("numpy", "parquet")
    before, values = _present(was), _present(now)[:_MOST_VALUES]
    before = before[:: max(1, -(-len(before) // _MOST_VALUES))]
    settings: dict[str, Any] = {"window_sizes": list(WINDOWS), "n_bootstraps": _BOOTSTRAPS, "verbose": False}
    kind = "float32"
    # Its thresholds, and what it makes of ties, are drawn from numpy's global state: fixed here, and given back.
    with _seeded():
        if was.kind == "numeric":
            detector = _cd().CVMDriftOnline(before.astype(kind), ERT, **settings)
        else:
            kind, first = "int64", min(before.tolist())
            before, values = before == first, values == first
            way = "less" if values.mean() < before.mean() else "greater"
            detector = _cd().FETDriftOnline(before.astype(kind), ERT, alternative=way, **settings)
        rang = []
        for number, value in enumerate(values.astype(kind), start=1):
            if detector.predict(numpy.array([value]), return_test_stat=False)["data"]["is_drift"]:
                rang.append(number)
                detector.reset_state()
    return len(values), rang


def _present(sample: ColumnSample) -> Any:
    numpy = load("numpy", "parquet")
    if sample.kind == "numeric":
        return sample.values[numpy.isfinite(sample.values)]
    return numpy.array([str(value) for value in sample.values if value is not None])


@contextlib.contextmanager
def _seeded() -> Iterator[None]:
    numpy = load("numpy", "parquet")
    state = numpy.random.get_state()
    numpy.random.seed(_SEED)
    try:
        yield
    finally:
        numpy.random.set_state(state)


def _cd() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return load("alibi_detect.cd", "alibi")
