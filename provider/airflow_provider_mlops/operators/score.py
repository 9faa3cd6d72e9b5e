"""Scoring a partition into the prediction log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from airflow_provider_mlops import assets
from airflow_provider_mlops.core import reading
from airflow_provider_mlops.core.citations import MEMBER, newest_of
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken, Refused
from airflow_provider_mlops.core.evaluation import Contender
from airflow_provider_mlops.core.evidence import accepted_snapshots, registration_by_version, training_of
from airflow_provider_mlops.core.gone import ids_in
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.prediction_log import CHAMPION_ARM, REFERENCE, VALUE, check_arm, digested_of, log_path
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.score_plan import ScorePlan
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.hooks.ledger import dataset_ledger, known_model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.not_accepted import not_accepted
from airflow_provider_mlops.hooks.refused_scoring import ScoringRefused, record_refused
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.links.mlflow import ModelVersionLink, push_links
from airflow_provider_mlops.operators.base import MLOpsOperator
from airflow_provider_mlops.operators.context import PARTITION_KEY

if TYPE_CHECKING:
    from airflow.sdk import Context

BATCH_ROWS = 10_000
PART_ROWS = 200_000
_NOT_IN_RECORD = ("kind", "schema", "model_name")


class ScoreBatchOperator(MLOpsOperator):
    """Score a partition's snapshot with the champion, and keep every prediction in the prediction log.

    The version is pinned when the task starts, and its model loaded only once its bytes are the recorded ones. Rows
    stream by in batches; a part that is finished is kept, so that the retry of a killed task does not score it again.
    The same rows by the same version are one log: scoring again finds it. A row that cannot be scored gets the reason
    in place of a score. A window is refused: its partitions are scored, each under its own key. In ``audit`` mode the
    recorded rows are scored by the recorded version again, and scores that are not the recorded ones, bit by bit, are
    recorded as FAIL and fail the task. ``dry_run`` stores no log. With the alias
    ``assets.predictions_alias(model_name)`` among the outlets, a live run emits an event of
    ``assets.predictions(model_name)``.

    :param model_name: name of the registered model. (templated)
    :param dataset: name of the dataset that is scored; the one that the model was trained on or another. (templated)
    :param partition_key: partition to score; default: that of the run. (templated)
    :param snapshot_id: its snapshot; default: the accepted one. (templated)
    :param version: version that scores; default: the champion. One that was judged on this partition or a later
        one may have seen its labels: then the champion of the partition's time scores. (templated)
    :param features: ``reference``: the log names the snapshot that holds them; ``value``: they stand in the log too.
    :param entity_column: column that says whom or what a row is about. (templated)
    :param time_column: column of the time that a prediction is for; default: that of the training. (templated)
    :param row_id_column: column that names a row; default: that of the training. (templated)
    :param arm: name of the arm that predicts: ``champion``, or another for a shadow or a share of the traffic.
        (templated)
    :param max_failed_share: share of the rows that may fail, from 0 to 1; with more the task fails and logs nothing.
    :param batch_rows: rows that are scored at a time.
    :param part_rows: rows of a part, that a kill may cost.
    :param mlflow_conn_id: id of the MLflow connection. (templated)
    :param storage_root: where snapshots and logs lie; default: ``[mlops] storage_root``. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "partition_key", "dataset", "snapshot_id", "model_version", "log_id", "rows", "scored",
    "failed", "uri", "record"}``; ``uri`` is null where no log is stored.
    """

    by_index = True
    checkpoint_after = True
    template_fields: Sequence[str] = (
        "model_name",
        "dataset",
        "partition_key",
        "snapshot_id",
        "version",
        "entity_column",
        "time_column",
        "row_id_column",
        "arm",
        "mlflow_conn_id",
        "storage_root",
        "ledger_root",
    )
    operator_extra_links = (ModelVersionLink(),)
    ui_color = "#d5f5e3"

    def __init__(
        self,
        *,
        model_name: str,
        dataset: str,
        partition_key: str = PARTITION_KEY,
        snapshot_id: str | None = None,
        version: str | None = None,
        features: str = REFERENCE,
        entity_column: str | None = None,
        time_column: str | None = None,
        row_id_column: str | None = None,
        arm: str = CHAMPION_ARM,
        max_failed_share: float = 0.01,
        batch_rows: int = BATCH_ROWS,
        part_rows: int = PART_ROWS,
        mlflow_conn_id: str = MlflowHook.default_conn_name,
        storage_root: str | None = None,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.dataset = dataset
        self.partition_key = partition_key
        self.snapshot_id = snapshot_id
        self.version = version
        self.features = features
        self.entity_column = entity_column
        self.time_column = time_column
        self.row_id_column = row_id_column
        self.arm = arm
        self.max_failed_share = max_failed_share
        self.batch_rows = batch_rows
        self.part_rows = part_rows
        self.mlflow_conn_id = mlflow_conn_id
        self.storage_root = storage_root
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Score, record, and emit an event."""
        partition = Partition.parse(self.partition_key).key
        check_arm(self.arm)
        ledger = known_model_ledger(self.model_name, self.ledger_root)
        records = ledger.records()
        recorded = self._recorded(records, partition) if run.mode is Mode.AUDIT else None
        plan, made = self._plan(records, partition, recorded)
        hook = MlflowHook(self.mlflow_conn_id)
        push_links(context, version=hook.version_url(self.model_name, plan.model_version))
        try:
            body = self._score(hook, plan, made, store=run.mode is Mode.LIVE)
        except ScoringRefused as err:
            record_refused(ledger, err, run, self.decision_key)
            raise Refused(str(err)) from None
        body[MEMBER] = newest_of(dataset_ledger(self.dataset, self.ledger_root).records())
        outcome = self._compare(body, recorded) if recorded is not None else None
        record = ledger.append(
            kind="predictions",
            key=self.decision_key(run, {"log": body["log_id"], "recorded": recorded.hash if recorded else None}),
            body=body,
            run=run.to_record(),
            mode=run.mode,
            outcome=outcome,
        )
        if record.outcome == Outcome.FAIL:
            raise EvidenceBroken(
                f"Version {plan.model_version} gives other scores for {partition} now than record "
                f"{record.body['recorded']['record']} says."
            )
        self._tell(record)
        facts = {name: record.body[name] for name in ("model_version", "log_id", "rows")}
        facts |= {"model_name": self.model_name, "record_hash": record.hash}
        self.emit(context, run, assets.predictions_alias(self.model_name), assets.predictions(self.model_name), facts)
        return self._result(record)

    def _recorded(self, records: Sequence[Record], partition: str) -> Record:
        """Find what an audit scores again: the newest live log of the partition."""
        for record in reversed(records):
            if (record.kind, record.mode) == ("predictions", "live"):
                wanted = {"partition_key": partition, "dataset": self.dataset, "arm": self.arm}
                if all(record.body[name] == value for name, value in wanted.items()):
                    return record
        raise AirflowSkipException(
            f"Model {self.model_name!r} has no recorded predictions of {partition}: there is nothing to audit."
        )

    def _plan(self, records: Sequence[Record], partition: str, recorded: Record | None) -> tuple[ScorePlan, Record]:
        from airflow_provider_mlops.hooks.rows_to_score import rows_to_score

        storage = Storage(self.storage_root, self.ledger_root)
        if recorded is not None:
            body = recorded.body
            version, snapshot_id = body["model_version"], body["snapshot_id"]
            asked = {name: body[f"{name}_column"] for name in ("row_id", "entity", "time")}
            how = {name: body[name] for name in ("features", "batch_rows", "part_rows")}
        else:
            from airflow_provider_mlops.hooks.served_version import version_to_score

            hook = MlflowHook(self.mlflow_conn_id)
            version = version_to_score(hook, records, self.model_name, partition, self.version or None, self.log)
            snapshot_id = self._snapshot(partition)
            asked = {"row_id": self.row_id_column, "entity": self.entity_column, "time": self.time_column}
            how = {
                "features": reading.one_of(REFERENCE, VALUE)(self.features, "features"),
                "batch_rows": reading.count(self.batch_rows, "batch_rows"),
                "part_rows": reading.count(self.part_rows, "part_rows"),
            }
        registered = registration_by_version(records, self.model_name, version)
        made = training_of(records, self.model_name, registered.body["manifest_hash"])
        model = Contender(made, version)
        plan = ScorePlan(
            model_name=self.model_name,
            model_version=version,
            manifest_hash=model.manifest_hash,
            dataset=self.dataset,
            partition_key=partition,
            snapshot_id=rows_to_score(storage, self.dataset, snapshot_id) if snapshot_id else None,
            inputs=tuple(model.manifest["features"]),
            row_id=asked["row_id"] or model.manifest["row_id"],
            entity=asked["entity"] or None,
            time=asked["time"] or (model.manifest.get("time_column") if recorded is None else None),
            arm=self.arm,
            task=model.task,
            classes=None if model.classes is None else tuple(model.classes),
            digested=tuple(digested_of(recorded.body)) if recorded else None,
            max_failed_share=1.0 if recorded else reading.share(self.max_failed_share, "max_failed_share"),
            **how,
        )
        return plan, made

    def _snapshot(self, partition: str) -> str:
        records = dataset_ledger(self.dataset, self.ledger_root).records()
        if self.snapshot_id:
            known = (r for r in records if r.body.get("partition_key") == partition)
            if any(self.snapshot_id in ids_in(record.body) for record in known):
                return self.snapshot_id
            raise BadInput(
                f"The ledger of dataset {self.dataset!r} knows no snapshot {self.snapshot_id!r} of {partition}."
            )
        accepted = accepted_snapshots(records)
        if partition not in accepted:
            raise not_accepted(partition, self.dataset, accepted, self.ledger_root)
        return accepted[partition]

    def _score(self, hook: MlflowHook, plan: ScorePlan, made: Record, *, store: bool) -> dict[str, Any]:
        from airflow_provider_mlops.hooks.score_batch import BatchScoring
        from airflow_provider_mlops.hooks.served_version import open_model

        storage = Storage(self.storage_root, self.ledger_root)
        self.log.info(
            "Scoring %s of %s by version %s of %s.",
            plan.partition_key,
            plan.dataset,
            plan.model_version,
            self.model_name,
        )
        scoring = BatchScoring(
            storage,
            plan,
            lambda rows: open_model(hook, made, plan.model_version, rows, self.log),
            self.log,
            store=store,
        )
        manifest = scoring.run()
        found = {name: value for name, value in manifest.items() if name not in _NOT_IN_RECORD}
        return {"files": [], "manifest_sha256": None, **found}

    def _compare(self, body: dict[str, Any], recorded: Record) -> Outcome:
        """Put the recorded scores beside these; where rows were erased since, the rest of them."""
        from airflow_provider_mlops.hooks.prediction_log import scores_now

        expected, rows = recorded.body["scores_digest"], recorded.body["rows"]
        if body["snapshot_id"] != recorded.body["snapshot_id"]:
            expected, rows = scores_now(Storage(self.storage_root, self.ledger_root), recorded)
        same = body["scores_digest"] == expected
        erased = recorded.body["rows"] - rows
        body["recorded"] = {"record": recorded.hash, "same": same, "erased_rows": erased}
        self.log.info("Audit: the scores %s the recorded ones, bit by bit.", "are" if same else "are NOT")
        if erased:
            self.log.info("They differ by %s lawfully erased rows.", f"{erased:,}")
        return Outcome.PASS if same else Outcome.FAIL

    def _tell(self, record: Record) -> None:
        body, latency = record.body, record.body["latency"]
        self.log.info("%s rows, %s scored, %s failed.", *(f"{body[name]:,}" for name in ("rows", "scored", "failed")))
        for kind, count in body["errors"].items():
            self.log.warning("%s rows: %s.", f"{count:,}", kind)
        if latency["batch"] is not None:
            figures = ", ".join(f"{name} {value:.1f} ms" for name, value in latency["batch"].items())
            self.log.info("%d batches of up to %d rows: %s.", latency["batches"], body["batch_rows"], figures)

    def _result(self, record: Record) -> dict[str, Any]:
        body = record.body
        names = ("partition_key", "dataset", "snapshot_id", "model_version", "log_id", "rows", "scored", "failed")
        stored = body["manifest_sha256"] is not None
        path = log_path(self.model_name, body["partition_key"], body["log_id"])
        uri = Storage(self.storage_root, self.ledger_root).uri(path) if stored else None
        return {
            "model_name": self.model_name,
            **{name: body[name] for name in names},
            "uri": uri,
            "record": record.hash,
        }
