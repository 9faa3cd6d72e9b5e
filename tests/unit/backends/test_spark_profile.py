"""Profiles by Spark: the file that pyarrow makes, but for the rounding of moments."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_mlops.backends import parquet_profile, spark_profile
from airflow_provider_mlops.backends.parquet_column import ParquetColumns, Part
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.statistics.profile_spec import freeze

pytestmark = pytest.mark.usefixtures("local_spark")


def files(folder: Path) -> list[Part]:
    """Write three files, the last one without a column."""
    random = np.random.default_rng(2)
    parts = []
    for number in range(3):
        x = random.normal(number, 1, 4_000)
        x[:5], x[5:7] = np.nan, -np.inf
        table = pa.table(
            {
                "x": x,
                "count": pa.array(random.poisson(3, 4_000), mask=random.random(4_000) < 0.1),
                "late": random.random(4_000) < 0.2,
                "t.ext": pa.array([None, *random.choice(["a", "b", "c"], 3_999)]),
                "price": pa.array([None, *map(Decimal, random.integers(0, 9, 3_999).tolist())], pa.decimal128(12, 2)),
                "day": pa.array(random.integers(0, 5, 4_000), pa.int32()).cast(pa.date32()),
                "seen": pa.array(random.integers(0, 5, 4_000), pa.timestamp("us", "UTC")),
                "local": pa.array(random.integers(0, 5, 4_000), pa.timestamp("ms")),
                "large": pa.array(random.integers(0, 2**63, 4_000).astype("uint64") * np.uint64(2), pa.uint64()),
                "name": pa.array(["\N{SNOWMAN}" * 2_000, "a\nb", ""] * 1_333 + [None], pa.large_string()),
                "nothing": pa.nulls(4_000, pa.float32()),
            }
        )
        path = folder / f"{number}.parquet"
        pq.write_table(table.drop_columns(["count"]) if number == 2 else table, path)
        parts.append(Part(path))
    return parts


def without_moments(content: dict[str, Any]) -> tuple[dict[str, Any], list[float]]:
    """Take the moments of every column out."""
    found: list[float] = []
    for part in [content, *(item for values in content["slices"].values() for item in values.values())]:
        for name in sorted(part["columns"]):
            found.extend(part["columns"][name].pop("moments", None) or [])
    return content, found


def test_spark_makes_the_same_profile(tmp_path: Path) -> None:
    """Nulls, infinities, missing columns, odd names and slices too."""
    parts = files(tmp_path)
    reference = ParquetColumns(parts[:1])
    summaries = ((name, reference.summary(name)) for name in reference.names)
    spec = freeze(((n, s) for n, s in summaries if s is not None), slices={"t.ext": ["a", "b"]}, grid=50)
    columns = ParquetColumns(parts)
    ours, our_moments = without_moments(parquet_profile.profile_files(columns, spec).to_dict())
    theirs, their_moments = without_moments(spark_profile.profile_files(columns, spec).to_dict())

    assert theirs == ours
    assert ours["columns"]["count"]["absent"] == 4_000
    assert their_moments == pytest.approx(our_moments, rel=1e-11, abs=1e-9)


def test_cut_rows_are_refused(tmp_path: Path) -> None:
    """Which rows count is known by their order, which Spark does not keep."""
    (part, *_) = files(tmp_path)
    cut = ParquetColumns([Part(part.path, np.arange(4_000) < 10)])
    with pytest.raises(BadInput, match="cut by time"):
        spark_profile.profile_files(cut, freeze([]))
