"""The plan of a search: what it may say, what it leaves out, and what a replay takes from the record."""

from typing import Any

import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.search import manifest_to_replay, search_plan, shown_trials, with_params

GRID: dict[str, Any] = {"method": "grid", "space": {"b": [1, 2], "a": ["x"]}, "metric": "roc_auc"}
RANGE = {"low": 1, "high": 10}


def plan(**changes: Any) -> Any:
    """Check a plan that differs from a good one."""
    return search_plan({**GRID, **changes}, time_column="time", params={"c": 1})


def test_what_is_left_out_is_filled_in() -> None:
    """Folds go by time where there is one, a grid is tried whole, parameters stand in the order of a record."""
    found = plan()

    assert found["folds"] == {"kind": "time", "n": 3}
    assert (found["budget"], found["replay"], list(found["space"])) == (
        {"trials": None, "minutes": None},
        "winner",
        ["a", "b"],
    )
    assert plan(method="random")["budget"]["trials"] == 20
    assert plan(method="optuna", budget={"trials": None, "minutes": 5})["budget"] == {"trials": 20, "minutes": 5.0}
    assert search_plan(GRID, time_column=None, params={})["folds"]["kind"] == "kfold"
    assert search_plan(None, time_column=None, params={}) is None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"method": "luck"}, "search.method"),
        ({"space": {}}, "search.space must map"),
        ({"space": {"a": []}}, "search.space.a must be a list"),
        ({"space": {"a": [[1]]}}, "search.space.a holds"),
        ({"space": {"a": RANGE}}, "a grid needs a list"),
        ({"space": {"c": [1]}}, "stands in train_params and in search.space"),
        ({"method": "random", "space": {"a": {"low": 1}}}, "lacks the key 'high'"),
        ({"method": "random", "space": {"a": {"low": 3, "high": 3}}}, "must rise"),
        ({"method": "random", "space": {"a": {"low": 0, "high": 3, "log": True}}}, "begin above 0"),
        ({"method": "random", "space": {"a": {"low": 0.5, "high": 3, "int": True}}}, "range of whole numbers"),
        ({"method": "random", "space": {"a": {"low": float("nan"), "high": 3}}}, "search.space.a.low"),
        ({"folds": {"kind": "week"}}, "search.folds.kind"),
        ({"folds": {"kind": "kfold", "n": 1}}, "it must be 2 to 100"),
        ({"folds": {"n": 1_000}}, "it must be 2 to 100"),
        ({"folds": {"kind": "group"}}, "search.folds.column"),
        ({"folds": {"column": "group"}}, "search.folds.column"),
        ({"budget": {"trials": 0}}, "search.budget.trials"),
        ({"budget": {"trials": 100_000}}, "at most 10,000"),
        ({"budget": {"minutes": 0}}, "search.budget.minutes"),
        ({"seed": -1}, "search.seed"),
        ({"replay": "both"}, "search.replay"),
        ({"higher_is_better": "yes"}, "search.higher_is_better"),
    ],
)
def test_what_a_plan_must_not_say(changes: dict[str, Any], says: str) -> None:
    """Each error names the key."""
    with pytest.raises(BadInput, match=says):
        plan(**changes)


def test_time_folds_need_a_time_column() -> None:
    """Without one there is no order to cut."""
    with pytest.raises(BadInput, match="name the time_column"):
        search_plan({**GRID, "folds": {"kind": "time"}}, time_column=None, params={})


def test_a_replay_takes_the_number_of_trials_and_the_winner() -> None:
    """The recorded search decides, not the clock; a training without one is left as it is."""
    winner = {"number": 2, "params": {"a": 1}, "score": 0.5, "scores": [0.5]}
    body = {"manifest": {"params": {"c": 1}, "search": plan()}, "search": {"tried": 7, "winner": winner}}

    assert manifest_to_replay(body)["search"]["recorded"] == {"trials": 7, "winner": winner}
    assert with_params(body["manifest"], body["search"])["params"] == {"a": 1, "c": 1}
    assert manifest_to_replay({"manifest": {"params": {}}}) == {"params": {}}


def test_record_keeps_the_best_trials() -> None:
    """Of many trials thirty stand in the record, the best first, those that failed last."""
    trials = [{"number": number, "score": None if number == 1 else number / 100} for number in range(1, 41)]
    found = shown_trials({"higher_is_better": False, "trials": trials})
    few = shown_trials({"higher_is_better": True, "trials": trials[:3]})

    assert [trial["number"] for trial in found["trials"]] == list(range(2, 32))
    assert (found["trials_left_out"], few["trials_left_out"]) == (10, 0)
    assert [trial["number"] for trial in few["trials"]] == [3, 2, 1]
