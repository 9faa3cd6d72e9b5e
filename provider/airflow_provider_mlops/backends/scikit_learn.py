"""Training and scoring with scikit-learn: one thread, rows in the given order, models read only after a hash check."""

from __future__ import annotations

import hashlib
import inspect
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.labels import check_enough, classes_of, encode_labels
from airflow_provider_mlops.backends.optional import load, quiet
from airflow_provider_mlops.backends.skops_digest import canonical_digest
from airflow_provider_mlops.backends.threads import one_thread
from airflow_provider_mlops.core.canonical import sha256_bytes
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.manifest import BINARY, MULTICLASS, REGRESSION

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd


def class_list(frame: pd.DataFrame, label: str) -> list[str] | list[int]:
    """List the classes of a multiclass label, sorted: numbers by size, texts by their characters.

    :param frame: rows with all columns.
    :param label: label column, null where the label is unknown.
    :return: the classes; a label's index among them is what the model learns.
    :raises BadInput: when the column is missing or all null, or holds neither text nor whole numbers.
    """
    _check_columns(frame, [label])
    return classes_of(frame[label].dropna(), label)


def split_features(
    frame: pd.DataFrame,
    *,
    features: Sequence[str],
    label: str,
    task: str = BINARY,
    classes: Sequence[str] | Sequence[int] | None = None,
) -> tuple[pd.DataFrame, pd.Series[Any], int]:
    """Take the labelled rows of a frame apart into features and labels.

    :param frame: rows with all columns.
    :param features: feature columns, in the order the model sees them.
    :param label: label column, null where the label is unknown.
    :param task: ``binary`` (labels 0/1 or boolean), ``multiclass`` (text or whole numbers) or ``regression`` (finite
        numbers).
    :param classes: the classes of a multiclass label that the model was trained on; None for those of these rows.
    :return: features, labels (int64: 0, 1 or the index of the class; float64 for regression) and how many rows had no
        label and were left out.
    :raises BadInput: when a column is missing or all null, a label is not one of the task, or no row has a label.
    """
    _check_columns(frame, [*features, label])
    labelled = frame[frame[label].notna()]
    if labelled.empty:
        raise BadInput(f"No row has a value in the label column {label!r}.")
    labels = encode_labels(labelled[label], label, task, classes)
    return labelled[list(features)], labels, len(frame) - len(labelled)


def newest_rows(times: pd.Series[Any] | None, rows: int, share: float) -> npt.NDArray[np.bool_]:
    """Mark the last share of rows in the order of time; of rows of the same time the later row is the newer.

    :param times: time of each row, null counts as oldest; None where the order of the rows is that of time.
    :param rows: how many rows there are.
    :param share: the share to mark, rounded to whole rows.
    :return: True for the newest rows.
    """
    numpy = load("numpy", "parquet")
    tail = numpy.zeros(rows, dtype=bool)
    first = rows - round(rows * share)
    if times is None:
        tail[first:] = True
    else:
        order = times.reset_index(drop=True).sort_values(kind="stable", na_position="first").index.to_numpy()
        tail[order[first:]] = True
    found: npt.NDArray[np.bool_] = tail
    return found


def fit(
    function: Callable[..., Any],
    features: pd.DataFrame,
    labels: pd.Series[Any],
    *,
    seed: int,
    params: Mapping[str, Any],
    task: str = BINARY,
    offered: Mapping[str, Any] | None = None,
    needed: Sequence[str] = (),
) -> Any:
    """Call a training function with its thread count pinned to one, since thread order changes sums.

    :param function: ``function(features, labels, *, seed, **params)`` that returns a fitted estimator.
    :param features: feature rows, in canonical order.
    :param labels: their labels, as `split_features` gives them.
    :param seed: seed for everything random in the training.
    :param params: further keyword arguments.
    :param task: ``binary``, ``multiclass`` or ``regression``.
    :param offered: keywords that it gets where it names them, and where no parameter is called so.
    :param needed: which of these it must name.
    :return: the fitted estimator.
    :raises BadInput: when a class has too few rows, the function does not take the parameters or the rows, or what
        comes back cannot predict.
    """
    check_enough(labels, task)
    taken = {name: value for name, value in (offered or {}).items() if _names(function, name) and name not in params}
    if missing := [name for name in needed if name not in taken]:
        raise BadInput(
            f"The training function takes no keyword {missing[0]!r}, or a parameter is called so: write it as "
            f"function(features, labels, *, seed, {missing[0]}=None, **params)."
        )
    keywords = {**params, **taken}
    try:
        inspect.signature(function).bind(features, labels, seed=seed, **keywords)
    except TypeError as err:
        raise BadInput(f"The training function cannot be called with these train_params: {err}.") from err
    try:
        with one_thread():
            estimator = function(features, labels, seed=seed, **keywords)
    except (ValueError, TypeError) as err:
        # Same rows, same seed: it would say the same again.
        raise BadInput(f"The training function refused these rows: {str(err)[:300]}") from err
    except SystemExit as err:  # Airflow would take an exit with 0 for a success
        raise BadInput(
            f"The training function called sys.exit({err.code!r}): it must return an estimator, or raise."
        ) from err
    method = "predict" if task == REGRESSION else "predict_proba"
    if not hasattr(estimator, method):
        raise BadInput(f"The training function returned a {type(estimator).__name__}, which has no {method}.")
    return estimator


def score(estimator: Any, features: pd.DataFrame, task: str = BINARY) -> npt.NDArray[np.float64]:
    """Return what a model says of each row.

    :param estimator: fitted estimator of the task.
    :param features: feature rows.
    :param task: ``binary``, ``multiclass`` or ``regression``.
    :return: float64; the probability of the positive class (binary) or the predicted value (regression) of each row,
        or a row of probabilities in the order of the classes (multiclass).
    :raises BadInput: when the model cannot score these columns, or a score is not a number.
    """
    numpy = load("numpy", "parquet")
    with load("threadpoolctl", "scikit-learn").threadpool_limits(1):
        try:
            answer = estimator.predict(features) if task == REGRESSION else estimator.predict_proba(features)
            scores = numpy.asarray(answer, dtype="float64")
        except (ValueError, KeyError, TypeError) as err:
            raise BadInput(f"The model cannot score these rows: {str(err)[:300]}") from err
    scores = _shaped(scores, estimator, len(features), task)
    if not numpy.isfinite(scores).all():
        raise BadInput(f"The model gave {int((~numpy.isfinite(scores)).sum()):,} scores that are not numbers.")
    return scores


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


def _names(function: Callable[..., Any], name: str) -> bool:
    """Whether a function names a keyword itself; what only its ``**params`` would swallow, it does not know."""
    found = inspect.signature(function).parameters.get(name)
    return found is not None and found.kind in (found.POSITIONAL_OR_KEYWORD, found.KEYWORD_ONLY)


def _check_columns(frame: pd.DataFrame, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise BadInput(f"Column {missing[0]!r} is missing; the rows have: {', '.join(map(str, frame.columns[:40]))}.")
    empty = [name for name in names if len(frame) and frame[name].isna().all()]
    if empty:
        raise BadInput(f"Column {empty[0]!r} is null in all {len(frame):,} rows.")


def _shaped(answer: npt.NDArray[np.float64], estimator: Any, rows: int, task: str) -> npt.NDArray[np.float64]:
    """Bring what an estimator answered into the form of the task; multiclass columns into the order of the classes."""
    columns = answer.shape[1] if answer.ndim == 2 else 0
    if task == BINARY and columns == 2:
        return answer[:, 1]
    if task == REGRESSION and answer.size == rows:
        return answer.reshape(rows)
    if task == MULTICLASS and columns:
        known = [int(item) for item in getattr(estimator, "classes_", range(columns))]
        if sorted(known) == list(range(columns)):
            return answer[:, sorted(range(columns), key=known.__getitem__)]
        raise BadInput(f"The model's classes_ are {known[:20]}; they must be the indices of the {columns} classes.")
    raise BadInput(f"The model cannot score these rows: its answer has the shape {answer.shape} in a {task} task.")
