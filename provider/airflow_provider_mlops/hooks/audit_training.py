"""The training step of an audit: the recorded training replayed, compared, and the outcome recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.certificate import Cause, Difference
from airflow_provider_mlops.core.determinism import measured_difference
from airflow_provider_mlops.core.errors import EvidenceBroken
from airflow_provider_mlops.core.replay import Level, compare_training, excused, replay_verdict
from airflow_provider_mlops.core.search import manifest_to_replay
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.hooks.gone import erasures_since
from airflow_provider_mlops.hooks.recorded_code import ReplayedCode, files_of_today

if TYPE_CHECKING:
    from airflow_provider_mlops.core.ledger import Ledger
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.core.run import RunFacts
    from airflow_provider_mlops.hooks.mlflow import MlflowHook
    from airflow_provider_mlops.hooks.storage import Storage


@dataclass(frozen=True, slots=True)
class ReplayFound:
    """What a replay came to.

    :param level: how far it agrees with the record.
    :param differences: what differs, one sentence each, causes first.
    :param causes: what was not as recorded before it was trained again.
    """

    level: Level
    differences: Sequence[str]
    causes: Sequence[Difference] = ()


def replay_recorded(
    training: Record,
    function: Callable[..., Any],
    storage: Storage,
    hook: MlflowHook,
    records: Sequence[Record],
    log: Any,
) -> ReplayFound:
    """Train again what a record describes, on the base that it cites, and compare.

    :param training: the live record of the training.
    :param function: the training function as it is now.
    :param storage: where the snapshots lie.
    :param hook: the MLflow connection, for the base.
    :param records: records of the model's ledger, which hold the base's.
    :param log: where progress is told.
    :return: the level and what differs.
    :raises EvidenceBroken: when a snapshot is missing or was changed.
    """
    from airflow_provider_mlops.hooks.base_model import open_base
    from airflow_provider_mlops.hooks.replay_causes import known_differences
    from airflow_provider_mlops.hooks.train_function import environment_before
    from airflow_provider_mlops.hooks.training import train_from_manifest

    body, manifest = training.body, manifest_to_replay(training.body)
    code = ReplayedCode(function, files_of_today(function, manifest))
    known = known_differences(storage, training, code, records)
    try:
        base = open_base(hook, records, manifest)
    except EvidenceBroken as err:
        return ReplayFound(Level.NONE, [str(err)], [Difference(Cause.BASE, str(err)), *known])
    trained = train_from_manifest(manifest, function, storage, log, base=base)
    now = {"environment": environment_before(function, body["environment"]), "code_files": code.files}
    compared = compare_training(body, {**trained.facts(), **now})
    level, differences = excused(*compared, erasures_since(storage, manifest))
    if level is Level.NONE and (measured := measured_difference(body)) is not None:
        known = [*known, Difference(Cause.NONDETERMINISM, measured)]
        differences = [f"{Cause.NONDETERMINISM}: {measured}", *differences]
    return ReplayFound(level, differences, known)


def record_replay(
    ledger: Ledger, run: RunFacts, key: str, partition_key: str, of: str | None, found: ReplayFound, log: Any
) -> Outcome:
    """Record what a replay came to.

    :param ledger: the model's ledger.
    :param run: facts of the audit's run.
    :param key: names the decision.
    :param partition_key: the partition that is audited.
    :param of: hash of the training's record; None when there is none.
    :param found: what the replay came to.
    :param log: where the verdict is told.
    :return: the outcome.
    """
    verdict = replay_verdict(found.level, list(found.differences))
    log.info("Replay of %s: %s", partition_key, verdict.summary())
    ledger.append(
        kind="replay",
        key=key,
        body={
            "partition_key": partition_key,
            "of": of,
            "level": found.level.value,
            "differences": list(found.differences),
            "causes": [asdict(cause) for cause in found.causes],
            "verdict": verdict.to_dict(),
        },
        run=run.to_record(),
        mode=run.mode,
        outcome=verdict.outcome,
    )
    return verdict.outcome
