"""Training a candidate on accepted snapshots, or replaying the recorded training in an audit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from airflow_provider_mlops.core.determinism import check_asked, check_required
from airflow_provider_mlops.core.evidence import latest_of_run
from airflow_provider_mlops.core.manifest import BINARY, FULL
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.window import WindowSpec
from airflow_provider_mlops.hooks.dag_file import dag_file_of
from airflow_provider_mlops.hooks.ledger import model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.hooks.train_function import find_function
from airflow_provider_mlops.hooks.train_manifest import BASE, BATCH_ROWS, FAIL, TrainingPlan, build_manifest
from airflow_provider_mlops.hooks.train_recorded import RecordedTraining
from airflow_provider_mlops.links.mlflow import ExperimentLink, MlflowRunLink, push_links
from airflow_provider_mlops.operators.base import MLOpsOperator
from airflow_provider_mlops.operators.context import PARTITION_KEY, bundle_facts, bundle_root

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
    :param params_from: version, or ``@champion`` for the one of now, whose recorded parameters ``train_params`` are put
        over; where no version has the alias yet, ``train_params`` alone. An alias is looked up once for a run. None or
        empty for ``train_params`` alone. (templated)
    :param fit: ``full``; ``warm``: the function gets the fitted estimator of ``base`` as keyword ``base``;
        ``incremental``: that estimator learns the rows of the window that it has not seen, by ``partial_fit``, and the
        function is not called. Empty for ``full``. (templated)
    :param base: version, or ``@champion``, that a warm or incremental fit goes on from. (templated)
    :param first: what a warm or incremental fit does where no version has the alias yet: ``fail``, or fit in ``full``.
    :param batch_rows: rows of a batch of an incremental fit; recorded, since another size gives another model.
    :param trusted_types: types that the saved model may hold beyond skops' own list.
    :param task: ``binary`` and ``multiclass`` need an estimator with ``predict_proba``, ``regression`` one with
        ``predict``.
    :param operating_threshold: of a binary task, how to choose the threshold that is frozen with the model:
        ``{"metric": "f1"}``, with ``params`` where the metric has some (``recall_at_precision``,
        ``precision_at_recall``, ``expected_cost``) and ``validation_share``, the share of the newest training rows
        that it is chosen on (default 0.2); None to choose none.
    :param search: parameters to search within the training rows: ``method`` (``grid``, ``random``, ``halving``,
        ``optuna``), ``space``, ``metric``, and where they are not the usual ones ``folds``, ``budget``, ``seed``,
        ``replay``; see the how-to. None for none. (templated)
    :param python: absolute path of another interpreter that the training function runs in, given by import path; for
        libraries that conflict with Airflow's. None or empty for this one. (templated)
    :param env_names: names of environment variables that the function reads. In a process of its own, under ``python``
        and in replays by the recorded commit, it gets the usual ones (``PATH``, ``HOME``, locale, threads, ...) and
        these; names are recorded, values never. None for none.
    :param determinism: ``trust``; ``verify`` trains a second time, in a fresh process, and records how far both agree;
        ``require`` also fails the task where they do not, after it was recorded. None for ``trust``. (templated)
    :param experiment: MLflow experiment; default: that of the connection, else the model's name. (templated)
    :param mlflow_conn_id: id of the MLflow connection. (templated)
    :param storage_root: where snapshots lie; default: the option ``[mlops] storage_root``. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "partition_key", "manifest_hash", "model_digest", "mlflow_run_id", "logged_model_id",
    "rows", "record"}``.
    """

    checkpoint_after = True
    ends_audits = True
    template_fields: Sequence[str] = (
        "model_name",
        "dataset",
        "train_function",
        "test_snapshot_id",
        "partition_key",
        "window",
        "train_params",
        "params_from",
        "fit",
        "base",
        "search",
        "python",
        "determinism",
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
        params_from: str | None = None,
        fit: str = FULL,
        base: str = BASE,
        first: str = FAIL,
        batch_rows: int = BATCH_ROWS,
        trusted_types: Sequence[str] = (),
        task: str = BINARY,
        operating_threshold: Mapping[str, Any] | None = None,
        search: Mapping[str, Any] | None = None,
        python: str | None = None,
        env_names: Sequence[str] | None = None,
        determinism: str | None = None,
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
        self.params_from = params_from
        self.fit = fit
        self.base = base
        self.first = first
        self.batch_rows = batch_rows
        self.trusted_types = trusted_types
        self.task = task
        self.operating_threshold = operating_threshold
        self.search = search
        self.python = python
        self.env_names = env_names
        self.determinism = determinism
        self.experiment = experiment
        self.mlflow_conn_id = mlflow_conn_id
        self.storage_root = storage_root
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Train, find the same training, or replay the recorded one."""
        partition, training = Partition.parse(self.partition_key).key, self._training(run)
        if run.mode is Mode.AUDIT:
            return self._replay(training, partition)
        function = self.training_function()
        plan = TrainingPlan.of(self, partition_key=partition)
        start = training.find_start(plan)
        manifest = build_manifest(plan, function, start, training.storage, self.log)
        if manifest is None:
            decision = {"model": self.model_name, "partition": partition, "train": [], **start.decision()}
            why = f"{start.why_nothing()}Dataset {self.dataset!r} has no accepted partition before {partition}"
            raise AirflowSkipException(training.record_nothing(partition, self.decision_key(run, decision), why))
        more = {**start.facts(), **dag_file_of(function, bundle_root(context))}
        record = training.find_or_train(manifest, function, bundle_facts(context), more)
        self._push_links(context, record)
        check_required(check_asked(self.determinism), record.body)
        return self._result(record)

    def training_function(self) -> Callable[..., Any]:
        """Return the function that trains."""
        return find_function(self.train_function, self.python, self.trusted_types, self.log, self.env_names)

    def _training(self, run: RunFacts) -> RecordedTraining:
        return RecordedTraining(
            ledger=model_ledger(self.model_name, self.ledger_root),
            storage=Storage(self.storage_root, self.ledger_root),
            hook=MlflowHook(self.mlflow_conn_id),
            experiment=self.experiment,
            run=run,
            log=self.log,
        )

    def _replay(self, training: RecordedTraining, partition: str) -> dict[str, Any]:
        run = training.run
        record = latest_of_run(training.ledger.records(), kind="training", partition_key=partition, run=run)
        there = record is not None and record.outcome is None
        if record is None or not there:
            reason = "no live run" if record is None else "the live run had nothing to train on"
            training.record_no_training(reason, partition)
            raise AirflowSkipException(f"There is no recorded training of {partition} to replay: {reason}.")
        level, differences = training.replay(record, self.training_function(), partition)
        return {**self._result(record), "replay": {"level": level.value, "differences": differences[:20]}}

    def _push_links(self, context: Context, record: Record) -> None:
        hook = MlflowHook(self.mlflow_conn_id)
        experiment, run_id = record.body["mlflow_experiment_id"], record.body["mlflow_run_id"]
        push_links(context, run=hook.run_url(experiment, run_id), experiment=hook.experiment_url(experiment))

    @staticmethod
    def _result(record: Record) -> dict[str, Any]:
        body = record.body
        names = ("partition_key", "manifest_hash", "model_digest", "mlflow_run_id", "logged_model_id", "rows")
        return {"model_name": body["manifest"]["model_name"], **{n: body[n] for n in names}, "record": record.hash}
