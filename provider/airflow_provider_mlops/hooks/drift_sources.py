"""Opening what a drift check compares: snapshots column by column, scores, labels and served features."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_mlops.backends.arrow_values import floats_of
from airflow_provider_mlops.backends.drift_columns import ArrowColumns, Columns
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.parquet_pairs import ParquetPairs
from airflow_provider_mlops.core.drift_options import DriftKind
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.manifest import REGRESSION, task_of
from airflow_provider_mlops.hooks.drift_scores import score_names, served_scores, tested_scores
from airflow_provider_mlops.hooks.prediction_log import read_labelled, read_predictions
from airflow_provider_mlops.hooks.samples import open_columns

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_provider_mlops.backends.parquet_column import ParquetColumns
    from airflow_provider_mlops.hooks.drift_plan import DriftPlan
    from airflow_provider_mlops.hooks.storage import Storage

LABEL = "label"
ALIKE = 0.6


@dataclass(frozen=True, slots=True)
class Sides:
    """Both samples, open.

    :param reference: the reference.
    :param current: what is judged.
    :param names: the columns to compare.
    """

    reference: Columns
    current: Columns
    names: Sequence[str]

    @property
    def pairs(self) -> ParquetPairs:
        """The columns of both, summed up pair after pair."""
        return ParquetPairs(self.reference, self.current, self.names)


@contextmanager
def open_sides(storage: Storage, plan: DriftPlan) -> Iterator[Sides]:
    """Open both samples of a plan.

    :param storage: where they lie.
    :param plan: what is compared; it is not ``unable``.
    :return: context manager that gives both.
    :raises BadInput: when the kind does not fit the model's task, or the log lacks what is asked for.
    :raises EvidenceBroken: when something is missing or was changed.
    """
    ignored = plan.question.policy.ignore
    names = [name for name in compared(plan) if name not in ignored]
    with open_reference(storage, plan) as reference, open_current(storage, plan) as current:
        yield Sides(reference, current, names)


def compared(plan: DriftPlan) -> list[str]:
    """Name the columns that a kind compares, those that the policy ignores among them.

    :param plan: what is compared.
    """
    kind = plan.question.kind
    if kind in (DriftKind.PREDICTION, DriftKind.CONFIDENCE):
        return score_names(plan)
    return [LABEL] if kind is DriftKind.LABEL else list((plan.manifest or {})["features"])


@contextmanager
def open_reference(storage: Storage, plan: DriftPlan) -> Iterator[ParquetColumns | ArrowColumns]:
    """Open what a plan compares with.

    :param storage: where it lies.
    :param plan: what is compared; it is not ``unable``.
    :return: context manager that gives the columns.
    :raises BadInput: when the kind does not fit the model's task.
    :raises EvidenceBroken: when something is missing or was changed.
    """
    kind, manifest, season = plan.question.kind, plan.manifest or {}, plan.season
    if kind in (DriftKind.PREDICTION, DriftKind.CONFIDENCE):
        yield tested_scores(storage, plan)
        return
    cut = bool(season.since or season.until or season.weekdays)
    opened = open_columns(
        storage,
        plan.reference_dataset or plan.question.dataset,
        plan.reference,
        time_column=manifest["time_column"] if cut else None,
        since=season.since,
        until=season.until,
        weekdays=season.weekdays,
    )
    with opened as reference:
        if kind is DriftKind.LABEL:
            yield _labels_of(reference, manifest["label"], classes=task_of(manifest) != REGRESSION)
        else:
            yield reference


@contextmanager
def open_current(storage: Storage, plan: DriftPlan) -> Iterator[ParquetColumns | ArrowColumns]:
    """Open what a plan judges.

    :param storage: where it lies.
    :param plan: what is compared; it is not ``unable``.
    :return: context manager that gives the columns.
    :raises BadInput: when the log lacks what is asked for.
    :raises EvidenceBroken: when something is missing or was changed.
    """
    kind, manifest = plan.question.kind, plan.manifest or {}
    if kind in (DriftKind.PREDICTION, DriftKind.CONFIDENCE):
        yield served_scores(storage, plan)
        return
    if kind is DriftKind.LABEL:
        yield _labels(storage, plan, task_of(manifest) != REGRESSION)
        return
    if kind is DriftKind.SKEW:
        ignored = plan.question.policy.ignore
        names = [name for name in compared(plan) if name not in ignored]
        if (served := _served(storage, plan, names)) is not None:
            yield served
            return
    snapshots = plan.snapshots or [{"snapshot_id": one.predictions.body["snapshot_id"]} for one in plan.logs]
    with open_columns(storage, plan.question.dataset, snapshots) as current:
        yield current


def _labels(storage: Storage, plan: DriftPlan, classes: bool) -> ArrowColumns:
    pa, batches = load("pyarrow", "parquet"), list(read_labelled(storage, plan.logs, ["entity", "time"]))
    table = pa.Table.from_batches(batches) if batches else pa.table({LABEL: pa.array([], pa.float64())})
    return _labels_of(ArrowColumns(table), LABEL, classes=classes, beside=table)


def _labels_of(columns: Columns, name: str, *, classes: bool, beside: pa.Table | None = None) -> ArrowColumns:
    """Read a column of labels; of a classification each class is a category, however it is stored."""
    pa = load("pyarrow", "parquet")
    if name not in columns.names:
        raise BadInput(f"There is no column {name!r} of labels; there are: {', '.join(columns.names[:20])}.")
    arrays = list(columns.batches(name))
    if classes and columns.kind(name) == "numeric":
        arrays = [_class_names(array) for array in arrays]
    column = pa.chunked_array(arrays) if arrays else pa.chunked_array([], pa.string())
    if beside is None:
        return ArrowColumns(pa.table({LABEL: column}))
    return ArrowColumns(beside.drop_columns([LABEL]).append_column(LABEL, column))


def _class_names(array: pa.Array) -> pa.Array:
    """Name classes that are numbers as the prediction log does: a whole number by its digits, however long."""
    pa = load("pyarrow", "parquet")
    if load("pyarrow.types", "parquet").is_integer(array.type):
        return array.cast(pa.string())
    return pa.array([_class_name(value) for value in floats_of(array).tolist()], pa.string())


def _class_name(value: float) -> str | None:
    if math.isnan(value):
        return None
    return f"{value:.0f}" if value.is_integer() else f"{value:g}"


def _served(storage: Storage, plan: DriftPlan, names: Sequence[str]) -> ArrowColumns | None:
    """Read the features from the log; None where it names the snapshot that holds them."""
    logs = [one.predictions for one in plan.logs]
    first = next(read_predictions(storage, logs), None)
    if not any(log.body["rows"] for log in logs):
        pa = load("pyarrow", "parquet")
        return ArrowColumns(pa.table({name: pa.nulls(0) for name in names}))
    if first is None or not set(names) & set(first.schema.names):
        return None
    lacking = sorted(set(names) - set(first.schema.names))
    wanted = [name for name in names if name not in lacking]
    return ArrowColumns(load("pyarrow", "parquet").Table.from_batches(list(read_predictions(storage, logs, wanted))))


def renamed(sides: Sides) -> Mapping[str, str]:
    """Pair columns that are gone with new ones whose names look alike.

    :param sides: both samples.
    :return: new name by the name of the column that is gone.
    """
    from airflow_provider_mlops.core.contract_diff import names_alike

    gone = [name for name in sides.names if name not in sides.current.names and name in sides.reference.names]
    new = [name for name in sides.current.names if name not in sides.reference.names]
    found = {}
    for old in gone:
        same = [name for name in new if sides.current.kind(name) == sides.reference.kind(old)]
        best = max(same, key=lambda name: (names_alike(old, name), name), default=None)
        if best is not None and names_alike(old, best) >= ALIKE:
            found[old] = best
    return found
