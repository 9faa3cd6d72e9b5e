"""How an audit ends that cannot go on: with a certificate of its partition, whichever of its steps has failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.audit_rules import own_records, refusal
from airflow_provider_mlops.core.certificate import Cause, Difference
from airflow_provider_mlops.core.evidence import latest_of_run
from airflow_provider_mlops.core.replay import Level
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.hooks.audit_summary import summarise_audit
from airflow_provider_mlops.hooks.audit_training import ReplayFound, record_replay, stopped, with_cause
from airflow_provider_mlops.hooks.certificate import certify_audit
from airflow_provider_mlops.hooks.gone import Removed, erasures_since, prunings_since
from airflow_provider_mlops.hooks.ledger import dataset_ledger, model_ledger
from airflow_provider_mlops.hooks.snapshots import models_of

if TYPE_CHECKING:
    from airflow_provider_mlops.core.errors import FinalError
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.core.run import RunFacts
    from airflow_provider_mlops.hooks.storage import Storage


@dataclass(frozen=True, slots=True)
class Ended:
    """An audit that cannot go on.

    :param run: facts of its run.
    :param partition_key: the partition that is audited.
    :param error: why it cannot.
    """

    run: RunFacts
    partition_key: str
    error: FinalError

    @property
    def lawful(self) -> bool:
        """Whether what it needs was removed by a recorded decision."""
        return isinstance(self.error, Removed)

    def check(self) -> RuleResult:
        """Say so in a certificate."""
        outcome = Outcome.INCONCLUSIVE if self.lawful else Outcome.FAIL
        reason = f"The audit could not go on after {self.run.task_id}: {self.error}"
        return RuleResult(rule="whole", outcome=outcome, reason=reason)


def models_audited(dataset: str, ledger_root: str | None) -> list[str]:
    """Name the models whose audits a step of their dataset belongs to.

    :param dataset: name of the dataset.
    :param ledger_root: folder of the ledgers.
    :raises EvidenceBroken: when a model's chain is broken.
    """
    return sorted(models_of(dataset, ledger_root))


def end_audit(ended: Ended, models: Sequence[str], storage: Storage, log: Any) -> None:
    """Issue the certificates that the steps to come would have issued, and the summary.

    :param ended: the audit.
    :param models: the models that it is about; of those that this Dag has never trained for the partition there is
        nothing to certify.
    :param storage: where snapshots and certificates lie.
    :param log: where it is told.
    :raises EvidenceBroken: when a chain is broken.
    :raises TransientError: when a store cannot be reached.
    """
    run = ended.run
    for model in models:
        ledger = model_ledger(model, storage.ledger_root)
        records = ledger.records()
        if "replay" not in own_records(records, run):
            training = latest_of_run(records, kind="training", partition_key=ended.partition_key, run=run)
            if training is None:
                continue
            found, of = _found(ended, training, storage)
            record_replay(ledger, run, of, ended.partition_key, found, log)
        if (issued := certify_audit(storage, ledger, model, run, ended.check())) is not None:
            log.info("Certificate of the audit: %s, %s: %s", issued.outcome, issued.body["level"], issued.body["uri"])
        summary = summarise_audit(storage, ledger, model, run)
        log.info("Summary of the audit: %s, %s: %s", summary.outcome, summary.body["levels"], summary.body["uri"])


def _found(ended: Ended, training: Record, storage: Storage) -> tuple[ReplayFound, str | None]:
    """Say what the replay of a partition came to that did not come to its training."""
    if training.outcome is not None:
        why = f"{ended.partition_key}: the live run had nothing to train on"
        return ReplayFound(Level.NO_RECORD, [why]), None
    manifest = training.body["manifest"]
    # A refusal of rows is explained by the rules; whatever else ends an audit says so itself.
    refused = refusal(dataset_ledger(manifest["dataset"], storage.ledger_root).records(), ended.run)
    known = [
        *(Difference(Cause.DATA_PRUNED, lost.why()) for lost in prunings_since(storage, manifest)),
        *(Difference(Cause.DATA_ERASED, lost.why()) for lost in erasures_since(storage, manifest)),
    ]
    causes = [*refused, *known] if refused else with_cause(ended.error, known)
    return stopped(ended.error, causes), training.hash
