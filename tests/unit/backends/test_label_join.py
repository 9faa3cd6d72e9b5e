"""Labels that come late: which counts, and how they stand beside the predictions."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_mlops.backends import label_join as join
from airflow_provider_mlops.backends.prediction_files import label_schema
from airflow_provider_mlops.core.errors import BadInput

NOON = datetime(2013, 1, 2, 12, tzinfo=UTC)


def hour(number: int) -> datetime:
    """Return a time of the day."""
    return NOON.replace(hour=number)


def collected(rows: list[tuple[Any, Any, Any]], task: str = "binary", classes: Any = None) -> join.KnownLabels:
    """Collect labels that were known at some hour."""
    columns = join.LabelColumns("id", "y", "at", task, classes)
    ids, labels, times = (list(column) for column in zip(*rows, strict=True))
    table = pa.table({"id": ids, "y": labels, "at": pa.array(times, pa.timestamp("us", "UTC")), "more": ids})
    return join.collect_labels([table], columns, NOON)


def test_newest_label_counts() -> None:
    """Of several labels of a row the newest counts; what is known later is not known yet."""
    found = collected(
        [
            ("a", 0.0, hour(1)),
            ("a", 1.0, hour(3)),
            ("a", 0.0, hour(2)),
            ("b", 1.0, hour(13)),
            ("c", 1.0, None),
            ("c", 0.0, hour(1)),
        ]
    )

    assert found.row_ids.to_pylist() == ["a", "c"]
    assert found.labels.to_pylist() == [1.0, 0.0]
    assert found.times.to_pylist() == [hour(3), hour(1)]
    assert found.counts == {
        "label_rows": 6,
        "duplicates": 0,
        "corrected": 3,
        "conflicting": 0,
        "unknown": 0,
        "not_yet_known": 1,
    }


def test_contradiction_is_no_label() -> None:
    """Two labels of one time that differ leave the row without; the same one twice is counted and taken once."""
    found = collected([("a", 0.0, None), ("a", 1.0, None), ("b", 1.0, None), ("b", 1.0, None), ("c", None, None)])

    assert dict(zip(found.row_ids.to_pylist(), found.labels.to_pylist(), strict=True)) == {
        "a": None,
        "b": 1.0,
        "c": None,
    }
    assert (found.counts["conflicting"], found.counts["duplicates"]) == (2, 1)


@pytest.mark.parametrize(
    ("task", "classes", "labels", "expected"),
    [
        ("binary", None, [True, False], [1.0, 0.0]),
        ("binary", None, [1, None], [1.0, None]),
        ("regression", None, [1.5, float("nan")], [1.5, None]),
        ("multiclass", ["b", "a"], ["a", None], ["a", None]),
        ("multiclass", [3, 5], [5, 3], ["5", "3"]),
    ],
)
def test_labels_of_each_task(task: str, classes: Any, labels: list[Any], expected: list[Any]) -> None:
    """A label is what the model was to say: 0 or 1, a number, or a class."""
    found = collected([("x", labels[0], None), ("y", labels[1], None)], task, classes)

    assert found.labels.to_pylist() == expected


@pytest.mark.parametrize(
    ("task", "label"), [("binary", 2.0), ("regression", float("inf")), ("multiclass", "z"), ("binary", "late")]
)
def test_labels_that_are_none(task: str, label: Any) -> None:
    """A label that the task does not know is refused, not counted as missing."""
    with pytest.raises(BadInput):
        collected([("x", label, None)], task, ["a", "b"])


def test_no_rows_and_no_columns() -> None:
    """A source may give nothing yet; a column that it lacks is named."""
    columns = join.LabelColumns("id", "y", "at", "binary")
    found = join.collect_labels([], columns, NOON)

    assert (len(found.row_ids), found.counts["label_rows"]) == (0, 0)
    with pytest.raises(BadInput, match=r"no column 'y'; they have: id"):
        join.collect_labels([pa.table({"id": ["a"]})], columns, NOON)


def test_every_prediction_has_a_row() -> None:
    """Labels stand beside all predictions in their order; those without a prediction are told."""
    known = collected([("a", 1.0, None), ("c", None, None), ("z", 0.0, None)])
    names = ["prediction_id", "row_id"]
    batches = [pa.record_batch([["1", "2"], ["c", "b"]], names=names), pa.record_batch([["3"], ["a"]], names=names)]
    joined = join.Joined()
    rows = pa.Table.from_batches(join.joined_rows(batches, known, label_schema(texts=False), joined))

    assert rows["label"].to_pylist() == [None, None, 1.0]
    assert rows["prediction_id"].to_pylist() == ["1", "2", "3"]
    assert (joined.rows, joined.labelled, joined.censored) == (3, 1, 1)
    assert known.matched.tolist() == [True, True, False]


def test_changed_labels_are_counted() -> None:
    """A label that came, went or turned is a change."""
    before, now = (
        [pa.record_batch([pa.array(labels, pa.float64())], names=["label"])]
        for labels in ([0.0, 1.0, None, None, 1.0], [0.0, 0.0, None, 1.0, None])
    )

    assert join.count_changed(before, now) == 3
