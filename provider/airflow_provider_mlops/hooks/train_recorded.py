"""The training step around its record: found again, trained and recorded, or replayed in an audit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.citations import MEMBER, newest_of
from airflow_provider_mlops.core.errors import Refused
from airflow_provider_mlops.core.manifest import manifest_hash
from airflow_provider_mlops.core.replay import Level
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.hooks.base_model import open_base
from airflow_provider_mlops.hooks.change import git_state, last_change
from airflow_provider_mlops.hooks.data_files import as_files_are, root_of
from airflow_provider_mlops.hooks.determinism import verify_training
from airflow_provider_mlops.hooks.ledger import dataset_ledger
from airflow_provider_mlops.hooks.tracking import keep_recorded, track_training
from airflow_provider_mlops.hooks.train_function import program_facts
from airflow_provider_mlops.hooks.training_checkpoint import TrainingCheckpoint, training_checkpoint
from airflow_provider_mlops.hooks.training_start import Start, find_start

if TYPE_CHECKING:
    from airflow_provider_mlops.core.ledger import Ledger
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.core.run import RunFacts
    from airflow_provider_mlops.hooks.mlflow import MlflowHook
    from airflow_provider_mlops.hooks.storage import Storage
    from airflow_provider_mlops.hooks.train_manifest import TrainingPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTraining:
    """Trains models of one name, and leaves one record, one MLflow run and one logged model for each manifest.

    :param ledger: the model's ledger.
    :param storage: where the snapshots lie.
    :param hook: the MLflow connection.
    :param experiment: name of the MLflow experiment, None for the default.
    :param run: facts of the Airflow run.
    :param log: where progress is told.
    """

    ledger: Ledger
    storage: Storage
    hook: MlflowHook
    experiment: str | None
    run: RunFacts
    log: Any

    def find_start(self, plan: TrainingPlan) -> Start:
        """Find what a training starts from.

        :param plan: what the Dag asks for.
        :return: parameters of an earlier version, its fitted model, or nothing.
        :raises BadInput: when the plan contradicts itself.
        :raises Refused: when there is no base, or a version was not trained here.
        """
        return find_start(plan, self.hook, self.ledger, self.run, self.log)

    def find_or_train(
        self,
        manifest: Mapping[str, Any],
        function: Callable[..., Any],
        bundle: Mapping[str, Any],
        more: Mapping[str, Any],
    ) -> Record:
        """Find the training of a manifest, else train; what tries that lost a race left in MLflow is deleted.

        :param manifest: as `core.manifest.training_manifest` builds it.
        :param function: the training function.
        :param bundle: name and version of the Dag bundle.
        :param more: what the record says beside all that.
        :return: the record.
        :raises BadInput: when the rows cannot be trained on.
        :raises EvidenceBroken: when a snapshot is missing or was changed.
        :raises TransientError: when MLflow cannot be reached.
        """
        root = root_of(function, more.get("dag_file"))
        manifest, record = self._found_as_files_are(manifest, root)
        checkpoint = training_checkpoint(self.storage, manifest, self.run.mode, self.log)
        if record is None:
            record = self._train(manifest, function, checkpoint, {"bundle": bundle, **more}, root)
        else:
            self.log.info("Found the training of this manifest: MLflow run %s.", record.body["mlflow_run_id"])
        checkpoint.remove()
        if record.mode == self.run.mode:
            keep_recorded(self.hook, record, self.ledger.records("training"))
        return record

    def record_nothing(self, partition_key: str, key: str, why: str) -> str:
        """Record that there is nothing to train on.

        :param partition_key: the partition that would have been held out.
        :param key: names the decision.
        :param why: why there is nothing, without a full stop.
        :return: the reason, in a sentence.
        """
        reason = f"{why}: nothing to train on."
        verdict = Verdict.from_rules([RuleResult(rule="training_rows", outcome=Outcome.INCONCLUSIVE, reason=reason)])
        self.ledger.append(
            kind="training",
            key=key,
            body={"partition_key": partition_key, "verdict": verdict.to_dict()},
            run=self.run.to_record(),
            mode=self.run.mode,
            outcome=verdict.outcome,
        )
        return reason

    def replay(self, record: Record, function: Callable[..., Any], partition_key: str) -> tuple[Level, list[str]]:
        """Replay a recorded training in an audit, and record what came of it.

        :param record: the record of the training.
        :param function: the training function as it is now.
        :param partition_key: the partition that is audited.
        :return: the level, and what differs.
        :raises Refused: when the replay gives another model.
        :raises EvidenceBroken: when a base or a snapshot is missing or was changed; that is recorded, too.
        """
        from airflow_provider_mlops.hooks.audit_training import record_replay, replay_recorded

        records = self.ledger.records()
        found = replay_recorded(record, function, self.storage, self.hook, records, self.log)
        differences = list(found.differences)
        outcome = record_replay(self.ledger, self.run, record.hash, partition_key, found, self.log)
        if found.stopped is not None:
            raise found.stopped
        if outcome is Outcome.FAIL:
            raise Refused(f"The replay of {partition_key} does not give the recorded model: {'; '.join(differences)}.")
        return found.level, differences

    def record_no_training(self, reason: str, partition_key: str) -> None:
        """Record that an audit found no training to replay.

        :param reason: why there is none.
        :param partition_key: the partition that is audited.
        """
        from airflow_provider_mlops.hooks.audit_summary import summarise_audit
        from airflow_provider_mlops.hooks.audit_training import ReplayFound, record_replay

        found = ReplayFound(Level.NO_RECORD, [f"{partition_key}: {reason}"])
        record_replay(self.ledger, self.run, None, partition_key, found, self.log)
        summarise_audit(self.storage, self.ledger, self.ledger.chain.removeprefix("model/"), self.run)

    def _found_as_files_are(
        self, manifest: Mapping[str, Any], root: Path | None
    ) -> tuple[Mapping[str, Any], Record | None]:
        """Find the training that has read the files as they are; what has read others is the training of another."""
        seen = set[str]()
        while (key := manifest_hash(manifest)) not in seen and (record := self._found(key)) is not None:
            seen.add(key)
            if (as_now := as_files_are(manifest, record.body, root)) == manifest:
                return manifest, record
            manifest = as_now
        return manifest, self._found(manifest_hash(manifest))

    def _found(self, key: str) -> Record | None:
        """Find the training of a manifest: the live one, else that of this run's mode."""
        live = self.ledger.find(kind="training", key=key)
        return live or self.ledger.find(kind="training", key=key, mode=self.run.mode)

    def _train(
        self,
        manifest: Mapping[str, Any],
        function: Callable[..., Any],
        checkpoint: TrainingCheckpoint,
        more: Mapping[str, Any],
        root: Path | None,
    ) -> Record:
        from airflow_provider_mlops.hooks.training import train_from_manifest

        key = manifest_hash(manifest)
        base = open_base(self.hook, self.ledger.records(), manifest)
        trained = train_from_manifest(
            manifest, function, self.storage, self.log, base=base, checkpoint=checkpoint, root=root
        )
        repeated = None
        if "determinism" in manifest:
            repeated = verify_training(manifest, function, trained, self.storage, self.log, base=base)
        try:
            tracked = track_training(
                self.hook,
                trained,
                manifest,
                self.run,
                experiment=self.experiment,
                storage=self.storage,
                repeated=repeated,
            )
        except Exception as err:
            # Another task that recorded this training meanwhile has deleted what this one was about to store.
            if (record := self._found(key)) is None:
                raise
            self.log.info("Another task recorded this training first; its model stays (%s).", type(err).__name__)
            return record
        record = self.ledger.append(
            kind="training",
            key=key,
            body=self._body(manifest, {**trained.facts(), **tracked}, repeated, {**more, **checkpoint.facts()}),
            run=self.run.to_record(),
            mode=self.run.mode,
        )
        if record.body["logged_model_id"] != tracked["logged_model_id"]:
            self.log.info("Another task recorded this training first; its model stays.")
        return record

    def _body(
        self,
        manifest: Mapping[str, Any],
        found: Mapping[str, Any],
        repeated: Mapping[str, Any] | None,
        more: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Return what the record says: the manifest, what came of it, and of which code."""
        return {
            "partition_key": manifest["test"]["partition_key"],
            "manifest": manifest,
            "manifest_hash": manifest_hash(manifest),
            **found,
            "change": last_change(manifest["code_files"]),
            "git": git_state(manifest["code_files"]),
            **({"determinism": repeated} if repeated else {}),
            **program_facts(manifest),
            **more,
            MEMBER: newest_of(dataset_ledger(manifest["dataset"], self.storage.ledger_root).records()),
        }
