"""Training and scoring with scikit-learn: one thread, rows in the given order, models read only after a hash check."""

from __future__ import annotations

import hashlib
import inspect
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load, quiet
from airflow_provider_mlops.backends.skops_digest import canonical_digest
from airflow_provider_mlops.core.canonical import sha256_bytes
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

MIN_CLASS_ROWS = 2
_DISTRIBUTIONS = ("numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "skops")


def split_features(
    frame: pd.DataFrame, *, features: Sequence[str], label: str
) -> tuple[pd.DataFrame, pd.Series[Any], int]:
    """Take the labelled rows of a frame apart into features and labels.

    :param frame: rows with all columns.
    :param features: feature columns, in the order the model sees them.
    :param label: label column; 0/1 or boolean, null where the label is unknown.
    :return: features, labels (int64) and how many rows had no label and were left out.
    :raises BadInput: when a column is missing or all null, a label is not 0 or 1, or no row has a label.
    """
    missing = [name for name in (*features, label) if name not in frame.columns]
    if missing:
        raise BadInput(f"Column {missing[0]!r} is missing; the rows have: {', '.join(map(str, frame.columns[:40]))}.")
    empty = [name for name in (*features, label) if len(frame) and frame[name].isna().all()]
    if empty:
        raise BadInput(f"Column {empty[0]!r} is null in all {len(frame):,} rows.")
    labelled = frame[frame[label].notna()]
    if labelled.empty:
        raise BadInput(f"No row has a value in the label column {label!r}.")
    return labelled[list(features)], _binary(labelled[label], label), len(frame) - len(labelled)


def fit(
    function: Callable[..., Any],
    features: pd.DataFrame,
    labels: pd.Series[Any],
    *,
    seed: int,
    params: Mapping[str, Any],
) -> Any:
    """Call a training function with its thread count pinned to one, since thread order changes sums.

    :param function: ``function(features, labels, *, seed, **params)`` that returns a fitted estimator.
    :param features: feature rows, in canonical order.
    :param labels: their labels.
    :param seed: seed for everything random in the training.
    :param params: further keyword arguments.
    :return: the fitted estimator.
    :raises BadInput: when a class has too few rows, the function does not take the parameters or the rows, or what
        comes back cannot predict.
    """
    counts = labels.value_counts()
    if len(counts) < MIN_CLASS_ROWS or counts.min() < MIN_CLASS_ROWS:
        raise BadInput(f"The training rows hold one class only ({dict(counts)}); a classifier needs both 0 and 1.")
    try:
        inspect.signature(function).bind(features, labels, seed=seed, **params)
    except TypeError as err:
        raise BadInput(f"The training function cannot be called with these train_params: {err}.") from err
    try:
        with load("threadpoolctl", "scikit-learn").threadpool_limits(1):
            estimator = function(features, labels, seed=seed, **params)
    except (ValueError, TypeError) as err:
        # Same rows, same seed: it would say the same again.
        raise BadInput(f"The training function refused these rows: {str(err)[:300]}") from err
    if not hasattr(estimator, "predict_proba"):
        raise BadInput(f"The training function returned a {type(estimator).__name__}, which has no predict_proba.")
    return estimator


def score(estimator: Any, features: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return the probability of the positive class for each row.

    :param estimator: fitted binary classifier.
    :param features: feature rows.
    :return: float64 array, one score a row, each within [0, 1].
    :raises BadInput: when the model cannot score these columns, or a score is not a number.
    """
    numpy = load("numpy", "parquet")
    with load("threadpoolctl", "scikit-learn").threadpool_limits(1):
        try:
            scores = numpy.asarray(estimator.predict_proba(features)[:, 1], dtype="float64")
        except (ValueError, KeyError, TypeError) as err:
            raise BadInput(f"The model cannot score these rows: {str(err)[:300]}") from err
    if not numpy.isfinite(scores).all():
        raise BadInput(f"The model gave {int((~numpy.isfinite(scores)).sum()):,} scores that are not numbers.")
    return scores  # type: ignore[no-any-return]


def model_digest(estimator: Any) -> str:
    """Return the canonical digest of a fitted estimator: the same for the same learned parameters.

    :param estimator: fitted estimator.
    :return: ``sha256:`` and 64 hexadecimal digits.
    """
    with tempfile.TemporaryDirectory(prefix="mlops-digest-") as folder, quiet():
        path = Path(folder) / "model.skops"
        load("skops.io", "scikit-learn").dump(estimator, path)
        return canonical_digest(path)


def prediction_digest(scores: npt.NDArray[np.float64]) -> str:
    """Hash a vector of scores bit by bit.

    :param scores: float64 array, in row order.
    :return: ``sha256:`` and 64 hexadecimal digits.
    """
    return sha256_bytes(scores.astype("<f8").tobytes())


def read_model(path: Path, *, sha256: str, trusted_types: Sequence[str]) -> Any:
    """Load a skops archive after its bytes were checked against the record.

    :param path: the archive.
    :param sha256: recorded hexadecimal SHA-256 of the archive.
    :param trusted_types: the recorded types beyond skops' own list that may be loaded.
    :return: the estimator.
    :raises EvidenceBroken: when the bytes differ, or the archive holds a type that is not on the list.
    """
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise EvidenceBroken(f"{path.name} was changed: its SHA-256 is not the recorded one.")
    with quiet():
        io, errors = load("skops.io", "scikit-learn"), load("skops.io.exceptions", "scikit-learn")
    try:
        with quiet():
            return io.load(path, trusted=list(trusted_types))
    except errors.UntrustedTypesFoundException as err:
        raise EvidenceBroken(f"{path.name} holds types that the record does not trust: {err}") from err


def environment_facts() -> dict[str, Any]:
    """Return what of this environment can change a model: interpreter, platform and library versions."""
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for name in _DISTRIBUTIONS:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "machine": platform.machine(),
        "system": platform.system(),
        "threads": 1,
        "distributions": versions,
    }


def _binary(labels: pd.Series[Any], name: str) -> pd.Series[Any]:
    wrong = BadInput(f"Label column {name!r} has the type {labels.dtype}; it must be 0/1 or boolean.")
    if any(isinstance(value, str) for value in labels.unique()):
        raise wrong
    try:
        values = labels.astype("float64")
    except (TypeError, ValueError):
        raise wrong from None
    odd = values[~values.isin((0.0, 1.0))]
    if len(odd):
        raise BadInput(f"Label column {name!r} holds {odd.iloc[0]!r}; only 0 and 1 (or null: unknown) are labels.")
    return values.astype("int64")
