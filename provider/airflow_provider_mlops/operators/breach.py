"""Taking a promotion back when the performance that it brought is bad: self-healing, by policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from airflow_provider_mlops.core.alias_moves import CHAMPION
from airflow_provider_mlops.core.breach import answer_breach
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.retrain_policy import RetrainPolicy
from airflow_provider_mlops.core.rollback import rollback_of_request
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import MAX_REASON_LENGTH
from airflow_provider_mlops.hooks.ledger import known_model_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.rollback import Rollback, result_of
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.links.mlflow import ModelVersionLink, push_links
from airflow_provider_mlops.operators.base import MLOpsOperator
from airflow_provider_mlops.operators.context import PARTITION_KEY, bundle_file

if TYPE_CHECKING:
    from airflow.sdk import Context


class RollbackOnBreachOperator(MLOpsOperator):
    """Roll the champion back when its performance breaks its bounds soon after its promotion, as the policy says.

    Comes after `MonitorPerformanceOperator` in the monitor Dag. It looks at the newest live performance verdict of
    the partition: a FAIL of a kind that the policy names under ``on_breach``, about the version that is champion now
    and within so many verdicts of its promotion, moves the alias back as `RollbackModelOperator` does; the record
    names the verdict by its hash. Everything else is skipped with the reason. Outside ``live`` mode it is skipped.

    :param model_name: name of the registered model. (templated)
    :param policy: retrain policy file, YAML, relative to the Dag bundle's root or absolute. (templated)
    :param partition_key: partition of the verdict; default: that of the run. (templated)
    :param mlflow_conn_id: id of the MLflow connection. (templated)
    :param storage_root: where snapshots lie; default: the option ``[mlops] storage_root``. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"partition_key", "model_name", "alias", "version", "previous_version", "moved", "reason", "record"}``.
    """

    by_index = True
    template_fields: Sequence[str] = (
        "model_name",
        "policy",
        "partition_key",
        "mlflow_conn_id",
        "storage_root",
        "ledger_root",
    )
    template_ext: Sequence[str] = ()
    operator_extra_links = (ModelVersionLink(),)
    ui_color = "#f5b7b1"

    def __init__(
        self,
        *,
        model_name: str,
        policy: str,
        partition_key: str = PARTITION_KEY,
        mlflow_conn_id: str = MlflowHook.default_conn_name,
        storage_root: str | None = None,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.policy = policy
        self.partition_key = partition_key
        self.mlflow_conn_id = mlflow_conn_id
        self.storage_root = storage_root
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Look at the verdict, and roll back where the policy says so; or finish what an earlier try began."""
        from airflow_provider_mlops.backends.policy_file import load_retrain_policy

        partition = Partition.parse(self.partition_key)
        if run.mode is not Mode.LIVE:
            raise AirflowSkipException(f"In {run.mode.value} mode nothing is rolled back.")
        policy = load_retrain_policy(bundle_file(context, self.policy))
        ledger = known_model_ledger(self.model_name, self.ledger_root)
        self._stated(ledger, policy, partition.key, run)  # most days end here, and the index is enough for that
        ledger.read_whole()
        stated, version = self._stated(ledger, policy, partition.key, run)
        self.log.warning("%s", stated["reason"])
        hook = MlflowHook(self.mlflow_conn_id)
        rollback = Rollback(
            model_name=self.model_name,
            alias=CHAMPION,
            hook=hook,
            storage=Storage(self.storage_root, self.ledger_root),
            ledger=ledger,
            log=self.log,
            expected=version,  # when another one has become champion meanwhile, nothing moves
        )
        record = rollback.carry(run, stated)
        push_links(context, version=hook.version_url(self.model_name, record.body["version"]))
        return {"partition_key": partition.key, **result_of(record, self.model_name, run.mode)}

    def _stated(
        self, ledger: Ledger, policy: RetrainPolicy, partition_key: str, run: RunFacts
    ) -> tuple[Mapping[str, Any], str | None]:
        """Return what an earlier try stated, or what the verdict asks for."""
        records = ledger.records()
        earlier = rollback_of_request(records, run.request, run.mode)
        return (earlier.body, None) if earlier else self._answer(records, policy, partition_key)

    def _answer(
        self, records: Sequence[Record], policy: RetrainPolicy, partition_key: str
    ) -> tuple[dict[str, Any], str | None]:
        """Return what the record is to state, and which version is taken out of use."""
        if policy.rollback is None:
            raise AirflowSkipException(f"The policy {policy.name!r} rolls nothing back on a breach.")
        answer = answer_breach(records, policy.rollback, partition_key)
        if not answer.rolls_back or answer.verdict is None:
            raise AirflowSkipException(answer.reason)
        stated = {
            "reason": answer.reason[:MAX_REASON_LENGTH],
            "asked_by": None,
            "performance_record": answer.verdict.hash,
            "policy": self.policy,
            "policy_hash": policy.hash,
        }
        return stated, answer.version
