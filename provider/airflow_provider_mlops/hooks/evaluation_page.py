"""The page of an evaluation: a person understands it without the code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends.figures import Caption, interval_text, sentence
from airflow_provider_mlops.backends.tables import Page, Table
from airflow_provider_mlops.core.evaluation_facts import facts_of

FIGURES: Mapping[str, str] = {
    "roc.png": "Ranking: ROC",
    "precision_recall.png": "Precision and recall",
    "calibration.png": "Calibration",
    "confusion.png": "Confusion",
    "predicted.png": "Predicted and true values",
    "residuals.png": "Residuals",
    "slices.png": "Slices",
    "importance.png": "What the models rest on",
}
_EXPLANATIONS: Mapping[str, str] = {
    "roc.png": "How many positives are found for a share of false alarms. The area is the chance that a positive row "
    "gets a higher score than a negative one.",
    "precision_recall.png": "How many of the rows that the model picks are positive, and how many of the positives it "
    "picks.",
    "calibration.png": "Whether the probabilities come true: rows of like probability, and how many of them did. "
    "Below, how the probabilities are spread.",
    "confusion.png": "Which classes are taken for which.",
    "predicted.png": "On the line the prediction is true.",
    "residuals.png": "Whether the model is too high or too low on average, by what it predicts.",
    "slices.png": "One metric on parts of the rows. The intervals hold for each slice by itself: among many, some "
    "stand out by chance. Only a rule of the policy decides about a slice.",
    "importance.png": "How much each feature matters to the predictions. It explains the model, not the world: of two "
    "features that say the same, either may get the credit.",
}
_WITH_TABLE = ("calibration.png", "slices.png", "importance.png")


def write_evaluation_page(
    folder: Path,
    body: Mapping[str, Any],
    caption: Caption,
    tables: Mapping[str, Table | None],
    left_out: Mapping[str, str],
    model_name: str,
) -> None:
    """Write ``index.html`` around the figures and tables of a folder.

    :param folder: the folder, with what was written before.
    :param body: body of the evaluation's record.
    :param caption: names and measurements.
    :param tables: the table of each part that was written, by file name.
    :param left_out: what could not be written, with the reason, by file name.
    :param model_name: name of the registered model.
    """
    first, *others = caption.names.values()
    against = f" against {' and '.join(others)}" if others else ""
    page = Page(f"Evaluation of {model_name or 'a model'}: {first}{against}")
    page.text(
        f"The models scored the same rows. Intervals are two-sided, of level {caption.percent}. An evaluation "
        "measures, the gate decides by its policy.",
        kind="note",
    )
    page.table(Table(("", ""), facts_of(body)))
    page.heading("Metrics")
    page.table(_metrics(body, caption))
    for name, heading in FIGURES.items():
        if name in left_out:
            page.heading(heading)
            page.text(f"Left out: {left_out[name]}")
        elif name in tables:
            page.heading(heading)
            page.text(_EXPLANATIONS[name], kind="note")
            page.figure(folder / name, f"{heading}. {_EXPLANATIONS[name]}")
            if name in _WITH_TABLE and (table := tables[name]):
                page.table(table.filled())
    page.save(folder / "index.html")


def _metrics(body: Mapping[str, Any], caption: Caption) -> Table:
    measured = body.get("metrics") or {}
    parts = list(dict.fromkeys(part for found in measured.values() for part, item in found.items() if _is(item)))
    rows = []
    for name, found in measured.items():
        cells = [_figure(found.get(part), sign="difference" in part) for part in parts]
        higher = caption.direction.get(name)
        direction = "" if higher is None else "higher" if higher else "lower"
        rows.append([name, direction, *cells, found.get("reason", "")])
    return Table(("Metric", "Better", *(_head(part, caption) for part in parts), "Remark"), rows).filled()


def _head(part: str, caption: Caption) -> str:
    """Return the head of a column; a difference says from which model."""
    if "difference" in part:
        other = "golden" if "golden" in part else "champion"
        return f"Difference from {caption.names.get(other, other)}"
    return sentence(caption.names.get(part, part))


def _is(item: Any) -> bool:
    return isinstance(item, Mapping) and "value" in item


def _figure(found: Any, *, sign: bool) -> str:
    return interval_text(found, sign=sign) if _is(found) else "not measured"
