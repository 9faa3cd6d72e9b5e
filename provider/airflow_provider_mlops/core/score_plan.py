"""What a task scores: which rows, by which version, how; all that a prediction log depends on."""

import math
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core.prediction_log import digested_columns, log_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorePlan:
    """What is scored, and how.

    :param model_name: name of the registered model.
    :param model_version: the version, pinned.
    :param manifest_hash: its content.
    :param dataset: name of the dataset.
    :param partition_key: the partition.
    :param snapshot_id: the snapshot that is read; None where no row of it is left.
    :param inputs: feature columns, in order.
    :param row_id: column that names a row.
    :param entity: column that says whom or what a row is about, None for none.
    :param time: column of the time that a prediction is for, None for none.
    :param features: ``reference`` or ``value``.
    :param arm: the arm.
    :param batch_rows: rows that are scored at a time.
    :param part_rows: rows of a part.
    :param task: task of the model.
    :param classes: its classes, None where there is one score a row.
    :param max_failed_share: share of the rows that may fail.
    :param digested: columns of the log that its hash of scores is of; None for those of the classes.
    """

    model_name: str
    model_version: str
    manifest_hash: str
    dataset: str
    partition_key: str
    snapshot_id: str | None
    inputs: tuple[str, ...]
    row_id: str
    entity: str | None
    time: str | None
    features: str
    arm: str
    batch_rows: int
    part_rows: int
    task: str
    classes: tuple[Any, ...] | None
    max_failed_share: float
    digested: tuple[str, ...] | None = None

    def decision(self) -> dict[str, Any]:
        """Return all that the log depends on, JSON-safe."""
        return {
            "partition_key": self.partition_key,
            "dataset": self.dataset,
            "snapshot_id": self.snapshot_id,
            "model_version": self.model_version,
            "manifest_hash": self.manifest_hash,
            "arm": self.arm,
            "features": self.features,
            "entity_column": self.entity,
            "time_column": self.time,
            "row_id_column": self.row_id,
            "batch_rows": self.batch_rows,
            "part_rows": self.part_rows,
        }

    def facts(self) -> dict[str, Any]:
        """Return what the log's manifest says of how it was made, JSON-safe."""
        named = {"model_name": self.model_name, **self.decision(), "task": self.task}
        return {
            **named,
            "classes": None if self.classes is None else list(self.classes),
            "digested": self.hashed,
        }

    def log_id(self, rows_hash: str | None) -> str:
        """Name the log.

        :param rows_hash: hash of the manifest of the snapshot, which proves the files that are read.
        """
        return log_id({"model": self.model_name, **self.decision(), "rows": rows_hash})

    def most_failed(self, rows: int) -> int:
        """Return how many rows may fail.

        :param rows: how many there are.
        """
        return math.floor(self.max_failed_share * rows)

    def parts(self, rows: int) -> int:
        """Return how many parts the log has, at least one.

        :param rows: how many rows there are.
        """
        return max(1, math.ceil(rows / (self.batches_of_part * self.batch_rows)))

    @property
    def hashed(self) -> list[str]:
        """The columns of the log that its hash of scores is of."""
        return digested_columns(self.classes) if self.digested is None else list(self.digested)

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        named = (self.row_id, *(name for name in (self.entity, self.time) if name is not None), *self.inputs)
        return list(dict.fromkeys(named))

    @property
    def batches_of_part(self) -> int:
        """How many batches make a part."""
        return max(1, self.part_rows // self.batch_rows)
