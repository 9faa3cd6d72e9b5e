"""Profiling what a drift check judges, so that it reads no rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.drift_options import DriftKind
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.hooks.ledger import known_model_ledger
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.operators.base import MLOpsOperator
from airflow_provider_mlops.operators.context import PARTITION_KEY, bundle_file

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_mlops.core.ledger import Ledger
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.hooks.drift_plan import DriftQuestion
    from airflow_provider_mlops.hooks.profile_steps import Profiler, Profiling


class ProfileDatasetOperator(MLOpsOperator):
    """Make and store the profiles of partitions, by bins that the reference of the champion froze.

    A drift check whose policy says ``data: profile`` judges them in place of rows. Each partition is read once: a
    profile that is there is found, so that a window costs its newest partition. The reference is what the drift
    policy says: the training snapshots of the champion that served the newest partition, or its accepted test
    snapshot; of scores, its scores on the test rows. In ``audit`` mode recorded profiles are counted again and
    compared; one that differs fails the task.

    :param model_name: name of the registered model. (templated)
    :param dataset: name of the dataset that is profiled, or that was scored. (templated)
    :param policy: drift policy file, YAML, relative to the Dag bundle's root or absolute: its ``reference`` and its
        ``slices`` say how rows are counted. (templated)
    :param partition_key: the newest partition to profile; default: that of the run. (templated)
    :param kind: what is profiled: ``feature`` (of accepted snapshots), ``prediction`` or ``confidence`` (scores of the
        prediction log) or ``label`` (matured labels). The profiles of features serve ``recent_change`` as well.
    :param window: number of partitions that end there; those without a profile get one, after a promotion say.
    :param engine: ``arrow``: this process counts; ``spark``: Spark does, for the same profile of a snapshot.
    :param storage_root: where snapshots lie; default: the option ``[mlops] storage_root``. (templated)
    :param ledger_root: folder of the ledgers; default: the option ``[mlops] ledger_root``. (templated)

    Returns ``{"model_name", "partition_key", "kind", "champion_version", "profiles", "reason", "record"}``;
    ``profiles`` has ``{"partition_key", "profile", "rows", "record"}`` of each, oldest first.
    """

    by_index = True
    template_fields: Sequence[str] = (
        "model_name",
        "dataset",
        "policy",
        "partition_key",
        "storage_root",
        "ledger_root",
    )
    template_ext: Sequence[str] = ()
    ui_color = "#d6eaf8"

    def __init__(
        self,
        *,
        model_name: str,
        dataset: str,
        policy: str,
        partition_key: str = PARTITION_KEY,
        kind: str = DriftKind.FEATURE.value,
        window: int = 1,
        engine: str = "arrow",
        storage_root: str | None = None,
        ledger_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.dataset = dataset
        self.policy = policy
        self.partition_key = partition_key
        self.kind = kind
        self.window = window
        self.engine = engine
        self.storage_root = storage_root
        self.ledger_root = ledger_root

    def step(self, context: Context, run: RunFacts) -> dict[str, Any]:
        """Profile what has no profile, or count recorded profiles again in audit mode."""
        from airflow_provider_mlops.hooks.profile_steps import Profiler, plan_profiles

        ledger = known_model_ledger(self.model_name, self.ledger_root)
        found = plan_profiles(self._question(context), ledger.records())
        profiler = Profiler(Storage(self.storage_root, self.ledger_root), found.plan, self.engine)
        records: list[Record] = []
        if found.plan.unable is not None:
            self.log.warning("%s: nothing is profiled.", found.plan.unable)
        elif run.mode is Mode.AUDIT:
            records = self._audit(run, ledger, profiler, found)
        else:
            records = [self._profile(run, ledger, profiler, found, key) for key in found.keys]
        return {
            "model_name": self.model_name,
            "partition_key": self.partition_key,
            "kind": self.kind,
            "champion_version": found.plan.version,
            "profiles": [
                {**{name: one.body[name] for name in ("partition_key", "profile", "rows")}, "record": one.hash}
                for one in records
            ],
            "reason": found.plan.unable,
            "record": records[-1].hash if records else None,
        }

    def _question(self, context: Context) -> DriftQuestion:
        from airflow_provider_mlops.backends.policy_file import load_drift_policy
        from airflow_provider_mlops.hooks.drift_plan import DriftQuestion

        try:
            kind = DriftKind(self.kind)
        except ValueError:
            raise BadInput(f"kind={self.kind!r} must be one of: feature, prediction, confidence, label.") from None
        return DriftQuestion(
            model_name=self.model_name,
            dataset=self.dataset,
            partition_key=self.partition_key,
            window=self.window,
            kind=kind,
            policy=load_drift_policy(bundle_file(context, self.policy)),
            ledger_root=self.ledger_root,
        )

    def _profile(self, run: RunFacts, ledger: Ledger, profiler: Profiler, found: Profiling, key: str) -> Record:
        recorded = found.recorded.get(key)
        if recorded is not None and profiler.is_there(recorded):
            self.log.info("%s has its profile: %s.", key, recorded.body["profile"])
            return recorded
        body = profiler.body(key, profiler.profile(key))
        # What came before stands in the key: a profile that was removed and made again is recorded again.
        decision = {**body, "after": recorded.hash if recorded is not None else None}
        record = ledger.append(
            kind="profile", key=self.decision_key(run, decision), body=body, run=run.to_record(), mode=run.mode
        )
        self.log.info("Profiled %s: %s rows, %s.", key, f"{record.body['rows']:,}", record.body["profile"])
        return record

    def _audit(self, run: RunFacts, ledger: Ledger, profiler: Profiler, found: Profiling) -> list[Record]:
        from airflow_provider_mlops.statistics.profile_compare import differences

        records = []
        for key, recorded in found.recorded.items():
            if profiler.is_outdated(recorded):
                self.log.info("Audit: rows were erased from %s since it was profiled; nothing is counted.", key)
                continue
            stored, again = profiler.count_again(key, recorded)
            differs = differences(stored, again)
            body = {
                **recorded.body,
                "engine": self.engine,
                "recorded": recorded.hash,
                "profile": again.hash,
                "recorded_profile": recorded.body["profile"],
                "differs": differs[:20],
            }
            outcome = Outcome.FAIL if differs else Outcome.PASS
            records.append(
                ledger.append(
                    kind="profile",
                    key=self.decision_key(run, {"recorded": recorded.hash}),
                    body=body,
                    run=run.to_record(),
                    mode=run.mode,
                    outcome=outcome,
                )
            )
            self.log.info("Audit: the profile of %s %s.", key, "DIFFERS" if differs else "is as recorded")
        if not found.recorded:
            self.log.info("There is no recorded profile to audit.")
        bad = [record for record in records if record.outcome == Outcome.FAIL]
        if bad:
            first = bad[0].body
            raise EvidenceBroken(
                f"The profile of {first['partition_key']} counts otherwise than recorded: {first['differs'][0]}; "
                f"recorded in {bad[0].hash}."
            )
        return records
