"""The scores that a drift check compares: those of the champion's test rows, and those that it served.

Of several classes these are the class that was predicted, its probability, and the probability of each class where
there are few.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.arrow_values import floats_of
from airflow_provider_mlops.backends.drift_columns import ArrowColumns
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.drift_options import DriftKind
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.manifest import REGRESSION, task_of
from airflow_provider_mlops.core.prediction_log import score_columns
from airflow_provider_mlops.hooks.prediction_log import read_predictions
from airflow_provider_mlops.hooks.scores_store import read_score_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from airflow_provider_mlops.hooks.drift_plan import DriftPlan
    from airflow_provider_mlops.hooks.storage import Storage

SCORE, CONFIDENCE, PREDICTED = "score", "confidence", "predicted_class"
MOST_CLASSES = 10
"""Classes up to which the probability of each is compared: more tests make each of them blinder."""


def score_names(plan: DriftPlan) -> list[str]:
    """Name the columns of scores that a plan compares.

    :param plan: what is compared; of the kind ``prediction`` or ``confidence``.
    """
    if plan.question.kind is DriftKind.CONFIDENCE:
        return [CONFIDENCE]
    if plan.classes is None:
        return [SCORE]
    return [PREDICTED, SCORE, *(score_columns(plan.classes) if len(plan.classes) <= MOST_CLASSES else ())]


def tested_scores(storage: Storage, plan: DriftPlan) -> ArrowColumns:
    """Read the champion's scores on its test rows, and the columns beside them.

    :param storage: where they lie.
    :param plan: what is compared.
    :raises BadInput: when the model has no such scores.
    :raises EvidenceBroken: when they are missing or were changed.
    """
    kind, task = plan.question.kind, task_of(plan.manifest or {})
    frame, _ = read_score_frame(storage, plan.question.model_name, str(plan.scores_id))
    if kind is DriftKind.CONFIDENCE and task == REGRESSION:
        raise BadInput(f"A {task} model has no confidence; use kind='prediction'.")
    table = load("pyarrow", "parquet").Table.from_pandas(frame, preserve_index=False)
    names = ["candidate"] if plan.classes is None else [f"candidate:{one}" for one in plan.classes]
    return ArrowColumns(_compared(table, names, plan))


def served_scores(storage: Storage, plan: DriftPlan) -> ArrowColumns:
    """Read the scores of the prediction log, and the columns beside them.

    :param storage: where it lies.
    :param plan: what is compared.
    :raises BadInput: when the log lacks the score of a class.
    :raises EvidenceBroken: when a log is missing or was changed.
    """
    pa = load("pyarrow", "parquet")
    batches = list(read_predictions(storage, [one.predictions for one in plan.logs]))
    names = score_columns(plan.classes)
    served = (
        pa.Table.from_batches(batches) if batches else pa.table({name: pa.nulls(0, pa.float64()) for name in names})
    )
    return ArrowColumns(_compared(served, names, plan))


def _compared(table: pa.Table, names: Sequence[str], plan: DriftPlan) -> pa.Table:
    """Put the columns that are compared beside the others."""
    np, pa = load("numpy", "parquet"), load("pyarrow", "parquet")
    if missing := [name for name in names if name not in table.column_names]:
        raise BadInput(
            f"There is no column {missing[0]!r} of scores of model {plan.question.model_name!r}; there are: "
            f"{', '.join(table.column_names[:20])}."
        )
    scores = [floats_of(table[name].combine_chunks()) for name in names]
    if plan.classes is None:
        binary = np.maximum(scores[0], 1 - scores[0]) if plan.question.kind is DriftKind.CONFIDENCE else scores[0]
        return _with(table, score_names(plan)[0], pa.array(binary, from_pandas=True))
    matrix = np.column_stack(scores)
    known = ~np.isnan(matrix).any(axis=1)
    top = np.where(known, matrix.max(axis=1), np.nan)
    best = pa.array(np.argmax(matrix, axis=1), mask=~known)
    found: dict[str, Any] = {
        PREDICTED: pa.array([str(one) for one in plan.classes]).take(best),
        **dict.fromkeys((SCORE, CONFIDENCE), pa.array(top, from_pandas=True)),
        **{
            name: pa.array(own, from_pandas=True) for name, own in zip(score_columns(plan.classes), scores, strict=True)
        },
    }
    for name in score_names(plan):
        table = _with(table, name, found[name])
    return table


def _with(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    kept = table.drop_columns([name]) if name in table.column_names else table
    return kept.append_column(name, values)
