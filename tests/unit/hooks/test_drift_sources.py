"""Labels as a drift check compares them: one name for one class, however it is stored."""

import pyarrow as pa

from airflow_provider_mlops.backends.drift_columns import ArrowColumns
from airflow_provider_mlops.hooks.drift_sources import _labels_of


def names(values: pa.Array) -> list[str | None]:
    """Name the classes of a column of labels."""
    found = _labels_of(ArrowColumns(pa.table({"kind": values})), "kind", classes=True)
    return [text for array in found.batches("label") for text in array.to_pylist()]


def test_classes_that_are_numbers_have_the_names_of_the_log() -> None:
    """Long numbers are not shortened: the log writes all their digits, and a shortened class would have vanished."""
    log = ["1234567", "89", None]

    assert names(pa.array([1234567, 89, None])) == log
    assert names(pa.array([1234567.0, 89.0, None])) == log
    assert names(pa.array(log)) == log
    assert names(pa.array([True, False, None])) == ["1", "0", None]
