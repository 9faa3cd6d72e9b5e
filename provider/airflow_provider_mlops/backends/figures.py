"""What all figures share: a white sheet, colours that the colour-blind tell apart, titles that say the finding.

Drawn by matplotlib's objects on the Agg canvas. ``pyplot`` is never imported: it keeps figures and a backend for the
whole process.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EXTRA = "mlflow"
DPI = 150
WIDTH = 8.0
INK, SOFT, FAINT = "#1a1a1a", "#595959", "#d9d9d9"
# Okabe and Ito's colours; line and marker differ too, so that grey paper tells them apart as well.
COLOURS: Mapping[str, str] = {"candidate": "#0072b2", "champion": "#d55e00", "golden": "#8a6d00"}
LINES: Mapping[str, str] = {"candidate": "-", "champion": "--", "golden": ":"}
MARKERS: Mapping[str, str] = {"candidate": "o", "champion": "D", "golden": "^"}
_TITLE, _SUBTITLE, _LINE = 0.23, 0.19, 0.30
_LONGEST, _SENTENCE, _SHORTEST = 32, 300, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """What a figure says about itself.

    :param names: how each model is called, with its version, by role.
    :param footer: model, partition, rows and evaluation.
    :param level: two-sided confidence level of the intervals.
    :param metrics: the record's measurements, by metric and model.
    :param direction: whether higher is better, by metric.
    """

    names: Mapping[str, str]
    footer: str
    level: float = 0.90
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    direction: Mapping[str, bool] = field(default_factory=dict)

    @property
    def percent(self) -> str:
        """The level, for a reader."""
        return f"{self.level:.0%}".replace("%", " %")

    def measured(self, metric: str, role: str) -> Mapping[str, Any] | None:
        """Return the record's measurement of a metric.

        :param metric: the metric.
        :param role: a model, or ``difference``.
        """
        found = (self.metrics.get(metric) or {}).get(role)
        return found if isinstance(found, Mapping) and found.get("value") is not None else None

    def label(self, metric: str, role: str) -> str:
        """Return a legend's entry: the model, and its measurement where there is one.

        :param metric: the metric.
        :param role: the model.
        """
        found = self.measured(metric, role)
        return f"{self.names[role]}: {interval_text(found)}" if found else self.names[role]

    def finding(self, metric: str, word: str, *, verb: str = "is") -> str:
        """Say in one sentence how candidate and champion compare.

        :param metric: the metric.
        :param word: its name for readers.
        :param verb: what a model does better or worse.
        """
        ours, theirs = self.measured(metric, "candidate"), self.measured(metric, "champion")
        difference = self.measured(metric, "difference")
        candidate = self.names["candidate"]
        if ours is None:
            return f"{word} of {candidate}"
        if theirs is None or difference is None:
            return f"{word} of {candidate} is {interval_text(ours)}"
        digits = _decimals(difference)
        values = f"{word} {ours['value']:.{digits}f} against {theirs['value']:.{digits}f}"
        figures = f"{values}, a difference of {interval_text(difference, sign=True)}"
        higher = self.direction.get(metric, True)
        above, below = difference["low"] > 0, difference["high"] < 0
        if above or below:
            than = f"{'better' if above is higher else 'worse'} than {self.names['champion']}"
            return f"{sentence(candidate)} {verb} {than}: {figures}"
        return f"{sentence(candidate)} and {self.names['champion']} cannot be told apart: {figures}"


class Sheet:
    """One figure.

    :param height: of the drawing, in inches, without title and footer.
    :param title: what the figure shows, as a finding.
    :param subtitle: how to read it.
    :param footer: what it was made of.
    :param width: in inches.
    """

    def __init__(self, height: float, *, title: str, subtitle: str, footer: str, width: float = WIDTH) -> None:
        letters = int(width * 10.2)
        self._title = textwrap.wrap(plain(title, 400), letters)
        self._subtitle = textwrap.wrap(plain(subtitle, 400), int(letters * 1.3))
        self._footer = textwrap.wrap(plain(footer, 400), int(letters * 1.4))
        above = _TITLE * len(self._title) + _SUBTITLE * len(self._subtitle) + 0.2
        below = 0.12 + 0.16 * len(self._footer)
        self._height = height + above + below
        self._width = width
        figure = load("matplotlib.figure", EXTRA).Figure
        self.figure = figure(figsize=(width, self._height), dpi=DPI, facecolor="white", layout="constrained")
        load("matplotlib.backends.backend_agg", EXTRA).FigureCanvasAgg(self.figure)
        rect = (0.01, below / self._height, 0.98, height / self._height)
        self.figure.get_layout_engine().set(rect=rect)

    def axes(self, rows: int = 1, columns: int = 1, **options: Any) -> Any:
        """Return empty axes.

        :param rows: of the grid.
        :param columns: of the grid.
        :param options: as for matplotlib's ``subplots``.
        :return: the axes, or an array of them.
        """
        return self.figure.subplots(rows, columns, **options)

    def save(self, path: Path) -> None:
        """Write the figure as PNG.

        :param path: the file.
        """
        top = self._height - 0.12
        for lines, step, size, colour, weight in (
            (self._title, _TITLE, 11.5, INK, "bold"),
            (self._subtitle, _SUBTITLE, 9, SOFT, "normal"),
        ):
            for line in lines:
                self._text(line, top, size=size, colour=colour, weight=weight, top=True)
                top -= step
        for number, line in enumerate(reversed(self._footer)):
            self._text(line, 0.07 + 0.16 * number, size=7.5, colour=SOFT, weight="normal", top=False)
        # Nothing of the time or the library in the file: the same evaluation gives the same bytes.
        self.figure.savefig(path, dpi=DPI, format="png", metadata={"Software": None})

    def _text(self, text: str, inches: float, *, size: float, colour: str, weight: str, top: bool) -> None:
        self.figure.text(
            0.12 / self._width,
            inches / self._height,
            text,
            fontsize=size,
            color=colour,
            fontweight=weight,
            va="top" if top else "bottom",
            fontfamily="DejaVu Sans",
        )


def dress(axes: Axes, *, x: str, y: str) -> None:
    """Give axes their labels, dark text and a faint grid.

    :param axes: the axes.
    :param x: what the horizontal axis shows, with its unit.
    :param y: what the vertical axis shows, with its unit.
    """
    axes.set_xlabel(x, fontsize=9.5, color=INK, fontfamily="DejaVu Sans")
    axes.set_ylabel(y, fontsize=9.5, color=INK, fontfamily="DejaVu Sans")
    axes.tick_params(colors=INK, labelsize=8.5)
    axes.set_facecolor("white")
    axes.grid(visible=True, color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in {"left", "bottom"})
        spine.set_color(SOFT)


def legend(axes: Axes, **options: Any) -> None:
    """Draw a legend in dark text.

    :param axes: the axes.
    :param options: as for matplotlib's ``legend``.
    """
    settings = {"fontsize": 8.5, "frameon": True, "framealpha": 0.9, "edgecolor": FAINT, "labelcolor": INK, **options}
    if axes.get_legend_handles_labels()[0]:
        axes.legend(**settings)


def legend_above(axes: Axes, columns: int) -> None:
    """Draw a legend above the axes, where it hides nothing.

    :param axes: the axes.
    :param columns: entries side by side.
    """
    legend(axes, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=columns, frameon=False, borderaxespad=0.2)


def plain(text: Any, longest: int = _LONGEST, *, middle: bool = True) -> str:
    """Make a text of anyone's fit for a figure: one line, glyphs that the font has, no formulas, not too long.

    :param text: the text.
    :param longest: characters to keep.
    :param middle: whether the middle of a longer text is left out, which suits names; else its end, for sentences.
    :return: what to draw.
    """
    shown = "".join(_drawable(letter) for letter in str(text)[: 4 * longest])
    shown = " ".join(shown.split())
    if len(shown) > longest:
        end = (longest - 1) // 3 if middle else 0
        shown = f"{shown[: longest - 1 - end]}…{shown[len(shown) - end :]}"
    return shown.replace("$", r"\$")


def fitted(text: Any, inches: float, size: float) -> str:
    """Make a sentence of anyone's fit into a width, as `plain` does.

    :param text: the sentence.
    :param inches: the width.
    :param size: of the letters, in points.
    :return: what to draw; the end of what does not fit is left out.
    """
    longest = _SENTENCE
    while True:
        shown = plain(text, longest, middle=False)
        width = width_of(shown, size)
        if width <= inches or longest <= _SHORTEST:
            return shown
        longest = max(_SHORTEST, min(longest - 1, int(len(shown) * inches / width)))


def width_of(text: str, size: float) -> float:
    """Return the width of a text in inches.

    :param text: the text, as `plain` gives it.
    :param size: of the letters, in points.
    """
    font = load("matplotlib.font_manager", EXTRA).FontProperties(family="DejaVu Sans", size=size)
    measure = load("matplotlib.textpath", EXTRA).text_to_path.get_text_width_height_descent
    return float(measure(text.replace(r"\$", "$"), font, False)[0]) / 72


def sentence(text: str) -> str:
    """Return a text with its first letter as a capital.

    :param text: the text.
    """
    return text[:1].upper() + text[1:]


def interval_text(found: Mapping[str, Any], *, sign: bool = False) -> str:
    """Write a measurement with its interval, as many decimals as the interval makes sense of.

    :param found: ``value``, ``low`` and ``high``.
    :param sign: whether to write the plus of positive numbers.
    """
    value, low, high = (float(found[name]) for name in ("value", "low", "high"))
    style = f"{'+' if sign else ''},.{_decimals(found)}f"
    return f"{value:{style}} [{low:{style}}, {high:{style}}]"


def _decimals(found: Mapping[str, Any]) -> int:
    """Return the decimals that an interval makes sense of: two figures of its width."""
    width = abs(float(found["high"]) - float(found["low"]))
    if width <= 0:
        return 4
    return next((count for count in range(8) if width >= 10.0 ** (1 - count)), 8)


def _drawable(letter: str) -> str:
    if unicodedata.category(letter)[0] in "CZ":
        return " "
    return letter if ord(letter) in _glyphs() else "\N{REPLACEMENT CHARACTER}"


@cache
def _glyphs() -> frozenset[int]:
    fonts = load("matplotlib.font_manager", EXTRA)
    return frozenset(load("matplotlib.ft2font", EXTRA).FT2Font(fonts.findfont("DejaVu Sans")).get_charmap())
