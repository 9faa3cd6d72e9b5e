"""The search of a training: folds inside its training rows, trials within a budget, and what the record says of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.manifest import task_of
from airflow_provider_mlops.core.search import GROUP, WINNER

if TYPE_CHECKING:
    import pandas as pd

    from airflow_provider_mlops.backends.search import Search

FIGURE, TABLE = "search.png", "search.json"


def search_params(
    manifest: Mapping[str, Any],
    function: Callable[..., Any],
    frame: pd.DataFrame,
    features: pd.DataFrame,
    labels: pd.Series[Any],
    log: Any,
) -> dict[str, Any] | None:
    """Search the parameters that a manifest leaves open; the rows that are held out are not among those it sees.

    :param manifest: as `core.manifest.training_manifest` builds it, or `core.search.manifest_to_replay`.
    :param function: the training function.
    :param frame: the training rows with all columns.
    :param features: the labelled ones' features.
    :param labels: their labels.
    :param log: where every trial is told.
    :return: ``method``, ``metric``, ``higher_is_better``, ``seed``, ``folds``, ``tried``, ``failed``, ``stopped``
        (``space``, ``trials`` or ``minutes``), ``seconds``, ``winner`` and all ``trials``; of a replay of the winner
        alone just that; None where the manifest has no search.
    :raises BadInput: when the rows do not give the folds, or no trial could be measured.
    """
    if (plan := manifest.get("search")) is None:
        return None
    recorded = plan.get("recorded")
    if recorded and plan["replay"] == WINNER:
        log.info("The recorded winner of the search is fitted: %s.", recorded["winner"]["params"])
        return {"winner": recorded["winner"]}
    from airflow_provider_mlops.backends.folds import make_folds

    started, seed = time.monotonic(), plan.get("seed", manifest["seed"])
    search = _search_of(manifest, function, seed, log)
    rows = frame.loc[features.index]
    folds = make_folds(plan["folds"], rows, labels, time_column=manifest["time_column"], task=search.task, seed=seed)
    found = search.run(features, labels, folds)
    winner = search.winner(found)
    log.info("Of %d trials number %d is the best: %s.", len(found), winner["number"], winner["params"])
    return {
        "method": plan["method"],
        "metric": plan["metric"],
        "higher_is_better": search.metric.higher_is_better,
        "seed": seed,
        "folds": [{"fitted": len(fitted), "scored": len(scored)} for fitted, scored in folds],
        "tried": len(found),
        "failed": sum(trial["score"] is None for trial in found),
        "stopped": search.stopped,
        "seconds": round(time.monotonic() - started, 3),
        "winner": {name: winner[name] for name in ("number", "params", "score", "scores")},
        "trials": found,
    }


def _search_of(manifest: Mapping[str, Any], function: Callable[..., Any], seed: int, log: Any) -> Search:
    """Make the search of a manifest; what the clock allowed then, a replay does whatever the clock says now."""
    from airflow_provider_mlops.backends.search import Search
    from airflow_provider_mlops.hooks.fitting import CHECKPOINT
    from airflow_provider_mlops.hooks.training_checkpoint import Unsaved
    from airflow_provider_mlops.statistics.metrics import metric_named

    plan, task = manifest["search"], task_of(manifest)
    metric = metric_named(plan["metric"], higher_is_better=plan.get("higher_is_better"))
    if metric.task not in (task, "any"):
        raise BadInput(f"search.metric {plan['metric']} is one of {metric.task} tasks; this task is {task}.")
    recorded, minutes = plan.get("recorded"), plan["budget"]["minutes"]
    return Search(
        function=function,
        fixed=manifest["params"],
        space=plan["space"],
        method=plan["method"],
        metric=metric,
        metric_params=plan["metric_params"],
        task=task,
        training_seed=manifest["seed"],
        seed=seed,
        trials=plan["budget"]["trials"],
        seconds=None if recorded or minutes is None else 60 * minutes,
        most=recorded["trials"] if recorded else None,
        offered={CHECKPOINT: Unsaved()},
        log=log,
    )


def search_columns(manifest: Mapping[str, Any]) -> list[str]:
    """Return the columns that a search reads beyond features, label and time.

    :param manifest: the training's manifest.
    """
    folds = (manifest.get("search") or {}).get("folds") or {}
    return [folds["column"]] if folds.get("kind") == GROUP else []


def write_search(folder: Path, found: Mapping[str, Any], footer: str) -> None:
    """Write all trials as a table and as a figure.

    :param folder: where to.
    :param found: as `search_params` returned it.
    :param footer: what the figure was made of.
    """
    import json

    from airflow_provider_mlops.backends.figures_search import draw_trials

    names = sorted({name for trial in found["trials"] for name in trial["params"]})
    others = ("score", "seconds", "round", "rows", "failed")
    used = [name for name in others if any(name in trial for trial in found["trials"])]
    folds = [f"fold {number}" for number in range(1, len(found["folds"]) + 1)]
    rows = [
        [
            trial["number"],
            *(trial["params"].get(name) for name in names),
            *trial["scores"],
            *(trial.get(name) for name in used),
        ]
        for trial in found["trials"]
    ]
    table = {"columns": ["trial", *names, *folds, *used], "data": rows}
    (folder / TABLE).write_text(json.dumps(table) + "\n", encoding="utf-8")
    draw_trials(folder / FIGURE, found, footer)
