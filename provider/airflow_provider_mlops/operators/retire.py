"""Taking a version out of use for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.alias_moves import (
    CHAMPION,
    RETIREMENT,
    alias_moves,
    aliases_of,
    deciding_move,
    record_move,
)
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.evidence import registration_by_version
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.rollback import stated_reason
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.hooks.alias_moves import carry_out, standing
from airflow_provider_mlops.hooks.checkpoint import keep_checkpoint
from airflow_provider_mlops.hooks.ledger import known_model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.links.mlflow import ModelVersionLink, push_links
from airflow_provider_mlops.operators.base import MLOpsOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

RETIRED_TAG, RETAIN_TAG = "mlops.retired", "mlops.retain_until"


class RetireModelOperator(MLOpsOperator):
    """Retire a version: it loses its aliases, is tagged, and no promotion or rollback brings it back.

    The record comes first and blocks the version from then on; then every alias is taken from it, those that the
    ledger has moved by a record each. The version, its model and its records stay: the date says until when they must.
    A retry finishes what a killed try began.

    :param model_name: name of the registered model. (templated)
    :param version: the version. (templated)
    :param reason: why; recorded. (templated)
    :param retain_until: day until which model and records must be kept, ISO 8601. (templated)
    :param drop_champion: whether the version may be the champion; the model is then without one.
    :param mlflow_conn_id: id of the MLflow connection. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "version", "aliases", "retain_until", "moved", "record"}``.
    """

    template_fields: Sequence[str] = (
        "model_name",
        "version",
        "reason",
        "retain_until",
        "mlflow_conn_id",
        "ledger_root",
    )
    operator_extra_links = (ModelVersionLink(),)
    ui_color = "#d5d8dc"

    def __init__(
        self,
        *,
        model_name: str,
        version: str,
        reason: str,
        retain_until: str,
        drop_champion: bool = False,
        mlflow_conn_id: str = MlflowHook.default_conn_name,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.version = version
        self.reason = reason
        self.retain_until = retain_until
        self.drop_champion = drop_champion
        self.mlflow_conn_id = mlflow_conn_id
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Block the version, take its aliases, tag it."""
        version = str(self.version).strip()
        facts: dict[str, Any] = {
            "retired_version": version,
            "reason": stated_reason(self.reason, "A retirement"),
            "retain_until": _day(self.retain_until),
        }
        ledger = known_model_ledger(self.model_name, self.ledger_root)
        made = registration_by_version(ledger.records(), self.model_name, version)
        facts |= {name: made.body[name] for name in ("model_digest", "manifest_hash")}
        if run.mode is Mode.AUDIT:
            self.log.info("An audit retires nothing.")
            return self._result(facts, [], None)
        facts["aliases"] = self._held(version)
        block = self._block(ledger, facts, run)
        if run.mode is not Mode.LIVE:
            return self._result(facts, [], block)
        aliases = self._drop_aliases(ledger, block.body, run)
        self._tag(block)
        keep_checkpoint(MlflowHook(self.mlflow_conn_id), ledger)
        push_links(context, version=MlflowHook(self.mlflow_conn_id).version_url(self.model_name, version))
        self.log.info("Version %s is retired; it held: %s.", version, ", ".join(aliases) or "no alias")
        return self._result(block.body, aliases, block)

    def _block(self, ledger: Ledger, facts: Mapping[str, Any], run: RunFacts) -> Record:
        """Record the retirement; from then on the ledger takes no move to the version."""
        version, drop = facts["retired_version"], self.drop_champion

        def serves(records: Sequence[Record]) -> Record | None:
            newest = deciding_move(records, CHAMPION)
            return newest if newest is not None and newest.body["version"] == version and not drop else None

        record = ledger.append(
            kind=RETIREMENT,
            key=sha256_of({"retire": version}),
            body={"alias": None, "version": None, "previous_version": None, **facts},
            run=run.to_record(),
            mode=run.mode,
            outcome="PASS",
            unless=serves,
        )
        if record.kind != RETIREMENT:
            raise Refused(
                f"Version {version} is the champion: roll back or promote another one first, or say drop_champion=True."
            )
        return record

    def _held(self, version: str) -> list[str]:
        """Say which aliases the version holds; the record keeps it, so that every try ends with the same result."""
        from airflow_provider_mlops.backends import mlflow_registry as registry

        with MlflowHook(self.mlflow_conn_id).session() as client:
            held = registry.aliases_of(client, self.model_name)
        return sorted(alias for alias, holder in held.items() if holder == version)

    def _drop_aliases(self, ledger: Ledger, facts: Mapping[str, Any], run: RunFacts) -> list[str]:
        from airflow_provider_mlops.backends import mlflow_registry as registry

        hook, version = MlflowHook(self.mlflow_conn_id), facts["retired_version"]
        held_before = facts.get("aliases", ())
        facts = {name: value for name, value in facts.items() if name != "aliases"}
        for alias in aliases_of(ledger.records()):
            while (now := standing(hook, ledger, self.model_name, alias)).champion == version:
                if now.before is not None and now.before.body["version"] is None:
                    break  # taken from it by a record, and set again by hand: below
                lag = {"alias_was": now.current} if now.half_done else {}
                body = {**facts, "alias": alias, "version": None, "previous_version": version, **lag}
                if now.before is not None and "partition_key" in now.before.body:
                    body["partition_key"] = now.before.body["partition_key"]
                record_move(ledger, RETIREMENT, before=now.before, body=body, run=run)
                self._finish(ledger, alias, version)
            self._finish(ledger, alias, version)
        left = self._held(version)
        with hook.session() as client:
            for alias in left:
                registry.delete_alias(client, self.model_name, alias)
        moved = [r.body["alias"] for r in alias_moves(ledger.records(), None) if _retires(r, version)]
        return sorted({*moved, *held_before, *left})

    def _finish(self, ledger: Ledger, alias: str, version: str) -> None:
        """Carry out the newest move of an alias, if it is the one that takes it from the version."""
        newest = alias_moves(ledger.records(), alias)[-1]
        if _retires(newest, version):
            carry_out(MlflowHook(self.mlflow_conn_id), ledger, self.model_name, newest, self.log)

    def _tag(self, block: Record) -> None:
        from airflow_provider_mlops.backends import mlflow_registry as registry

        tags = {RETIRED_TAG: block.hash, RETAIN_TAG: block.body["retain_until"]}
        with MlflowHook(self.mlflow_conn_id).session() as client:
            registry.tag_version(client, self.model_name, block.body["retired_version"], tags)

    def _result(self, facts: Mapping[str, Any], aliases: list[str], block: Record | None) -> dict[str, Any]:
        return {
            "model_name": self.model_name,
            "version": facts["retired_version"],
            "aliases": aliases,
            "retain_until": facts["retain_until"],
            "moved": block is not None and block.mode == Mode.LIVE,
            "record": block.hash if block else None,
        }


def _retires(record: Record, version: str) -> bool:
    return record.kind == RETIREMENT and record.body["retired_version"] == version


def _day(value: Any) -> str:
    try:
        return date.fromisoformat(str(value).strip()).isoformat()
    except ValueError:
        raise BadInput(f"retain_until={value!r} must be a day such as 2030-12-31.") from None
