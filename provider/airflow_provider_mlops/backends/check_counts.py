"""Counting what the checks of training data ask for: DuckDB over Parquet files, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends.duckdb_session import NAN_IS_SEEN
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.data_check_rules import LabelCounts, Span
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.near import did_you_mean

MOST_GROUPS = 1_000
_SETTINGS = {"memory_limit": "1GB", "threads": 2, "preserve_insertion_order": False, **NAN_IS_SEEN}


class RowSet:
    """The training or the test rows: a view over Parquet files, cut by time. NaN is missing, as it is to a suite.

    :param connection: a DuckDB connection.
    :param name: name of the view, ours.
    :param files: the files.
    :param cut: time column, ``<`` or ``>=``, and a moment in microseconds since 1970; None for all rows.
    """

    def __init__(self, connection: Any, name: str, files: Sequence[Path], cut: tuple[str, str, int] | None) -> None:
        self._connection = connection
        self.name = name
        rows = connection.read_parquet([str(file) for file in files])
        # To Parquet "a" and "A" are two columns; DuckDB, to which they are one name, calls the second "A_1".
        self._names = dict(zip(_names_of(files), rows.columns, strict=True))
        self.columns: tuple[str, ...] = tuple(self._names)
        self._types = dict(zip(self.columns, map(str, rows.types), strict=True))
        if cut is not None:
            # A view takes no bound values; this one is a whole number.
            rows = rows.filter(f"{self._microseconds(cut[0])} {cut[1]} {int(cut[2])}")
        rows.project(", ".join(map(self._present, self.columns))).create_view(name)

    def rows(self) -> int:
        """Count the rows."""
        return int(self._ask("count(*)")[0][0])

    def distinct(self, columns: Sequence[str] | None) -> int:
        """Count the different rows.

        :param columns: the columns by which rows are the same; None for all.
        """
        chosen = ", ".join(map(self.quoted, columns or self.columns))
        counted = self._connection.table(self.name).select(chosen).distinct().count("*")
        return int(self._fetched(counted)[0][0])

    def without(self, columns: Sequence[str]) -> int:
        """Count the rows in which one of the columns is missing.

        :param columns: the columns.
        """
        missing = " OR ".join(f"{self.quoted(column)} IS NULL" for column in columns)
        return int(self._ask("count(*)", f"WHERE {missing}")[0][0])

    def shared_with(self, other: RowSet, key: Sequence[str]) -> int:
        """Count the rows whose key occurs among other rows.

        :param other: the other rows.
        :param key: the columns of the key.
        """
        same = " AND ".join(f"{self.name}.{self.quoted(name)} = {other.name}.{other.quoted(name)}" for name in key)
        return int(self._ask("count(*)", f"SEMI JOIN {other.name} ON {same}")[0][0])

    def span(self, column: str, name: str) -> Span:
        """Find the first and the last time.

        :param column: the time column.
        :param name: name of the rows.
        :raises BadInput: when it holds no times.
        """
        time = self._microseconds(column)
        first, last, missing = self._ask(f"min({time}), max({time}), count(*) - count({self.quoted(column)})")[0]
        return Span(name=name, first=first, last=last, missing=missing)

    def groups(self, column: str) -> dict[Any, int]:
        """Count the rows of each value; a missing value is None.

        :param column: the column.
        :raises BadInput: when it has more than 1,000 values.
        """
        found = self._ask(f"{self.quoted(column)}, count(*)", f"GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_GROUPS + 1}")
        if len(found) > MOST_GROUPS:
            raise BadInput(f"Column {column!r} has more than {MOST_GROUPS:,} values: these are no groups or classes.")
        try:
            return dict(found)
        except TypeError:
            raise BadInput(f"Column {column!r} holds lists or records: these are no groups or classes.") from None

    def labels(self, column: str, annotation_id: str | None, *, classes: bool) -> LabelCounts:
        """Count labels.

        :param column: the label column.
        :param annotation_id: column that names the annotation, None without one.
        :param classes: whether to count each class.
        """
        found = self.groups(column) if classes else {}
        repeated = missing_ids = 0
        if annotation_id is not None:
            name = self.quoted(annotation_id)
            numbers = f"count({name}) - count(DISTINCT {name}), count(*) - count({name})"
            repeated, missing_ids = self._ask(numbers, f"WHERE {self.quoted(column)} IS NOT NULL")[0]
        return LabelCounts(
            rows=self.rows(),
            counts={value: count for value, count in found.items() if value is not None},
            missing=self.without([column]),
            repeated_ids=repeated,
            missing_ids=missing_ids,
        )

    def quoted(self, column: str) -> str:
        """Quote a column for SQL.

        :param column: the column.
        :raises BadInput: when the rows lack it.
        """
        if column not in self.columns:
            near = did_you_mean(column, self.columns)
            raise BadInput(f"Column {column!r} is not among the columns: {', '.join(self.columns)}.{near}")
        doubled = self._names[column].replace('"', '""')
        return f'"{doubled}"'

    def _microseconds(self, column: str) -> str:
        quoted = self.quoted(column)
        if not self._types[column].startswith(("TIMESTAMP", "DATE")):
            raise BadInput(f"Column {column!r} holds no times, but values of the type {self._types[column]}.")
        return f"epoch_us({quoted})"

    def _present(self, column: str) -> str:
        name, number = self.quoted(column), self._types[column] in ("FLOAT", "DOUBLE")
        return f"CASE WHEN NOT isnan({name}) THEN {name} END AS {name}" if number else name

    def _ask(self, what: str, rest: str = "") -> list[tuple[Any, ...]]:
        # Names of columns are quoted by `quoted`, everything else is written here.
        return self._fetched(f"SELECT {what} FROM {self.name} {rest}")

    def _fetched(self, query: Any) -> list[tuple[Any, ...]]:
        try:
            answer = self._connection.execute(query) if isinstance(query, str) else query
            found: list[tuple[Any, ...]] = answer.fetchall()
        except load("duckdb", "great-expectations").Error as err:
            raise BadInput(f"The {self.name} rows cannot be counted: {str(err).splitlines()[0][:300]}") from err
        return found


def _names_of(files: Sequence[Path]) -> list[str]:
    """Read the names of the columns.

    :raises BadInput: when names differ in case alone, and not all files have them in the same order.
    """
    first, *others = (load("pyarrow.parquet", "parquet").read_schema(file).names for file in files)
    if len({name.lower() for name in first}) < len(first) and any(names != first for names in others):
        raise BadInput(
            f"Of the columns {', '.join(first)} some differ in case alone, and not all partitions have them in this "
            "order: they cannot be told apart. Rename them."
        )
    return list(first)


@contextmanager
def open_rows(
    train: Sequence[Path], test: Sequence[Path], spill: Path, *, cut: tuple[str, int] | None = None
) -> Iterator[tuple[RowSet, RowSet]]:
    """Open training and test rows.

    :param train: files of the training rows.
    :param test: files of the test rows.
    :param spill: folder for what does not fit into the memory.
    :param cut: time column and moment (microseconds since 1970): training rows are before it, test rows are not.
    :return: context manager that gives both.
    """
    duckdb = load("duckdb", "great-expectations")
    with duckdb.connect(":memory:", config={**_SETTINGS, "temp_directory": str(spill)}) as connection:
        yield (
            RowSet(connection, "train", train, (cut[0], "<", cut[1]) if cut else None),
            RowSet(connection, "test", test, (cut[0], ">=", cut[1]) if cut else None),
        )


def spans_of(partitions: Mapping[str, Sequence[Path]], column: str, before: int | None) -> list[Span]:
    """Find first and last time of each partition.

    :param partitions: files by partition key, in order.
    :param column: the time column.
    :param before: only rows before this moment (microseconds since 1970) count; None for all.
    :return: the spans, in order.
    """
    duckdb = load("duckdb", "great-expectations")
    cut = None if before is None else (column, "<", before)
    with duckdb.connect(":memory:", config=_SETTINGS) as connection:
        return [
            RowSet(connection, f"part_{number}", files, cut).span(column, name)
            for number, (name, files) in enumerate(partitions.items())
        ]
