"""Erasing the rows of a data subject."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from airflow_provider_mlops.core.erasure import Subject
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.operators.base import MLOpsOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class EraseRowsOperator(MLOpsOperator):
    """Erase the rows of a data subject from every snapshot of a dataset and from everything derived that holds rows.

    Each is written anew without the rows; a tombstone and a record say how many went, and from where. Doing it again
    erases what tasks have stored meanwhile, or nothing. In ``dry_run`` mode it only says what it would erase; in
    ``audit`` mode it is skipped.

    :param dataset: name of the dataset. (templated)
    :param key_column: column that names whom a row is about. (templated)
    :param keys_file: file with one value of that column a line, on a disk that the worker reads. The keys themselves
        never pass through Airflow, whose forms, logs and rendered fields many can read. (templated)
    :param reason: why, e.g. the number of a ticket; it stands in the ledger for ever and must name nobody. (templated)
    :param keep_salt: whether the tombstone keeps its salt, so that a known row can be shown to be among the erased.
    :param ignore_unsearchable: pass over snapshots that lack the key column, and scores whose rows were pruned.
    :param mlflow_conn_id: MLflow connection, from which validation pages with such rows are removed. (templated)
    :param storage_root: where snapshots lie; default: the option ``[mlops] storage_root``. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"dataset", "rows", "snapshots", "records"}``: rows erased from that many snapshots, and the records.
    """

    template_fields: Sequence[str] = (
        "dataset",
        "key_column",
        "keys_file",
        "reason",
        "mlflow_conn_id",
        "storage_root",
        "ledger_root",
    )
    ui_color = "#f5b7b1"

    def __init__(
        self,
        *,
        dataset: str,
        key_column: str,
        keys_file: str,
        reason: str,
        keep_salt: bool = True,
        ignore_unsearchable: bool = False,
        mlflow_conn_id: str = MlflowHook.default_conn_name,
        storage_root: str | None = None,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.key_column = key_column
        self.keys_file = keys_file
        self.reason = reason
        self.keep_salt = keep_salt
        self.ignore_unsearchable = ignore_unsearchable
        self.mlflow_conn_id = mlflow_conn_id
        self.storage_root = storage_root
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Erase, or say what would be erased."""
        from airflow_provider_mlops.hooks.erasing import Eraser, Request, keys_of_file

        if run.mode is Mode.AUDIT:
            raise AirflowSkipException("An audit erases nothing.")
        request = Request(
            dataset=self.dataset,
            subject=Subject(self.key_column, keys_of_file(self.keys_file)),
            reason=self.reason,
            keep_salt=self.keep_salt,
            ignore_unsearchable=self.ignore_unsearchable,
        )
        storage = Storage(self.storage_root, self.ledger_root)
        eraser = Eraser(storage, request, MlflowHook(self.mlflow_conn_id), run.to_record())
        if run.mode is Mode.DRY_RUN:
            found = eraser.find()
            for place in found.places:
                self.log.info("Would erase %s rows from %s.", f"{place.rows:,}", storage.uri(place.path(place.id)))
            snapshots = [place.rows for place in found.places if place.folder != "evaluations"]
            return {"dataset": self.dataset, "rows": sum(snapshots), "snapshots": len(snapshots), "records": []}
        records = eraser.erase()
        items = [item for record in records for item in record.body["snapshots"]]
        rows = sum(item["rows_erased"] for item in items)
        if not records:
            self.log.info("Nothing of dataset %s holds a row of these keys; nothing was erased.", self.dataset)
        self.log.info("Erased %s rows from %d snapshots of %s.", f"{rows:,}", len(items), self.dataset)
        return {
            "dataset": self.dataset,
            "rows": rows,
            "snapshots": len(items),
            "records": [record.hash for record in records],
        }
