"""The rows that figures of snapshots, validation and drift share: 30 numeric and 10 text columns, kept under build/."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.benchmarks.conftest import ROOT

FOLDER = ROOT / "build" / "wide-rows"
NUMBERS = [f"n{index:02}" for index in range(30)]
TEXTS = [f"t{index:02}" for index in range(10)]
DISTINCT = (3, 10, 10, 50, 100, 100, 500, 1_000, 5_000, 20_000)
"""How many texts each text column has: from a class to a postcode."""
_BLOCK = 131_072
_BLOCKS_APART = 1_000_000


def wide_file(rows: int, sample: int = 0) -> Path:
    """Return a Parquet file of that many rows; it is made once, the same wherever it is made.

    :param rows: number of rows, e.g. 1,000,000 (220 MB) or 10,000,000 (2.2 GB).
    :param sample: which sample of the same law, from 0.
    :return: path of the file, zstd, row groups of 131,072 rows.
    """
    path = FOLDER / (f"{rows}-{sample}.parquet" if sample else f"{rows}.parquet")
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(".half")
        with pq.ParquetWriter(half, wide_block(0, 1).schema, compression="zstd") as writer:
            for block in wide_blocks(rows, sample):
                writer.write_table(block)
        half.rename(path)
    return path


def wide_blocks(rows: int, sample: int = 0) -> Iterator[pa.Table]:
    """Yield the rows in blocks of 131,072.

    :param rows: number of rows.
    :param sample: which sample of the same law, from 0.
    :return: tables of one schema, in order.
    """
    for number, start in enumerate(range(0, rows, _BLOCK)):
        yield wide_block(number + sample * _BLOCKS_APART, min(_BLOCK, rows - start))


def wide_block(number: int, rows: int) -> pa.Table:
    """Make one block.

    :param number: number of the block, which seeds it.
    :param rows: rows of the block.
    :return: standard normal numbers (one column in ten has 1 % nulls) and texts of few to many kinds.
    """
    random = np.random.default_rng(number)
    columns: dict[str, pa.Array] = {}
    for index, name in enumerate(NUMBERS):
        values = random.standard_normal(rows)
        columns[name] = pa.array(values, mask=random.random(rows) < 0.01 if index % 10 == 0 else None)
    for name, distinct in zip(TEXTS, DISTINCT, strict=True):
        words = pa.array([f"{name}-{word}" for word in range(distinct)])
        columns[name] = words.take(pa.array(random.integers(0, distinct, rows)))
    return pa.table(columns)
