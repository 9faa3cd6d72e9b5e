"""A search over parameters: inside the training rows, recorded, and replayed."""

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.core.record import Record
from tests.conftest import MakeLab
from tests.support.elsewhere import fit_strength
from tests.support.lab import Lab
from tests.support.synthetic import rows_of

FUNCTION = "tests.support.elsewhere:fit_strength"
GRID = {"method": "grid", "space": {"strength": [0.0001, 0.5, 1.0]}, "metric": "log_loss"}
OPTUNA = {
    "method": "optuna",
    "space": {"strength": {"low": 0.0001, "high": 10, "log": True}, "solver": ["lbfgs", "liblinear"]},
    "metric": "roc_auc",
    "budget": {"trials": 4},
}


def searched(make_lab: MakeLab, search: dict[str, Any], **more: Any) -> tuple[Lab, Record]:
    """Train with a search on the first two months of three."""
    lab = make_lab("accepted")
    lab.run("train", partition_key="2020-03", train_function=FUNCTION, search=search, **more)
    return lab, lab.records("training")[-1]


def test_search_stands_in_record_and_mlflow(make_lab: MakeLab, tmp_path: Path) -> None:
    """Every trial with its folds is recorded; the winner is fitted on all rows; folds go by time, before the test."""
    lab, record = searched(make_lab, GRID)
    found = record.body["search"]

    assert (found["tried"], found["failed"], found["stopped"]) == (3, 1, "space")
    assert found["winner"]["params"] == {"strength": 1.0}
    assert [trial["params"]["strength"] for trial in found["trials"]] == [1.0, 0.0001, 0.5]
    assert "bad luck" in found["trials"][2]["failed"]
    assert sum(fold["scored"] for fold in found["folds"]) < record.body["rows"]
    assert record.body["manifest"]["params"] == {}
    assert record.body["manifest"]["search"]["folds"] == {"kind": "time", "n": 3}

    run = lab.client.get_run(record.body["mlflow_run_id"])
    local = lab.client.download_artifacts(run.info.run_id, "mlops/search", str(tmp_path))
    table = json.loads((Path(local) / "search.json").read_text())
    assert (run.data.params["strength"], run.data.metrics["search_trials"]) == ("1.0", 3)
    assert [row[:2] for row in table["data"]] == [[1, 0.0001], [2, 0.5], [3, 1.0]]
    assert (Path(local) / "search.png").read_bytes().startswith(b"\x89PNG")


def test_the_model_is_the_winner_fitted_on_all_rows(make_lab: MakeLab) -> None:
    """A training with the winner's parameters and no search gives the same model."""
    lab, record = searched(make_lab, GRID)
    lab.run("train", partition_key="2020-03", train_function=FUNCTION, train_params={"strength": 1.0})

    assert lab.records("training")[-1].body["model_digest"] == record.body["model_digest"]


@pytest.mark.parametrize("replay", ["winner", "search"])
@pytest.mark.parametrize("search", [GRID, OPTUNA], ids=["grid", "optuna"])
def test_replay_of_a_search(make_lab: MakeLab, search: dict[str, Any], replay: str) -> None:
    """The winner alone, or the whole search again: either gives the recorded model."""
    lab, _ = searched(make_lab, {**search, "replay": replay})
    result = lab.run("train", run_type="backfill", partition_key="2020-03", train_function=FUNCTION)

    assert result["replay"] == {"level": "L0", "differences": []}


def test_time_budget_is_replayed_by_what_was_tried(make_lab: MakeLab) -> None:
    """A search that the clock has ended is repeated to the same trial, whatever the clock says then."""
    search = {
        "method": "random",
        "space": {"strength": {"low": 0.0001, "high": 10, "log": True}},
        "metric": "roc_auc",
        "budget": {"trials": 50, "minutes": 1e-9},
        "replay": "search",
    }
    lab, record = searched(make_lab, search)
    result = lab.run("train", run_type="backfill", partition_key="2020-03", train_function=FUNCTION)

    assert (record.body["search"]["tried"], record.body["search"]["stopped"]) == (1, "minutes")
    assert result["replay"]["level"] == "L0"


def test_certificate_names_the_search(make_lab: MakeLab) -> None:
    """The certificate of a replay shows which trial won."""
    lab, _ = searched(make_lab, GRID)
    lab.run("replay", partition_key="2020-03")
    (record,) = lab.records("certificate")
    page = (Path(record.body["uri"].removeprefix("file://")) / "certificate.md").read_text()

    assert (record.body["level"], record.outcome) == ("L0", "PASS")
    assert "trial 3 of 3 by grid" in page


def test_second_run_finds_the_search(make_lab: MakeLab) -> None:
    """The same search on the same rows is not made twice; another budget is another training."""
    lab, record = searched(make_lab, GRID)
    lab.run("train", partition_key="2020-03", train_function=FUNCTION, search=GRID)
    assert lab.records("training")[-1].hash == record.hash

    lab.run("train", partition_key="2020-03", train_function=FUNCTION, search={**GRID, "budget": {"trials": 1}})
    other = lab.records("training")[-1]
    assert (other.hash != record.hash, other.body["search"]["stopped"]) == (True, "trials")


def test_parameters_of_a_champion_that_was_searched(make_lab: MakeLab) -> None:
    """What a later training takes over are the parameters that won."""
    lab, record = searched(make_lab, GRID)
    lab.run("register", manifest_hash=record.key)
    lab.run("train", partition_key="2020-03", train_function=FUNCTION, params_from="1")

    assert lab.records("training")[-1].body["manifest"]["params"] == {"strength": 1.0}


def test_operating_threshold_is_chosen_with_the_winner(make_lab: MakeLab) -> None:
    """Search and threshold go together."""
    _, record = searched(make_lab, GRID, operating_threshold={"metric": "f1"})

    assert 0 < record.body["operating_threshold"]["value"] < 1


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ({**GRID, "metric": "rmse"}, "is one of regression tasks"),
        ({**GRID, "metric": "no_metric"}, "There is no metric 'no_metric'"),
        ({**GRID, "space": {"strength": [0.5]}}, "None of the 1 trials of the search could be measured.*bad luck"),
        ({**GRID, "space": {"unknown": [1]}}, "cannot be called with these train_params"),
        ({**GRID, "folds": {"kind": "group", "column": "nothing"}}, "nothing"),
        ({**GRID, "what": 1}, "unknown key 'what'"),
    ],
)
def test_search_that_cannot_be_made(make_lab: MakeLab, search: dict[str, Any], says: str) -> None:
    """It fails for good, says why, and leaves neither run nor record."""
    lab = make_lab("accepted")
    before = len(lab.records("training"))
    with pytest.raises(AirflowFailException, match=says):
        lab.run("train", partition_key="2020-03", train_function=FUNCTION, search=search)

    assert len(lab.records("training")) == before


def test_search_never_sees_the_test_partition(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """No row of the partition that is held out reaches the training function."""
    seen: set[float] = set()

    def noting(features: Any, labels: Any, *, seed: int, strength: float) -> Any:
        seen.update(features["signal"])
        return fit_strength(features, labels, seed=seed, strength=strength)

    monkeypatch.setattr("tests.support.elsewhere.fit_strength", noting)
    searched(make_lab, GRID)

    assert seen
    assert not seen & set(rows_of("2020-03")["signal"])
