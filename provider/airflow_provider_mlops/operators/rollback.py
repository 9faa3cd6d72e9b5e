"""Going back to the last version that was verified and still loads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.alias_moves import CHAMPION
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.rollback import stated_reason
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.hooks.ledger import known_model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.rollback import Rollback, result_of
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.links.mlflow import ModelVersionLink, push_links
from airflow_provider_mlops.operators.base import MLOpsOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class RollbackModelOperator(MLOpsOperator):
    """Move an alias back to the last version that was verified and still loads: write-ahead record first.

    Verified is a version that held the alias by a valid record: the gate passed it, a human approved it, it was
    adopted, or copied from another registry with its evidence. Before the alias moves, the model is loaded in a clean
    process: its bytes must be the recorded ones, and it must predict the rows of its training as it did then. One that
    does not load is passed over. Versions that were rolled back from or retired are passed over too. A retry finds its
    rollback and finishes it; it never goes back twice. Of a rollback and a promotion at once one wins.

    :param model_name: name of the registered model. (templated)
    :param reason: why; recorded. (templated)
    :param target_version: version to restore; empty for the last that was verified. (templated)
    :param expected_version: version that is to be taken out of use; when another one holds the alias, nothing moves.
        Empty to roll back whatever holds it. (templated)
    :param alias: alias to move.
    :param mlflow_conn_id: id of the MLflow connection. (templated)
    :param storage_root: where snapshots lie; default: the option ``[mlops] storage_root``. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "alias", "version", "previous_version", "moved", "reason", "record"}``.
    """

    template_fields: Sequence[str] = (
        "model_name",
        "reason",
        "target_version",
        "expected_version",
        "mlflow_conn_id",
        "storage_root",
        "ledger_root",
    )
    operator_extra_links = (ModelVersionLink(),)
    ui_color = "#f5b7b1"

    def __init__(
        self,
        *,
        model_name: str,
        reason: str,
        target_version: str | None = None,
        expected_version: str | None = None,
        alias: str = CHAMPION,
        mlflow_conn_id: str = MlflowHook.default_conn_name,
        storage_root: str | None = None,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.reason = reason
        self.target_version = target_version
        self.expected_version = expected_version
        self.alias = alias
        self.mlflow_conn_id = mlflow_conn_id
        self.storage_root = storage_root
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Choose, try, record, move; or finish the move of an earlier try."""
        reason = stated_reason(self.reason, "A rollback")
        ledger = known_model_ledger(self.model_name, self.ledger_root)
        if run.mode is Mode.AUDIT:
            self.log.info("An audit moves nothing.")
            return {"model_name": self.model_name, "alias": self.alias, "moved": False, "reason": reason}
        rollback = Rollback(
            model_name=self.model_name,
            alias=self.alias,
            hook=MlflowHook(self.mlflow_conn_id),
            storage=Storage(self.storage_root, self.ledger_root),
            ledger=ledger,
            log=self.log,
            target=str(self.target_version or "").strip() or None,
            expected=str(self.expected_version or "").strip() or None,
        )
        record = rollback.carry(run, {"reason": reason, "asked_by": _who(context)})
        version_url = MlflowHook(self.mlflow_conn_id).version_url(self.model_name, record.body["version"])
        push_links(context, version=version_url)
        return result_of(record, self.model_name, run.mode)


def _who(context: Context) -> str | None:
    """Name who started the run by hand, as far as Airflow says."""
    name = getattr(context["dag_run"], "triggering_user_name", None)
    return str(name) if name else None
