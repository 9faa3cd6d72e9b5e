"""What the training rows know of the test rows: rows and entities in both, order in time, labels that leak."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.evaluation import Contender
from airflow_provider_mlops.core.manifest import REGRESSION
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.hooks.rows import read_rows
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.hooks.variants import floats, is_number
from airflow_provider_mlops.statistics.leakage import mean_area, number_auc, rate_auc

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd


def leakage_facts(
    storage: Storage, candidate: Contender, test: pd.DataFrame, labels: npt.NDArray[Any], entity: str | None
) -> dict[str, Any]:
    """Compare the test rows with the rows that the candidate and its bases learned, one training snapshot at a time.

    :param storage: where the snapshots lie.
    :param candidate: the candidate.
    :param test: labelled test rows, all columns.
    :param labels: their labels as the models know them.
    :param entity: column that says whom or what a row is about, None where that is no concern.
    :return: JSON-safe facts: ``train_rows``, ``test_rows``, ``row_overlap`` (test rows whose features and label were
        trained on), ``entity_column``, ``entity_overlap`` (test entities that were trained on), ``train_last``,
        ``test_first``, ``time_ordered``, ``single_feature``.
    :raises BadInput: when the training rows lack the entity column.
    :raises EvidenceBroken: when a training snapshot is missing or was changed.
    """
    numpy = load("numpy", "parquet")
    manifest = candidate.manifest
    compared = [*manifest["features"], manifest["label"]]
    rows, entities = _hashes(test[compared]), _entities(test, entity)
    seen, known = numpy.zeros(len(rows), bool), numpy.zeros(len(entities), bool)
    rates = _Rates(test, candidate)
    train_rows, newest = 0, None
    learned = (_training_rows(storage, one, entity) for one in (manifest, *candidate.bases))
    for frame in chain.from_iterable(learned):
        train_rows += len(frame)
        seen |= numpy.isin(rows, _hashes(frame[compared]))
        known |= numpy.isin(entities, _entities(frame, entity))
        rates.update(frame)
        newest = max(filter(None, (newest, _extreme(frame, manifest["time_column"], "max"))), default=None)
    oldest = _extreme(test, manifest["time_column"], "min")
    timed = newest is not None and oldest is not None
    return {
        "train_rows": train_rows,
        "test_rows": len(test),
        "row_overlap": int(seen.sum()),
        "entity_column": entity,
        "entity_overlap": None if entity is None else int(known.sum()),
        "train_last": newest.isoformat() if newest is not None else None,
        "test_first": oldest.isoformat() if oldest is not None else None,
        "time_ordered": bool(newest < oldest) if timed else None,
        "single_feature": rates.best(labels),
    }


def time_facts(rows: pd.DataFrame, labelled: pd.DataFrame, time_column: str | None) -> dict[str, Any]:
    """Say which time the test rows span, and how new the newest label is.

    :param rows: all test rows.
    :param labelled: those with a label.
    :param time_column: column with the row's time, None when there is none.
    :return: ``time_range`` and ``newest_label``, ISO 8601; None without times.
    """
    first, last = (_extreme(rows, time_column, end) for end in ("min", "max"))
    newest = _extreme(labelled, time_column, "max")
    return {
        "time_range": None if first is None else [first.isoformat(), last.isoformat()],
        "newest_label": None if newest is None else newest.isoformat(),
    }


def _training_rows(storage: Storage, manifest: Mapping[str, Any], entity: str | None) -> Iterator[pd.DataFrame]:
    """Yield the labelled training rows of one snapshot after the other."""
    since, until = manifest["train"].get("since"), manifest["train"]["until"]
    columns = [name for name in (*manifest["features"], manifest["label"], manifest["time_column"], entity) if name]
    for snapshot in manifest["train"]["snapshots"]:
        frame = read_rows(storage, manifest["dataset"], [snapshot], columns=columns)
        frame = frame[frame[manifest["label"]].notna()]
        pandas = load("pandas", "parquet")
        if since is not None:
            frame = frame[pandas.to_datetime(frame[manifest["time_column"]]) >= pandas.Timestamp(since)]
        if until is not None:
            frame = frame[pandas.to_datetime(frame[manifest["time_column"]]) < pandas.Timestamp(until)]
        yield frame


def _hashes(frame: pd.DataFrame) -> npt.NDArray[np.uint64]:
    """Hash rows by their values, the same for 1 and 1.0: a column without nulls may be whole numbers elsewhere."""
    pandas = load("pandas", "parquet")
    plain = pandas.DataFrame({number: _plain(frame[name]) for number, name in enumerate(frame.columns)})
    found: npt.NDArray[np.uint64] = pandas.util.hash_pandas_object(plain, index=False).to_numpy()
    return found


def _plain(column: pd.Series[Any]) -> Any:
    if _is_numeric(column):
        return floats(column) + 0.0  # -0.0 becomes 0.0
    return column.astype(str).to_numpy()


def _entities(frame: pd.DataFrame, entity: str | None) -> npt.NDArray[np.uint64]:
    found: npt.NDArray[np.uint64]
    if entity is None:
        found = load("numpy", "parquet").zeros(0, "uint64")
    elif entity not in frame.columns:
        raise BadInput(
            f"The training rows have no entity column {entity!r}; they have: {', '.join(frame.columns[:40])}."
        )
    else:
        found = load("numpy", "parquet").unique(_hashes(frame[[entity]].dropna()))
    return found


def _extreme(frame: pd.DataFrame, time_column: str | None, end: str) -> Any:
    if time_column is None or not len(frame):
        return None
    pandas = load("pandas", "parquet")
    found = getattr(pandas.to_datetime(frame[time_column], utc=True), end)()
    return None if pandas.isna(found) else found


class _Rates:
    """The share of each class by category, counted over the training rows; numbers need no training rows."""

    def __init__(self, test: pd.DataFrame, candidate: Contender) -> None:
        pandas, numpy = load("pandas", "parquet"), load("numpy", "parquet")
        self._test, self._candidate = test, candidate
        # Of two classes one says it all; of several each is asked against the others.
        self._classes = [1] if candidate.classes is None else list(range(len(candidate.classes)))
        self._codes: dict[str, Any] = {}
        self._values: dict[str, Any] = {}
        self._counts: dict[str, Any] = {}
        for name in candidate.manifest["features"]:
            if not _is_numeric(test[name]):
                self._codes[name], values = pandas.factorize(test[name].astype(str))
                self._values[name] = pandas.Index(values)
                self._counts[name] = numpy.zeros((len(values) + 1, 1 + len(self._classes)), "int64")

    def update(self, frame: pd.DataFrame) -> None:
        """Count the rows of a training snapshot; categories that the test rows do not have are counted as one."""
        from airflow_provider_mlops.backends.labels import encode_labels

        candidate, label = self._candidate, self._candidate.manifest["label"]
        if candidate.task == REGRESSION or not self._counts or not len(frame):
            return
        numpy = load("numpy", "parquet")
        labels = encode_labels(frame[label], label, candidate.task, candidate.classes).to_numpy()
        for name, counts in self._counts.items():
            codes = self._values[name].get_indexer(frame[name].astype(str))
            chosen = [slice(None), *(labels == code for code in self._classes)]
            for column, rows in enumerate(chosen):
                # Code -1, for the categories that the test rows do not have, is the last place.
                counts[:, column] += numpy.roll(numpy.bincount(codes[rows] + 1, minlength=len(counts)), -1)

    def best(self, labels: npt.NDArray[Any]) -> dict[str, Any] | None:
        """Return the feature that separates the classes best, None where the question has no answer."""
        if self._candidate.task == REGRESSION:
            return None
        try:
            areas = {name: self._area(name, labels) for name in self._candidate.manifest["features"]}
        except NotMeasurable:
            return None
        best = max(areas, key=lambda name: areas[name])
        return {"feature": best, "auc": round(areas[best], 6)}

    def _area(self, name: str, labels: npt.NDArray[Any]) -> float:
        """Return the area of a feature; with several classes the mean of those that the test rows have."""
        areas = {}
        for place, code in enumerate(self._classes, start=1):
            positive = labels == code
            if not 0 < positive.sum() < len(positive):
                continue
            if name in self._codes:
                counts = self._counts[name]
                areas[code] = rate_auc(positive, self._codes[name], counts[:, 0], counts[:, place])
            else:
                areas[code] = number_auc(positive, floats(self._test[name]))
        return mean_area(areas)


def _is_numeric(column: pd.Series[Any]) -> bool:
    return is_number(column) or column.dtype.kind == "b"
