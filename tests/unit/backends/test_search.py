"""Searches by scikit-learn and Optuna: within their budget, the same each time, by folds that keep their order."""

import logging
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest

from airflow_provider_mlops.backends.folds import make_folds
from airflow_provider_mlops.backends.search import Search
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.statistics.metrics import metric_named
from tests.support.elsewhere import fit_linear, fit_strength
from tests.support.synthetic import rows_of

FRAME = rows_of("2020-01").dropna().reset_index(drop=True)
LABELS = FRAME["late"].astype("int64")
LOG_RANGE = {"strength": {"low": 1e-4, "high": 10.0, "log": True, "int": False}}


def folds(kind: str = "time", n: int = 3, **more: Any) -> Any:
    """Split the rows."""
    return make_folds({"kind": kind, "n": n, **more}, FRAME, LABELS, time_column="time", task="binary", seed=3)


def search(method: str, space: dict[str, Any], **more: Any) -> Search:
    """Prepare a search."""
    given: dict[str, Any] = {
        "function": fit_strength,
        "fixed": {},
        "metric": metric_named("log_loss"),
        "metric_params": {},
        "task": "binary",
        "training_seed": 1,
        "seed": 5,
        "trials": 5,
        "seconds": None,
        "log": logging.getLogger(__name__),
    }
    return Search(method=method, space=space, **{**given, **more})


def run(method: str, space: dict[str, Any], **more: Any) -> tuple[Search, list[dict[str, Any]]]:
    """Search."""
    made = search(method, space, **more)
    return made, made.run(FRAME[["signal", "noise"]], LABELS, folds())


@pytest.mark.parametrize("method", ["random", "halving", "optuna"])
def test_a_search_repeats_itself(method: str) -> None:
    """The same seed tries the same parameters; another one does not."""
    (_, first), (_, again), (_, other) = (run(method, LOG_RANGE, seed=seed) for seed in (5, 5, 6))

    assert [(trial["params"], trial["scores"]) for trial in first] == [
        (trial["params"], trial["scores"]) for trial in again
    ]
    assert [trial["params"] for trial in first] != [trial["params"] for trial in other]


def test_less_is_better_of_a_loss() -> None:
    """Scores keep the sign of their metric, and the winner is the least."""
    made, trials = run("grid", {"strength": [1e-4, 1.0, 0.5]})

    assert [trial["number"] for trial in trials] == [1, 2, 3]
    assert all(score > 0 for trial in trials[:2] for score in trial["scores"])
    assert (trials[2]["score"], made.winner(trials)["number"]) == (None, 2)


def test_equally_good_trials() -> None:
    """The first wins."""
    made, trials = run("grid", {"solver": ["lbfgs", "lbfgs"]}, fixed={"strength": 1.0})

    assert made.winner(trials)["number"] == 1


def test_halving_takes_the_last_round() -> None:
    """Trials of few rows do not win over those of more, whatever their scores; rounds and rows are recorded."""
    made, trials = run("halving", LOG_RANGE, trials=9)

    assert [trial["round"] for trial in trials] == [0] * 9 + [1] * 3 + [2]
    assert trials[0]["rows"] < trials[-1]["rows"] <= len(FRAME)
    assert made.winner(trials)["number"] == 13


def test_halving_that_ran_out_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a round that was cut short none wins: its best may not have been tried."""
    made = search("halving", LOG_RANGE, trials=9, most=10)
    trials = made.run(FRAME[["signal", "noise"]], LABELS, folds())

    assert [trial["round"] for trial in trials] == [0] * 9 + [1]
    assert made.winner(trials)["round"] == 0


@pytest.mark.parametrize(
    ("more", "tried", "stopped"),
    [({}, 5, "trials"), ({"seconds": 0.0}, 1, "minutes"), ({"most": 2}, 2, "space"), ({"trials": 100}, 3, "space")],
)
def test_budget(more: dict[str, Any], tried: int, stopped: str) -> None:
    """It ends by trials, by the clock after a first one, by what was recorded, or with the space."""
    space = {"strength": [0.1, 0.2, 0.3] if "trials" in more else [0.1, 0.2, 0.3, 0.4, 0.6, 0.7]}
    made, trials = run("grid", space, **more)

    assert (len(trials), made.stopped) == (tried, stopped)


def test_values_are_plain() -> None:
    """What is drawn can be written as JSON, within its range, both ends too."""
    space = {"strength": {"low": 1, "high": 3, "log": True, "int": True}, "solver": ["lbfgs", "liblinear"]}
    _, trials = run("random", space, trials=12)

    assert {type(trial["params"]["strength"]) for trial in trials} == {int}
    assert {trial["params"]["strength"] for trial in trials} <= {1, 2, 3}


def test_optuna_is_quiet_and_leaves_its_level(capfd: pytest.CaptureFixture[str]) -> None:
    """No line of it in the log, and the level that others have set stands."""
    optuna.logging.set_verbosity(optuna.logging.INFO)
    run("optuna", {"strength": [0.1, 0.5, 1.0], "solver": ["lbfgs", "liblinear"]})

    assert "optuna" not in capfd.readouterr().err
    assert optuna.logging.get_verbosity() == optuna.logging.INFO


def test_regression() -> None:
    """A search measures what the task predicts."""
    made = search("grid", {"seed_of_nothing": [1]}, task="regression", metric=metric_named("rmse"), function=_linear)
    trials = made.run(FRAME[["signal", "noise"]], FRAME["signal"] * 2, folds("kfold"))

    assert trials[0]["score"] == pytest.approx(0, abs=1e-9)


def test_what_is_no_answer_about_parameters_ends_the_search() -> None:
    """A broken world is not a failed trial."""

    def broken(features: Any, labels: Any, *, seed: int, strength: float) -> Any:
        raise ConnectionError("the licence server is down")

    with pytest.raises(ConnectionError):
        run("grid", {"strength": [1]}, function=broken)


def test_time_folds_look_ahead_never_back() -> None:
    """Each is fitted on all rows before those that it scores; rows of one moment stay together."""
    shuffled = FRAME.sample(frac=1, random_state=1)
    shuffled["time"] = shuffled["time"].dt.floor("D")
    made = make_folds(
        {"kind": "time", "n": 3}, shuffled, LABELS.loc[shuffled.index], time_column="time", task="binary", seed=3
    )

    times = shuffled["time"].to_numpy()
    assert len(made) == 3
    assert all(times[fitted].max() < times[scored].min() for fitted, scored in made)
    assert all((np.diff(fitted) > 0).all() for fitted, _ in made)
    assert len(made[-1][0]) + len(made[-1][1]) == len(shuffled)


def test_group_folds_divide_no_group() -> None:
    """A group is fitted on, or scored."""
    for fitted, scored in folds("group", n=2, column="group"):
        assert not set(FRAME["group"].iloc[fitted]) & set(FRAME["group"].iloc[scored])


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"kind": "group", "n": 3, "column": "group"}, "cannot be split into 3 folds"),
        ({"kind": "group", "n": 2, "column": "nothing"}, "is no column of the training rows"),
    ],
)
def test_folds_that_the_rows_do_not_give(asked: dict[str, Any], says: str) -> None:
    """The error says what is missing."""
    with pytest.raises(BadInput, match=says):
        folds(**asked)


def test_too_few_moments() -> None:
    """Rows of one moment cannot be cut by time."""
    frame = FRAME.assign(time=pd.Timestamp("2020-01-01", tz="UTC"))
    with pytest.raises(BadInput, match="too few moments"):
        make_folds({"kind": "time", "n": 2}, frame, LABELS, time_column="time", task="binary", seed=3)


def _linear(features: Any, labels: Any, *, seed: int, seed_of_nothing: int) -> Any:
    return fit_linear(features, labels, seed=seed)
