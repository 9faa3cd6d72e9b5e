"""The base of a replayed training: fetched by its hash, or trained again from the root of its chain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.base import chain_of, cited_base, fit_of
from airflow_provider_mlops.core.certificate import Cause, Difference
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.evidence import registration_by_manifest
from airflow_provider_mlops.core.replay import code_differences, compare_training
from airflow_provider_mlops.core.search import manifest_to_replay
from airflow_provider_mlops.hooks.base_model import open_base
from airflow_provider_mlops.hooks.data_files import known_file_differences
from airflow_provider_mlops.hooks.fitting import Base
from airflow_provider_mlops.hooks.gone import erasures_since
from airflow_provider_mlops.hooks.recorded_code import CodeMissing, ReplayedCode, replayed_code
from airflow_provider_mlops.hooks.training import train_from_manifest

if TYPE_CHECKING:
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.hooks.mlflow import MlflowHook
    from airflow_provider_mlops.hooks.storage import Storage


@dataclass(slots=True)
class ReplayedBase:
    """What a training is replayed on.

    :param base: the base; None where there is none, or it cannot be had.
    :param missing: whether a base that is cited cannot be had.
    :param differences: what is not as recorded.
    :param chain: ``version``, ``manifest_hash``, ``fit`` and ``level`` of each base, the root first; ``level`` is null
        where the base was fetched, not trained again; ``commit`` where the code of one ran.
    """

    base: Base | None = None
    missing: bool = False
    differences: list[Difference] = field(default_factory=list)
    chain: list[dict[str, Any]] = field(default_factory=list)

    def figures(self, *, from_root: bool) -> dict[str, Any]:
        """Return what the certificate shows of it: nothing where there is no base.

        :param from_root: whether the chain was to be trained again.
        """
        if not self.chain:
            return {}
        return {"bases": self.chain, "depth": len(self.chain) + 1, "replayed_from": "root" if from_root else "base"}


def replayed_base(
    training: Record,
    records: Sequence[Record],
    storage: Storage,
    hook: MlflowHook,
    log: Any,
    *,
    from_root: bool,
    choice: str,
    bundle: Path | None = None,
) -> ReplayedBase:
    """Bring the base of a training.

    :param training: the record of the training.
    :param records: records of the model's ledger.
    :param storage: where the snapshots lie.
    :param hook: the MLflow connection.
    :param log: where progress is told.
    :param from_root: whether the chain is trained again, not fetched.
    :param choice: whose code it is trained by then: ``today``, or ``recorded`` for the commit of each.
    :param bundle: root of the Dag bundle, for functions that stand in Dag files.
    :return: the base, or why it cannot be had.
    :raises TransientError: when MLflow or the storage cannot be reached.
    """
    manifest, found = training.body["manifest"], ReplayedBase()
    if cited_base(manifest) is None:
        return found
    try:
        chain = chain_of(records, manifest)
        found.chain = [_named(records, base) for base in reversed(chain)]
        if from_root:
            code_of = partial(replayed_code, choice=choice, log=log, bundle=bundle)
            _train_chain(found, list(reversed(chain)), storage, code_of, log)
        else:
            found.base = open_base(hook, records, manifest)
    except (BadInput, EvidenceBroken, CodeMissing) as err:
        log.warning("The base cannot be had: %s", err)
        found.missing, found.base = True, None
        cause = Cause.CODE_MISSING if isinstance(err, CodeMissing) else Cause.BASE
        found.differences.append(Difference(cause, str(err)))
    return found


def _train_chain(
    found: ReplayedBase,
    chain: Sequence[Record],
    storage: Storage,
    code_of: Callable[[Record], AbstractContextManager[ReplayedCode]],
    log: Any,
) -> None:
    """Train every base again, the root first, each on the one that came out before it."""
    erased = False
    for named, base in zip(found.chain, chain, strict=True):
        who = f"the base, version {named['version']}" if named["version"] else f"the base {named['manifest_hash']}"
        log.info("Training %s again.", who)
        with ExitStack() as opened:
            try:
                code = opened.enter_context(code_of(base))
            except CodeMissing as err:
                raise CodeMissing(f"{who}: {err}") from err
            trained = train_from_manifest(
                manifest_to_replay(base.body), code.function, storage, log, base=found.base, root=code.root
            )
            files = known_file_differences(base.body, code.root)
        level, _ = compare_training(base.body, {**trained.facts(), "code_files": code.files})
        named.update(level=level.value, **({"commit": code.commit} if code.commit else {}))
        for detail in code_differences(base.body["manifest"]["code_files"], code.files):
            found.differences.append(Difference(Cause.CODE, f"{who}: {detail}"))
        found.differences += [Difference(one.cause, f"{who}: {one.detail}") for one in files]
        # What a base has lost by a recorded decision, all that go on from it have lost.
        erased = erased or bool(erasures_since(storage, base.body["manifest"]))
        if trained.model_digest != base.body["model_digest"]:
            cause, why = (Cause.DATA_ERASED, ", without the erased rows") if erased else (Cause.BASE, "")
            found.differences.append(Difference(cause, f"{who}, came out differently when trained again{why}"))
        found.base = Base(trained.estimator, trained.classes)


def _named(records: Sequence[Record], base: Record) -> dict[str, Any]:
    made = registration_by_manifest(records, base.body["manifest_hash"])
    return {
        "version": made.body["version"] if made else None,
        "manifest_hash": base.body["manifest_hash"],
        "fit": fit_of(base.body["manifest"]),
        "level": None,
    }
