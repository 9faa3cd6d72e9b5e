"""The training step of an audit: the recorded training replayed, compared, and the outcome recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.certificate import Cause, Difference, is_lawful
from airflow_provider_mlops.core.errors import EvidenceBroken, FinalError
from airflow_provider_mlops.core.replay import Level, compare_training, excused, replay_verdict
from airflow_provider_mlops.core.search import manifest_to_replay
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.hooks.data_files import files_are_known, found_file_differences, root_of
from airflow_provider_mlops.hooks.gone import Erased, Pruned, erasures_since
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
    :param stopped: why nothing was trained again; None where it was, or there is no record.
    """

    level: Level
    differences: Sequence[str]
    causes: Sequence[Difference] = ()
    stopped: FinalError | None = None


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
    :return: the level and what differs; a base or a snapshot that is missing or was changed is a cause.
    """
    from airflow_provider_mlops.hooks.base_model import open_base
    from airflow_provider_mlops.hooks.replay_causes import explanation, known_differences
    from airflow_provider_mlops.hooks.train_function import environment_before
    from airflow_provider_mlops.hooks.training import train_from_manifest

    body, manifest = training.body, manifest_to_replay(training.body)
    root = root_of(function, body.get("dag_file"))
    code = ReplayedCode(function, files_of_today(function, manifest), root=root)
    known = known_differences(storage, training, code, records)
    try:
        base = open_base(hook, records, manifest)
    except EvidenceBroken as err:
        return stopped(err, [Difference(Cause.BASE, str(err)), *known])
    try:
        trained = train_from_manifest(manifest, function, storage, log, base=base, root=root)
    except EvidenceBroken as err:
        return stopped(err, with_cause(err, known))
    except FileNotFoundError as err:
        if not files_are_known(known):
            raise
        return stopped(EvidenceBroken(f"It cannot be trained again: {err}"), known)
    now = {"environment": environment_before(function, body["environment"]), "code_files": code.files}
    compared = compare_training(body, {**trained.facts(), **now})
    level, differences = excused(*compared, erasures_since(storage, manifest))
    read = found_file_differences(body, trained.data_files)
    known = [*known, *read]
    differences = [*(one.detail for one in known if one.cause is Cause.FILES), *differences]
    if level is Level.NONE:
        again = partial(train_from_manifest, manifest, function, storage, log, base=base, root=root)
        why = explanation(training, trained, again, known, committed=False)
        known = [*known, *why]
        differences = [*(f"{one.cause}: {one.detail}" for one in why), *differences]
    return ReplayFound(level, differences, known)


def stopped(error: FinalError, causes: Sequence[Difference]) -> ReplayFound:
    """Return what a replay came to that could not train.

    :param error: why.
    :param causes: what is not as recorded.
    """
    return ReplayFound(Level.NONE, [str(error)], causes, error)


def with_cause(error: FinalError, known: Sequence[Difference]) -> list[Difference]:
    """Add what an error says of the rows to what is known of them, unless it is known.

    :param error: why the rows could not be read, or what else stopped an audit.
    :param known: what is not as recorded, as the ledgers say.
    :return: the differences, the causes of missing rows first.
    """
    cause = _cause_of(error)
    if cause in {item.cause for item in known} & {Cause.DATA_ERASED, Cause.DATA_PRUNED}:
        return list(known)
    return [Difference(cause, str(error)), *known]


def _cause_of(error: FinalError) -> Cause:
    match error:
        case Pruned():
            return Cause.DATA_PRUNED
        case Erased():
            return Cause.DATA_ERASED
        case EvidenceBroken():
            return Cause.DATA_MISSING
    return Cause.UNKNOWN


def record_replay(
    ledger: Ledger, run: RunFacts, of: str | None, partition_key: str, found: ReplayFound, log: Any
) -> Outcome:
    """Record what a replay came to; once for a run, unless it comes to something else when it is tried again.

    :param ledger: the model's ledger.
    :param run: facts of the audit's run.
    :param of: hash of the training's record; None when there is none.
    :param partition_key: the partition that is audited.
    :param found: what the replay came to.
    :param log: where the verdict is told.
    :return: the outcome.
    """
    lawful = is_lawful(found.causes)
    verdict = replay_verdict(found.level, list(found.differences), trained=found.stopped is None, lawful=lawful)
    log.info("Replay of %s: %s", partition_key, verdict.summary())
    told = {"of": of, "level": found.level.value, "differences": list(found.differences)}
    ledger.append(
        kind="replay",
        key=sha256_of({"replay": partition_key, **told, "run": f"{run.dag_id}/{run.run_id}"}),
        body={
            "partition_key": partition_key,
            **told,
            "causes": [asdict(cause) for cause in found.causes],
            "verdict": verdict.to_dict(),
        },
        run=run.to_record(),
        mode=run.mode,
        outcome=verdict.outcome,
    )
    return verdict.outcome
