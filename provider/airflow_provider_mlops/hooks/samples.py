"""Reading columns of snapshots as the drift check sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.hooks.rows import read_rows
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    from airflow_provider_mlops.statistics.columns import ColumnSample


def read_samples(
    storage: Storage,
    dataset: str,
    snapshots: Sequence[Mapping[str, str]],
    features: Sequence[str],
    *,
    time_column: str | None = None,
    until: str | None = None,
) -> dict[str, ColumnSample]:
    """Read feature columns of snapshots; a column that is missing is left out, which the drift check finds.

    :param storage: where the snapshots lie.
    :param dataset: name of the dataset.
    :param snapshots: ``{"snapshot_id"}`` of each, in order.
    :param features: the columns.
    :param time_column: column that ``until`` cuts by.
    :param until: keep rows before this time (ISO 8601), None for all.
    :return: sample by column; numbers and booleans are numeric, the rest is categorical.
    """
    from airflow_provider_mlops.statistics.columns import ColumnSample

    types = load("pandas.api.types", "parquet")
    frame = read_rows(storage, dataset, snapshots, columns=features, time_column=time_column, until=until)
    samples = {}
    for name in features:
        if name not in frame.columns:
            continue
        column = frame[name]
        if types.is_numeric_dtype(column.dtype) or types.is_bool_dtype(column.dtype):
            values = column.astype("float64").to_numpy(na_value=float("nan"))
            samples[name] = ColumnSample("numeric", values)
        else:
            texts = column.astype(str).where(column.notna(), None)
            samples[name] = ColumnSample("categorical", texts.to_numpy(dtype=object))
    return samples
