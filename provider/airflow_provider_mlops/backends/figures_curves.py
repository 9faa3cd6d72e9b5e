"""ROC, precision-recall and calibration of a classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.figures import (
    COLOURS,
    INK,
    LINES,
    MARKERS,
    SOFT,
    Caption,
    Sheet,
    dress,
    legend,
    sentence,
)

if TYPE_CHECKING:
    from airflow_provider_mlops.statistics.curves import Bin, Curve

_RARE = 0.001


def draw_roc(
    path: Path, curves: Mapping[str, Curve], caption: Caption, thresholds: Mapping[str, float] | None = None
) -> None:
    """Draw the ROC curve of each model.

    :param path: the file.
    :param curves: the curve by model.
    :param caption: what the figure says about itself.
    :param thresholds: operating threshold by model, marked on its curve.
    """
    sheet = Sheet(
        5.6,
        width=7.2,
        title=caption.finding("roc_auc", "ROC-AUC", verb="ranks"),
        subtitle=f"In brackets the {caption.percent} interval. The higher the curve, the more positives are found for "
        "the same share of false alarms.",
        footer=caption.footer,
    )
    axes = sheet.axes()
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.9, linestyle=(0, (1, 2)), label="a guess: 0.5")
    for role, curve in curves.items():
        label = caption.label("roc_auc", role)
        axes.plot(curve.x, curve.y, color=COLOURS[role], linestyle=LINES[role], linewidth=1.8, label=label)
        _mark(axes, role, curve, thresholds)
    dress(axes, x="false-positive rate (share of the negatives)", y="true-positive rate (share of the positives)")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    legend(axes, loc="lower right")
    sheet.save(path)


def draw_precision_recall(
    path: Path,
    curves: Mapping[str, Curve],
    caption: Caption,
    *,
    base_rate: float,
    averages: Mapping[str, float],
    thresholds: Mapping[str, float] | None = None,
) -> None:
    """Draw precision over recall of each model.

    :param path: the file.
    :param curves: the curve by model.
    :param caption: what the figure says about itself.
    :param base_rate: share of positives, which is the precision of a guess.
    :param averages: average precision by model, for records that hold no interval of it.
    :param thresholds: operating threshold by model, marked on its curve.
    """
    sheet = Sheet(
        4.6,
        title=_precision_finding(averages, caption),
        subtitle="Precision: how many of the rows that the model picks are positive. Recall: how many of the positives "
        "it picks.",
        footer=caption.footer,
    )
    axes = sheet.axes()
    guess = f"a guess: {base_rate:.3g}"
    axes.axhline(base_rate, color=SOFT, linewidth=0.9, linestyle=(0, (1, 2)), label=guess)
    for role, curve in curves.items():
        known = caption.measured("average_precision", role)
        average = "" if known else f": {averages[role]:.3f}"
        label = caption.label("average_precision", role) + average
        style: dict[str, Any] = {"color": COLOURS[role], "linestyle": LINES[role], "linewidth": 1.8, "label": label}
        # The first rows may all be negative: no line climbs from zero for them.
        begun = curve.y > 0
        axes.plot(curve.x[begun], curve.y[begun], drawstyle="steps-pre", **style)
        _mark(axes, role, curve, thresholds)
    dress(
        axes, x="recall (share of the positives that are found)", y="precision (share of the picked that are positive)"
    )
    axes.set(xlim=(-0.01, 1.01), ylim=(0, 1.02))
    legend(axes, loc="upper right")
    sheet.save(path)


def draw_calibration(
    path: Path,
    bins: Mapping[str, Sequence[Bin]],
    histograms: Mapping[str, Sequence[float]],
    edges: Sequence[float],
    caption: Caption,
    *,
    of: str = "positive",
) -> None:
    """Draw what was observed over what was predicted, with the scores' histogram below.

    :param path: the file.
    :param bins: the bins by model.
    :param histograms: share of the rows in each cell, by model.
    :param edges: edges of the cells, one more than there are.
    :param caption: what the figure says about itself.
    :param of: what a row is when the prediction comes true.
    """
    sheet = Sheet(
        5.6,
        width=7.2,
        title=_calibration_finding(bins, caption, of),
        subtitle=f"Each point is a tenth of the rows with its {caption.percent} interval (Wilson). Above the diagonal "
        "the model says too little, below it too much.",
        footer=caption.footer,
    )
    upper, lower = sheet.axes(2, 1, height_ratios=(4, 1), sharex=True)
    largest = _reach(bins, histograms, edges)
    upper.plot(
        [0, largest], [0, largest], color=SOFT, linewidth=0.9, linestyle=(0, (1, 2)), label="perfectly calibrated"
    )
    for role, found in bins.items():
        means, values = [item.mean for item in found], [item.value for item in found]
        errors = [[item.value - item.low for item in found], [item.high - item.value for item in found]]
        style: dict[str, Any] = {"color": COLOURS[role], "linestyle": LINES[role], "marker": MARKERS[role]}
        label = caption.names[role]
        upper.errorbar(means, values, yerr=errors, markersize=4.5, linewidth=1.2, capsize=2.5, label=label, **style)
        lower.stairs(histograms[role], edges, color=COLOURS[role], linestyle=LINES[role], linewidth=1.3)
    dress(upper, x="", y=f"share of rows that are {of}")
    dress(lower, x="predicted probability (mean of the bin)", y="share of rows")
    upper.set(xlim=(0, largest), ylim=(0, largest))
    legend(upper, loc="best")
    sheet.save(path)


def _reach(
    bins: Mapping[str, Sequence[Bin]], histograms: Mapping[str, Sequence[float]], edges: Sequence[float]
) -> float:
    """Return where the axes end: every point is inside, and all but the rarest scores."""
    points = [1.05 * max(item.high, item.mean) for found in bins.values() for item in found]
    scores = [
        edge for found in histograms.values() for edge, share in zip(edges[1:], found, strict=True) if share > _RARE
    ]
    return min(1.03, max(points + scores, default=1.0))


def _calibration_finding(bins: Mapping[str, Sequence[Bin]], caption: Caption, of: str) -> str:
    found = bins["candidate"]
    rows = sum(item.n for item in found)
    said = sum(item.mean * item.n for item in found) / rows
    seen = sum(item.value * item.n for item in found) / rows
    missed = sum(not item.low <= item.mean <= item.high for item in found)
    off = "every bin holds the diagonal" if not missed else f"{missed} of {len(found)} bins miss the diagonal"
    said_text, seen_text = (f"{share:.1%}".replace("%", " %") for share in (said, seen))
    return f"{sentence(caption.names['candidate'])} predicts {said_text} on average, {seen_text} are {of}; {off}"


def _precision_finding(averages: Mapping[str, float], caption: Caption) -> str:
    if caption.measured("average_precision", "candidate"):
        return caption.finding("average_precision", "average precision")
    parts = [f"{value:.3f} for {caption.names[role]}" for role, value in averages.items()]
    return f"Average precision is {', '.join(parts)}"


def _mark(axes: Any, role: str, curve: Curve, thresholds: Mapping[str, float] | None) -> None:
    """Mark the last point whose threshold is not below the operating one."""
    if not thresholds or role not in thresholds:
        return
    index = max(0, int((curve.thresholds >= thresholds[role]).sum()) - 1)
    style = {"color": COLOURS[role], "marker": MARKERS[role], "markersize": 8, "markeredgecolor": INK}
    label = f"operating threshold {thresholds[role]:.3g}"
    axes.plot([curve.x[index]], [curve.y[index]], linestyle="none", label=label, markeredgewidth=0.8, **style)
