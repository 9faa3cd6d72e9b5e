"""Claiming drift verdicts, so that one run retrains and the others stand back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.retrain import (
    claim_of_run,
    decide_retrain,
    live_claims,
    newly_claimed,
    pending_drift,
)
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.hooks.ledger import known_model_ledger
from airflow_provider_mlops.operators.base import MLOpsOperator
from airflow_provider_mlops.operators.context import PARTITION_KEY

if TYPE_CHECKING:
    from airflow.sdk import Context

MOST_SHOWN = 100
"""How many verdicts a result names: what travels between tasks is small."""


class ClaimRetrainingOperator(MLOpsOperator):
    """Claim all drift verdicts that wait for a retraining; skip when there is none, or another run claimed them.

    The first task of a Dag that retrains on drift. Events are delivered at least once and several verdicts may be
    pending: the claim is one exclusive record, so that one run acts and the others are skipped. Outside ``live`` mode
    nothing is claimed and the task is skipped.

    :param model_name: name of the registered model. (templated)
    :param partition_key: partition of the verdict; default: that of the run. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "partition_key", "drift_records", "record"}``, of many verdicts the first 100.
    """

    template_fields: Sequence[str] = ("model_name", "partition_key", "ledger_root")
    ui_color = "#fcf3cf"

    def __init__(
        self,
        *,
        model_name: str,
        partition_key: str = PARTITION_KEY,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.partition_key = partition_key
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Claim, or find the claim of an earlier try of this run."""
        partition = Partition.parse(self.partition_key)
        if run.mode is not Mode.LIVE:
            raise AirflowSkipException(f"In {run.mode.value} mode no drift is claimed.")
        ledger = known_model_ledger(self.model_name, self.ledger_root)
        if (own := claim_of_run(ledger.records(), run)) is not None:
            self.log.info("Found this run's own claim.")
            return self._result(own)
        pending = pending_drift(ledger.records())
        verdict = decide_retrain(pending, live_claims(ledger.records()), now_partition=partition.key)
        self.log.info("Retraining: %s", verdict.summary())
        if not verdict.passed:
            raise AirflowSkipException(verdict.summary())
        hashes = [record.hash for record in pending]
        claim = ledger.append(
            kind="retrain_claim",
            key=sha256_of({"model": self.model_name, "drift": hashes}),
            body={"partition_key": partition.key, "drift_record_hashes": hashes, "verdict": verdict.to_dict()},
            run=run.to_record(),
            mode=run.mode,
            outcome=verdict.outcome,
        )
        if claim_of_run([claim], run) is None or not newly_claimed(claim, ledger.records()):
            raise AirflowSkipException("Another run claimed this drift first.")
        for record in pending:
            self.log.info("Claimed the drift of %s: %s", record.body["partition_key"], record.hash)
        return self._result(claim)

    def _result(self, claim: Record) -> dict[str, Any]:
        return {
            "model_name": self.model_name,
            "partition_key": claim.body["partition_key"],
            "drift_records": claim.body["drift_record_hashes"][:MOST_SHOWN],
            "record": claim.hash,
        }
