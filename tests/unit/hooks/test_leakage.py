"""What the training rows know of the test rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from airflow_provider_mlops.backends.labels import encode_labels
from airflow_provider_mlops.backends.parquet import write_snapshot
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.evaluation import Contender
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.leakage import leakage_facts, time_facts
from airflow_provider_mlops.hooks.rows import snapshot_path
from airflow_provider_mlops.hooks.storage import Storage

FEATURES = ["signal", "plane", "flag"]
ROWS = 600


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """A storage in a folder."""
    return Storage(str(tmp_path))


def rows(seed: int, first: str, **more: Any) -> pd.DataFrame:
    """Return rows without any leak: an hour apart, a category for every second row."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=ROWS)
    frame = pd.DataFrame(
        {
            "time": pd.date_range(first, periods=ROWS, freq="h", unit="us", tz="UTC"),
            "signal": signal,
            "plane": [f"N{number}" for number in rng.integers(0, ROWS // 2, ROWS)],
            "flag": rng.random(ROWS) < 0.5,
            "customer": [f"{seed}-{number % 50}" for number in range(ROWS)],
            "late": (rng.random(ROWS) < 1 / (1 + np.exp(-signal))).astype("float64"),
        }
    )
    return frame.assign(**more)


def keep(storage: Storage, frame: pd.DataFrame) -> dict[str, str]:
    """Keep a frame as a snapshot."""
    with storage.staging() as folder:
        manifest = write_snapshot([frame], folder, {}, "time")
        storage.publish(folder, snapshot_path("d", manifest["snapshot_id"]))
    return {"partition_key": "p", "snapshot_id": manifest["snapshot_id"]}


def find(
    storage: Storage,
    train: list[pd.DataFrame],
    test: pd.DataFrame,
    *,
    entity: str | None = None,
    until: str | None = None,
    task: str = "binary",
    classes: list[Any] | None = None,
    time_column: str | None = "time",
    features: list[str] = FEATURES,
    bases: list[pd.DataFrame] | None = None,
) -> dict[str, Any]:
    """Compare test rows with training rows."""
    manifest = {
        "dataset": "d",
        "features": features,
        "label": "late",
        "time_column": time_column,
        "train": {"snapshots": [keep(storage, frame) for frame in train], "until": until},
        "task": task,
    }
    record = Record(
        chain="model/m",
        seq=1,
        prev_hash=None,
        kind="training",
        key="k",
        mode="live",
        time="t",
        outcome=None,
        body={"manifest": manifest, "manifest_hash": "h", "classes": classes},
        run={},
        hash="h",
    )
    labelled = test[test["late"].notna()]
    labels = encode_labels(labelled["late"], "late", task, classes).to_numpy()
    before = [{**manifest, "train": {"snapshots": [keep(storage, frame)], "until": None}} for frame in bases or ()]
    return leakage_facts(storage, Contender(record, "1", before), labelled, labels, entity)


def test_rows_that_a_base_has_learned_count(storage: Storage) -> None:
    """A model that goes on from another has learned its rows, too."""
    test = rows(3, "2020-03-01")
    found = find(storage, [rows(2, "2020-02-01")], test, bases=[test.head(10), rows(1, "2020-01-01")])

    assert found["row_overlap"] == 10
    assert found["train_rows"] == 2 * ROWS + 10
    assert found["time_ordered"] is False


def test_clean_rows_have_no_leak(storage: Storage) -> None:
    """Nothing overlaps, the training is older, no feature is near the label."""
    train = [rows(1, "2020-01-01"), rows(2, "2020-02-01")]
    found = find(storage, train, rows(3, "2020-03-01"), entity="customer")
    assert {**found, "single_feature": None} == {
        "train_rows": 2 * ROWS,
        "test_rows": ROWS,
        "row_overlap": 0,
        "entity_column": "customer",
        "entity_overlap": 0,
        "train_last": "2020-02-25T23:00:00+00:00",
        "test_first": "2020-03-01T00:00:00+00:00",
        "time_ordered": True,
        "single_feature": None,
    }
    assert found["single_feature"]["feature"] == "signal"
    assert 0.6 < found["single_feature"]["auc"] < 0.8


def test_rows_in_both_are_counted(storage: Storage) -> None:
    """A row counts by its features and label, whatever its time and id; in any of the training snapshots."""
    test = rows(3, "2020-03-01")
    copied = [rows(1, "2020-01-01"), rows(2, "2020-02-01")]
    for number, frame in enumerate(copied):
        columns = [*FEATURES, "late"]
        frame.loc[:9, columns] = test.loc[10 * number : 10 * number + 9, columns].to_numpy()
        copied[number] = frame.astype(test.dtypes.to_dict())
    assert find(storage, copied, test)["row_overlap"] == 20

    other_label = copied[0].assign(late=1 - copied[0]["late"])
    assert find(storage, [other_label, copied[1]], test)["row_overlap"] == 10


def test_types_that_differ_hide_no_overlap(storage: Storage) -> None:
    """A column without nulls may hold whole numbers in one snapshot and floats, with a gap, in the other."""
    train = pd.DataFrame({"time": pd.date_range("2020-01-01", periods=3, unit="us"), "x": [1, 2, 3], "late": [0, 1, 1]})
    test = pd.DataFrame({"time": train["time"], "x": [1.0, None, -0.0], "late": [0.0, 1.0, None]})
    assert find(storage, [train], test, features=["x"])["row_overlap"] == 1


def test_entities_in_both_are_counted(storage: Storage) -> None:
    """An entity counts once, however many rows it has; a row without one is nobody."""
    test = rows(3, "2020-03-01")
    test.loc[:99, "customer"] = "1-7"
    test.loc[100:199, "customer"] = "1-8"
    test.loc[200:, "customer"] = None
    train = rows(1, "2020-01-01")
    train.loc[0, "customer"] = None
    assert find(storage, [train], test, entity="customer")["entity_overlap"] == 2


def test_missing_entity_column_is_named(storage: Storage) -> None:
    """An earlier snapshot may not have the column yet."""
    train = rows(1, "2020-01-01").drop(columns="customer")
    with pytest.raises(BadInput, match="The training rows have no entity column 'customer'"):
        find(storage, [train], rows(3, "2020-03-01"), entity="customer")


def test_training_rows_that_are_not_older(storage: Storage) -> None:
    """A training row as new as the first test row breaks the order in time."""
    found = find(storage, [rows(1, "2020-02-05")], rows(3, "2020-02-29 23:00"))
    assert found["time_ordered"] is False
    assert found["train_last"] == found["test_first"] == "2020-02-29T23:00:00+00:00"


def test_rows_after_the_cut_were_not_trained_on(storage: Storage) -> None:
    """Where the head of the test snapshot was trained on, only the head is compared."""
    both = rows(3, "2020-03-01")
    tail = both[both["time"] >= "2020-03-10"]
    found = find(storage, [rows(1, "2020-01-01"), both], tail, until="2020-03-10T00:00:00+00:00")
    assert (found["train_rows"], found["row_overlap"], found["time_ordered"]) == (ROWS + 9 * 24, 0, True)


def test_rows_without_a_label_were_not_trained_on(storage: Storage) -> None:
    """Unlabelled rows count on neither side."""
    test = rows(3, "2020-03-01")
    train = test.assign(late=test["late"].where(test.index >= 5), time=rows(1, "2020-01-01")["time"])
    assert find(storage, [train], test.iloc[:8])["row_overlap"] == 3


def test_without_times_the_order_is_unknown(storage: Storage) -> None:
    """No time column is no proof of order."""
    found = find(storage, [rows(1, "2020-01-01")], rows(3, "2020-03-01"), time_column=None)
    assert (found["train_last"], found["test_first"], found["time_ordered"]) == (None, None, None)


@pytest.mark.parametrize("how", ["number", "text", "flag"])
def test_feature_that_is_the_label_is_named(storage: Storage, how: str) -> None:
    """What is known only afterwards gives itself away, in any type."""

    def leaked(frame: pd.DataFrame) -> pd.DataFrame:
        late = frame["late"] == 1
        leak: Any = {"number": -late.astype("int64"), "text": late.map({True: "Z", False: "A"}), "flag": ~late}[how]
        return frame.assign(leak=leak)

    found = find(
        storage, [leaked(rows(1, "2020-01-01"))], leaked(rows(3, "2020-03-01")), features=["signal", "plane", "leak"]
    )
    assert found["single_feature"] == {"feature": "leak", "auc": 1.0}


def test_feature_of_several_classes(storage: Storage) -> None:
    """With several classes the areas of each against the others are averaged; words are classes too."""
    kinds = ["car", "ship", "train"]

    def many(frame: pd.DataFrame, leak: bool) -> pd.DataFrame:
        late = np.random.default_rng(len(frame) + int(frame["signal"].iloc[0] * 1e6) % 1_000).choice(kinds, len(frame))
        return frame.assign(late=late, leak=[f"{kind}!" if leak else "same" for kind in late])

    train, test = rows(1, "2020-01-01"), rows(3, "2020-03-01")
    for leak in (True, False):
        found = find(
            storage,
            [many(train, leak)],
            many(test, leak),
            task="multiclass",
            classes=kinds,
            features=["signal", "plane", "leak"],
        )["single_feature"]
        assert (found["feature"] == "leak" and found["auc"] == 1) is leak
        assert leak or found["auc"] < 0.6


def test_questions_without_an_answer(storage: Storage) -> None:
    """A value has no area under the curve; neither has a single class."""
    train, test = rows(1, "2020-01-01"), rows(3, "2020-03-01")
    assert find(storage, [train], test, task="regression")["single_feature"] is None
    assert find(storage, [train], test.assign(late=0.0))["single_feature"] is None


def test_span_and_age_of_the_test_rows() -> None:
    """The span is of all test rows, the newest label of those that have one."""
    frame = rows(3, "2020-03-01")
    assert time_facts(frame, frame.iloc[:24], "time") == {
        "time_range": ["2020-03-01T00:00:00+00:00", "2020-03-25T23:00:00+00:00"],
        "newest_label": "2020-03-01T23:00:00+00:00",
    }
    assert time_facts(frame, frame, None) == {"time_range": None, "newest_label": None}
