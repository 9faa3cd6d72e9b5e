"""Tests of the figures: they say the finding, nothing overlaps, and the same numbers give the same bytes."""

import itertools
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text

from airflow_provider_mlops.backends import figures, figures_bars, figures_curves, figures_rules, figures_values
from airflow_provider_mlops.backends.figures import Caption, Sheet, fitted, interval_text, plain, width_of
from airflow_provider_mlops.core.measure import Interval
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.statistics import curves
from airflow_provider_mlops.statistics.slice_rows import SliceRow, SliceRows

NASTY = "$\\frac{1}{0}$ <b> \n 日本語 🛫 " + "x" * 80
NAMES = {"candidate": "candidate 4", "champion": "champion 3"}


def measured(value: float, low: float, high: float) -> dict[str, Any]:
    """Write a measurement as a record holds it."""
    return {"value": value, "low": low, "high": high, "n": 10, "method": "delong"}


def caption(low: float = 0.01, high: float = 0.03, *, higher: bool = True) -> Caption:
    """Caption a comparison whose difference is between two bounds."""
    found = {
        "candidate": measured(0.7, 0.69, 0.71),
        "champion": measured(0.68, 0.67, 0.69),
        "difference": measured((low + high) / 2, low, high),
    }
    return Caption(names=NAMES, footer="model m", metrics={"m": found}, direction={"m": higher})


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Sheet]:
    """Keep every sheet that is saved; coarse, since what overlaps overlaps at any resolution."""
    monkeypatch.setattr(figures, "DPI", 90)
    sheets: list[Sheet] = []
    save = Sheet.save

    def keep(self: Sheet, path: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            # Drawn once only, when its texts are read: laying a figure out is what takes the time.
            patch.setattr(self.figure, "savefig", lambda *args, **options: None)
            save(self, path)
        sheets.append(self)

    monkeypatch.setattr(Sheet, "save", keep)
    return sheets


@cache
def drawn_texts(sheet: Sheet) -> list[Any]:
    """Return every text that is really drawn: the labels of ticks beyond the axes are not."""
    found: list[Any] = []
    draw = Text.draw

    def keep(self: Text, *args: Any, **options: Any) -> None:
        draw(self, *args, **options)
        if self.get_visible() and self.get_text().strip():
            found.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", keep)
        sheet.figure.canvas.draw()
    return found


def texts(sheet: Sheet) -> list[str]:
    """Return what a figure says."""
    return [found.get_text() for found in drawn_texts(sheet)]


def assert_readable(sheet: Sheet) -> None:
    """No text is cut off or lies on another one."""
    canvas = sheet.figure.canvas
    boxes = [(found.get_text(), found.get_window_extent()) for found in drawn_texts(sheet)]
    width, height = canvas.get_width_height()
    cut = [text for text, box in boxes if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1]
    assert cut == []
    for (one, first), (other, second) in itertools.combinations(boxes, 2):
        inside = (
            min(first.x1, second.x1) - max(first.x0, second.x0),
            min(first.y1, second.y1) - max(first.y0, second.y0),
        )
        assert min(inside) <= 1, (one, other)


@pytest.mark.parametrize(
    ("low", "high", "higher", "words"),
    [
        (0.01, 0.03, True, "Candidate 4 ranks better than champion 3"),
        (-0.03, -0.01, True, "Candidate 4 ranks worse than champion 3"),
        (0.01, 0.03, False, "Candidate 4 ranks worse than champion 3"),
        (-0.03, -0.01, False, "Candidate 4 ranks better than champion 3"),
        (-0.01, 0.03, True, "Candidate 4 and champion 3 cannot be told apart"),
        (0.0, 0.03, True, "Candidate 4 and champion 3 cannot be told apart"),
    ],
)
def test_a_title_says_what_the_interval_proves(low: float, high: float, higher: bool, words: str) -> None:
    """And no more: an interval that holds zero proves no difference."""
    assert caption(low, high, higher=higher).finding("m", "AUC", verb="ranks").startswith(words)


def test_a_title_without_a_champion_or_a_measurement() -> None:
    """A first model has its value, an old record may have none."""
    alone = Caption(names={"candidate": "candidate"}, footer="", metrics={"m": {"candidate": measured(0.7, 0.6, 0.8)}})

    assert alone.finding("m", "AUC") == "AUC of candidate is 0.70 [0.60, 0.80]"
    assert alone.finding("other", "AUC") == "AUC of candidate"


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ((0.70512, 0.699, 0.711), "0.705 [0.699, 0.711]"),
        ((12345.6, 12000.0, 13000.0), "12,346 [12,000, 13,000]"),
        ((0.5, 0.5, 0.5), "0.5000 [0.5000, 0.5000]"),
        ((7.6, 7.41, 7.79), "7.60 [7.41, 7.79]"),
    ],
)
def test_figures_have_the_decimals_that_their_interval_allows(found: tuple[float, float, float], text: str) -> None:
    """Two figures of its width."""
    assert interval_text(measured(*found)) == text


def test_names_of_anyone_become_drawable() -> None:
    """One line, no formula, no glyph that the font lacks, and not too long."""
    shown = plain(NASTY)

    assert shown.startswith(r"\$\frac{1}{0}\$ <b>")
    assert "\n" not in shown
    assert "日" not in shown
    assert len(shown.replace(r"\$", "$")) == 32
    assert plain("a sentence that is much too long", 12, middle=False) == "a sentence …"


@pytest.mark.parametrize("text", ["W" * 200, "i" * 200, NASTY, "$" * 100], ids=["wide", "narrow", "nasty", "dollars"])
def test_a_sentence_is_cut_to_its_width(text: str) -> None:
    """By the width of its letters, not by their number."""
    shown = fitted(text, 2.0, 8)

    assert 1.5 < width_of(shown, 8) <= 2.0
    assert shown.endswith("…")
    assert fitted("short", 2.0, 8) == "short"


def curve_figures(folder: Path, rows: int) -> None:
    """Draw the three figures of a classifier."""
    random = np.random.default_rng(1)
    labels = (random.random(rows) < 0.3).astype(float)
    scores = {role: 1 / (1 + np.exp(-random.normal(labels, 1.5))) for role in NAMES}
    thresholds = {"candidate": 0.5, "champion": 0.4}
    about = caption()
    rocs = {role: curves.roc_curve(labels, values) for role, values in scores.items()}
    figures_curves.draw_roc(folder / "roc.png", rocs, about, thresholds)
    recalls = {role: curves.precision_recall_curve(labels, values) for role, values in scores.items()}
    averages = {role: curves.area_in_steps(curve) for role, curve in recalls.items()}
    figures_curves.draw_precision_recall(
        folder / "pr.png", recalls, about, base_rate=0.3, averages=averages, thresholds=thresholds
    )
    bins = {role: curves.calibration_bins(labels, values, 0.9) for role, values in scores.items()}
    edges = [i / 25 for i in range(26)]
    shares = {role: curves.histogram(values, edges) for role, values in scores.items()}
    figures_curves.draw_calibration(folder / "cal.png", bins, shares, edges, about)


def test_the_curves_of_a_classifier_are_readable(tmp_path: Path, drawn: list[Sheet]) -> None:
    """Versions in the legend, labels on the axes, dark on white."""
    curve_figures(tmp_path, 3_000)

    assert len(drawn) == 3
    for sheet in drawn:
        assert_readable(sheet)
        assert any("champion 3" in text for text in texts(sheet))
        assert sheet.figure.get_facecolor() == (1.0, 1.0, 1.0, 1.0)
    assert "operating threshold 0.5" in texts(drawn[0])


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    """No time, no version of the library in the file."""
    files = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        curve_figures(tmp_path / name, 500)
        files.append([path.read_bytes() for path in sorted((tmp_path / name).iterdir())])

    assert files[0] == files[1]
    assert all(content.startswith(b"\x89PNG") for content in files[0])


def slices(count: int, name: Callable[[int], str]) -> SliceRows:
    """Make slices; the last one cannot be measured."""
    rows = []
    for i in range(count):
        value = 0.6 + 0.2 * i / count
        found = {role: Interval(value, value - 0.05, value + 0.05, 100, "delong") for role in NAMES}
        rows.append(SliceRow("carrier", name(i), 100 + i, dict(found)))
    rows.append(SliceRow("carrier", "tiny", 3, dict.fromkeys(NAMES), "There are 2 positive rows among 3."))
    return SliceRows("m", tuple(rows))


@pytest.mark.parametrize("count", [1, 19, 90])
def test_slices_are_readable_however_many(tmp_path: Path, drawn: list[Sheet], count: int) -> None:
    """Each has its rows beside its name; of too many the worst stay, and the rest is counted."""
    figures_bars.draw_slices(
        tmp_path / "s.png", slices(count, lambda i: f"C{i}"), caption(), word="AUC", higher_is_better=True
    )

    assert_readable(drawn[0])
    shown = texts(drawn[0])
    assert "carrier C0  (n 100)" in shown
    assert any("51 more are not" in text for text in shown) == (count == 90)
    if count < 90:
        assert "There are 2 positive rows among 3." in shown


def test_names_of_anyone_do_not_break_the_slices(tmp_path: Path, drawn: list[Sheet]) -> None:
    """Neither formulas nor length nor letters that the font lacks."""
    figures_bars.draw_slices(
        tmp_path / "s.png", slices(5, lambda i: NASTY + str(i)), caption(), word="AUC", higher_is_better=False
    )

    assert_readable(drawn[0])


def importance(count: int, method: str = "permutation") -> dict[str, Any]:
    """Make the importance of many features."""
    ours = {f"feature_{i}": [0.1 / (i + 1), 0.01] for i in range(count)}
    theirs = {f"feature_{i}": [0.05 / (i + 1), 0.01] for i in range(1, count)} | {"gone $x$": [0.2, 0.01]}
    change = {name: ours[name][0] - theirs[name][0] for name in ours if name in theirs}
    facts = {"method": method, "metric": "log_loss", "rows": 400, "repeats": 5}
    return {**facts, "candidate": ours, "champion": theirs, "change": change}


@pytest.mark.parametrize("count", [2, 18, 60])
def test_importance_is_readable_however_many_features(tmp_path: Path, drawn: list[Sheet], count: int) -> None:
    """The most important ones are drawn, also what only the champion has."""
    figures_bars.draw_importance(tmp_path / "i.png", importance(count), caption())

    assert_readable(drawn[0])
    shown = texts(drawn[0])
    assert any(text.startswith("Candidate 4 rests most on feature_0 (0.1)") for text in shown)
    assert r"gone \$x\$" in shown
    assert any("36 features of less importance" in text for text in shown) == (count == 60)


def test_whiskers_of_shap_values_are_errors_of_the_mean(tmp_path: Path, drawn: list[Sheet]) -> None:
    """The spread of single rows, over the root of their number."""
    figures_bars.draw_importance(tmp_path / "i.png", importance(1, "shap"), caption())

    (segments, *_) = drawn[0].figure.axes[0].collections[0].get_segments()
    assert segments[1][0] - segments[0][0] == pytest.approx(2 * 0.01 / 400**0.5)


def rule(i: int, outcome: Outcome, name: str = "auc") -> RuleResult:
    """Make a rule that is judged against 0.6."""
    low, high = {Outcome.PASS: (0.61, 0.7), Outcome.FAIL: (0.4, 0.5), Outcome.INCONCLUSIVE: (0.5, 0.7)}[outcome]
    numbers = {"metric": "roc_auc", "low": low, "high": high, "candidate": (low + high) / 2, "limit": 0.6}
    return RuleResult(rule=f"{name}[{i}]", outcome=outcome, reason="r", numbers=numbers)


@pytest.mark.parametrize("count", [1, 20, 100])
def test_rules_are_readable_however_many(tmp_path: Path, drawn: list[Sheet], count: int) -> None:
    """Of too many, what failed stays and the rest is counted; rules about facts are lines of text."""
    results = [rule(i, list(Outcome)[i % 3]) for i in range(count)]
    fact = RuleResult(rule="serving", outcome=Outcome.FAIL, reason=NASTY * 3)

    figures_rules.draw_rules(tmp_path / "r.png", Verdict.from_rules([*results, fact]), title="FAIL: x", footer="m")

    assert_readable(drawn[0])
    shown = texts(drawn[0])
    assert "serving" in shown
    assert any(text.endswith("], must be ≥ 0.6") for text in shown)
    assert any("41 more are not" in text for text in shown) == (count == 100)


def test_a_regression_is_readable(tmp_path: Path, drawn: list[Sheet]) -> None:
    """Predicted against true, and the mean residual."""
    random = np.random.default_rng(2)
    truth = random.gamma(2, 10, 2_000)
    said = {"candidate": truth + 3 + random.normal(0, 5, 2_000), "champion": truth + random.normal(0, 9, 2_000)}
    grids = {role: curves.joint_counts(truth, values, (0, 120)) for role, values in said.items()}

    about = caption()
    edges = grids["candidate"][1]
    figures_values.draw_predicted(tmp_path / "p.png", {role: grid for role, (grid, _) in grids.items()}, edges, about)
    bins = {role: curves.residual_bins(truth, values, 0.9) for role, values in said.items()}
    figures_values.draw_residuals(tmp_path / "r.png", bins, about)

    for sheet in drawn:
        assert_readable(sheet)
    assert any(
        "too much on average; in 10 of 10 ranges" in text.replace("\n", " ") for text in [" ".join(texts(drawn[1]))]
    )


@pytest.mark.parametrize("classes", [2, 10, 60])
def test_a_confusion_is_readable_however_many_classes(tmp_path: Path, drawn: list[Sheet], classes: int) -> None:
    """Rare classes are put together, and the finding is that of all of them."""
    table = np.full((classes, classes), 1.0) + np.diag(np.arange(classes) + 50.0)
    table[1, 0] += 7

    figures_values.draw_confusion(
        tmp_path / "c.png",
        {"candidate": table, "champion": table.T},
        [NASTY[-20:] + str(i) for i in range(classes)],
        caption(),
    )

    assert_readable(drawn[0])
    shown = " ".join(texts(drawn[0]))
    right = 100 * np.trace(table) / table.sum()
    assert f"is right on {right:.4g} % of the rows" in shown
    assert "(8 of" in shown
    assert ("36 rare classes" in shown) == (classes == 60)


def test_no_global_state_is_touched(tmp_path: Path) -> None:
    """Drawing never imports pyplot, which would keep every figure."""
    script = """
import sys
from pathlib import Path
from airflow_provider_mlops.backends.figures_rules import draw_rules
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
rules = [RuleResult(rule="r", outcome=Outcome.PASS, reason="because")]
draw_rules(Path(sys.argv[1]), Verdict.from_rules(rules), title="t", footer="f")
print("matplotlib.figure" in sys.modules, "matplotlib.pyplot" in sys.modules)
"""
    shown = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "r.png")], capture_output=True, text=True, check=True
    )

    assert shown.stdout.split() == ["True", "False"]
