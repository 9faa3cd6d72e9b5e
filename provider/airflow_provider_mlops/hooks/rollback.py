"""Moving an alias back: a version that loads is chosen, the move is recorded, then it is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core.alias_moves import RECONCILIATION, ROLLBACK, deciding_move, partition_of, record_move
from airflow_provider_mlops.core.errors import Refused
from airflow_provider_mlops.core.evidence import training_of
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.rollback import rollback_of_request, rollback_targets
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.hooks.alias_moves import Standing, carry_out, standing
from airflow_provider_mlops.hooks.dry_load import dry_load
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.storage import Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """What is rolled back, and by what means.

    :param model_name: name of the registered model.
    :param alias: the alias that moves.
    :param hook: the MLflow connection.
    :param storage: where snapshots lie.
    :param ledger: the model's ledger.
    :param log: where progress is told.
    :param target: version to restore; None for the last that was verified.
    :param expected: version that must hold the alias; None for any.
    """

    model_name: str
    alias: str
    hook: MlflowHook
    storage: Storage
    ledger: Ledger
    log: Any
    target: str | None = None
    expected: str | None = None

    def carry(self, run: RunFacts, stated: Mapping[str, Any]) -> Record:
        """Choose, try, record, and move in ``live`` mode; or finish the move of an earlier try.

        :param run: the run that asks.
        :param stated: what the record holds besides: ``reason`` and ``asked_by``, and the evidence.
        :return: the record.
        :raises Refused: when there is nothing to go back to, or somebody else moved the alias.
        """
        record = rollback_of_request(self.ledger.records(), run.request, run.mode)
        while record is None:
            record = self._decide(run, stated)
        if run.mode is Mode.LIVE:
            carry_out(self.hook, self.ledger, self.model_name, record, self.log)
        return record

    def _decide(self, run: RunFacts, stated: Mapping[str, Any]) -> Record | None:
        """Choose and record; None when the alias was reconciled at the same moment: look again then."""
        now = standing(self.hook, self.ledger, self.model_name, self.alias)
        if self.expected is not None and now.champion != self.expected:
            raise Refused(
                f"Alias {self.alias!r} is on {now.champion or 'no version'}, not on version {self.expected}: "
                "nothing is rolled back. Look who moved it, then ask again."
            )
        records = self.ledger.records()
        target, tried = self._choose(records, now)
        body = {
            **self._body(records, target, now),
            **stated,
            "request": run.request,
            "target_given": self.target is not None,
            "tried": tried,
        }
        record = record_move(self.ledger, ROLLBACK, before=now.before, body=body, run=run, dry={"request": run.request})
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
        tried: list[dict[str, Any]] = []
        for target in rollback_targets(records, now.champion, target=self.target, alias=self.alias):
            made = training_of(records, self.model_name, target.body["manifest_hash"])
            found = dry_load(self.hook, self.storage, made, self.log)
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


def result_of(record: Record, model_name: str, mode: Mode) -> dict[str, Any]:
    """Return what a task that rolled back returns.

    :param record: the record of the rollback.
    :param model_name: name of the registered model.
    :param mode: the mode of the run.
    """
    return {
        "model_name": model_name,
        "alias": record.body["alias"],
        "version": record.body["version"],
        "previous_version": record.body["previous_version"],
        "moved": mode is Mode.LIVE,
        "reason": record.body["reason"],
        "record": record.hash,
    }
