"""Importance of features, and a metric by slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends.figures import (
    COLOURS,
    INK,
    MARKERS,
    SOFT,
    Caption,
    Sheet,
    dress,
    interval_text,
    legend,
    legend_above,
    plain,
    sentence,
)
from airflow_provider_mlops.statistics.slice_rows import SliceRow, SliceRows

MAX_FEATURES = 25
MAX_SLICES = 40
_ROW = 0.30


def draw_importance(path: Path, importance: Mapping[str, Any], caption: Caption) -> None:
    """Draw the importance of the features of each model.

    :param path: the file.
    :param importance: as `hooks.explain.explain` returns it.
    :param caption: what the figure says about itself.
    """
    models = {role: importance[role] for role in ("candidate", "champion") if importance.get(role)}
    names = sorted({name for found in models.values() for name in found}, key=lambda name: (-_most(models, name), name))
    shown = names[:MAX_FEATURES]
    more = f" {len(names) - len(shown)} features of less importance are left out." if len(names) > len(shown) else ""
    sheet = Sheet(
        0.9 + _ROW * max(4, len(shown)),
        title=_importance_finding(models, importance, caption),
        subtitle=_how(importance) + more,
        footer=caption.footer,
    )
    axes = sheet.axes()
    width = 0.8 / len(models)
    for number, (role, found) in enumerate(models.items()):
        places = [row + width * (number - (len(models) - 1) / 2) for row, name in enumerate(shown) if name in found]
        means, errors = zip(*[_bar(found[name], importance) for name in shown if name in found], strict=True)
        style = {"color": COLOURS[role], "hatch": None if number == 0 else "////", "edgecolor": "white", "linewidth": 0}
        whiskers = {"ecolor": INK, "elinewidth": 0.8, "capsize": 1.5}
        axes.barh(places, means, width, xerr=errors, error_kw=whiskers, label=caption.names[role], **style)
    axes.axvline(0, color=INK, linewidth=0.8)
    dress(axes, x=_unit(importance), y="")
    axes.set_yticks(range(len(shown)), [plain(name) for name in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    legend(axes, loc="lower right")
    sheet.save(path)


def draw_slices(path: Path, slices: SliceRows, caption: Caption, *, word: str, higher_is_better: bool) -> None:
    """Draw a metric of each model on every slice.

    :param path: the file.
    :param slices: the slices.
    :param caption: what the figure says about itself.
    :param word: the metric's name for readers.
    :param higher_is_better: its direction.
    """
    shown, hidden = _shown(slices, higher_is_better=higher_is_better)
    sheet = Sheet(
        0.9 + _ROW * max(4, len(shown)),
        title=_slice_finding(shown, caption, word, higher_is_better=higher_is_better),
        subtitle=f"{caption.percent} intervals, each slice by itself: with many slices some stand out by chance. "
        f"n: rows.{hidden}",
        footer=caption.footer,
    )
    axes = sheet.axes()
    roles = [role for role in caption.names if any(row.models.get(role) for row in shown)]
    for number, role in enumerate(roles):
        shift = 0.22 * (number - (len(roles) - 1) / 2)
        _points(axes, role, [(place + shift, row) for place, row in enumerate(shown)], caption.names[role])
    for place, row in enumerate(shown):
        if not any(row.models.values()):
            style = {"fontsize": 8, "color": SOFT, "ha": "left", "va": "center"}
            axes.text(0.01, place, plain(row.reason, 70), transform=axes.get_yaxis_transform(), **style)
        if place and row.column != shown[place - 1].column:
            axes.axhline(place - 0.5, color=SOFT, linewidth=0.8)
    overall = caption.measured(slices.metric, "candidate")
    if overall:
        label = f"all rows, {caption.names['candidate']}: {overall['value']:.4g}"
        axes.axvline(overall["value"], color=COLOURS["candidate"], linewidth=0.9, linestyle=(0, (1, 2)), label=label)
    dress(axes, x=f"{word} ({'higher' if higher_is_better else 'lower'} is better)", y="")
    axes.set_yticks(range(len(shown)), [f"{plain(row.name)}  (n {row.n:,})" for row in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    legend_above(axes, columns=3)
    sheet.save(path)


def _points(axes: Any, role: str, rows: Sequence[tuple[float, SliceRow]], name: str) -> None:
    found = [(place, interval) for place, row in rows if (interval := row.models.get(role)) is not None]
    values = [interval.value for _, interval in found]
    errors = [
        [interval.value - interval.low for _, interval in found],
        [interval.high - interval.value for _, interval in found],
    ]
    style: dict[str, Any] = {"color": COLOURS[role], "marker": MARKERS[role], "linestyle": "none", "label": name}
    axes.errorbar(
        values, [place for place, _ in found], xerr=errors, markersize=4.5, capsize=2, elinewidth=1.2, **style
    )


def _shown(slices: SliceRows, *, higher_is_better: bool) -> tuple[list[SliceRow], str]:
    """Choose the slices to draw, column after column, the worst of each first; and say what is left out."""
    sign = 1 if higher_is_better else -1

    def badness(row: SliceRow) -> float:
        found = row.models.get("candidate")
        return sign * found.value if found else float("inf")

    columns = list(dict.fromkeys(row.column for row in slices.rows))
    kept = sorted(slices.rows, key=badness)[:MAX_SLICES]
    shown = sorted(kept, key=lambda row: (columns.index(row.column), badness(row)))
    left_out = len(slices.rows) - len(shown)
    return shown, f" The worst {len(shown)} are drawn, {left_out:,} more are not." if left_out else ""


def _slice_finding(shown: Sequence[SliceRow], caption: Caption, word: str, *, higher_is_better: bool) -> str:
    measured = [(row, found) for row in shown if (found := row.models.get("candidate")) is not None]
    name = caption.names["candidate"]
    if not measured:
        return f"{word} of {name} cannot be measured on any slice"
    ordered = sorted(measured, key=lambda item: item[1].value if higher_is_better else -item[1].value)
    (worst, low), (best, high) = ordered[0], ordered[-1]
    text = f"{word} of {name}: worst for {plain(worst.name)}, {interval_text(low.to_dict())}"
    return text if worst is best else f"{text}; best for {plain(best.name)}, {interval_text(high.to_dict())}"


def _importance_finding(
    models: Mapping[str, Mapping[str, Sequence[float]]], importance: Mapping[str, Any], caption: Caption
) -> str:
    ours = models["candidate"]
    first = max(ours, key=lambda name: (ours[name][0], name))
    text = f"{sentence(caption.names['candidate'])} rests most on {plain(first)} ({ours[first][0]:.3g})"
    change = importance.get("change") or {}
    if "champion" in models and change:
        moved = max(change, key=lambda name: (abs(change[name]), name))
        text += f"; largest change against {caption.names['champion']}: {plain(moved)} ({change[moved]:+.2g})"
    return text


def _most(models: Mapping[str, Mapping[str, Sequence[float]]], name: str) -> float:
    return max(found[name][0] for found in models.values() if name in found)


def _bar(found: Sequence[float], importance: Mapping[str, Any]) -> tuple[float, float]:
    """Return a bar's length and its whisker: of SHAP values the error of the mean, since their sd is of single rows."""
    mean, spread = found
    return mean, spread / importance["rows"] ** 0.5 if importance["method"] == "shap" else spread


def _how(importance: Mapping[str, Any]) -> str:
    rows, repeats = importance["rows"], importance["repeats"]
    if importance["method"] == "shap":
        return f"Mean absolute SHAP value over {rows:,} rows. Whiskers: one standard error."
    return (
        f"How much the loss grows when the feature's values are shuffled, {repeats} times over {rows:,} rows, the same "
        "for both models. Whiskers: one standard deviation."
    )


def _unit(importance: Mapping[str, Any]) -> str:
    if importance["method"] == "shap":
        return "mean absolute SHAP value (in the unit of the prediction)"
    return f"added {str(importance['metric']).replace('_', ' ')}"
