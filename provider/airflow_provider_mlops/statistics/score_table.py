"""The test rows as the gate judges them: what was true, what each model said, and which group each row is of."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.statistics.arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    as_floats,
    as_matrix,
    check_same_length,
)

BINARY, MULTICLASS, REGRESSION = "binary", "multiclass", "regression"
TASKS = (BINARY, MULTICLASS, REGRESSION)
MODELS = ("candidate", "champion", "golden")


@dataclass(frozen=True, slots=True, eq=False)
class ScoreTable:
    """The test rows.

    :param labels: one per row: 0 or 1 (binary), the index of the class (multiclass), the value (regression).
    :param candidate: the candidate's scores: one per row, or a row of class probabilities per row (multiclass).
    :param champion: the champion's scores of the same rows, None when there is no champion.
    :param slices: columns by name that rules may slice, group or cluster by, a text per row.
    :param golden: the golden version's scores of the same rows, None when there is no golden version.
    :param variants: the candidate's scores on the same rows after they were altered, by name of the alteration.
    :param weights: weight of each row, finite and not negative; None when all count the same.
    :param task: ``binary``, ``multiclass`` or ``regression``.
    :param thresholds: operating threshold by model (``candidate``, ``champion``, ``golden``), where one was frozen.
    :raises BadInput: when an array is not numeric, the lengths differ, or the task is unknown.
    """

    labels: FloatArray
    candidate: FloatArray
    champion: FloatArray | None = None
    slices: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    golden: FloatArray | None = None
    variants: Mapping[str, FloatArray] = field(default_factory=dict)
    weights: FloatArray | None = None
    task: str = BINARY
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise BadInput(f"The task is {self.task!r}; it must be one of: {', '.join(TASKS)}.")
        scores = as_matrix if self.task == MULTICLASS else as_floats
        for name in ("labels", "weights"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, as_floats(getattr(self, name), name))
        for name in MODELS:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, scores(getattr(self, name), name))
        variants = {name: scores(values, f"variant {name}") for name, values in self.variants.items()}
        object.__setattr__(self, "variants", variants)
        columns = {f"slice {name}": np.asarray(column) for name, column in self.slices.items()}
        if odd := [name for name, column in columns.items() if column.ndim != 1]:
            raise BadInput(f"The {odd[0]} must be one-dimensional, a text per row.")
        columns |= {f"variant {name}": values for name, values in variants.items()}
        optional = {name: getattr(self, name) for name in ("champion", "golden", "weights")}
        present = {name: values for name, values in optional.items() if values is not None}
        check_same_length(labels=self.labels, candidate=self.candidate, **present, **columns)
        if self.weights is not None and not (np.isfinite(self.weights).all() and (self.weights >= 0).all()):
            raise BadInput("The weights must be finite and not negative.")

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.labels)

    @property
    def positives(self) -> int:
        """Number of rows whose label is 1; 0 for a task that is not binary."""
        return int(np.count_nonzero(self.labels == 1)) if self.task == BINARY else 0

    @property
    def effective_rows(self) -> int:
        """Number of rows of one weight that would be as precise as these (Kish 1965); all of them without weights."""
        return self.rows if self.weights is None else _effective(self.weights)

    @property
    def effective_positives(self) -> int:
        """The same of the rows whose label is 1; 0 for a task that is not binary."""
        if self.weights is None or self.task != BINARY:
            return self.positives
        return _effective(self.weights[self.labels == 1])

    def scores_of(self, model: str) -> FloatArray | None:
        """Return the scores of a model.

        :param model: ``candidate``, ``champion`` or ``golden``.
        :return: its scores, None when there is no such model.
        """
        return getattr(self, model) if model in MODELS else None

    def where(self, rows: BoolArray | IntArray) -> "ScoreTable":
        """Return some of the rows.

        :param rows: True for each row to keep, or positions of the rows.
        :return: the smaller table.
        """

        def cut(values: Any) -> Any:
            return None if values is None else values[rows]

        return replace(
            self,
            labels=cut(self.labels),
            weights=cut(self.weights),
            slices={name: np.asarray(column)[rows] for name, column in self.slices.items()},
            variants={name: cut(values) for name, values in self.variants.items()},
            **{name: cut(getattr(self, name)) for name in MODELS},
        )


def _effective(weights: FloatArray) -> int:
    if not weights.any():
        return 0
    shares = weights / weights.max()
    # Weights that are all the same must not lose a row to rounding.
    return int(shares.sum() ** 2 / np.square(shares).sum() + 1e-6)
