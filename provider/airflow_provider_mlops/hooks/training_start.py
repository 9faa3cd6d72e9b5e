"""What a training starts from: parameters of an earlier version, its fitted model, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.alias_moves import CHAMPION
from airflow_provider_mlops.core.base import (
    Seen,
    base_facts,
    chain_of,
    check_goes_on,
    check_held_out,
    check_params,
    only_new,
    seen_by,
)
from airflow_provider_mlops.core.canonical import canonical_json, json_safe
from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.manifest import FITS, FULL, INCREMENTAL
from airflow_provider_mlops.core.search import with_params
from airflow_provider_mlops.hooks.base_model import made_by, start_versions
from airflow_provider_mlops.hooks.training_rows import Chosen

if TYPE_CHECKING:
    from airflow_provider_mlops.core.ledger import Ledger
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.core.run import RunFacts
    from airflow_provider_mlops.hooks.mlflow import MlflowHook
    from airflow_provider_mlops.hooks.train_manifest import TrainingPlan

BASE = f"@{CHAMPION}"
FAIL = "fail"
FIRSTS = (FAIL, FULL)
_MOST_PARAMS = 100_000
"""Characters of the parameters as JSON."""
BATCH_ROWS, MOST_BATCH_ROWS = 10_000, 10_000_000


@dataclass(frozen=True, slots=True)
class Start:
    """What a training starts from.

    :param params: parameters of the training function.
    :param params_from: what the manifest says of where they come from; None where none were asked for.
    :param fit: what the manifest says of how the model goes on from its base; None where it is fitted in full.
    :param chain: manifests of the base and its own bases, the nearest first.
    :param first: what the record says where there was no base yet, and the model is fitted in full; else None.
    """

    params: dict[str, Any]
    params_from: dict[str, Any] | None = None
    fit: dict[str, Any] | None = None
    chain: Sequence[Mapping[str, Any]] = ()
    first: dict[str, Any] | None = None

    def facts(self) -> dict[str, Any]:
        """Return what the record of the training says beside the manifest: that a base was asked for in vain."""
        return {"start": self.first} if self.first else {}

    def decision(self) -> dict[str, Any]:
        """Return what a decision to train nothing depends on beside the partition."""
        return {"base": self.fit["base"]["manifest_hash"]} if self.fit else {}

    def why_nothing(self) -> str:
        """Return the beginning of a sentence that says why there is nothing to train on: what the base has learned."""
        return f"The base has learned all rows up to {self.seen}. " if self.seen else ""

    @property
    def seen(self) -> Seen | None:
        """Up to where the base has read; None without a base."""
        return seen_by(self.chain) if self.chain else None

    def check(self, plan: TrainingPlan, test_since: str | None) -> None:
        """Refuse a base that learned something else, or what is held out now.

        :param plan: what the Dag asks for.
        :param test_since: start of the held out rows, None for the whole partition.
        :raises BadInput: when the base learned something else.
        :raises Refused: when it learned rows that are held out.
        """
        if self.fit is None or self.seen is None:
            return
        wanted = {
            "dataset": plan.dataset,
            "features": plan.features,
            "label": plan.label_column,
            "time_column": plan.time_column,
            "task": plan.task,
        }
        version = self.fit["base"]["version"]
        check_goes_on(wanted, self.chain[0], version)
        check_held_out(self.seen, plan.partition_key, test_since, version)

    def rows(self, chosen: Chosen) -> Chosen:
        """Return the rows to train on: of an incremental fit those that the chain has not seen.

        :param chosen: the snapshots of the window.
        """
        if self.fit is None or self.fit["kind"] != INCREMENTAL or self.seen is None:
            return chosen
        return Chosen(*only_new(chosen.snapshots, chosen.since, self.seen))


def find_start(plan: TrainingPlan, hook: MlflowHook, ledger: Ledger, run: RunFacts, log: Any) -> Start:
    """Find what a training starts from.

    :param plan: what the Dag asks for.
    :param hook: the MLflow connection.
    :param ledger: the model's ledger.
    :param run: facts of the run; an alias is looked up once for it.
    :param log: where it is told what is started from.
    :return: the start.
    :raises BadInput: when what is asked for contradicts itself.
    :raises Refused: when there is no base, or a version was not trained here.
    """
    fit, model = _checked(plan), plan.model_name
    wanted = [plan.params_from] if plan.params_from else []
    wanted += [plan.base] if fit != FULL else []
    versions = start_versions(hook, ledger, run, model, wanted)
    records = ledger.records()
    start = Start(dict(plan.train_params or {}))
    if plan.params_from:
        start = _with_params(start, plan.params_from, versions[plan.params_from], records, model, log)
    if fit == FULL:
        return start
    if (version := versions[plan.base]) is not None:
        return _on_base(start, fit, plan, version, records, log)
    if plan.first != FULL:
        raise Refused(
            f"Model {model!r} has no {plan.base}, which fit={fit!r} goes on from. Train the first version in full: "
            "fit='full', or first='full' to have it done here."
        )
    log.info("Model %s has no %s yet: the first version is fitted in full.", model, plan.base)
    return replace(start, first={"fit": fit, "base": plan.base, "version": None})


def _checked(plan: TrainingPlan) -> str:
    """Check what a Dag says about the start, and return how it is fitted."""
    _check_params(plan.train_params)
    fit, rows = plan.fit or FULL, plan.batch_rows
    if fit not in FITS:
        raise BadInput(f"fit={fit!r} must be one of: {', '.join(FITS)}.")
    if plan.first not in FIRSTS:
        raise BadInput(f"first={plan.first!r} must be one of: {', '.join(FIRSTS)}.")
    if isinstance(rows, bool) or not isinstance(rows, int) or not 1 <= rows <= MOST_BATCH_ROWS:
        raise BadInput(f"batch_rows={rows!r} must be a whole number from 1 to {MOST_BATCH_ROWS:,}.")
    return fit


def _check_params(params: Any) -> None:
    """Refuse parameters that no record can hold."""
    if params is not None and not isinstance(params, Mapping):
        raise BadInput(f"train_params must map names to values, not be a {type(params).__name__}.")
    if (size := len(canonical_json(json_safe(params, "train_params")))) > _MOST_PARAMS:
        raise BadInput(
            f"train_params have {size:,} characters; at most {_MOST_PARAMS:,} stand in a record. What is larger is "
            "data: put it into the dataset, or beside the function in the bundle."
        )


def _with_params(
    start: Start, wanted: str, version: str | None, records: Sequence[Record], model: str, log: Any
) -> Start:
    """Put the explicit parameters over those of a version."""
    if version is None:
        log.info("Model %s has no %s yet: the explicit train_params alone are used.", model, wanted)
        return replace(start, params_from={"version": None, "manifest_hash": None})
    made = made_by(records, model, version).body
    params = {**with_params(made["manifest"], made.get("search"))["params"], **start.params}
    log.info("Parameters of version %s, with %d explicit ones over them: %s.", version, len(start.params), params)
    return replace(start, params=params, params_from={"version": version, "manifest_hash": made["manifest_hash"]})


def _on_base(start: Start, fit: str, plan: TrainingPlan, version: str, records: Sequence[Record], log: Any) -> Start:
    base = made_by(records, plan.model_name, version)
    manifest = base.body["manifest"]
    said: dict[str, Any] = {"kind": fit, "base": base_facts(base, version)}
    params = start.params
    if fit == INCREMENTAL:
        made = with_params(manifest, base.body.get("search"))["params"]
        check_params(params, made, version)
        params, said = made, {**said, "batch_rows": plan.batch_rows}
    chain = [manifest, *(record.body["manifest"] for record in chain_of(records, manifest))]
    log.info("Going on from version %s (%s), training %d of its chain.", version, fit, len(chain) + 1)
    return replace(start, params=params, fit=said, chain=chain)
