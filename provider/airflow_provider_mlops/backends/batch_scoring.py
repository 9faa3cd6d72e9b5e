"""Scoring rows a batch at a time: every row gets a score or the reason why it has none."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.scikit_learn import score
from airflow_provider_mlops.core.errors import BadInput, Refused

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

REFUSED, NOT_A_NUMBER = "refused by the model", "the score is not a number"
_MOST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Scored:
    """The scores of a batch.

    :param scores: float64, one a row or one a row and class; NaN where a row could not be scored.
    :param errors: why not, None where it could; one a row.
    :param kinds: how many rows failed, by kind of error.
    :param milliseconds: how long it took.
    """

    scores: npt.NDArray[np.float64]
    errors: list[str | None]
    kinds: Mapping[str, int]
    milliseconds: float


class TooManyFailed(Refused):
    """Raised when more rows of a batch failed than may.

    :param kinds: how many rows failed, by kind of error.
    :param last: why the last one failed.
    """

    def __init__(self, kinds: Mapping[str, int], last: str) -> None:
        super().__init__(f"More rows could not be scored than may fail. The last one: {last}")
        self.kinds, self.last = kinds, last


class RowScorer:
    """Scores batches with one estimator.

    :param estimator: fitted estimator of the task.
    :param features: its features, in order.
    :param task: ``binary``, ``multiclass`` or ``regression``.
    :param classes: how many classes it has, None where there is one score a row.
    """

    def __init__(self, estimator: Any, features: Sequence[str], task: str, classes: int | None) -> None:
        self._estimator, self._features, self._task = estimator, list(features), task
        self._shape = () if classes is None else (classes,)

    def score(self, frame: pd.DataFrame, *, most_failed: int) -> Scored:
        """Score a batch; where the model refuses it, the halves, until the rows that it refuses are found.

        :param frame: rows with the features.
        :param most_failed: stop when more rows than these have failed.
        :return: scores and errors.
        :raises TooManyFailed: when more rows failed.
        """
        numpy = load("numpy", "parquet")
        scores = numpy.full((len(frame), *self._shape), numpy.nan)
        errors: list[str | None] = [None] * len(frame)
        kinds: Counter[str] = Counter()
        started = time.perf_counter()
        waiting = [(0, len(frame))]
        while waiting:
            low, high = waiting.pop()
            try:
                scores[low:high] = score(self._estimator, frame.iloc[low:high][self._features], self._task)
            except BadInput as err:
                if high - low > 1:
                    middle = (low + high) // 2
                    waiting += [(middle, high), (low, middle)]
                    continue
                kind = NOT_A_NUMBER if "not numbers" in str(err) else REFUSED
                kinds[kind] += 1
                errors[low] = NOT_A_NUMBER if kind == NOT_A_NUMBER else str(err)[:_MOST_TEXT]
                if kinds.total() > most_failed:
                    raise TooManyFailed(dict(kinds), str(err)[:_MOST_TEXT]) from err
        return Scored(scores, errors, dict(kinds), (time.perf_counter() - started) * 1000)


def rechunked(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Cut rows into batches of one size, so that a model sees the same batches in every replay.

    :param batches: record batches of one schema.
    :param rows: rows of a batch.
    :return: batches of so many rows; the last one may have fewer.
    """
    arrow = load("pyarrow", "parquet")
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        rest = batch
        while rest.num_rows:
            taken = rest.slice(0, rows - count)
            rest = rest.slice(taken.num_rows)
            waiting.append(taken)
            count += taken.num_rows
            if count == rows:
                yield arrow.concat_batches(waiting)
                waiting, count = [], 0
    if waiting:
        yield arrow.concat_batches(waiting)


def frame_of(batch: pa.RecordBatch, with_nulls: Iterable[str]) -> pd.DataFrame:
    """Turn rows into a frame whose types do not depend on how rows were cut.

    :param batch: the rows.
    :param with_nulls: columns that hold a null somewhere: whole numbers of them are floats, as in the whole frame.
    :return: the frame.
    """
    arrow = load("pyarrow", "parquet")
    nulls = set(with_nulls)
    fields = [
        arrow.field(field.name, arrow.float64() if field.name in nulls and _is_whole(field.type) else field.type)
        for field in batch.schema
    ]
    arrays = [column.cast(field.type, safe=False) for column, field in zip(batch.columns, fields, strict=True)]
    frame: pd.DataFrame = arrow.RecordBatch.from_arrays(arrays, schema=arrow.schema(fields)).to_pandas()
    return frame


def check_unique(read: Callable[[], Iterator[pa.RecordBatch]], column: str) -> None:
    """Refuse rows without an id, and ids that stand twice; memory holds eight bytes a row.

    :param read: starts reading batches of that column.
    :param column: the column of row ids.
    :raises BadInput: naming how many.
    """
    numpy, hash_array = load("numpy", "parquet"), load("pandas.util", "parquet").hash_array
    hashes = []
    for batch in read():
        if nulls := batch.column(0).null_count:
            raise BadInput(f"{nulls:,} rows have no value in the column of row ids, {column!r}.")
        hashes.append(hash_array(numpy.asarray(texts(batch.column(0)), dtype=object), categorize=False))
    together = numpy.sort(numpy.concatenate(hashes)) if hashes else numpy.empty(0)
    twice = set(together[1:][together[1:] == together[:-1]].tolist())
    if not twice:
        return
    # Two different ids may share a hash: the few that do are compared as they are.
    seen: set[str] = set()
    for batch in read():
        ids = texts(batch.column(0))
        found = hash_array(numpy.asarray(ids, dtype=object), categorize=False).tolist()
        for one in (text for text, hashed in zip(ids, found, strict=True) if hashed in twice):
            if one in seen:
                raise BadInput(
                    f"Rows stand twice in the snapshot: {len(twice):,} values of {column!r} repeat. "
                    "Make the row ids of the dataset unique."
                )
            seen.add(one)


def texts(column: pa.Array) -> list[Any]:
    """Write values as scores and erasures do.

    :param column: the values.
    :return: text, None where there is no value.
    """
    return [None if value is None else str(value) for value in column.to_pylist()]


def moments(column: pa.Array, name: str) -> pa.Array:
    """Read times as microseconds in UTC; a time without a zone is in UTC.

    :param column: times or days.
    :param name: name of the column, for the error.
    :return: the times.
    :raises BadInput: when the column holds something else.
    """
    arrow = load("pyarrow", "parquet")
    if not (arrow.types.is_timestamp(column.type) or arrow.types.is_date(column.type)):
        raise BadInput(f"The time column {name!r} holds {column.type}, not times.")
    zone = column.type.tz if arrow.types.is_timestamp(column.type) else None
    plain = column.cast(arrow.timestamp("us", zone), safe=False)
    return plain.cast(arrow.timestamp("us", "UTC"))


def _is_whole(kind: pa.DataType) -> bool:
    return bool(load("pyarrow.types", "parquet").is_integer(kind))


def logged_rows(
    chunk: pa.RecordBatch,
    schema: pa.Schema,
    scored: Scored,
    columns: Mapping[str, Any],
    *,
    entity: str | None,
    time: str | None,
) -> pa.RecordBatch:
    """Put a scored batch into the columns of the log.

    :param chunk: the rows that were scored.
    :param schema: columns of the log.
    :param scored: their scores.
    :param columns: lists of values, or the one value of every row, by column of the log.
    :param entity: column that says whom or what a row is about, None for none.
    :param time: column of the time that a prediction is for, None for none.
    :return: rows of the log.
    """
    arrow, numpy = load("pyarrow", "parquet"), load("numpy", "parquet")
    count = chunk.num_rows
    failed = numpy.asarray([error is not None for error in scored.errors], dtype=bool)
    best = scored.scores if scored.scores.ndim == 1 else scored.scores.max(axis=1)
    by_class = scored.scores.T if scored.scores.ndim == 2 else ()
    own: dict[str, Any] = {
        "entity": [None] * count if entity is None else texts(chunk.column(entity)),
        "time": [None] * count if time is None else moments(chunk.column(time), time),
        "score": arrow.array(best, arrow.float64(), mask=failed),
        "latency_ms": [scored.milliseconds / count] * count,
        "error": scored.errors,
        **{name: value if isinstance(value, list) else [value] * count for name, value in columns.items()},
    }
    names = iter(name for name in schema.names if name.startswith("score:"))
    own |= {
        name: arrow.array(values, arrow.float64(), mask=failed) for name, values in zip(names, by_class, strict=True)
    }
    arrays = []
    for one in schema:
        value = own.get(one.name)
        value = chunk.column(one.name) if value is None else value
        arrays.append(value if isinstance(value, arrow.Array) else arrow.array(value, one.type))
    return arrow.RecordBatch.from_arrays(arrays, schema=schema)
