"""The plan of a search over parameters, and what a replay takes from a search that was recorded."""

from collections.abc import Mapping
from typing import Any

from airflow_provider_mlops.core import reading
from airflow_provider_mlops.core.errors import BadInput

GRID, RANDOM, HALVING, OPTUNA = "grid", "random", "halving", "optuna"
METHODS = (GRID, RANDOM, HALVING, OPTUNA)
TIME, GROUP, KFOLD = "time", "group", "kfold"
WINNER, WHOLE = "winner", "search"
TRIALS, FOLDS = 20, 3
MOST_TRIALS, MOST_FOLDS = 10_000, 100
MOST_SHOWN = 30
"""Trials in the ledger: the best ones; MLflow keeps all."""

_KEYS = (
    "method",
    "space",
    "metric",
    "metric_params",
    "higher_is_better",
    "folds",
    "budget",
    "seed",
    "replay",
)


def search_plan(wanted: Any, *, time_column: str | None, params: Mapping[str, Any]) -> dict[str, Any] | None:
    """Check what a Dag says of a search, and fill in what it leaves out.

    :param wanted: the mapping; None for no search.
    :param time_column: column with the row's time, by which folds are cut unless the mapping says otherwise.
    :param params: parameters that are given, which cannot be searched too.
    :return: ``method``, ``space``, ``metric``, ``metric_params``, ``folds`` (``kind``, ``n``, and ``column`` of
        groups), ``budget`` (``trials``, ``minutes``), ``replay``, and ``higher_is_better`` and ``seed`` where they
        are given; None for no search.
    :raises BadInput: naming what is not as it must be.
    """
    if wanted is None:
        return None
    where = "search"
    reading.check_keys(wanted, where, allowed=_KEYS, required=("method", "space", "metric"))
    method = reading.one_of(*METHODS)(wanted["method"], f"{where}.method")
    space = _space(wanted["space"], method)
    if given := sorted(space.keys() & params.keys()):
        raise BadInput(f"{given[0]!r} stands in train_params and in search.space: leave it out of one of them.")
    plan: dict[str, Any] = {
        "method": method,
        "space": space,
        "metric": reading.text(wanted["metric"], f"{where}.metric"),
        "metric_params": reading.numbers(wanted.get("metric_params") or {}, f"{where}.metric_params"),
        "folds": _folds(wanted.get("folds") or {}, time_column),
        "budget": _budget(wanted.get("budget") or {}, method),
        "replay": reading.one_of(WINNER, WHOLE)(wanted.get("replay", WINNER), f"{where}.replay"),
    }
    if wanted.get("higher_is_better") is not None:
        plan["higher_is_better"] = reading.yes_no(wanted["higher_is_better"], f"{where}.higher_is_better")
    if wanted.get("seed") is not None:
        plan["seed"] = reading.whole(wanted["seed"], f"{where}.seed") % 2**32
    return plan


def is_range(values: Any) -> bool:
    """Whether a parameter is searched in a range, and not among listed values.

    :param values: what the space says of it.
    """
    return isinstance(values, Mapping)


def with_params(manifest: Mapping[str, Any], found: Mapping[str, Any] | None) -> dict[str, Any]:
    """Put the parameters that a search has found into a manifest, for the fit of the model.

    :param manifest: the training's manifest.
    :param found: what the search came to; None for no search.
    :return: a manifest whose ``params`` hold them.
    """
    if found is None:
        return dict(manifest)
    return {**manifest, "params": {**manifest["params"], **found["winner"]["params"]}}


def manifest_to_replay(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest that a replay trains from: a search repeats what was tried, whatever the clock says now.

    :param body: body of a training record.
    :return: its manifest; the plan of a search has ``recorded`` then, with the number of trials and the winner.
    """
    manifest = dict(body["manifest"])
    if (plan := manifest.get("search")) is not None:
        found = body["search"]
        recorded = {"trials": found["tried"], "winner": found["winner"]}
        manifest["search"] = {**plan, "recorded": recorded}
    return manifest


def shown_trials(found: Mapping[str, Any]) -> dict[str, Any]:
    """Shorten what a search found to what a record holds: the best trials; those that failed come last.

    :param found: what the search came to, with all ``trials``.
    :return: the same with at most 30 trials, and ``trials_left_out``.
    """
    sign = -1 if found["higher_is_better"] else 1
    trials = sorted(
        found["trials"], key=lambda item: (item["score"] is None, sign * (item["score"] or 0.0), item["number"])
    )
    return {**found, "trials": trials[:MOST_SHOWN], "trials_left_out": max(0, len(trials) - MOST_SHOWN)}


def _space(wanted: Any, method: str) -> dict[str, Any]:
    if not isinstance(wanted, Mapping) or not wanted:
        raise BadInput(f"search.space must map parameters to what to try, not {wanted!r}.")
    # In one order: that in which a record keeps them, by which a replay draws the same.
    return {
        reading.text(name, "search.space"): _values(name, values, method) for name, values in sorted(wanted.items())
    }


def _values(name: str, values: Any, method: str) -> Any:
    where = f"search.space.{name}"
    if is_range(values):
        return _range(values, where, method)
    if not isinstance(values, list | tuple) or not values:
        raise BadInput(f"{where} must be a list of values, or a range {{low, high}}, not {values!r}.")
    for value in values:
        if value is not None and not isinstance(value, str | bool | int | float):
            raise BadInput(f"{where} holds {value!r}; values are texts, numbers, booleans and null.")
    return list(values)


def _range(values: Mapping[str, Any], where: str, method: str) -> dict[str, Any]:
    reading.check_keys(values, where, allowed=("low", "high", "log", "int"), required=("low", "high"))
    if method == GRID:
        raise BadInput(f"{where} is a range; a grid needs a list of values.")
    whole, log = (reading.yes_no(values.get(name, False), f"{where}.{name}") for name in ("int", "log"))
    low, high = (reading.number(values[name], f"{where}.{name}") for name in ("low", "high"))
    if whole and not (low == int(low) and high == int(high)):
        raise BadInput(f"{where} is a range of whole numbers; its ends are {low!r} and {high!r}.")
    if low >= high or (log and low <= 0):
        raise BadInput(f"{where} must rise, and begin above 0 where it is logarithmic: {low!r} to {high!r}.")
    return {"low": int(low) if whole else low, "high": int(high) if whole else high, "log": log, "int": whole}


def _folds(wanted: Any, time_column: str | None) -> dict[str, Any]:
    where = "search.folds"
    reading.check_keys(wanted, where, allowed=("kind", "n", "column"))
    usual = TIME if time_column else KFOLD
    kind = reading.one_of(TIME, GROUP, KFOLD)(wanted.get("kind", usual), f"{where}.kind")
    number = reading.count(wanted.get("n", FOLDS), f"{where}.n")
    if number > MOST_FOLDS or (number == 1 and kind != TIME):
        raise BadInput(f"{where}.n is {number}; it must be 2 to {MOST_FOLDS}, of time folds 1 or more.")
    if kind == TIME and not time_column:
        raise BadInput(f"{where}.kind is time: name the time_column, or choose group or kfold.")
    if (kind == GROUP) != (wanted.get("column") is not None):
        raise BadInput(f"{where}.column names the groups of kind group, and nothing else.")
    named = {"column": reading.text(wanted["column"], f"{where}.column")} if kind == GROUP else {}
    return {"kind": kind, "n": number, **named}


def _budget(wanted: Any, method: str) -> dict[str, Any]:
    where = "search.budget"
    reading.check_keys(wanted, where, allowed=("trials", "minutes"))
    trials, minutes = wanted.get("trials"), wanted.get("minutes")
    if trials is None and method != GRID:
        trials = TRIALS  # null too: a range is never used up
    if trials is not None and reading.count(trials, f"{where}.trials") > MOST_TRIALS:
        raise BadInput(f"{where}.trials is {trials:,}; at most {MOST_TRIALS:,} can be tried.")
    if minutes is not None:
        minutes = reading.above_zero(minutes, f"{where}.minutes")
    return {"trials": trials, "minutes": minutes}
