"""The rows that a model served, read from its prediction log as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.core.prediction_log import score_columns
from airflow_provider_mlops.hooks.rows import read_rows
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

    from airflow_provider_mlops.core.dependence import Dependence
    from airflow_provider_mlops.core.record import Record

_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True, eq=False)
class LiveRows:
    """Rows of a prediction log.

    :param table: the columns that were read, a chunked Arrow table.
    :param partition: number of each row's partition, from 0, in the order that they were read.
    """

    table: pa.Table
    partition: npt.NDArray[Any]

    @classmethod
    def of(cls, parts: Iterable[Iterable[pa.RecordBatch]]) -> LiveRows:
        """Put the logs of some partitions together.

        :param parts: record batches by partition.
        :return: the rows; none where no partition has any.
        """
        arrow, numpy = load("pyarrow", "parquet"), load("numpy", "parquet")
        batches, numbers = [], []
        for number, part in enumerate(parts):
            for batch in part:
                batches.append(batch)
                numbers.append(numpy.full(batch.num_rows, number))
        if not batches:
            return cls(arrow.table({}), numpy.empty(0, dtype="int64"))
        return cls(arrow.Table.from_batches(batches), numpy.concatenate(numbers))

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.partition)

    def numbers(self, name: str) -> npt.NDArray[Any]:
        """Return a column of numbers; a null is NaN.

        :param name: the column.
        :return: one float per row.
        """
        column = self.table.column(name) if name in self.table.column_names else None
        found: npt.NDArray[Any]
        if column is None or column.null_count == len(column):
            found = load("numpy", "parquet").full(len(self), float("nan"))
            return found
        try:
            found = column.cast("float64").to_numpy(zero_copy_only=False)
        except (ValueError, NotImplementedError) as err:
            raise NotMeasurable(f"The column {name!r} of the log holds no numbers: {column.type}.") from err
        return found

    def texts(self, name: str) -> list[str | None]:
        """Return a column of texts.

        :param name: the column.
        :return: one text, or None, per row.
        """
        return [None if value is None else str(value) for value in self.table.column(name).to_pylist()]

    def scores(self, classes: Sequence[Any] | None) -> npt.NDArray[Any]:
        """Return the scores.

        :param classes: the classes of a multiclass model, in the order of its scores; else None.
        :return: one per row, or one per row and class; NaN where a row could not be scored.
        """
        if classes is None:
            return self.numbers("score")
        columns = [self.numbers(name) for name in score_columns(classes)]
        found: npt.NDArray[Any] = load("numpy", "parquet").column_stack(columns)
        return found

    def labels(self, classes: Sequence[Any] | None) -> npt.NDArray[Any]:
        """Return the labels as metrics take them.

        :param classes: the classes of a multiclass model, in the order of its scores; else None.
        :return: 0 or 1, the number, or the index of the class, -1 for one that the model does not know; NaN where no
            label is known.
        """
        if classes is None or "label" not in self.table.column_names:
            return self.numbers("label")
        numpy, known = load("numpy", "parquet"), {str(one): at for at, one in enumerate(classes)}
        found = [numpy.nan if text is None else known.get(text, -1) for text in self.texts("label")]
        result: npt.NDArray[Any] = numpy.array(found, dtype="float64")
        return result

    def where(self, mask: npt.NDArray[Any]) -> LiveRows:
        """Return some of the rows.

        :param mask: True for those to keep.
        """
        return LiveRows(self.table.filter(load("pyarrow", "parquet").array(mask)), self.partition[mask])

    def clusters(self, dependence: Dependence | None) -> npt.NDArray[Any] | None:
        """Say which rows belong together.

        :param dependence: as the policy has it.
        :return: a code per row; None when all are independent.
        :raises NotMeasurable: when a row does not say what it belongs to.
        :raises BadInput: when the log has no such column.
        """
        if dependence is None:
            return None
        if not len(self):
            none: npt.NDArray[Any] = load("numpy", "parquet").empty(0, dtype="int64")
            return none
        name = dependence.column
        column = self.table.column(name)
        if column.null_count:
            raise NotMeasurable(f"{column.null_count:,} of {len(self):,} rows have no {name}, by which they depend.")
        return _codes(column) if dependence.cluster else _blocks(column, name, dependence.block_days)


def _codes(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Number the values of a column."""
    codes = column.combine_chunks().dictionary_encode()
    indices = codes.indices if hasattr(codes, "indices") else codes.combine_chunks().indices
    found: npt.NDArray[Any] = indices.to_numpy(zero_copy_only=False).astype("int64")
    return found


def _blocks(column: pa.ChunkedArray, name: str, days: float) -> npt.NDArray[Any]:
    """Number the blocks of time that a column of times falls into."""
    numpy, arrow = load("numpy", "parquet"), load("pyarrow", "parquet")
    if not arrow.types.is_timestamp(column.type):
        raise BadInput(f"dependence: time names {name!r}, which is no time of the log but {column.type}.")
    moments = column.cast(arrow.timestamp("us", tz="UTC")).cast("int64").to_numpy(zero_copy_only=False)
    found: npt.NDArray[Any] = numpy.floor(moments / (days * _DAY_US)).astype("int64")
    return found


def dependence_columns(dependence: Dependence | None) -> tuple[str, ...]:
    """Return the columns of the log that say what belongs together.

    :param dependence: as the policy has it.
    """
    return () if dependence is None else (dependence.column,)


def joined_columns(
    storage: Storage, logs: Sequence[Record], rows: LiveRows, row_id: str, columns: Sequence[str]
) -> pd.DataFrame:
    """Look further columns of served rows up in the snapshots that they were scored from.

    :param storage: where the snapshots lie.
    :param logs: the log of each partition, in the order of the rows' partition numbers.
    :param rows: the rows, with ``row_id``.
    :param row_id: column of the snapshots that names a row.
    :param columns: what to look up.
    :return: the columns, in the order of the rows.
    :raises NotMeasurable: when a row is not in its snapshot, or a row id stands there twice.
    :raises BadInput: when a column is missing.
    """
    pandas, numpy = load("pandas", "parquet"), load("numpy", "parquet")
    wanted, parts, order = numpy.array(rows.texts("row_id"), dtype=object), [], []
    for number, log in enumerate(logs):
        places = numpy.flatnonzero(rows.partition == number)
        if not len(places):
            continue
        names = list(dict.fromkeys((row_id, *columns)))
        there = read_rows(storage, log.body["dataset"], [{"snapshot_id": log.body["snapshot_id"]}], columns=names)
        if missing := [name for name in names if name not in there.columns]:
            raise BadInput(
                f"The snapshot of partition {log.body['partition_key']} has no column {missing[0]!r}, which the "
                f"monitoring policy asks for; it has: {', '.join(map(str, there.columns[:20]))}."
            )
        there.index = there[row_id].astype(str)
        if there.index.has_duplicates:
            raise NotMeasurable(f"A row id stands twice in the snapshot of {log.body['partition_key']}.")
        lost = int((~pandas.Index(wanted[places]).isin(there.index)).sum())
        if lost:
            raise NotMeasurable(f"{lost:,} rows of {log.body['partition_key']} are not in their snapshot any more.")
        parts.append(there.loc[wanted[places], list(columns)])
        order.append(places)
    found: pd.DataFrame
    if not parts:
        found = pandas.DataFrame(columns=list(columns))
    else:
        found = pandas.concat(parts, ignore_index=True)
        found = found.iloc[numpy.argsort(numpy.concatenate(order), kind="stable")].reset_index(drop=True)
    return found
