"""Scoring a partition into the prediction log, with real models."""

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_provider_mlops.core.prediction_log import prediction_ids
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.prediction_log import find_prediction, find_predictions, read_predictions
from airflow_provider_mlops.hooks.score_batch import BatchScoring
from airflow_provider_mlops.hooks.scoring import load_model
from airflow_provider_mlops.hooks.storage import Storage
from tests.conftest import MakeLab
from tests.support.faults import Kill, TaskProcesses, effects_of
from tests.support.lab import SYNTHETIC, Lab
from tests.support.synthetic import FEATURES, rows_of

KEY = "2020-03"
PARTS = {"batch_rows": 100, "part_rows": 300}


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """A champion that February was judged on; March is accepted."""
    return make_lab("promoted")


def logged(lab: Lab) -> pd.DataFrame:
    """Read the newest log of the partition."""
    found = find_predictions(lab.ledger().records(), [KEY])
    return pa.Table.from_batches(read_predictions(Storage(), found)).to_pandas()


def log_record(lab: Lab) -> Record:
    """Return the only live record of a log."""
    (record,) = (record for record in lab.records("predictions") if record.mode == "live")
    return record


def test_every_row_is_logged(lab: Lab) -> None:
    """The scores are those of the champion, each under an id that leads back to model, snapshot and partition."""
    result = lab.run("score", partition_key=KEY)
    rows, frame, record = rows_of(KEY), logged(lab), log_record(lab)
    training = lab.records("training")[-1]

    estimator = load_model(MlflowHook(), training)
    assert np.array_equal(frame["score"], estimator.predict_proba(rows[FEATURES])[:, 1])
    ids = prediction_ids(lab.model, training.body["manifest_hash"], "events", rows["row_id"])
    assert frame["prediction_id"].tolist() == ids
    assert frame["row_id"].tolist() == rows["row_id"].tolist()
    assert (frame["time"] == rows["time"]).all()
    assert frame["error"].isna().all()
    assert frame["entity"].isna().all()
    assert set(frame["model_version"]) == {"1"} == {result["model_version"]}
    assert set(frame["arm"]) == {"champion"}
    assert set(frame["snapshot_id"]) == {lab.facts["snapshots"][KEY]}
    assert (result["rows"], result["scored"], result["failed"]) == (800, 800, 0)
    assert Path(result["uri"], "part-00000.parquet").is_file()
    assert record.body["latency"]["batches"] == 1
    assert set(record.body["latency"]["row"]) == {"p50", "p95", "p99"}
    found = find_prediction(Storage(), lab.model, ids[700], [KEY])
    assert (found.record, found.row["row_id"]) == (record, rows["row_id"][700])
    assert found.manifest["features"] == FEATURES
    assert lab.events == [
        (
            f"{lab.model}-predictions",
            {
                "schema": 1,
                "partition_key": None,
                "mode": "live",
                "model_version": "1",
                "log_id": result["log_id"],
                "rows": 800,
                "model_name": lab.model,
                "record_hash": record.hash,
            },
        )
    ]


def test_scoring_again_finds_the_log(lab: Lab) -> None:
    """The same rows by the same version are one log, with the times that were measured first."""
    first = lab.run("score", partition_key=KEY)
    before = lab.census()

    assert lab.run("score", partition_key=KEY, run_id="another") == first
    assert lab.census() == before


def test_parts_are_one_log(lab: Lab) -> None:
    """However it is cut into parts, a log holds every row once, in order, and leaves no part behind."""
    lab.run("score", partition_key=KEY, **PARTS)
    (folder,) = (lab.storage / "predictions" / lab.model / KEY).iterdir()

    assert sorted(path.name for path in folder.iterdir()) == [
        "manifest.json",
        *(f"part-0000{number}.parquet" for number in range(3)),
    ]
    assert logged(lab)["row_id"].tolist() == rows_of(KEY)["row_id"].tolist()
    assert log_record(lab).body["latency"]["batches"] == 8


@pytest.fixture(scope="module")
def effects() -> list[str]:
    """Side effects of scoring in three parts: parts, log, record, and each part taken away in two steps."""
    return [*("publish",) * 4, "publish", "publish", *("publish",) * 4, "record"]


def test_side_effects_of_parts(lab: Lab, effects: list[str]) -> None:
    """The kills below cover every side effect."""
    assert effects_of(lambda: lab.run("score", partition_key=KEY, **PARTS)) == effects


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("index", [0, 1, 2, 3, 4, 7, 10])
def test_killed_between_parts(lab: Lab, task_processes: TaskProcesses, index: int, after: bool) -> None:
    """The retry goes on after the parts that are finished, and ends with what nobody killed would have."""
    arguments = {"partition_key": KEY, **PARTS}
    assert task_processes.run(lab, "score", arguments, Kill(index, after)) == -signal.SIGKILL
    folder = lab.storage / "predictions" / lab.model / KEY
    finished = {path.name: path.stat().st_mtime_ns for path in folder.glob("scoring-*/part-*")}

    result = lab.run("score", **arguments)
    assert (result["rows"], result["failed"]) == (800, 0)
    assert logged(lab)["row_id"].tolist() == rows_of(KEY)["row_id"].tolist()
    assert [path.name for path in folder.iterdir()] == [result["log_id"].removeprefix("sha256:")]
    if index < 3:
        assert len(finished) == index + after
    assert lab.ledger().verify() == []


def test_finished_parts_are_not_scored_again(
    lab: Lab, task_processes: TaskProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three parts two are finished: the model sees the rows of the third."""
    from airflow_provider_mlops.backends import batch_scoring

    arguments = {"partition_key": KEY, **PARTS}
    task_processes.run(lab, "score", arguments, Kill(1, after=True))
    seen: list[int] = []
    real = batch_scoring.score

    def score(estimator: Any, frame: pd.DataFrame, task: str) -> Any:
        seen.append(len(frame))
        return real(estimator, frame, task)

    monkeypatch.setattr(batch_scoring, "score", score)
    lab.run("score", **arguments)
    assert seen == [100, 100]
    assert log_record(lab).body["latency"]["batches"] == 8


def test_changed_part_is_not_used(lab: Lab, task_processes: TaskProcesses) -> None:
    """A part whose bytes were changed since is broken evidence, not a result."""
    arguments = {"partition_key": KEY, **PARTS}
    task_processes.run(lab, "score", arguments, Kill(0, after=True))
    (part,) = lab.storage.glob("predictions/*/*/scoring-*/part-00000.parquet")
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(AirflowFailException, match="was changed"):
        lab.run("score", **arguments)
    assert lab.records("predictions") == []


def test_twice_at_once(lab: Lab, task_processes: TaskProcesses) -> None:
    """Two processes that score the same rows end with one log and one record."""
    arguments = {"partition_key": KEY, **PARTS}
    assert task_processes.run_together(lab, [("score", arguments)] * 2) == [0, 0]
    assert len(lab.census()["logs"]) == 1
    assert len(lab.records("predictions")) == 1
    assert len(logged(lab)) == 800


def test_overtaken_by_another_task(lab: Lab, task_processes: TaskProcesses, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other ends, and removes the parts that this one is about to take over: its log is found."""
    arguments = {"partition_key": KEY, **PARTS}
    task_processes.run(lab, "score", arguments, Kill(1, after=True))
    take_over = BatchScoring._take_over

    def overtaken(self: BatchScoring, *words: Any) -> Any:
        monkeypatch.setattr(BatchScoring, "_take_over", take_over)
        lab.run("score", run_id="other", **arguments)
        return take_over(self, *words)

    monkeypatch.setattr(BatchScoring, "_take_over", overtaken)
    result = lab.run("score", **arguments)

    assert (result["rows"], result["failed"]) == (800, 0)
    assert len(lab.census()["logs"]) == len(lab.records("predictions")) == 1


def test_another_task_is_first_with_a_part(
    lab: Lab, task_processes: TaskProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes are what stands, with latencies of its own: they go on into the log, not those that were not kept."""
    arguments = {"partition_key": KEY, **PARTS}
    write = BatchScoring._write

    def slower(self: BatchScoring, *words: Any) -> Any:
        files = write(self, *words)
        monkeypatch.setattr(BatchScoring, "_write", write)
        task_processes.run(lab, "score", arguments, Kill(1, after=True))
        return files

    monkeypatch.setattr(BatchScoring, "_write", slower)
    lab.run("score", **arguments)
    frame = logged(lab)

    assert frame["row_id"].tolist() == rows_of(KEY)["row_id"].tolist()
    assert len(lab.census()["logs"]) == len(lab.records("predictions")) == 1
    again = lab.run("score", partition_key=KEY, run_type="backfill", batch_rows=100)
    assert again["rows"] == 800


def test_features_by_value(lab: Lab) -> None:
    """The log holds the features themselves, and whom a row is about, when it is asked to."""
    lab.run("score", partition_key=KEY, features="value", entity_column="group")
    frame, rows = logged(lab), rows_of(KEY)

    assert frame[FEATURES].equals(rows[FEATURES])
    assert frame["entity"].tolist() == rows["group"].tolist()
    assert log_record(lab).body["features"] == "value"


def test_rows_that_cannot_be_scored(lab: Lab) -> None:
    """Each such row has the reason in place of a score, the others have theirs; they are counted."""
    taken = lab.run("snapshot", partition_key=KEY, source=f"{SYNTHETIC}:holes")
    result = lab.run("score", partition_key=KEY, snapshot_id=taken["snapshot_id"], **PARTS)
    frame, record = logged(lab), log_record(lab)

    assert frame.index[frame["score"].isna()].tolist() == [3, 250, 799]
    assert frame["error"].notna().tolist() == frame["score"].isna().tolist()
    assert "NaN" in frame["error"][3]
    assert (result["scored"], result["failed"]) == (797, 3)
    assert record.body["errors"] == {"refused by the model": 3}


def test_too_many_rows_that_cannot_be_scored(lab: Lab) -> None:
    """Above the bound the task fails and leaves no log; finished parts stay for a bound that is raised."""
    taken = lab.run("snapshot", partition_key=KEY, source=f"{SYNTHETIC}:holes")
    arguments = {"partition_key": KEY, "snapshot_id": taken["snapshot_id"], **PARTS}
    for _ in range(2):
        with pytest.raises(AirflowFailException, match=r"3 of 800 rows could not be scored.*max_failed_share"):
            lab.run("score", max_failed_share=0.0025, **arguments)
    assert lab.records("predictions") == []
    (refused,) = lab.records("predictions_refused")
    assert (refused.outcome, refused.body["failed"], refused.body["rows"]) == ("FAIL", 3, 800)
    assert (refused.body["share"], refused.body["max_failed_share"]) == (0.00375, 0.0025)
    assert sum(refused.body["errors"].values()) == 3
    assert refused.body["model_version"] == "1"
    assert lab.run("score", max_failed_share=0.00375, **arguments)["failed"] == 3


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("twice", "Rows stand twice in the snapshot: 1 values of 'row_id' repeat"),
        ("nameless", "1 rows have no value in the column of row ids"),
        ("text_feature", "do not fit the signature of version 1"),
        ("without_noise", "has no column 'noise'"),
    ],
)
def test_rows_that_are_refused(lab: Lab, source: str, why: str) -> None:
    """Ids that are missing or stand twice, types and columns of another model: nothing is scored."""
    taken = lab.run("snapshot", partition_key=KEY, source=f"{SYNTHETIC}:{source}")
    with pytest.raises(AirflowFailException, match=why):
        lab.run("score", partition_key=KEY, snapshot_id=taken["snapshot_id"])
    assert lab.census()["logs"] == []
    assert lab.records("predictions") == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"model_name": "../x"}, "Model name"),
        ({"dataset": "a/b"}, "Dataset name"),
        ({"partition_key": "../2020-03"}, "neither a month"),
        ({"partition_key": "2020-07"}, "no accepted snapshot"),
        ({"snapshot_id": f"sha256:{'0' * 64}"}, "knows no snapshot"),
        ({"version": "7"}, "Version 7 .* is not in the ledger"),
        ({"arm": "a\nb"}, "arm must be"),
        ({"features": "all"}, "features must be one of"),
        ({"batch_rows": 0}, "batch_rows"),
        ({"max_failed_share": float("nan")}, "max_failed_share"),
        ({"time_column": "signal"}, "holds double, not times"),
        ({"entity_column": "nobody"}, "no column 'nobody'"),
    ],
)
def test_bad_arguments(lab: Lab, arguments: dict[str, Any], why: str) -> None:
    """What cannot be is refused before anything is stored."""
    with pytest.raises(AirflowFailException, match=why):
        lab.run("score", **{"partition_key": KEY, **arguments})
    assert lab.census()["logs"] == []


def test_champion_of_its_time(make_lab: MakeLab) -> None:
    """A champion that was judged on a partition never scores it unless it is named: it may have seen the labels."""
    lab = make_lab("replaced")
    assert lab.aliases()["champion"] == "2"
    assert lab.run("score", partition_key="2020-03")["model_version"] == "1"
    assert lab.run("score", partition_key="2020-03", version="2")["model_version"] == "2"
    with pytest.raises(AirflowFailException, match="had no champion before 2020-02"):
        lab.run("score", partition_key="2020-02")


def test_no_champion(make_lab: MakeLab) -> None:
    """Without a champion nothing is scored, and the error says what to do."""
    lab = make_lab("trained")
    with pytest.raises(AirflowFailException, match="has no champion; promote a version first"):
        lab.run("score", partition_key=KEY)


def test_changed_model_is_not_loaded(lab: Lab) -> None:
    """A model whose bytes are not the recorded ones scores nothing."""
    for path in lab.root.rglob("model.skops"):
        path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(AirflowFailException, match="was changed"):
        lab.run("score", partition_key=KEY)
    assert lab.census()["logs"] == []


def test_audit_compares_with_the_recorded_scores(lab: Lab) -> None:
    """An audit scores the recorded rows by the recorded version, stores nothing, and says whether they are the same."""
    audit = {"run_type": "backfill", "partition_key": KEY}
    with pytest.raises(AirflowSkipException, match="no recorded predictions of 2020-03"):
        lab.run("score", **audit)
    lab.run("score", partition_key=KEY, **PARTS)
    logs = lab.census()["logs"]

    result = lab.run("score", **audit)
    record = lab.records("predictions")[-1]
    assert (record.mode, record.outcome, result["uri"]) == ("audit", "PASS", None)
    assert record.body["recorded"] == {"record": log_record(lab).hash, "same": True, "erased_rows": 0}
    assert (lab.census()["logs"], lab.events) == (logs, [])


def test_audit_of_other_scores_fails(lab: Lab) -> None:
    """Scores that are not the recorded ones are recorded as FAIL."""
    lab.run("score", partition_key=KEY)
    live = log_record(lab)
    body = {**live.body, "scores_digest": f"sha256:{'0' * 64}"}
    lab.ledger().append(kind="predictions", key="forged", body=body)
    with pytest.raises(AirflowFailException, match="other scores for 2020-03"):
        lab.run("score", partition_key=KEY, run_type="backfill")
    assert lab.records("predictions")[-1].outcome == "FAIL"


def test_dry_run_stores_nothing(lab: Lab) -> None:
    """A dry run scores and reports; nobody who reads logs finds it."""
    result = lab.run("score", partition_key=KEY, conf={"mode": "dry_run"})

    assert (result["rows"], result["uri"]) == (800, None)
    assert (lab.census()["logs"], lab.events) == ([], [])
    assert find_predictions(lab.ledger().records()) == []


def test_nothing_is_left_of_the_snapshot(lab: Lab) -> None:
    """A partition whose rows were all lawfully erased is scored into a log without a row."""
    erased = {"snapshot_id": lab.facts["snapshots"][KEY], "replaced_by": None, "rows_erased": 800, "rows_left": 0}
    body = {"erasure_id": "e", "snapshots": [{**erased, "folder": "snapshots", "partition_key": KEY}], "others": []}
    lab.ledger("dataset/events").append(kind="erasure", key="e", body=body)
    for path in (lab.storage / "snapshots" / "events" / erased["snapshot_id"].removeprefix("sha256:")).iterdir():
        path.unlink()
    result = lab.run("score", partition_key=KEY, snapshot_id=lab.facts["snapshots"][KEY])

    assert (result["rows"], result["failed"], result["snapshot_id"]) == (0, 0, None)
    assert log_record(lab).body["latency"]["batch"] is None
    assert list(read_predictions(Storage(), [log_record(lab)])) == []


def test_a_window_is_scored_by_its_partitions(lab: Lab) -> None:
    """Its rows have their logs under their own keys; the error names each, and nothing is logged."""
    from tests.integration.test_window_snapshot import WINDOW, taken

    named = taken(lab)
    with pytest.raises(AirflowFailException, match="is a window: its rows belong to other partitions") as failed:
        lab.run("score", dataset=WINDOW, partition_key=KEY, snapshot_id=named["snapshot_id"])

    assert "ScoreBatchOperator.partial(dataset='events', ...).expand(partition_key=['2020-0" in str(failed.value)
    assert lab.records("predictions") == []
    assert not (lab.storage / "predictions").exists()
