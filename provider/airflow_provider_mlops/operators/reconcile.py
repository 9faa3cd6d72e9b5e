"""Finding aliases that were moved behind the ledger's back, and putting them where the ledger says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.alias_moves import (
    CHAMPION,
    RECONCILIATION,
    aliases_of,
    deciding_move,
    partition_of,
    record_move,
)
from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.reconciliation import ACTIONS, UNRECORDED, Difference, difference_of
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.hooks.alias_moves import carry_out, standing
from airflow_provider_mlops.hooks.ledger import known_model_ledger, model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.operators.base import MLOpsOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

GRACE_SECONDS = 60.0


class ReconcileRegistryOperator(MLOpsOperator):
    """Compare every alias that the ledger has moved with the registry; put it back, or raise the alarm.

    It finds aliases that were moved or deleted by something else, and moves that were recorded and never made. Each
    difference is a record. An alias that the ledger has never moved cannot be put back: that is an alarm, whatever
    ``on_difference`` says.

    :param model_name: name of the registered model. (templated)
    :param on_difference: ``heal``: put the alias where the ledger says; ``fail`` the task; or ``warn`` in its log.
    :param grace_seconds: a move that was recorded less than so many seconds ago may be under way, and is let be.
    :param mlflow_conn_id: id of the MLflow connection. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "differences"}``, each difference with ``alias``, ``finding``, ``ledger_version``,
    ``registry_version``, ``action`` and ``record``.
    """

    template_fields: Sequence[str] = ("model_name", "mlflow_conn_id", "ledger_root")
    ui_color = "#d6eaf8"

    def __init__(
        self,
        *,
        model_name: str,
        on_difference: str = ACTIONS[0],
        grace_seconds: float = GRACE_SECONDS,
        mlflow_conn_id: str = MlflowHook.default_conn_name,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.on_difference = on_difference
        self.grace_seconds = grace_seconds
        self.mlflow_conn_id = mlflow_conn_id
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Compare, record, and heal or raise the alarm."""
        if self.on_difference not in ACTIONS:
            raise BadInput(f"on_difference={self.on_difference!r} must be one of: {', '.join(ACTIONS)}.")
        if run.mode is Mode.AUDIT:
            self.log.info("An audit moves nothing.")
            return {"model_name": self.model_name, "differences": []}
        ledger = model_ledger(self.model_name, self.ledger_root)
        found = [self._reconcile(ledger, alias, run) for alias in self._aliases(ledger)]
        differences = [one for one in found if one is not None]
        if not differences:
            known_model_ledger(self.model_name, self.ledger_root)  # a misspelt model differs in nothing, for ever
            self.log.info("Every alias of model %s is where the ledger has put it.", self.model_name)
        if alarms := [one["text"] for one in differences if one["action"] == "fail"]:
            raise Refused(f"The registry is not what the ledger says. {' '.join(alarms)}")
        return {"model_name": self.model_name, "differences": [_shown(one) for one in differences]}

    def _aliases(self, ledger: Ledger) -> list[str]:
        return list(dict.fromkeys((CHAMPION, *aliases_of(ledger.records()))))

    def _reconcile(self, ledger: Ledger, alias: str, run: RunFacts) -> dict[str, Any] | None:
        hook = MlflowHook(self.mlflow_conn_id)
        while True:
            now = standing(hook, ledger, self.model_name, alias)
            difference = difference_of(
                alias, now.before, found=now.current, half_done=now.half_done, grace_seconds=self.grace_seconds
            )
            if difference is None:
                if now.before is not None and now.current == now.before.body["version"] and run.mode is Mode.LIVE:
                    carry_out(hook, ledger, self.model_name, now.before, self.log)  # a mark may be missing
                return None
            self.log.warning("%s", difference.text)
            before = now.before
            if self._heals(run) and before is not None and before.kind == RECONCILIATION and now.half_done:
                carry_out(hook, ledger, self.model_name, before, self.log)  # of a try that was killed
                return {**before.body, "record": before.hash}
            action = "fail" if difference.finding == UNRECORDED else self.on_difference
            body = self._body(ledger, difference, action)
            if action != "heal" or not self._heals(run):
                return body | {"record": self._alarm(ledger, body, run)}
            record = record_move(ledger, RECONCILIATION, before=difference.before, body=body, run=run)
            if record.body.get("follows") == body["follows"] and record.kind == RECONCILIATION:
                carry_out(hook, ledger, self.model_name, record, self.log)
                return body | {"record": record.hash}

    def _heals(self, run: RunFacts) -> bool:
        return self.on_difference == "heal" and run.mode is Mode.LIVE

    def _body(self, ledger: Ledger, difference: Difference, action: str) -> dict[str, Any]:
        decided = deciding_move(ledger.records(), difference.alias)
        body = decided.body if decided else {}
        return {
            "alias": difference.alias,
            "version": difference.recorded,
            "previous_version": difference.found,
            "finding": difference.finding,
            "action": action,
            "text": difference.text,
            "follows": difference.before.hash if difference.before else None,
            "partition_key": body.get("partition_key"),
            "version_partition_key": partition_of(decided),
            "model_digest": body.get("model_digest"),
            "manifest_hash": body.get("manifest_hash"),
        }

    def _alarm(self, ledger: Ledger, body: Mapping[str, Any], run: RunFacts) -> str:
        """Record a difference that stays; the same one is recorded once."""
        key = self.decision_key(run, {name: body[name] for name in ("alias", "previous_version", "follows", "action")})
        record = ledger.append(
            kind=RECONCILIATION, key=key, body=body, run=run.to_record(), mode=run.mode, outcome=Outcome.FAIL
        )
        return record.hash


def _shown(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "alias": one["alias"],
        "finding": one["finding"],
        "ledger_version": one["version"],
        "registry_version": one["previous_version"],
        "action": one["action"],
        "record": one["record"],
    }
