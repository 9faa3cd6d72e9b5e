"""The rules of a verdict against their bounds: a forest plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends.figures import (
    FAINT,
    INK,
    SOFT,
    Sheet,
    dress,
    fitted,
    legend_above,
    plain,
    width_of,
)
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.statistics.rule_lines import RATIO, RuleLine, expanded, line_of, worst_first

MAX_LINES = 60
OUTCOME_COLOURS = {Outcome.PASS: "#0072b2", Outcome.FAIL: "#d55e00", Outcome.INCONCLUSIVE: "#8a6d00"}
OUTCOME_MARKERS = {Outcome.PASS: "o", Outcome.FAIL: "X", Outcome.INCONCLUSIVE: "D"}
_ROW = 0.27
_EDGE = 1.12
_WIDTH = 11.0
_NAME = 40
_NAMES, _REMARKS, _SENTENCES = 8.5, 8.0, 7.5


def draw_rules(path: Path, verdict: Verdict, *, title: str, footer: str) -> int:
    """Draw every rule with its interval against its bound, and rules about facts as text.

    :param path: the file.
    :param verdict: what was judged.
    :param title: the verdict as a sentence.
    :param footer: what was judged, by which policy.
    :return: rules that were left out because there are too many.
    """
    lines = expanded(verdict.rules)
    shown = _chosen(lines)
    more = len(lines) - len(shown)
    notes = " A watched slice fails only when it is proved worse." if len(lines) > len(verdict.rules) else ""
    if any(result.numbers.get("metric") == RATIO for result in lines):
        notes += " A ratio fails when it is beyond its bound and its interval is beyond 1."
    left_out = f" The worst {len(shown)} rules are drawn, and {more:,} more are not." if more else ""
    sheet = Sheet(
        0.95 + _ROW * max(3, len(shown)),
        width=_WIDTH,
        title=title,
        subtitle="Each rule on a scale of its own: an interval right of the bound passes, left of it fails, across it "
        f"cannot decide. The small tick is where both models are equal.{notes}{left_out}",
        footer=footer,
    )
    axes = sheet.axes()
    axes.axvspan(-_EDGE, 0, color="#f6f6f6", zorder=0)
    axes.axvline(0, color=INK, linewidth=1.0, zorder=1)
    room = _room(shown)
    for place, result in enumerate(shown):
        _draw_rule(axes, place, result, room)
    dress(axes, x="distance to the bound, each rule on a scale of its own", y="")
    axes.set_yticks(range(len(shown)), [plain(result.rule, _NAME) for result in shown])
    axes.set_xticks([-1, -0.5, 0, 0.5, 1], ["", "worse", "bound", "better", ""])
    axes.set(xlim=(-_EDGE, _EDGE), ylim=(len(shown) - 0.4, -0.6))
    axes.grid(visible=False)
    _legend(axes, shown)
    sheet.save(path)
    return more


def _chosen(results: Sequence[RuleResult]) -> list[RuleResult]:
    """Keep the order of the policy; of too many rules, keep the worst."""
    worst = {id(result) for result in worst_first(results)[:MAX_LINES]}
    return [result for result in results if id(result) in worst]


def _draw_rule(axes: Any, place: int, result: RuleResult, room: float) -> None:
    line = line_of(result)
    colour = OUTCOME_COLOURS[result.outcome]
    axes.axhline(place + 0.5, color=FAINT, linewidth=0.5, zorder=0)
    axes.text(
        1.01,
        place,
        _remark(result, line),
        transform=axes.get_yaxis_transform(),
        fontsize=_REMARKS,
        color=colour,
        va="center",
        ha="left",
        fontweight="bold" if result.outcome is not Outcome.PASS else "normal",
    )
    if line is None:
        style: dict[str, Any] = {"fontsize": _SENTENCES, "color": SOFT, "va": "center", "ha": "left"}
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        axes.text(-_EDGE + 0.03, place, fitted(result.reason, room, _SENTENCES), bbox=box, **style)
        return
    low, value, high = line.places
    axes.plot([low, high], [place, place], color=colour, linewidth=2.2, solid_capstyle="butt", zorder=3)
    marker = OUTCOME_MARKERS[result.outcome]
    axes.plot(
        [value],
        [place],
        marker=marker,
        color=colour,
        markersize=7,
        markeredgecolor="white",
        markeredgewidth=0.6,
        zorder=4,
    )
    equal = line.place(0.0)
    if line.paired and abs(equal) <= _EDGE:
        axes.plot([equal], [place], marker="|", color=INK, markersize=9, zorder=2)


def _remark(result: RuleResult, line: RuleLine | None) -> str:
    if line is None:
        return result.outcome.value
    sign = "+" if line.paired else ""
    value, low, high = (f"{figure:{sign}.3g}" for figure in (line.value, line.low, line.high))
    if line.watched:
        wanted = f"fails if proved {'<' if line.higher_is_better else '>'}"
    else:
        above, below = (">", "<") if line.paired else ("≥", "≤")
        wanted = f"must be {above if line.higher_is_better else below}"
    return f"{result.outcome.value}  {value} [{low}, {high}], {wanted} {line.bound:.3g}"


def _room(shown: Sequence[RuleResult]) -> float:
    """Return the inches between the names and the remarks, where a sentence may stand."""
    names = max((width_of(plain(result.rule, _NAME), _NAMES) for result in shown), default=0.0)
    # What did not pass is written in bold, which is wider.
    remarks = max((1.15 * width_of(_remark(result, line_of(result)), _REMARKS) for result in shown), default=0.0)
    return max(1.0, _WIDTH - 0.9 - names - remarks)


def _legend(axes: Any, shown: Sequence[RuleResult]) -> None:
    for outcome in dict.fromkeys(result.outcome for result in shown):
        style: dict[str, Any] = {"color": OUTCOME_COLOURS[outcome], "marker": OUTCOME_MARKERS[outcome]}
        axes.plot([], [], linewidth=2.2, label=outcome.value, **style)
    legend_above(axes, columns=3)
