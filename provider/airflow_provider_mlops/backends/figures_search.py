"""The trials of a search: every score, and the best so far."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends.figures import COLOURS, INK, SOFT, Sheet, dress, legend, plain


def draw_trials(path: Path, found: Mapping[str, Any], footer: str) -> None:
    """Draw the score of each trial, with the span of its folds, and the best so far.

    :param path: the file.
    :param found: as `hooks.search.search_params` returns it.
    :param footer: what the figure was made of.
    """
    winner, higher = found["winner"], found["higher_is_better"]
    done = [trial for trial in found["trials"] if trial["score"] is not None]
    named = ", ".join(f"{name} {value}" for name, value in winner["params"].items())
    failed = f" {found['failed']} trials failed and are left out." if found["failed"] else ""
    sheet = Sheet(
        3.4,
        title=f"Trial {winner['number']} of {found['tried']} won: {found['metric']} {winner['score']:.4g} by {named}",
        subtitle=f"The bar spans the folds, all within the training rows; {'more' if higher else 'less'} is better."
        + failed,
        footer=footer,
    )
    axes = sheet.axes()
    numbers, scores = [trial["number"] for trial in done], [trial["score"] for trial in done]
    for trial in done:
        axes.vlines(trial["number"], min(trial["scores"]), max(trial["scores"]), color=SOFT, linewidth=0.8)
    axes.plot(numbers, scores, "o", color=COLOURS["candidate"], markersize=4, label="mean of the folds")
    best, so_far = scores[0], []
    for score in scores:
        best = max(best, score) if higher else min(best, score)
        so_far.append(best)
    axes.step(numbers, so_far, where="post", color=COLOURS["champion"], linewidth=1.2, label="best so far")
    axes.plot([winner["number"]], [winner["score"]], "o", color="none", markeredgecolor=INK, markersize=9)
    dress(axes, x="trial", y=plain(found["metric"]))
    axes.xaxis.get_major_locator().set_params(integer=True)
    legend(axes, loc="best")
    sheet.save(path)
