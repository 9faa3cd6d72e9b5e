"""What every operator of this provider shares: mode, failure types, records, bounded results."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException, AirflowSkipException

from airflow_provider_mlops.core.canonical import json_safe, sha256_of
from airflow_provider_mlops.core.errors import BadInput, FinalError, TransientError
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.hooks.gauges_out import tell_after
from airflow_provider_mlops.hooks.ledger import ledgers_read_once, read_by_index
from airflow_provider_mlops.links.mlflow import begin_links
from airflow_provider_mlops.operators.context import run_facts
from airflow_provider_mlops.operators.in_order import goes_in_order, must_wait, pause_after

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context

    from airflow_provider_mlops.core.verdict import RuleResult

MAX_RESULT_BYTES = 48_000


class MLOpsOperator(BaseOperator):
    """Base of the operators: a step whose final failures are not retried and whose result is small JSON.

    Subclasses implement `step`. A `FinalError` (the data, the model or the configuration said no) becomes Airflow's
    ``AirflowFailException``; every other exception is retried as the task's ``retries`` say. Those that set
    `checkpoint_after` keep the newest record of the model's ledger in the registry afterwards.
    """

    checkpoint_after: ClassVar[bool] = False
    """Whether the registry keeps the newest record afterwards; those that must do so in the step do it there."""
    ends_audits: ClassVar[bool] = False
    """Whether an audit whose step cannot go on ends with its certificate; those of the way to the gate."""
    by_index: ClassVar[bool] = False
    """Whether old records are taken from the ledger's index; those that run every day and move no alias."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the step in the mode of this run; in a live backfill, when it is this partition's turn.

        :param context: Airflow's context.
        :return: small JSON: ids, hashes, verdicts.
        :raises AirflowFailException: when trying again cannot change the outcome.
        """
        begin_links(context["ti"])
        with ledgers_read_once():
            return self._execute(context)

    def execute_in_turn(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Look again whether it is this partition's turn.

        :param context: Airflow's context.
        :param event: the trigger's; it says that the time is over.
        :return: as `execute` does.
        :raises AirflowFailException: when trying again cannot change the outcome.
        """
        with ledgers_read_once():
            return self._execute(context)

    def _execute(self, context: Context) -> dict[str, Any]:
        run: RunFacts | None = None
        try:
            run = run_facts(context)
            if self.by_index and run.mode is not Mode.AUDIT:
                read_by_index()
            self._wait_for_turn(context, run)
            if run.mode is not Mode.LIVE:
                self.log.info("This run is in %s mode: nothing moves.", run.mode.value)
            result = bounded(self.step(context, run))
            self._record_hashes = _records_named(result)
            self._keep_checkpoint(run)
            self._tell_gauges(run, result.get("record"))
            return result
        except AirflowSkipException as skip:
            if run is not None:
                self._tell_gauges(run, None)
            # Airflow keeps the reason out of sight, and a skipped task's log would be empty.
            self.log.info("Skipped: %s", skip)
            raise
        except AirflowNotFoundException as err:
            # Retried: whoever reads this may define it meanwhile, and Airflow says the same when its server is away.
            self.log.error("%s. Define it under Admin > Connections, or correct the name.", err)  # noqa: TRY400
            raise
        except TransientError as err:
            self.log.error("%s", err)  # noqa: TRY400 - the headline, before the stacks of what lies below
            raise
        except FinalError as err:
            if run is not None and self.ends_audits and run.mode is Mode.AUDIT:
                self._end_audit(run, err)
            self.log.error("%s", err)  # noqa: TRY400 - the headline; the frames follow with the exception
            raise AirflowFailException(f"{type(err).__name__}: {err}") from err

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Return what the task's records say was read and made, for the OpenLineage provider.

        :param task_instance: Airflow's task instance.
        :return: datasets and facets; None where the task wrote no record.
        """
        hashes, asked = getattr(self, "_record_hashes", ()), cast("Any", self)
        if not hashes:
            return None
        from airflow_provider_mlops.hooks.ledger import dataset_ledger, model_ledger
        from airflow_provider_mlops.hooks.lineage_records import record_lineage
        from airflow_provider_mlops.hooks.storage import Storage

        root, model = getattr(self, "ledger_root", None), getattr(self, "model_name", None)
        ledger = model_ledger(model, root) if model else dataset_ledger(asked.dataset, root)
        records = [record for record in ledger.records() if record.hash in hashes]
        return record_lineage(records, Storage(getattr(self, "storage_root", None), root))

    @abstractmethod
    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Do the work.

        :param context: Airflow's context.
        :param run: the facts of this run.
        :return: JSON-safe result.
        """

    def _end_audit(self, run: RunFacts, error: FinalError) -> None:
        """Certify what an audit came to that cannot go on; skip the rest where its data were lawfully removed."""
        from airflow_provider_mlops.hooks.audit_end import Ended, end_audit, models_audited
        from airflow_provider_mlops.hooks.storage import Storage

        asked: Any = self
        model, root = getattr(self, "model_name", None), getattr(self, "ledger_root", None)
        key = getattr(self, "partition_key", None) or run.partition_key or ""
        ended = Ended(run, key, error)
        try:
            models = [model] if model else models_audited(asked.dataset, root)
            end_audit(ended, models, Storage(getattr(self, "storage_root", None), root), self.log)
        except FinalError as err:
            self.log.warning("The audit ends without a certificate: %s", err)
            return
        if ended.lawful:
            self.log.info("Skipped: %s", error)
            raise AirflowSkipException(str(error)) from error

    def _wait_for_turn(self, context: Context, run: RunFacts) -> None:
        """Defer while an earlier partition of a live backfill is at work, which may need the slot of this task."""
        if goes_in_order(run) and (other := must_wait(context["ti"], run)):
            from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

            self.log.info("A live backfill goes in order: waiting for %s.", other)
            now = datetime.now(UTC)
            pause = pause_after(now - (getattr(context["dag_run"], "start_date", None) or now))
            self.defer(trigger=TimeDeltaTrigger(pause), method_name="execute_in_turn")

    def _tell_gauges(self, run: RunFacts, record: str | None) -> None:
        """Tell monitoring systems what the model's ledger says now; a step of a dataset has nothing to tell."""
        if model := getattr(self, "model_name", None):
            tell_after(model, run, record, getattr(self, "ledger_root", None), self.log)

    def _keep_checkpoint(self, run: RunFacts) -> None:
        if not self.checkpoint_after or run.mode is not Mode.LIVE:
            return
        from airflow_provider_mlops.hooks.checkpoint import keep_where_possible
        from airflow_provider_mlops.hooks.ledger import model_ledger
        from airflow_provider_mlops.hooks.mlflow import MlflowHook

        asked: Any = self
        keep_where_possible(MlflowHook(asked.mlflow_conn_id), model_ledger(asked.model_name, asked.ledger_root))

    def decision_key(self, run: RunFacts, decision: Mapping[str, Any]) -> str:
        """Return the key under which a decision is found again.

        :param run: the facts of this run; an audit decides anew in each run.
        :param decision: everything the outcome depends on, JSON-safe.
        :return: content hash.
        """
        audit = {"audit_run": f"{run.dag_id}/{run.run_id}"} if run.mode is Mode.AUDIT else {}
        return sha256_of({"step": type(self).__name__, **decision, **audit})

    def log_rules(self, rules: Iterable[RuleResult]) -> None:
        """Log what each rule of a verdict said, a line each.

        :param rules: the rules.
        """
        for rule in rules:
            self.log.info("%-12s %s: %s", rule.outcome.value, rule.rule, rule.reason)

    def emit(self, context: Context, run: RunFacts, alias: Any, asset: Any, extra: Mapping[str, Any]) -> None:
        """Emit an asset event through an alias, if the run may and the alias is among the outlets.

        :param context: Airflow's context.
        :param run: the facts of this run.
        :param alias: the ``AssetAlias``.
        :param asset: the ``Asset`` that changed.
        :param extra: JSON-safe facts; schema version, partition key and mode are added.
        """
        if run.mode.moves and any(getattr(outlet, "name", None) == alias.name for outlet in self.outlets):
            facts = {"schema": 1, "partition_key": run.partition_key, "mode": run.mode.value, **extra}
            context["outlet_events"][alias].add(asset, extra=json_safe(facts))
            self.log.info("Emitting an event of asset %s.", asset.name)


def _records_named(result: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the hashes of the records that a result names: one, or one for each certificate."""
    several = [item.get("record") for item in result.get("certificates") or () if isinstance(item, Mapping)]
    return tuple(str(found) for found in [result.get("record"), *several] if found)


@contextmanager
def final_errors() -> Iterator[None]:
    """Turn what a retry cannot change into the error that Airflow does not retry.

    :raises AirflowFailException: in place of a `FinalError`.
    """
    try:
        yield
    except FinalError as err:
        raise AirflowFailException(f"{type(err).__name__}: {err}") from err


def bounded(result: Mapping[str, Any]) -> dict[str, Any]:
    """Check that a result is JSON-safe and small enough to travel between tasks.

    :param result: what a step returns.
    :return: the same, JSON-safe.
    :raises BadInput: when it is not JSON-safe or too large.
    """
    safe: dict[str, Any] = json_safe(dict(result))
    size = len(json.dumps(safe))
    if size > MAX_RESULT_BYTES:
        raise BadInput(f"The result has {size:,} bytes; at most {MAX_RESULT_BYTES:,} travel between tasks.")
    return safe
