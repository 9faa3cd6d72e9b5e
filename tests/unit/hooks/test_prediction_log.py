"""Reading prediction logs and labels."""

from pathlib import Path

import pyarrow as pa
import pytest

from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken, Refused
from airflow_provider_mlops.core.prediction_log import log_path
from airflow_provider_mlops.hooks import prediction_log as log
from airflow_provider_mlops.hooks.ledger import dataset_ledger, model_ledger
from airflow_provider_mlops.hooks.storage import Storage
from tests.support.prediction_logs import MANIFEST_HASH, log_labels, log_scores

MODEL = "late"


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Storage:
    """A storage with its ledgers."""
    monkeypatch.setenv("AIRFLOW__MLOPS__STORAGE_ROOT", str(tmp_path))
    return Storage()


def test_newest_log_of_each_partition(storage: Storage) -> None:
    """Of a partition that was scored twice the newest log counts; dry runs and other arms do not."""
    first = log_scores(storage, MODEL, "2013-01", [0.1])
    again = log_scores(storage, MODEL, "2013-01", [0.2], version="2")
    later = log_scores(storage, MODEL, "2013-02", [0.3])
    ledger = model_ledger(MODEL)
    ledger.append(kind="predictions", key="dry", body=first.body, mode="dry_run")
    ledger.append(kind="predictions", key="arm", body={**first.body, "arm": "shadow"})
    records = ledger.records()

    assert log.find_predictions(records) == [again, later]
    assert log.find_predictions(records, ["2013-02", "2013-03"]) == [later]
    assert log.find_predictions(records, dataset="other") == []
    assert [r.body["arm"] for r in log.find_predictions(records, arm="shadow")] == ["shadow"]


def test_logs_are_read_in_order(storage: Storage) -> None:
    """The rows of several logs stream in the order of partitions and rows, with the columns that were asked for."""
    found = [log_scores(storage, MODEL, key, [0.1, None, 0.3, 0.4]) for key in ("2013-01", "2013-02")]
    table = pa.Table.from_batches(log.read_predictions(storage, found, ["score", "row_id"]))

    assert table.column_names == ["score", "row_id"]
    assert table["score"].to_pylist() == [0.1, None, 0.3, 0.4] * 2
    assert table["row_id"].to_pylist()[:5] == ["2013-01/0", "2013-01/1", "2013-01/2", "2013-01/3", "2013-02/0"]


def test_labels_stand_beside_their_predictions(storage: Storage) -> None:
    """Each prediction comes with its label, null where none is known; the newest labels count."""
    found = log_scores(storage, MODEL, "2013-01", [0.1, 0.2, 0.3, 0.4, 0.5])
    log_labels(storage, MODEL, found, [1.0] * 5)
    log_labels(storage, MODEL, found, [0.0, None, 1.0, 0.0, 1.0], key="corrected")
    (labelled,) = log.find_labelled(model_ledger(MODEL).records())
    table = pa.Table.from_batches(log.read_labelled(storage, [labelled], ["score"]))

    assert table.column_names == ["score", "label", "label_time"]
    assert table["label"].to_pylist() == [0.0, None, 1.0, 0.0, 1.0]
    assert table["score"].to_pylist() == [0.1, 0.2, 0.3, 0.4, 0.5]
    whole = pa.Table.from_batches(log.read_labelled(storage, [labelled]))
    assert whole.column_names[-2:] == ["label", "label_time"]


def test_labels_that_are_not_due_are_refused(storage: Storage) -> None:
    """No labels, or labels joined too early, are no basis for a metric unless somebody asks for them."""
    found = log_scores(storage, MODEL, "2013-01", [0.1, 0.2])
    with pytest.raises(Refused, match="2013-01 have no matured labels"):
        list(log.read_labelled(storage, log.find_labelled(model_ledger(MODEL).records())))
    log_labels(storage, MODEL, found, [1.0, None], matured=False)
    labelled = log.find_labelled(model_ledger(MODEL).records())
    assert [one.matured for one in labelled] == [False]
    with pytest.raises(Refused, match="LabelsMatureSensor"):
        list(log.read_labelled(storage, labelled))

    early = pa.Table.from_batches(log.read_labelled(storage, labelled, ["row_id"], immature=True))
    assert early["label"].to_pylist() == [1.0, None]


def test_labels_of_other_predictions(storage: Storage) -> None:
    """Labels that do not stand row by row beside the predictions are broken evidence."""
    found = [log_scores(storage, MODEL, key, [0.1, 0.2, 0.3]) for key in ("2013-01", "2013-02")]
    labels = log_labels(storage, MODEL, found[1], [0.0, 1.0, 1.0])
    short = log_scores(storage, MODEL, "2013-03", [])
    long = log_scores(storage, MODEL, "2013-02", [0.1] * 4, version="9")

    for predictions, why in ((found[0], "not those"), (short, "more labels"), (long, "fewer labels")):
        with pytest.raises(EvidenceBroken, match=why):
            list(log.read_labelled(storage, [log.Labelled(predictions, labels)]))


def test_prediction_leads_to_its_origin(storage: Storage) -> None:
    """From an id of a prediction to version, training manifest, snapshot and partition."""
    made = {"manifest_hash": MANIFEST_HASH, "manifest": {"features": ["x"]}}
    model_ledger(MODEL).append(kind="training", key="t", body=made)
    log_scores(storage, MODEL, "2013-01", [0.1, 0.2])
    record = log_scores(storage, MODEL, "2013-02", [0.1, 0.2, 0.3, 0.4, 0.5])
    ids = pa.Table.from_batches(log.read_predictions(storage, [record], ["prediction_id"]))["prediction_id"]

    found = log.find_prediction(storage, MODEL, ids[4].as_py())
    assert found.record == record
    assert (found.row["row_id"], found.row["score"], found.manifest) == ("2013-02/4", 0.5, {"features": ["x"]})
    with pytest.raises(BadInput, match=r"no prediction .* in 2013-01"):
        log.find_prediction(storage, MODEL, ids[4].as_py(), ["2013-01"])


def test_erased_rows_are_followed(storage: Storage) -> None:
    """A log of which rows were erased is read where the dataset's ledger says that the rest lies; or not at all."""
    whole = log_scores(storage, MODEL, "2013-01", [0.1, 0.2])
    rest = log_scores(storage, MODEL, "2013-01", [0.2], version="rest")
    none = log_scores(storage, MODEL, "2013-02", [0.3])
    others = []
    for record, replaced in ((whole, rest), (none, None)):
        path = log_path(MODEL, record.body["partition_key"], record.body["log_id"])
        new = replaced and log_path(MODEL, "2013-01", replaced.body["log_id"])
        Path(storage.root, path).rename(Path(storage.root, "gone-" + record.body["partition_key"]))
        sha256 = replaced and replaced.body["manifest_sha256"]
        others.append({"folder": "predictions", "path": path, "replaced_by": new, "manifest_sha256": sha256})
    body = {"erasure_id": "e", "snapshots": [], "others": others}
    dataset_ledger("served").append(kind="erasure", key="e", body=body)

    table = pa.Table.from_batches(log.read_predictions(storage, [whole, none], ["score"]))
    assert table["score"].to_pylist() == [0.2]
