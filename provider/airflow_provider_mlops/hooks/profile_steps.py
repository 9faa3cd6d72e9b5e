"""Profiling what a drift check will judge: the partitions of a window, each once, by the reference of the champion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.drift_options import DriftKind, Match, Origin, ReferenceChoice
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.gone import gone_snapshots
from airflow_provider_mlops.core.profiled import PROFILED, newest_profiles
from airflow_provider_mlops.hooks.drift_plan import DriftPlan, DriftQuestion, plan_drift
from airflow_provider_mlops.hooks.drift_profiled import asked_of, is_outdated, log_source, sources_of
from airflow_provider_mlops.hooks.drift_profiles import is_there
from airflow_provider_mlops.hooks.drift_sources import compared, open_current, open_reference
from airflow_provider_mlops.hooks.gone import scores_there_now, snapshot_there_now
from airflow_provider_mlops.hooks.ledger import dataset_ledger
from airflow_provider_mlops.hooks.profile_store import (
    MEMBERS,
    StoredProfile,
    of_snapshots,
    of_source,
    read_profile,
    read_spec,
)
from airflow_provider_mlops.hooks.profiles import Reference, counted, frozen_by, profile_of, profile_of_columns
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.hooks.profiles import Compute
    from airflow_provider_mlops.statistics.profile import Profile
    from airflow_provider_mlops.statistics.profile_spec import Role

ENGINES = ("arrow", "spark")
_ROLES: dict[DriftKind, Role] = {
    DriftKind.FEATURE: "feature",
    DriftKind.PREDICTION: "score",
    DriftKind.CONFIDENCE: "score",
    DriftKind.LABEL: "label",
}


@dataclass(frozen=True, slots=True)
class Profiling:
    """What is to be profiled.

    :param plan: what a drift check would read; ``unable`` where there is no reference.
    :param recorded: record of the profile of each partition that has one, by partition.
    :param keys: the partitions that have one or can get one, oldest first: of a pruned snapshot there are no rows.
    """

    plan: DriftPlan
    recorded: dict[str, Record]
    keys: list[str]


def plan_profiles(question: DriftQuestion, records: Sequence[Record]) -> Profiling:
    """Find what is to be profiled, and what is already.

    :param question: what a drift check will be asked; of a rolling reference, whose bins are those of the training.
    :param records: records of the model's ledger, oldest first.
    :return: the plan.
    :raises BadInput: when no profiles are made for the kind or the policy's reference, or the newest partition has
        nothing to profile.
    """
    if question.kind not in PROFILED:
        raise BadInput(f"kind={question.kind.value!r} has no profiles of its own; valid: {', '.join(PROFILED)}.")
    policy = question.policy
    if policy.reference.match is not Match.NONE:
        raise BadInput(
            f"Profiles have the bins of the whole reference, and the policy says match: {policy.reference.match}; "
            "give the policy with data: profile, by which they are judged."
        )
    if policy.reference.of is Origin.ROLLING:
        policy = replace(policy, reference=ReferenceChoice())
    plan = plan_drift(replace(question, policy=policy), records)
    sources = sources_of(plan)
    recorded = newest_profiles(records, asked_of(plan), sources)
    gone = gone_snapshots(dataset_ledger(question.dataset, question.ledger_root).records())
    return Profiling(plan, recorded, [key for key in sources if key in recorded or sources[key] not in gone])


class Profiler:
    """Profiles the partitions of a plan.

    :param storage: where everything lies.
    :param plan: what is profiled, by which reference; it is not ``unable``.
    :param engine: ``arrow``, or ``spark`` for snapshots.
    :raises BadInput: when the engine is another.
    """

    def __init__(self, storage: Storage, plan: DriftPlan, engine: str = ENGINES[0]) -> None:
        if engine not in ENGINES:
            raise BadInput(f"Engine {engine!r} is not known; it must be one of: {', '.join(ENGINES)}.")
        if engine == "spark" and plan.question.kind is not DriftKind.FEATURE:
            raise BadInput("engine='spark' profiles snapshots (kind='feature'); scores and labels are read by 'arrow'.")
        self.storage, self.plan, self.engine = storage, plan, engine
        self._reference: Reference | None = None

    @property
    def reference(self) -> Reference:
        """The reference of the champion: frozen by the first call that needs it, found by every other."""
        if self._reference is None:
            plan = self.plan
            roles = dict.fromkeys(compared(plan), _ROLES[plan.question.kind])
            self._reference = frozen_by(
                self.storage,
                self._of_reference(),
                roles,
                lambda: open_reference(self.storage, plan),
                slices=plan.question.policy.slices,
            )
        return self._reference

    def profile(self, key: str) -> StoredProfile:
        """Profile a partition, or find its profile.

        :param key: one of the plan's partitions.
        :return: the profile.
        :raises EvidenceBroken: when what it is of, or a stored profile, is missing or was changed.
        """
        spec, plan = self.reference.spec, self.plan
        if plan.question.kind is DriftKind.FEATURE:
            snapshot_id = sources_of(plan)[key]
            return profile_of(self.storage, plan.question.dataset, snapshot_id, spec, compute=self._compute())
        # Named before it is read: what rows are erased from meanwhile is then profiled under the old name.
        source = log_source(self.storage, plan, key)
        with self._opened(key) as columns:
            return profile_of_columns(self.storage, plan.question.model_name, source, columns, spec)

    def count_again(self, key: str, recorded: Record) -> tuple[Profile, Profile]:
        """Count a partition anew by the specification of its record, and read what was stored; nothing is written.

        :param key: one of the plan's partitions.
        :param recorded: the record of its profile.
        :return: the stored profile, and the new one.
        :raises EvidenceBroken: when the rows or the stored profile are missing or were changed.
        """
        body = recorded.body
        spec = read_spec(self.storage, body["spec_path"], body["profile_spec"])
        stored, _ = read_profile(self.storage, body["path"], body["profile"])
        if self.plan.question.kind is DriftKind.FEATURE:
            of = of_snapshots(self.plan.question.dataset, [{"snapshot_id": body["source"]}])
            return stored, counted(self.storage, of, spec, compute=self._compute())
        with self._opened(key) as columns:
            return stored, counted(self.storage, {}, spec, columns)

    def body(self, key: str, found: StoredProfile) -> dict[str, Any]:
        """Return what the record of a profile says.

        :param key: the partition.
        :param found: its profile.
        """
        plan, reference = self.plan, self.reference
        return {
            "partition_key": key,
            **asked_of(plan).to_dict(),
            "champion_version": plan.version,
            "source": sources_of(plan)[key],
            "rows": found.profile.rows,
            "profile": found.hash,
            "path": found.path,
            "profile_spec": reference.spec.hash,
            "spec_path": reference.path,
            "reference_profile": reference.stored.hash,
            "reference_path": reference.stored.path,
            "reference_rows": reference.stored.profile.rows,
            "engine": self.engine,
            **({MEMBERS: sha256_of(found.of[MEMBERS])} if MEMBERS in found.of else {}),
        }

    def is_there(self, recorded: Record | None) -> bool:
        """Tell whether a recorded profile can still be judged.

        :param recorded: its record, None where there is none.
        """
        return recorded is not None and is_there(self.storage, recorded) and not self.is_outdated(recorded)

    def is_outdated(self, recorded: Record) -> bool:
        """Tell whether rows were erased from what was profiled.

        :param recorded: the record of the profile.
        """
        return is_outdated(self.storage, self.plan, recorded)

    def _of_reference(self) -> dict[str, Any]:
        plan, kind = self.plan, self.plan.question.kind
        if kind in (DriftKind.PREDICTION, DriftKind.CONFIDENCE):
            scores_id = scores_there_now(self.storage, plan.question.model_name, str(plan.scores_id))
            return of_source(plan.question.model_name, {"scores_id": scores_id, "kind": kind.value})
        season = plan.season
        time_column = (plan.manifest or {})["time_column"] if season.since or season.until else None
        dataset = plan.reference_dataset or plan.question.dataset
        # Where rows were erased, those that are left freeze other bins: they are another reference, never the old one.
        now = [{"snapshot_id": one} for item in plan.reference if (one := self._now(dataset, item["snapshot_id"]))]
        return of_snapshots(dataset, now, time_column, season.since, season.until)

    def _now(self, dataset: str, snapshot_id: str) -> str | None:
        try:
            return snapshot_there_now(self.storage, dataset, snapshot_id)
        except EvidenceBroken:  # pruned: what was frozen by it may still be there
            return snapshot_id

    @contextmanager
    def _opened(self, key: str) -> Iterator[Any]:
        logs = [one for one in self.plan.logs if str(one.predictions.body["partition_key"]) == key]
        with open_current(self.storage, replace(self.plan, keys=[key], logs=logs)) as columns:
            yield columns

    def _compute(self) -> Compute | None:
        if self.engine != "spark":
            return None
        from airflow_provider_mlops.backends.spark_profile import profile_files

        return profile_files
