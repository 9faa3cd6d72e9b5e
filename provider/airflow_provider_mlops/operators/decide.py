"""Deciding whether a model is trained anew, by a policy; each answer is a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from airflow_provider_mlops.core.alias_moves import CHAMPION, deciding_move
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import Refused
from airflow_provider_mlops.core.evidence import accepted_rows, accepted_snapshots, training_of
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.new_data import training_end
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.retrain import claim_of_run, live_claims
from airflow_provider_mlops.core.retrain_decision import Decision, Known, decide, probe_rule
from airflow_provider_mlops.core.retrain_policy import RetrainPolicy
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Outcome, Verdict
from airflow_provider_mlops.hooks.ledger import dataset_ledger, known_model_ledger, model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.operators.base import MLOpsOperator
from airflow_provider_mlops.operators.context import PARTITION_KEY, bundle_file
from airflow_provider_mlops.operators.retrain import MOST_SHOWN

if TYPE_CHECKING:
    from airflow.sdk import Context


class DecideRetrainOperator(MLOpsOperator):
    """Decide by a policy whether to retrain; go on when a retraining helps, skip when it does not.

    The first task of a Dag that retrains, started by events of drift and performance, by a schedule, or both. The
    policy says what calls for a retraining (verdicts, time, new data) and what forbids it (cool-down, budget, too few
    new rows, a probe that shows no gain). Each answer is a record with the reason of each rule, also each retraining
    that was avoided. All verdicts that wait are claimed by one exclusive record: of many runs one retrains, and what
    was not claimed waits on. Outside ``live`` mode nothing is claimed and the task is skipped; a dry run records what
    it would have decided.

    :param model_name: name of the registered model. (templated)
    :param dataset: dataset that is trained on. (templated)
    :param policy: retrain policy file, YAML, relative to the Dag bundle's root or absolute. (templated)
    :param partition_key: partition of the verdict; default: that of the run. (templated)
    :param time_column: column with the row's time, for the probe; default: that of the champion's training.
    :param mlflow_conn_id: id of the MLflow connection, for the probe. (templated)
    :param storage_root: where snapshots lie; default: the option ``[mlops] storage_root``. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "partition_key", "training_partition_key", "window", "params_from", "fit", "triggers",
    "drift_records", "performance_records", "verdict", "claim", "record"}``, of many verdicts the first 100; the record
    names all.
    """

    by_index = True
    checkpoint_after = True
    template_fields: Sequence[str] = (
        "model_name",
        "dataset",
        "policy",
        "partition_key",
        "mlflow_conn_id",
        "storage_root",
        "ledger_root",
    )
    template_ext: Sequence[str] = ()
    ui_color = "#fcf3cf"

    def __init__(
        self,
        *,
        model_name: str,
        dataset: str,
        policy: str,
        partition_key: str = PARTITION_KEY,
        time_column: str | None = None,
        mlflow_conn_id: str = MlflowHook.default_conn_name,
        storage_root: str | None = None,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.dataset = dataset
        self.policy = policy
        self.partition_key = partition_key
        self.time_column = time_column
        self.mlflow_conn_id = mlflow_conn_id
        self.storage_root = storage_root
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Decide, claim and record; or find what an earlier try of this run claimed."""
        from airflow_provider_mlops.backends.policy_file import load_retrain_policy

        now = Partition.parse(self.partition_key)
        if run.mode is Mode.AUDIT:
            raise AirflowSkipException("In audit mode nothing is retrained.")
        policy = load_retrain_policy(bundle_file(context, self.policy))
        opened = model_ledger if policy.may_be_first else known_model_ledger
        ledger = opened(self.model_name, self.ledger_root)
        claim = claim_of_run(ledger.records(), run) if run.mode is Mode.LIVE else None
        if claim is not None:
            self.log.info("Found this run's own claim.")
            return self._go_on(self._record(ledger, run, claim.body, claim))
        while True:
            records = ledger.records()
            decision, body = self._decide(now, policy, records, run)
            if run.mode is Mode.DRY_RUN or not decision.verdict.passed:
                return self._go_on(self._record(ledger, run, body, None))
            claim = self._claim(ledger, run, body, after=_newest(records))
            if claim_of_run([claim], run) is not None:
                return self._go_on(self._record(ledger, run, claim.body, claim))
            self.log.info("Another run claimed a retraining meanwhile: deciding again.")

    def _decide(
        self, now: Partition, policy: RetrainPolicy, records: Sequence[Record], run: RunFacts
    ) -> tuple[Decision, dict[str, Any]]:
        data = dataset_ledger(self.dataset, self.ledger_root).records()
        move = deciding_move(records, CHAMPION)
        champion = self._champion(records, move)
        manifest = (champion.body.get("manifest") or {}) if champion else {}
        version = move.body["version"] if move else None
        known = Known(
            now=now,
            records=records,
            accepted=accepted_rows(data),
            champion=version,
            trained_until=training_end(manifest),
        )
        decision, probe = decide(policy, known), None
        if decision.verdict.passed and policy.probe is not None and champion is not None:
            decision, probe = self._probed(decision, policy, champion, accepted_snapshots(data))
        self.log_rules(decision.verdict.rules)
        return decision, {
            "partition_key": now.key,
            "dataset": self.dataset,
            "champion_version": version,
            "training_partition_key": decision.training_partition,
            "window": decision.window,
            "params_from": policy.params_from,
            "fit": policy.fit,
            "triggers": list(decision.triggers),
            "drift_record_hashes": list(decision.drift),
            "performance_record_hashes": list(decision.performance),
            "policy": self.policy,
            "policy_hash": policy.hash,
            "policy_content": policy.content,
            "probe": probe,
            "verdict": decision.verdict.to_dict(),
        }

    def _champion(self, records: Sequence[Record], move: Record | None) -> Record | None:
        if move is None or move.body["version"] is None:
            return None
        try:
            return training_of(records, self.model_name, move.body["manifest_hash"])
        except Refused as err:
            self.log.warning("%s", err)
            return None

    def _probed(
        self, decision: Decision, policy: RetrainPolicy, champion: Record, accepted: Mapping[str, str]
    ) -> tuple[Decision, dict[str, Any] | None]:
        from airflow_provider_mlops.hooks.probe import Trial, run_probe

        if policy.probe is None or decision.training_partition is None:
            return decision, None
        trial = Trial(
            probe=policy.probe,
            champion=champion,
            dataset=self.dataset,
            accepted=accepted,
            newest=decision.training_partition,
            time_column=self.time_column or (champion.body.get("manifest") or {}).get("time_column"),
        )
        storage = Storage(self.storage_root, self.ledger_root)
        found, facts = run_probe(trial, storage, MlflowHook(self.mlflow_conn_id), self.log)
        return decision.with_rule(*probe_rule(found, policy)), facts

    def _claim(self, ledger: Ledger, run: RunFacts, body: Mapping[str, Any], after: str | None) -> Record:
        """Claim, unless another retraining was claimed since this one was decided."""

        def overtaken(records: Sequence[Record]) -> Record | None:
            claims = live_claims(records)
            return claims[-1] if claims and claims[-1].hash != after else None

        return ledger.append(
            kind="retrain_claim",
            key=sha256_of({"model": self.model_name, "after": after, "run": [run.dag_id, run.run_id]}),
            body=body,
            run=run.to_record(),
            mode=run.mode,
            outcome=Outcome.PASS,
            unless=overtaken,
        )

    def _record(self, ledger: Ledger, run: RunFacts, body: Mapping[str, Any], claim: Record | None) -> Record:
        decided = {**body, "claim": claim.hash if claim else None}
        return ledger.append(
            kind="retrain",
            key=self.decision_key(run, decided),
            body=decided,
            run=run.to_record(),
            mode=run.mode,
            outcome=body["verdict"]["outcome"],
        )

    def _go_on(self, record: Record) -> dict[str, Any]:
        """Return what was decided to the tasks that train, or skip them."""
        body, verdict = record.body, Verdict.from_dict(record.body["verdict"])
        self.log.info("Retraining of %s: %s", body["partition_key"], verdict.summary())
        if record.mode != Mode.LIVE:
            raise AirflowSkipException(f"In {record.mode} mode nothing is retrained. {verdict.summary()}")
        if record.outcome != Outcome.PASS:
            raise AirflowSkipException(verdict.summary())
        return {
            "model_name": self.model_name,
            "partition_key": body["partition_key"],
            "training_partition_key": body["training_partition_key"],
            "window": body["window"],
            "params_from": body.get("params_from"),
            "fit": body.get("fit"),
            "triggers": body["triggers"],
            "drift_records": body["drift_record_hashes"][:MOST_SHOWN],
            "performance_records": body["performance_record_hashes"][:MOST_SHOWN],
            "verdict": verdict.to_xcom(),
            "claim": body["claim"],
            "record": record.hash,
        }


def _newest(records: Sequence[Record]) -> str | None:
    claims = live_claims(records)
    return claims[-1].hash if claims else None
