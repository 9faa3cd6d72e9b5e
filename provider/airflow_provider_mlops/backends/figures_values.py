"""What a regression predicts against what was true, and which classes are taken for which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.figures import (
    COLOURS,
    EXTRA,
    INK,
    LINES,
    MARKERS,
    SOFT,
    Caption,
    Sheet,
    dress,
    legend,
    plain,
    sentence,
)
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.statistics.curves import folded

if TYPE_CHECKING:
    from airflow_provider_mlops.statistics.arrays import FloatArray
    from airflow_provider_mlops.statistics.curves import Bin

MAX_CLASSES = 25
_ANNOTATED = 12
_DARK_FROM = 0.55


def draw_predicted(path: Path, grids: Mapping[str, FloatArray], edges: FloatArray, caption: Caption) -> None:
    """Draw how many rows have each true and predicted value.

    :param path: the file.
    :param grids: counts by model, true values along the first axis.
    :param edges: edges of the cells.
    :param caption: what the figure says about itself.
    """
    sheet = Sheet(
        4.4,
        width=4.6 * len(grids) + 0.9,
        title=caption.finding("rmse", "RMSE"),
        subtitle=f"The darker, the more rows. On the line the prediction is true. In brackets the {caption.percent} "
        "interval.",
        footer=caption.footer,
    )
    panels = sheet.axes(1, len(grids), squeeze=False, sharey=True)[0]
    most = max(1.0, *(float(grid.max()) for grid in grids.values()))
    norm = load("matplotlib.colors", EXTRA).LogNorm(vmin=0.4, vmax=max(most, 2.0))
    for axes, (role, grid) in zip(panels, grids.items(), strict=True):
        shown = grid.copy()
        shown[shown == 0] = float("nan")
        mesh = axes.pcolormesh(edges, edges, shown, cmap="Blues", norm=norm, rasterized=True)
        axes.plot([edges[0], edges[-1]], [edges[0], edges[-1]], color=INK, linewidth=0.9)
        dress(axes, x="predicted value", y="true value" if axes is panels[0] else "")
        axes.set_title(caption.label("rmse", role), fontsize=9.5, color=INK)
        axes.set_aspect("equal")
    bar = sheet.figure.colorbar(mesh, ax=list(panels), shrink=0.8)
    bar.set_label("rows in a cell", fontsize=9, color=INK)
    bar.ax.yaxis.set_major_formatter(load("matplotlib.ticker", EXTRA).FuncFormatter(lambda value, _: f"{value:,g}"))
    bar.ax.tick_params(colors=INK, labelsize=8)
    sheet.save(path)


def draw_residuals(path: Path, bins: Mapping[str, Sequence[Bin]], caption: Caption) -> None:
    """Draw the mean residual over the prediction.

    :param path: the file.
    :param bins: the bins by model.
    :param caption: what the figure says about itself.
    """
    ours = bins["candidate"]
    rows = sum(item.n for item in ours)
    mean = sum(item.value * item.n for item in ours) / rows
    missed = sum(not item.low <= 0 <= item.high for item in ours)
    name = sentence(caption.names["candidate"])
    sheet = Sheet(
        4.2,
        title=f"{name} predicts {abs(mean):.2g} too {'much' if mean >= 0 else 'little'} on average; in {missed} of "
        f"{len(ours)} ranges of its predictions the mean error is not zero",
        subtitle=f"Predicted minus true, mean of a tenth of the rows with its {caption.percent} interval (Student).",
        footer=caption.footer,
    )
    axes = sheet.axes()
    axes.axhline(0, color=SOFT, linewidth=0.9, linestyle=(0, (1, 2)), label="no error on average")
    for role, found in bins.items():
        errors = [[item.value - item.low for item in found], [item.high - item.value for item in found]]
        style: dict[str, Any] = {"color": COLOURS[role], "linestyle": LINES[role], "marker": MARKERS[role]}
        values = [item.value for item in found]
        settings: dict[str, Any] = {"markersize": 4.5, "linewidth": 1.2, "capsize": 2.5, "label": caption.names[role]}
        axes.errorbar([item.mean for item in found], values, yerr=errors, **settings, **style)
    dress(axes, x="predicted value (mean of the bin)", y="mean residual (predicted minus true)")
    legend(axes, loc="best")
    sheet.save(path)


def draw_confusion(path: Path, tables: Mapping[str, FloatArray], classes: Sequence[str], caption: Caption) -> None:
    """Draw which classes are taken for which.

    :param path: the file.
    :param tables: counts by model, true classes along the first axis.
    :param classes: names of the classes.
    :param caption: what the figure says about itself.
    """
    title = _confusion_finding(tables["candidate"], classes, caption)
    tables, kept = folded(tables, MAX_CLASSES)
    rare = len(classes) - len(kept)
    together = f" {rare} rare classes are put together as one, their mix-ups included." if rare else ""
    names = [plain(classes[index], 14) for index in kept] + (["(others)"] if rare else [])
    size = max(3.4, min(7.0, 0.36 * len(names) + 1.6))
    sheet = Sheet(
        size,
        width=(size + 0.3) * len(tables) + 1.2,
        title=title,
        subtitle=f"Of the rows of each true class (a line), the share that is predicted as each class.{together}",
        footer=caption.footer,
    )
    panels = sheet.axes(1, len(tables), squeeze=False, sharey=True)[0]
    for axes, (role, table) in zip(panels, tables.items(), strict=True):
        totals = table.sum(axis=1, keepdims=True)
        shares = table / totals.clip(min=1)
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="equal")
        _write_shares(axes, shares, table)
        dress(axes, x="predicted class", y="true class" if axes is panels[0] else "")
        axes.grid(visible=False)
        turned = {"rotation": 90} if max(map(len, names)) > 3 else {}
        axes.set_xticks(range(len(names)), names, fontsize=8, **turned)
        axes.set_yticks(range(len(names)), names, fontsize=8)
        axes.set_title(caption.label("multiclass_accuracy", role), fontsize=9.5, color=INK)
    bar = sheet.figure.colorbar(image, ax=list(panels), shrink=0.8)
    bar.set_label("share of the true class", fontsize=9, color=INK)
    bar.ax.tick_params(colors=INK, labelsize=8)
    sheet.save(path)


def _write_shares(axes: Any, shares: FloatArray, table: FloatArray) -> None:
    if len(shares) > _ANNOTATED:
        return
    for row, line in enumerate(shares):
        for column, share in enumerate(line):
            if table[row, column]:
                text = f"{share:.2f}\n{table[row, column]:,.0f}"
                colour = "white" if share > _DARK_FROM else INK
                axes.text(column, row, text, ha="center", va="center", fontsize=6.5, color=colour)


def _confusion_finding(table: FloatArray, classes: Sequence[str], caption: Caption) -> str:
    name = sentence(caption.names["candidate"])
    mistakes = table.copy()
    for index in range(len(mistakes)):
        mistakes[index, index] = 0
    if not mistakes.any():
        return f"{name} is right on every row"
    right = 100 * (1 - float(mistakes.sum()) / float(table.sum()))
    true, said = divmod(int(mistakes.argmax()), len(classes))
    most = f"most often {plain(classes[true])} is taken for {plain(classes[said])}"
    rows = f"{int(mistakes.max()):,} of {int(table[true].sum()):,}"
    return f"{name} is right on {right:.4g} % of the rows; {most} ({rows})"
