"""Going back to the last version that was verified and still loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.alias_moves import (
    CHAMPION,
    RECONCILIATION,
    ROLLBACK,
    deciding_move,
    partition_of,
    record_move,
)
from airflow_provider_mlops.core.errors import Refused
from airflow_provider_mlops.core.evidence import training_of
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.rollback import rollback_of_request, rollback_targets, stated_reason
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.hooks.alias_moves import Standing, carry_out, standing
from airflow_provider_mlops.hooks.dry_load import dry_load
from airflow_provider_mlops.hooks.ledger import model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
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
        ledger = model_ledger(self.model_name, self.ledger_root)
        if run.mode is Mode.AUDIT:
            self.log.info("An audit moves nothing.")
            return {"model_name": self.model_name, "alias": self.alias, "moved": False, "reason": reason}
        record = rollback_of_request(ledger.records(), run.request, run.mode)
        while record is None:
            record = self._decide(ledger, reason, run, _who(context))
        if run.mode is Mode.LIVE:
            carry_out(MlflowHook(self.mlflow_conn_id), ledger, self.model_name, record, self.log)
        version = record.body["version"]
        push_links(context, version=MlflowHook(self.mlflow_conn_id).version_url(self.model_name, version))
        return {
            "model_name": self.model_name,
            "alias": self.alias,
            "version": version,
            "previous_version": record.body["previous_version"],
            "moved": run.mode is Mode.LIVE,
            "reason": reason,
            "record": record.hash,
        }

    def _decide(self, ledger: Ledger, reason: str, run: RunFacts, who: str | None) -> Record | None:
        """Choose and record; None when the alias was reconciled at the same moment: look again then."""
        now = standing(MlflowHook(self.mlflow_conn_id), ledger, self.model_name, self.alias)
        expected = str(self.expected_version or "").strip()
        if expected and now.champion != expected:
            raise Refused(
                f"Alias {self.alias!r} is on {now.champion or 'no version'}, not on version {expected}: "
                "nothing is rolled back. Look who moved it, then ask again."
            )
        records = ledger.records()
        target, tried = self._choose(records, now)
        body = {
            **self._body(records, target, now),
            "reason": reason,
            "asked_by": who,
            "request": run.request,
            "target_given": bool(str(self.target_version or "").strip()),
            "tried": tried,
        }
        record = record_move(ledger, ROLLBACK, before=now.before, body=body, run=run, dry={"request": run.request})
        if record.kind == RECONCILIATION:
            return None
        if record.body.get("request") != run.request:
            raise Refused(
                f"A {record.kind} came first: version {record.body['version'] or '(none)'} holds the alias "
                f"{self.alias!r} now. Look at it, then ask again."
            )
        return record

    def _choose(self, records: Sequence[Record], now: Standing) -> tuple[Record, list[dict[str, Any]]]:
        """Return the first version that loads, by the move that it came by, and what was tried."""
        asked = str(self.target_version or "").strip() or None
        hook, storage = MlflowHook(self.mlflow_conn_id), Storage(self.storage_root)
        tried: list[dict[str, Any]] = []
        for target in rollback_targets(records, now.champion, target=asked, alias=self.alias):
            made = training_of(records, self.model_name, target.body["manifest_hash"])
            found = dry_load(hook, storage, made, self.log)
            tried.append({"version": target.body["version"], **found})
            if found["loads"]:
                self.log.info("Version %s loads in a clean process.", target.body["version"])
                return target, tried
            self.log.warning("Version %s does not load: %s", target.body["version"], found["error"])
        failures = "; ".join(f"version {one['version']}: {one['error']}" for one in tried)
        raise Refused(f"No version to roll back to loads: {failures}.")

    def _body(self, records: Sequence[Record], target: Record, now: Standing) -> Mapping[str, Any]:
        followed = deciding_move(records, self.alias)
        lag = {"alias_was": now.current} if now.half_done else {}
        return {
            # Who serves a partition is told by it: what is restored serves what comes after the one that it replaces.
            "partition_key": followed.body.get("partition_key") if followed else None,
            "version_partition_key": partition_of(target),
            "alias": self.alias,
            "version": target.body["version"],
            "previous_version": now.champion,
            **lag,
            "model_digest": target.body["model_digest"],
            "manifest_hash": target.body["manifest_hash"],
            "restores": target.hash,
        }


def _who(context: Context) -> str | None:
    """Name who started the run by hand, as far as Airflow says."""
    name = getattr(context["dag_run"], "triggering_user_name", None)
    return str(name) if name else None
