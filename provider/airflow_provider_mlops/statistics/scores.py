"""The scores that a rule looks at: of which model, on which rows, and at which threshold they become decisions."""

from dataclasses import dataclass

import numpy as np

from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.core.rules import OPERATING
from airflow_provider_mlops.statistics.arrays import BoolArray, FloatArray, check_finite
from airflow_provider_mlops.statistics.metric import DEFAULT_THRESHOLD, Metric
from airflow_provider_mlops.statistics.score_table import BINARY, MULTICLASS, ScoreTable

_WAYS_OUT = {
    "champion": "only the first version has none; set the alias champion again where it was lost, and evaluate again",
    "golden": "give the alias golden to the version to hold on to, and evaluate again",
}


MIN_EFFECTIVE_ROWS = 20


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two columns of scores on the same rows.

    :param ours: what is judged.
    :param theirs: what it is compared with.
    """

    ours: FloatArray
    theirs: FloatArray


def check_weights(table: ScoreTable) -> None:
    """Refuse weights by which a few rows decide alone: resamples cannot see what rows like these would have said.

    :param table: the rows.
    :raises NotMeasurable: when the rows are worth fewer than 20 of one weight.
    """
    if table.weights is not None and table.effective_rows < MIN_EFFECTIVE_ROWS:
        raise NotMeasurable(
            f"By their weights the {table.rows:,} rows are worth {table.effective_rows:,}; an interval needs at least "
            f"{MIN_EFFECTIVE_ROWS}."
        )


def threshold_of(threshold: float | str | None) -> float:
    """Return the number to compare scores with.

    :param threshold: as a rule has it; scores of each model's own threshold were already turned into 0 and 1.
    :return: the number.
    """
    return DEFAULT_THRESHOLD if threshold is None or isinstance(threshold, str) else threshold


def scores_of(
    table: ScoreTable, model: str, threshold: float | str | None = None, *, variant: str | None = None
) -> FloatArray:
    """Return the scores of a model; for ``operating`` its decisions, 0 or 1, at its own frozen threshold.

    :param table: the test rows.
    :param model: ``candidate``, ``champion`` or ``golden``.
    :param threshold: as a rule has it.
    :param variant: name of altered rows that the candidate scored too; None for the rows as they are.
    :return: the scores.
    :raises NotMeasurable: when there is no such model, variant or frozen threshold, or a score to decide by is NaN.
    """
    scores = table.scores_of(model) if variant is None else table.variants.get(variant)
    if scores is None and variant is not None:
        known = ", ".join(table.variants) or "none"
        raise NotMeasurable(f"The evaluation has no altered rows {variant!r}; it has: {known}.")
    if scores is None:
        raise NotMeasurable(f"The evaluation has no scores of a {model} version: {_WAYS_OUT[model]}.")
    if threshold != OPERATING:
        return scores
    check_finite(scores)
    return (scores >= own_threshold(table, model)).astype(np.float64)


def own_threshold(table: ScoreTable, model: str) -> float:
    """Return the threshold that a model froze when it was trained.

    :param table: the test rows.
    :param model: ``candidate``, ``champion`` or ``golden``.
    :return: the threshold.
    :raises NotMeasurable: when it froze none, or one that is no number.
    """
    own = table.thresholds.get(model)
    if own is None or not np.isfinite(own):
        raise NotMeasurable(
            f"The {model} has no operating threshold: train it with one chosen on validation rows, or give a number."
        )
    return float(own)


def decisions_of(task: str, scores: FloatArray, threshold: float) -> FloatArray:
    """Turn scores into what a model decides: the class.

    :param task: the table's task.
    :param scores: its scores.
    :param threshold: scores at or above it count as positive; not used with more than two classes.
    :return: the class of each row.
    """
    chosen = np.argmax(scores, axis=1) if task == MULTICLASS else scores >= threshold
    return chosen.astype(np.float64)


def discordant(table: ScoreTable, metric: Metric, pair: Pair, threshold: float | str | None) -> int | None:
    """Count the rows that one side decided right and the other wrong: what an accuracy's difference rests on.

    :param table: the rows.
    :param metric: what is compared.
    :param pair: the scores.
    :param threshold: as the rule has it.
    :return: the rows; None for a metric that does not look at decisions.
    """
    if metric.name != "multiclass_accuracy" and not (metric.thresholded and table.task == BINARY):
        return None
    at = threshold_of(threshold)
    right: list[BoolArray] = [decisions_of(table.task, s, at) == table.labels for s in (pair.ours, pair.theirs)]
    return int(np.count_nonzero(right[0] != right[1]))
