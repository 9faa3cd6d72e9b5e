"""Profiles of Parquet files: a column at a time, a batch at a time, so that memory does not grow with the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from airflow_provider_mlops.backends.arrow_values import floats_of, kind_of
from airflow_provider_mlops.backends.heap import reuse_memory
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.text_counts import TextCounts
from airflow_provider_mlops.core.side_by_side import LARGE

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_provider_mlops.statistics.arrays import IntArray
    from airflow_provider_mlops.statistics.profile import ColumnProfile, Profile
    from airflow_provider_mlops.statistics.profile_spec import ColumnSpec, ProfileSpec
    from airflow_provider_mlops.statistics.profiling import Tally

THREADS = 3
"""Columns at once: one more than the processors of a small machine, as each waits for Python now and then."""
NO_VALUE = "(none)"
_FLUSHED_TEXTS = 1 << 18


class Pieces(Protocol):
    """Rows in files or batches that are decoded piece by piece; `ParquetColumns` are such."""

    rows: int

    def schemas(self) -> list[pa.Schema]:
        """Return the schema of each file."""

    def rows_of(self, position: int) -> int:
        """Return how many rows of a file count."""

    def pieces(self, position: int, names: Sequence[str]) -> Iterator[list[pa.Array]]:
        """Decode columns of one file side by side."""


def profile_files(columns: Pieces, spec: ProfileSpec) -> Profile:
    """Count the columns of files by a specification; a column that they lack, or of another type, is absent.

    :param columns: the files.
    :param spec: what to count.
    :return: the profile.
    :raises EvidenceBroken: when a file cannot be decoded.
    """
    from airflow_provider_mlops.statistics.compiled import loops_for
    from airflow_provider_mlops.statistics.profiling import assembled, slice_values

    if columns.rows >= LARGE:
        reuse_memory()
    # Texts first: they are counted while one thread fetches what numbers are counted by.
    names = sorted(spec.columns, key=lambda name: spec.columns[name].kind)
    with ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="profile") as pool:
        pool.submit(loops_for, columns.rows)
        wholes = pool.map(lambda name: _column(columns, name, spec.columns[name]), names)
        counted = dict(zip(names, wholes, strict=True))
    slices = {}
    for by in spec.slices:
        values = slice_values(spec, by)
        rows, parts = _sliced(columns, spec, by, values)
        slices[by] = [(int(rows[place]), parts[place]) for place in range(len(values))]
    return assembled(spec, columns.rows, counted, slices)


def _column(columns: Pieces, name: str, spec: ColumnSpec) -> ColumnProfile:
    from airflow_provider_mlops.statistics.profiling import tally_of

    counter = _Counter(tally_of(spec, columns.rows))
    for position, schema in enumerate(columns.schemas()):
        if not _has(schema, name, spec):
            counter.tally.missing(columns.rows_of(position))
            continue
        for (array,) in columns.pieces(position, [name]):
            counter.add(array)
    return counter.result()


def _sliced(
    columns: Pieces, spec: ProfileSpec, by: str, values: Sequence[str]
) -> tuple[IntArray, list[dict[str, ColumnProfile]]]:
    """Count every column by the values of one: each is read beside it, and cut batch by batch."""
    numpy = load("numpy", "parquet")
    rows = numpy.zeros(len(values), dtype="int64")
    for position, schema in enumerate(columns.schemas()):
        if by not in schema.names:
            rows[-1] += columns.rows_of(position)
            continue
        for (array,) in columns.pieces(position, [by]):
            rows += numpy.bincount(_places(array, values), minlength=len(values))
    with ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="profile") as pool:
        wholes = pool.map(lambda name: _slices_of(columns, name, spec.columns[name], by, values), spec.columns)
        counted = dict(zip(spec.columns, wholes, strict=True))
    return rows, [{name: parts[place] for name, parts in counted.items()} for place in range(len(values))]


def _slices_of(columns: Pieces, name: str, spec: ColumnSpec, by: str, values: Sequence[str]) -> list[ColumnProfile]:
    from airflow_provider_mlops.statistics.profiling import tally_of

    counters = [_Counter(tally_of(spec, columns.rows)) for _ in values]
    for position, schema in enumerate(columns.schemas()):
        for array, places in _beside(columns, position, name, by, values):
            there = _has(schema, name, spec)
            for place, counter in enumerate(counters):
                mask = places == place
                if not there:
                    counter.tally.missing(int(mask.sum()))
                elif mask.any():
                    counter.add(array.filter(load("pyarrow", "parquet").array(mask)))
    return [counter.result() for counter in counters]


def _beside(
    columns: Pieces, position: int, name: str, by: str, values: Sequence[str]
) -> Iterator[tuple[pa.Array, IntArray]]:
    """Yield pieces of a column with the slice of each row; the column may be missing, and what slices as well."""
    numpy = load("numpy", "parquet")
    there = columns.schemas()[position].names
    names = list(dict.fromkeys(item for item in (name, by) if item in there))
    if not names:
        rows = columns.rows_of(position)
        yield load("pyarrow", "parquet").nulls(rows), numpy.full(rows, len(values) - 1)
        return
    for arrays in columns.pieces(position, names):
        array = arrays[0]
        rest = numpy.full(len(array), len(values) - 1)
        yield array, _places(arrays[-1], values) if by in there else rest


class _Counter:
    """Feeds Arrow arrays into a tally; texts are summed up first, so that few become Python's."""

    def __init__(self, tally: Tally) -> None:
        from airflow_provider_mlops.statistics.profiling import NumberTally

        self.tally = tally
        self._numbers = tally if isinstance(tally, NumberTally) else None
        self._texts = TextCounts()
        self._nulls = 0

    def add(self, array: pa.Array) -> None:
        if self._numbers is not None:
            present = array.drop_null() if array.null_count else array
            self._numbers.add(floats_of(present), array.null_count)
            return
        self._nulls += self._texts.add(array)
        if self._texts.texts > _FLUSHED_TEXTS:
            self._flush()

    def result(self) -> ColumnProfile:
        self._flush()
        return self.tally.result()

    def _flush(self) -> None:
        if self._numbers is not None:
            return
        counts: dict[str | None, int] = dict(self._texts.counts().items())
        counts[None] = self._nulls
        self.tally.add(counts)
        self._texts, self._nulls = TextCounts(), 0


def _has(schema: pa.Schema, name: str, spec: ColumnSpec) -> bool:
    if name not in schema.names:
        return False
    arrow = schema.field(name).type
    return not load("pyarrow.types", "parquet").is_nested(arrow) and kind_of(arrow, name) in (None, spec.kind)


def _places(array: pa.Array, values: Sequence[str]) -> IntArray:
    """Tell for each row which of the values it has, the last one standing for all others."""
    numpy, pa = load("numpy", "parquet"), load("pyarrow", "parquet")
    coded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    place_of, rest = {value: place for place, value in enumerate(values)}, len(values) - 1
    known = [NO_VALUE if value is None else str(value) for value in coded.dictionary.to_pylist()]
    places = numpy.array([place_of.get(value, rest) for value in [*known, NO_VALUE]], dtype="int64")
    found: IntArray = places[coded.indices.cast(pa.int64()).fill_null(len(known)).to_numpy(zero_copy_only=False)]
    return found
