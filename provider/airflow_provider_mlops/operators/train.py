"""Training a candidate on accepted snapshots, or replaying the recorded training in an audit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from airflow_provider_mlops.core.citations import MEMBER, newest_of
from airflow_provider_mlops.core.code_identity import code_files, import_callable
from airflow_provider_mlops.core.errors import Refused
from airflow_provider_mlops.core.evidence import accepted_snapshots, latest_of_run
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.manifest import BINARY, manifest_hash, training_manifest
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.replay import Level
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.core.window import WindowSpec
from airflow_provider_mlops.hooks.change import git_state, last_change
from airflow_provider_mlops.hooks.ledger import dataset_ledger, model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.rows import holdout_start
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.hooks.tracking import keep_recorded, track_training
from airflow_provider_mlops.hooks.training_rows import Held, choose_training
from airflow_provider_mlops.links.mlflow import ExperimentLink, MlflowRunLink, push_links
from airflow_provider_mlops.operators.base import PARTITION_KEY, MLOpsOperator, bundle_facts

if TYPE_CHECKING:
    from airflow.sdk import Context


class TrainModelOperator(MLOpsOperator):
    """Train a candidate on the accepted snapshots before a partition, which is held out for the test.

    Everything that decides what model comes out stands in a manifest; its hash is the key under which a retry finds
    the training, its MLflow run and its model again. Where there is no accepted partition to train on, that is
    recorded as INCONCLUSIVE and the task is skipped. In ``audit`` mode the recorded training of the partition is
    replayed from its manifest and compared; the outcome is a ``replay`` record, and MLflow is left alone. A replay
    that gives another model fails the task.

    :param model_name: name of the registered model; its ledger is ``model/<name>``. (templated)
    :param dataset: name of the dataset. (templated)
    :param train_function: import path ``package.module:function`` of
        ``function(features, labels, *, seed, **train_params)``, which returns a fitted scikit-learn estimator.
        (templated)
    :param features: feature columns, in the order the model sees them.
    :param label_column: label column, null where the label is unknown: 0/1 or boolean (binary), text or whole
        numbers (multiclass; the function gets the index of the class among the sorted classes), finite numbers
        (regression).
    :param row_id: column that names a row.
    :param time_column: column with the row's time; needed for ``holdout_days``.
    :param test_snapshot_id: accepted snapshot of the partition; default: the one in the ledger. (templated)
    :param partition_key: partition that is held out; default: that of the run. (templated)
    :param window: which partitions before it to train on: None for all (expanding), a number for the newest
        (sliding), ``{"since": "2013-01"}`` for those from a month or day on, which may also limit their number:
        ``{"since": "2013-01", "partitions": 6}``; or a window that was taken as a snapshot,
        ``{"dataset": "flights_window", "snapshot_id": ...}``. (templated)
    :param holdout_days: hold out only the last days of the partition and train on the rest of it too; None holds
        out all of it.
    :param train_params: further keyword arguments of the training function. (templated)
    :param trusted_types: types that the saved model may hold beyond skops' own list.
    :param task: ``binary`` and ``multiclass`` need an estimator with ``predict_proba``, ``regression`` one with
        ``predict``.
    :param operating_threshold: of a binary task, how to choose the threshold that is frozen with the model:
        ``{"metric": "f1"}``, with ``params`` where the metric has some (``recall_at_precision``,
        ``precision_at_recall``, ``expected_cost``) and ``validation_share``, the share of the newest training rows
        that it is chosen on (default 0.2); None to choose none.
    :param experiment: MLflow experiment; default: that of the connection, else the model's name. (templated)
    :param mlflow_conn_id: id of the MLflow connection. (templated)
    :param storage_root: where snapshots lie; default: the option ``[mlops] storage_root``. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "partition_key", "manifest_hash", "model_digest", "mlflow_run_id", "logged_model_id",
    "rows", "record"}``.
    """

    template_fields: Sequence[str] = (
        "model_name",
        "dataset",
        "train_function",
        "test_snapshot_id",
        "partition_key",
        "window",
        "train_params",
        "experiment",
        "mlflow_conn_id",
        "storage_root",
        "ledger_root",
    )
    operator_extra_links = (MlflowRunLink(), ExperimentLink())
    ui_color = "#fdebd0"

    def __init__(
        self,
        *,
        model_name: str,
        dataset: str,
        train_function: str,
        features: Sequence[str],
        label_column: str,
        row_id: str = "row_id",
        time_column: str | None = None,
        test_snapshot_id: str | None = None,
        partition_key: str = PARTITION_KEY,
        window: WindowSpec = None,
        holdout_days: int | None = None,
        train_params: dict[str, Any] | None = None,
        trusted_types: Sequence[str] = (),
        task: str = BINARY,
        operating_threshold: Mapping[str, Any] | None = None,
        experiment: str | None = None,
        mlflow_conn_id: str = MlflowHook.default_conn_name,
        storage_root: str | None = None,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.dataset = dataset
        self.train_function = train_function
        self.features = features
        self.label_column = label_column
        self.row_id = row_id
        self.time_column = time_column
        self.test_snapshot_id = test_snapshot_id
        self.partition_key = partition_key
        self.window = window
        self.holdout_days = holdout_days
        self.train_params = train_params
        self.trusted_types = trusted_types
        self.task = task
        self.operating_threshold = operating_threshold
        self.experiment = experiment
        self.mlflow_conn_id = mlflow_conn_id
        self.storage_root = storage_root
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Train, find the same training, or replay the recorded one."""
        partition = Partition.parse(self.partition_key)
        if run.mode is Mode.AUDIT:
            return self._replay(partition, run)
        function = self.training_function()
        manifest = self._manifest(partition, function, run)
        ledger = model_ledger(self.model_name, self.ledger_root)
        key = manifest_hash(manifest)
        record = _recorded(ledger, key, run)
        if record is None:
            record = self._train(ledger, run, manifest, function, bundle_facts(context))
        else:
            self.log.info("Found the training of this manifest: MLflow run %s.", record.body["mlflow_run_id"])
        if record.mode == run.mode:
            keep_recorded(MlflowHook(self.mlflow_conn_id), record, ledger.records("training"))
        self._push_links(context, record)
        return self._result(record)

    def training_function(self) -> Callable[..., Any]:
        """Return the function that trains."""
        return import_callable(self.train_function)

    def _manifest(self, partition: Partition, function: Callable[..., Any], run: RunFacts) -> dict[str, Any]:
        records = dataset_ledger(self.dataset, self.ledger_root).records()
        accepted = accepted_snapshots(records)
        test_id = self.test_snapshot_id or accepted.get(partition.key)
        if test_id is None:
            raise Refused(
                f"Partition {partition.key} of dataset {self.dataset!r} has no accepted snapshot; "
                "take and validate one first."
            )
        cutoff = self._cutoff(test_id)
        held = Held(
            dataset=self.dataset,
            partition_key=partition.key,
            snapshot_id=test_id,
            tail_only=cutoff is not None,
            time_column=self.time_column,
        )
        chosen = choose_training(self.window, held, accepted, records, Storage(self.storage_root, self.ledger_root))
        if not chosen.snapshots:
            self._nothing_to_train_on(partition, run)
        self.log.info("Training window: %s.", ", ".join(item["partition_key"] for item in chosen.snapshots))
        return training_manifest(
            model_name=self.model_name,
            dataset=self.dataset,
            train_snapshots=chosen.snapshots,
            train_since=chosen.since,
            train_until=cutoff,
            test_snapshot={"partition_key": partition.key, "snapshot_id": test_id},
            test_since=cutoff,
            features=self.features,
            label=self.label_column,
            row_id=self.row_id,
            time_column=self.time_column,
            function=self.train_function,
            code_files=code_files(function),
            params=self.train_params or {},
            trusted_types=self.trusted_types,
            task=self.task,
            operating_threshold=self.operating_threshold,
        )

    def _cutoff(self, test_id: str) -> str | None:
        if self.holdout_days is None:
            return None
        storage = Storage(self.storage_root, self.ledger_root)
        return holdout_start(storage, self.dataset, test_id, self.holdout_days, self.time_column)

    def _nothing_to_train_on(self, partition: Partition, run: RunFacts) -> None:
        reason = f"Dataset {self.dataset!r} has no accepted partition before {partition.key}: nothing to train on."
        verdict = Verdict.from_rules([RuleResult(rule="training_rows", outcome=Outcome.INCONCLUSIVE, reason=reason)])
        decision = {"model": self.model_name, "partition": partition.key, "train": []}
        model_ledger(self.model_name, self.ledger_root).append(
            kind="training",
            key=self.decision_key(run, decision),
            body={"partition_key": partition.key, "verdict": verdict.to_dict()},
            run=run.to_record(),
            mode=run.mode,
            outcome=verdict.outcome,
        )
        raise AirflowSkipException(reason)

    def _train(
        self,
        ledger: Ledger,
        run: RunFacts,
        manifest: Mapping[str, Any],
        function: Callable[..., Any],
        bundle: Mapping[str, Any],
    ) -> Record:
        from airflow_provider_mlops.hooks.training import train_from_manifest

        key = manifest_hash(manifest)
        storage = Storage(self.storage_root, self.ledger_root)
        trained = train_from_manifest(manifest, function, storage, self.log)
        hook = MlflowHook(self.mlflow_conn_id)
        try:
            tracked = track_training(hook, trained, manifest, run, experiment=self.experiment, storage=storage)
        except Exception as err:
            # Another task that recorded this training meanwhile has deleted what this one was about to store.
            if (record := _recorded(ledger, key, run)) is None:
                raise
            self.log.info("Another task recorded this training first; its model stays (%s).", type(err).__name__)
            return record
        record = ledger.append(
            kind="training",
            key=key,
            body={
                "partition_key": manifest["test"]["partition_key"],
                "manifest": manifest,
                "manifest_hash": key,
                **trained.facts(),
                **tracked,
                "change": last_change(manifest["code_files"]),
                "git": git_state(manifest["code_files"]),
                "bundle": bundle,
                MEMBER: newest_of(dataset_ledger(self.dataset, self.ledger_root).records()),
            },
            run=run.to_record(),
            mode=run.mode,
        )
        if record.body["logged_model_id"] != tracked["logged_model_id"]:
            self.log.info("Another task recorded this training first; its model stays.")
        return record

    def _replay(self, partition: Partition, run: RunFacts) -> dict[str, Any]:
        from airflow_provider_mlops.hooks.audit_training import ReplayFound, record_replay, replay_recorded
        from airflow_provider_mlops.hooks.certificate import certify_audit

        ledger, storage = model_ledger(self.model_name, self.ledger_root), Storage(self.storage_root, self.ledger_root)
        record = latest_of_run(ledger.records(), kind="training", partition_key=partition.key, run=run)
        there = record is not None and record.outcome is None
        of = record.hash if record is not None and there else None
        key = self.decision_key(run, {"model": self.model_name, "partition": partition.key, "of": of})
        if record is None or not there:
            reason = "no live run" if record is None else "the live run had nothing to train on"
            found = ReplayFound(Level.NO_RECORD, [f"{partition.key}: {reason}"])
            record_replay(ledger, run, key, partition.key, of, found, self.log)
            raise AirflowSkipException(f"There is no recorded training of {partition.key} to replay: {reason}.")
        found = replay_recorded(record, self.training_function(), storage, self.log)
        outcome = record_replay(ledger, run, key, partition.key, of, found, self.log)
        differences = list(found.differences)
        if outcome is Outcome.FAIL:
            # The steps after this one, which would end with the certificate, do not run.
            certify_audit(storage, ledger, self.model_name, run)
            raise Refused(f"The replay of {partition.key} does not give the recorded model: {'; '.join(differences)}.")
        return {**self._result(record), "replay": {"level": found.level.value, "differences": differences[:20]}}

    def _push_links(self, context: Context, record: Record) -> None:
        hook = MlflowHook(self.mlflow_conn_id)
        experiment, run_id = record.body["mlflow_experiment_id"], record.body["mlflow_run_id"]
        push_links(context, run=hook.run_url(experiment, run_id), experiment=hook.experiment_url(experiment))

    @staticmethod
    def _result(record: Record) -> dict[str, Any]:
        body = record.body
        names = ("partition_key", "manifest_hash", "model_digest", "mlflow_run_id", "logged_model_id", "rows")
        return {"model_name": body["manifest"]["model_name"], **{n: body[n] for n in names}, "record": record.hash}


def _recorded(ledger: Ledger, key: str, run: RunFacts) -> Record | None:
    """Find the training of a manifest: the live one, else that of this run's mode."""
    return ledger.find(kind="training", key=key) or ledger.find(kind="training", key=key, mode=run.mode)
