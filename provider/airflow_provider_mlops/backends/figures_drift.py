"""Reference against current: a column's distributions, and how large its drift was over the partitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.figures import COLOURS, EXTRA, INK, LINES, Sheet, dress, legend_above, plain
from airflow_provider_mlops.backends.optional import load

if TYPE_CHECKING:
    from airflow_provider_mlops.core.drift_history import Look
    from airflow_provider_mlops.statistics.arrays import FloatArray

MAX_CATEGORIES = 15
MAX_FEATURES = 25
MAX_PARTITIONS = 31
FEWEST_ROWS = 5
"""Categories with fewer rows on both sides are put together: their names may be those of persons."""
_BINS = 40
_DARK = 2.2
_MOST = 3.0
_SIDES = (("reference", "champion"), ("current", "candidate"))


def draw_numbers(path: Path, name: str, reference: FloatArray, current: FloatArray, title: str, footer: str) -> None:
    """Draw histogram and distribution function of a numeric column on both sides.

    :param path: the file.
    :param name: the column.
    :param reference: sorted finite values of the reference, not empty.
    :param current: sorted finite values now, not empty.
    :param title: what changed.
    :param footer: what was compared.
    """
    numpy = load("numpy", "parquet")
    sheet = Sheet(
        3.1,
        width=9.4,
        title=title,
        subtitle="Left: share of the values in each bin, the same bins for both; the outer half percent is not drawn. "
        "Right: share of the values up to x.",
        footer=footer,
    )
    left, right = sheet.axes(1, 2)
    ends = [numpy.quantile(side, (0.005, 0.995)) for side in (reference, current)]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
    edges = numpy.linspace(low, high, _BINS + 1)
    for (word, role), side in zip(_SIDES, (reference, current), strict=True):
        style: dict[str, Any] = {"color": COLOURS[role], "linestyle": LINES[role], "linewidth": 1.5}
        counts, _ = numpy.histogram(side, edges)
        left.stairs(counts / len(side), edges, label=f"{word} (n {len(side):,})", **style)
        ranks = numpy.linspace(0, 1, min(len(side), 400))
        right.plot([low, *numpy.quantile(side, ranks), high], [0, *ranks, 1], **style)
    dress(left, x=plain(name), y="share of the values")
    dress(right, x=plain(name), y="share of the values up to x")
    right.set(xlim=(low, high), ylim=(0, 1.01))
    legend_above(left, columns=2)
    sheet.save(path)


def draw_categories(
    path: Path, name: str, reference: Counter[str], current: Counter[str], title: str, footer: str
) -> None:
    """Draw the shares of a column's categories on both sides.

    :param path: the file.
    :param name: the column.
    :param reference: rows by category of the reference, not empty.
    :param current: rows by category now, not empty.
    :param title: what changed.
    :param footer: what was compared.
    """
    shares = [{key: count / side.total() for key, count in side.items()} for side in (reference, current)]
    most = {key: max(side.get(key, 0.0) for side in shares) for key in {**reference, **current}}
    many = [key for key in most if max(reference.get(key, 0), current.get(key, 0)) >= FEWEST_ROWS]
    shown = sorted(many, key=lambda key: (-most[key], key))[:MAX_CATEGORIES]
    rest = len(most) - len(shown)
    sheet = Sheet(
        0.9 + 0.34 * max(3, len(shown) + bool(rest)),
        title=title,
        subtitle="Share of the rows that have a value, by category.",
        footer=footer,
    )
    axes = sheet.axes()
    names = [plain(key) for key in shown] + ([f"({rest:,} others)"] if rest else [])
    for number, ((word, role), side) in enumerate(zip(_SIDES, shares, strict=True)):
        values = [side.get(key, 0.0) for key in shown] + (
            [max(0.0, 1 - sum(side.get(k, 0.0) for k in shown))] * bool(rest)
        )
        places = [row + 0.38 * (number - 0.5) for row in range(len(values))]
        total = (reference, current)[number].total()
        style: dict[str, Any] = {"color": COLOURS[role], "hatch": "////" if number == 0 else None, "edgecolor": "white"}
        axes.barh(places, values, 0.36, linewidth=0, label=f"{word} (n {total:,})", **style)
    dress(axes, x="share of the rows", y=plain(name))
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    legend_above(axes, columns=2)
    sheet.save(path)


def draw_history(path: Path, looks: Sequence[Look], title: str, footer: str) -> None:
    """Draw how large the drift of each feature was in each partition: a map of effect over threshold.

    :param path: the file.
    :param looks: the looks, oldest first, not empty.
    :param title: the finding.
    :param footer: what was compared.
    """
    numpy = load("numpy", "parquet")
    looks = list(looks)[-MAX_PARTITIONS:]
    worst: dict[str, float] = {}
    for look in looks:
        for name, size in look.sizes.items():
            worst[name] = max(worst.get(name, 0.0), size)
    last = looks[-1].sizes
    shown = sorted(worst, key=lambda name: (-last.get(name, 0.0), -worst[name], name))[:MAX_FEATURES]
    more = f" {len(worst) - len(shown)} features that moved less are left out." if len(worst) > len(shown) else ""
    sheet = Sheet(
        1.1 + 0.27 * max(3, len(shown)),
        width=max(7.4, min(13.0, 3.4 + 0.62 * len(looks))),
        title=title,
        subtitle="Largest effect over its threshold: material from 1. A frame: drift was proved. Empty: not looked at."
        + more,
        footer=footer,
    )
    axes = sheet.axes()
    grid = numpy.array([[_size(look, name) for look in looks] for name in shown])
    image = axes.imshow(grid.clip(max=_MOST), cmap="Blues", vmin=0, vmax=_MOST, aspect="auto")
    for row, name in enumerate(shown):
        for column, look in enumerate(looks):
            _cell(axes, row, column, look, name)
    dress(axes, x="partition", y="")
    axes.grid(visible=False)
    turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if len(looks) > 8 else {}
    axes.set_xticks(range(len(looks)), [plain(look.partition_key) for look in looks], **turned)
    axes.set_yticks(range(len(shown)), [plain(name) for name in shown])
    bar = sheet.figure.colorbar(image, ax=axes, shrink=0.9, extend="max")
    bar.set_label("effect / threshold", fontsize=9, color=INK)
    bar.ax.tick_params(colors=INK, labelsize=8)
    sheet.save(path)


def _size(look: Look, name: str) -> float:
    return float(look.sizes.get(name, float("nan")))


def _cell(axes: Any, row: int, column: int, look: Look, name: str) -> None:
    if name not in look.sizes:
        return
    size = look.sizes[name]
    text = "broken" if size >= 99 else f"{size:.1f}" if size < 9.95 else f"{size:.0f}"
    axes.text(column, row, text, ha="center", va="center", fontsize=7, color="white" if size > _DARK else INK)
    if name in look.failed:
        patch = load("matplotlib.patches", EXTRA).Rectangle
        axes.add_patch(patch((column - 0.47, row - 0.44), 0.94, 0.88, fill=False, edgecolor="#d55e00", linewidth=1.8))
