"""Labels that come late: read in whatever form, each row's newest one found, put beside the predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.batch_scoring import moments, texts
from airflow_provider_mlops.backends.labels import encode_labels
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.manifest import MULTICLASS

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_TYPES = {"row_id": object, "label": object, "time": "datetime64[us, UTC]"}
COUNTS = ("label_rows", "duplicates", "corrected", "conflicting", "unknown", "not_yet_known")


@dataclass(slots=True)
class KnownLabels:
    """The newest label of each row that a source names.

    :param row_ids: text, each once.
    :param labels: what the model of the task was to say; null: it will never be known.
    :param times: when each was known, null where the source does not say.
    :param counts: rows of the source by `COUNTS`.
    :param matched: of each row id whether a prediction has it.
    """

    row_ids: pa.Array
    labels: pa.Array
    times: pa.Array
    counts: dict[str, int]
    matched: Any = field(init=False)

    def __post_init__(self) -> None:
        self.matched = load("numpy", "parquet").zeros(len(self.row_ids), dtype=bool)


@dataclass(slots=True)
class Joined:
    """How many predictions have a label.

    :param rows: predictions.
    :param labelled: those whose label is known.
    :param censored: those that the source names without a label.
    """

    rows: int = 0
    labelled: int = 0
    censored: int = 0


@dataclass(frozen=True, slots=True)
class LabelColumns:
    """Which columns of the source are meant, and what labels are.

    :param row_id: column that names the row.
    :param label: column of the label.
    :param time: column of the time when it was known, None for none.
    :param task: task of the model.
    :param classes: classes of a multiclass model.
    """

    row_id: str
    label: str
    time: str | None
    task: str
    classes: Sequence[Any] | None = None

    @property
    def names(self) -> list[str]:
        """The columns, each once."""
        return list(dict.fromkeys(name for name in (self.row_id, self.label, self.time) if name is not None))


def collect_labels(tables: Iterable[pa.Table], columns: LabelColumns, as_of: datetime) -> KnownLabels:
    """Read the labels of a partition; the newest of each row counts.

    :param tables: rows of the source.
    :param columns: which columns are meant.
    :param as_of: what was known later is not known yet.
    :return: the labels.
    :raises BadInput: when a column is missing or a label is not one of the task.
    """
    arrow, pandas = load("pyarrow", "parquet"), load("pandas", "parquet")
    frames = [_frame(table, columns) for table in tables]
    rows = pandas.concat(frames, ignore_index=True) if frames else _frame(None, columns)
    counts = dict.fromkeys(COUNTS, 0)
    counts["label_rows"] = len(rows)
    late = rows["time"] > as_of
    nameless = rows["row_id"].isna()
    counts["not_yet_known"], counts["unknown"] = int(late.sum()), int((nameless & ~late).sum())
    rows = _newest(rows[~late & ~nameless], counts)
    known = rows["label"].notna()
    labels = pandas.Series(None, index=rows.index, dtype=object)
    if known.any():
        encoded = encode_labels(rows["label"][known].infer_objects(), columns.label, columns.task, columns.classes)
        labels[known] = [_said(value, columns) for value in encoded]
    kind = arrow.string() if columns.task == MULTICLASS else arrow.float64()
    return KnownLabels(
        arrow.array(rows["row_id"], arrow.string()),
        arrow.array(labels, kind, from_pandas=True),
        arrow.array(rows["time"], arrow.timestamp("us", "UTC"), from_pandas=True),
        counts,
    )


def joined_rows(
    predictions: Iterable[pa.RecordBatch], known: KnownLabels, schema: pa.Schema, joined: Joined
) -> Iterator[pa.RecordBatch]:
    """Put labels beside predictions, one row for each prediction, in their order.

    :param predictions: batches with ``prediction_id`` and ``row_id``.
    :param known: the labels; which of them were found is marked in it.
    :param schema: columns of labels.
    :param joined: is counted up.
    :return: rows of labels.
    """
    arrow, pc, numpy = load("pyarrow", "parquet"), load("pyarrow.compute", "parquet"), load("numpy", "parquet")
    for batch in predictions:
        place = pc.index_in(batch.column("row_id"), value_set=known.row_ids)
        found = numpy.asarray(pc.drop_null(place), dtype="int64")
        known.matched[found] = True
        labels, times = known.labels.take(place), known.times.take(place)
        joined.rows += batch.num_rows
        joined.labelled += batch.num_rows - labels.null_count
        joined.censored += len(found) - (batch.num_rows - labels.null_count)
        columns = [batch.column("prediction_id"), batch.column("row_id"), labels, times]
        yield arrow.RecordBatch.from_arrays(columns, schema=schema)


def count_changed(before: Iterable[pa.RecordBatch], now: Iterable[pa.RecordBatch]) -> int:
    """Count the labels that differ from earlier ones of the same predictions.

    :param before: batches of the column ``label``.
    :param now: the same.
    """
    arrow, pc = load("pyarrow", "parquet"), load("pyarrow.compute", "parquet")
    first, second = (arrow.Table.from_batches(list(rows)).column("label") for rows in (before, now))
    same = pc.or_(pc.fill_null(pc.equal(first, second), False), pc.and_(pc.is_null(first), pc.is_null(second)))
    return int(len(same) - (pc.sum(same).as_py() or 0))


def _frame(table: pa.Table | None, columns: LabelColumns) -> pd.DataFrame:
    """Take the columns that are meant out of a table of the source."""
    pandas, arrow = load("pandas", "parquet"), load("pyarrow", "parquet")
    if table is None:
        empty: pd.DataFrame = pandas.DataFrame({"row_id": [], "label": [], "time": []}).astype(_TYPES)
        return empty
    if missing := [name for name in columns.names if name not in table.column_names]:
        raise BadInput(f"The labels have no column {missing[0]!r}; they have: {', '.join(table.column_names[:40])}.")
    plain = table.select(columns.names).combine_chunks()
    one = {name: _chunk(plain.column(name)) for name in columns.names}
    unknown = arrow.nulls(len(plain), arrow.timestamp("us", "UTC"))
    times = unknown if columns.time is None else moments(one[columns.time], columns.time)
    values = {
        "row_id": texts(one[columns.row_id]),
        "label": one[columns.label].to_pandas(),
        "time": times.to_pandas(),
    }
    frame: pd.DataFrame = pandas.DataFrame(values).astype(_TYPES)
    return frame


def _chunk(column: pa.ChunkedArray) -> pa.Array:
    found = column.combine_chunks()
    return found.chunk(0) if hasattr(found, "chunk") else found


def _newest(rows: pd.DataFrame, counts: dict[str, int]) -> pd.DataFrame:
    """Keep one row of each id: of the newest time, and without a label where two of that time contradict each other."""
    if not rows["row_id"].duplicated().any():
        return rows
    pandas = load("pandas", "parquet")
    # A time that nobody knows is the oldest.
    times = rows["time"].fillna(pandas.Timestamp.min.tz_localize("UTC").ceil("us"))
    newest = rows[times == times.groupby(rows["row_id"]).transform("max")]
    counts["corrected"] = len(rows) - len(newest)
    said = newest["label"].where(newest["label"].notna(), None).map(repr)
    contradicts = said.groupby(newest["row_id"]).transform("nunique") > 1
    counts["conflicting"] = int(contradicts.sum())
    counts["duplicates"] = int(newest["row_id"][~contradicts].duplicated().sum())
    kept = newest.assign(label=newest["label"].where(~contradicts, None))
    return kept[~kept["row_id"].duplicated()]


def _said(value: Any, columns: LabelColumns) -> Any:
    return str((columns.classes or ())[int(value)]) if columns.task == MULTICLASS else float(value)
