"""Promoting a version from one registry to another, with its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.alias_moves import (
    CHAMPION,
    PROMOTION,
    RECONCILIATION,
    alias_moves,
    deciding_move,
    partition_of,
    record_move,
    withdrawn_versions,
)
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.governance import KEYS
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.transfer import check_copy, decide_transfer, evidence_of, transfer_body
from airflow_provider_mlops.hooks.alias_moves import carry_out, standing
from airflow_provider_mlops.hooks.checkpoint import check_checkpoint
from airflow_provider_mlops.hooks.ledger import LedgerHook, model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.transfer import copy_version
from airflow_provider_mlops.links.mlflow import ModelVersionLink, push_links
from airflow_provider_mlops.operators.base import MLOpsOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

TRANSFER = "transfer"


class PromoteToEnvironmentOperator(MLOpsOperator):
    """Copy a version from one registry to another, staging to production, and move the alias there.

    Only a version that held its alias in the source by a valid record goes over, and not one that was rolled back from
    or retired since. Its files are checked against the recorded hashes on both sides. Its records go with it: the
    target's ledger keeps a copy of each, proved by its hash, in a ``transfer`` record; then comes the promotion, a
    compare-and-set in the target's ledger, then the alias. A retry finishes what a killed try began.

    :param model_name: name of the registered model in the source. (templated)
    :param version: version in the source; empty for the one that the source's ledger has put the alias on. (templated)
    :param target_mlflow_conn_id: connection of the registry that it goes to. (templated)
    :param target_ledger_root: folder or address of the target's ledgers. (templated)
    :param target_model_name: name of the registered model there; default: the same. (templated)
    :param alias: alias that the version held in the source, and takes in the target.
    :param expected_version: version of the target that may be replaced; when another one holds the alias, nothing
        moves. Empty for whatever holds it. (templated)
    :param force_reason: why the model of an older partition replaces a newer one there; recorded. (templated)
    :param mlflow_conn_id: connection of the source's registry. (templated)
    :param ledger_root: folder of the source's ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "source_version", "alias", "version", "previous_version", "moved", "transfer", "record"}``.
    """

    template_fields: Sequence[str] = (
        "model_name",
        "version",
        "target_mlflow_conn_id",
        "target_ledger_root",
        "target_model_name",
        "expected_version",
        "force_reason",
        "mlflow_conn_id",
        "ledger_root",
    )
    operator_extra_links = (ModelVersionLink(),)
    ui_color = "#a9dfbf"

    def __init__(
        self,
        *,
        model_name: str,
        target_mlflow_conn_id: str,
        target_ledger_root: str,
        version: str | None = None,
        target_model_name: str | None = None,
        alias: str = CHAMPION,
        expected_version: str | None = None,
        force_reason: str | None = None,
        mlflow_conn_id: str = MlflowHook.default_conn_name,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.target_mlflow_conn_id = target_mlflow_conn_id
        self.target_ledger_root = target_ledger_root
        self.version = version
        self.target_model_name = target_model_name
        self.alias = alias
        self.expected_version = expected_version
        self.force_reason = force_reason
        self.mlflow_conn_id = mlflow_conn_id
        self.ledger_root = ledger_root

    @property
    def there(self) -> str:
        """Name of the registered model in the target."""
        return self.target_model_name or self.model_name

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Gather the evidence, copy, record, move; or finish what an earlier try began."""
        if not self.target_ledger_root:
            raise BadInput("target_ledger_root is empty; name the folder or address of the target's ledgers.")
        if (self.target_ledger_root, self.there) == (LedgerHook().root(self.ledger_root), self.model_name):
            raise BadInput("Source and target are the same ledger and model; use PromoteModelOperator there.")
        source = model_ledger(self.model_name, self.ledger_root)
        with MlflowHook(self.mlflow_conn_id).session() as client:
            check_checkpoint(client, source)
        evidence = evidence_of(source.records(), self.model_name, str(self.version or "").strip(), self.alias)
        move = evidence[-1]
        self.log.info("Version %s brings %d records.", move.body["version"], len(evidence))
        if run.mode is not Mode.LIVE:
            self.log.info("Its evidence is whole; nothing is copied.")
            return self._result(move, None, None)
        ledger = model_ledger(self.there, self.target_ledger_root)
        transfer = self._transfer(ledger, evidence, run)
        record = None
        while record is None:
            record = self._promoted(ledger, transfer) or self._promote(ledger, transfer, move, run)
        target = MlflowHook(self.target_mlflow_conn_id)
        carry_out(target, ledger, self.there, record, self.log)
        push_links(context, version=target.version_url(self.there, record.body["version"]))
        return self._result(move, transfer, record)

    def _transfer(self, ledger: Ledger, evidence: Sequence[Record], run: RunFacts) -> Record:
        """Copy the version and its records, or find the copy of an earlier try."""
        made, move = evidence[0], evidence[-1]
        key = sha256_of({"transfer": made.body["manifest_hash"], "promotion": move.hash})
        if (found := ledger.find(kind=TRANSFER, key=key)) is None:
            tags = {
                "mlops.manifest_hash": made.body["manifest_hash"],
                "mlops.model_digest": made.body["model_digest"],
                "mlops.source": f"{move.chain} version {move.body['version']}",
                **{name: value for name, value in (move.body.get("governance") or {}).items() if name in KEYS},
                **run.to_tags(),
            }
            hooks = MlflowHook(self.mlflow_conn_id), MlflowHook(self.target_mlflow_conn_id)
            version, place = copy_version(*hooks, made, self.there, tags)
            body = transfer_body(evidence, version, place)
            found = ledger.append(kind="transfer", key=key, body=body, run=run.to_record(), mode=run.mode)
        for copy in found.body["records"]:
            check_copy(copy)
        return found

    def _promoted(self, ledger: Ledger, transfer: Record) -> Record | None:
        """Find the promotion of this copy, if it still decides where the alias stands."""
        newest = deciding_move(ledger.records(), self.alias)
        return newest if newest is not None and newest.body.get("transfer_record") == transfer.hash else None

    def _promote(self, ledger: Ledger, transfer: Record, move: Record, run: RunFacts) -> Record | None:
        """Decide and record; None when the alias was reconciled at the same moment: look again then."""
        now = standing(MlflowHook(self.target_mlflow_conn_id), ledger, self.there, self.alias)
        records, version = ledger.records(), transfer.body["version"]
        verdict = decide_transfer(
            version=version,
            move=move,
            alias=self.alias,
            current=now.champion,
            expected=str(self.expected_version or "").strip() or None,
            champion_partition_key=partition_of(deciding_move(records, self.alias)),
            withdrawn=withdrawn_versions(records).get(version),
            force_reason=(self.force_reason or "").strip() or None,
        )
        self.log_rules(verdict.rules)
        if not verdict.passed:
            raise Refused(f"Version {move.body['version']} is not promoted to the target. {verdict.summary()}")
        lag = {"alias_was": now.current} if now.half_done else {}
        body = {
            "partition_key": move.body.get("partition_key"),
            "alias": self.alias,
            "version": version,
            "previous_version": now.champion if now.champion != version else _before(records, self.alias, version),
            **lag,
            "model_digest": transfer.body["model_digest"],
            "manifest_hash": transfer.body["manifest_hash"],
            "gate_record_hash": move.body.get("gate_record_hash"),
            "evaluation_id": move.body.get("evaluation_id"),
            "transfer_record": transfer.hash,
            "governance": move.body.get("governance") or {},
            "reason": verdict.summary(),
            "verdict": verdict.to_dict(),
            **({"force_reason": self.force_reason} if "forced" in verdict.marks else {}),
        }
        record = record_move(ledger, PROMOTION, before=now.before, body=body, run=run)
        if record.kind == RECONCILIATION:
            return None
        if record.body.get("transfer_record") != transfer.hash:
            other = record.body["version"] or "(none)"
            raise Refused(f"A {record.kind} came first: version {other} holds the alias there. Look at it, then retry.")
        return record

    def _result(self, move: Record, transfer: Record | None, record: Record | None) -> dict[str, Any]:
        return {
            "model_name": self.there,
            "source_version": move.body["version"],
            "alias": self.alias,
            "version": record.body["version"] if record else None,
            "previous_version": record.body["previous_version"] if record else None,
            "moved": record is not None,
            "transfer": transfer.hash if transfer else None,
            "record": record.hash if record else None,
        }


def _before(records: Sequence[Record], alias: str, version: str) -> str | None:
    """Find whom a version replaced that holds the alias already."""
    held = [record.body["version"] for record in alias_moves(records, alias)]
    return next((other for other in reversed(held) if other != version), None)
