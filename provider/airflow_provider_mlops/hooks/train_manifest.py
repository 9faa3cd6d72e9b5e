"""What a Dag asks a training to be, and the manifest that comes of it once the snapshots are chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from airflow_provider_mlops.core.code_identity import code_files
from airflow_provider_mlops.core.determinism import check_asked
from airflow_provider_mlops.core.env_names import check_env_names
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.evidence import accepted_snapshots
from airflow_provider_mlops.core.manifest import BINARY, FULL, training_manifest
from airflow_provider_mlops.core.search import search_plan
from airflow_provider_mlops.core.window import WindowSpec
from airflow_provider_mlops.hooks.ledger import dataset_ledger
from airflow_provider_mlops.hooks.not_accepted import not_accepted
from airflow_provider_mlops.hooks.rows import holdout_start
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.hooks.training_rows import Held, choose_training
from airflow_provider_mlops.hooks.training_start import BASE, BATCH_ROWS, FAIL, Start

__all__ = ["BASE", "BATCH_ROWS", "FAIL", "TrainingPlan", "build_manifest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """The arguments of `TrainModelOperator` that decide what model comes out, rendered; named and meant as there.

    :param model_name: name of the registered model.
    :param dataset: name of the dataset.
    :param train_function: import path of the training function.
    :param features: feature columns, in order.
    :param label_column: label column.
    :param row_id: column that names a row.
    :param time_column: column with the row's time, None where there is none.
    :param test_snapshot_id: accepted snapshot of the partition; None or empty for the one in the ledger.
    :param partition_key: partition that is held out.
    :param window: which partitions before it to train on.
    :param holdout_days: how many last days of the partition are held out; None for all of it.
    :param train_params: further keyword arguments of the training function.
    :param params_from: version or ``@alias`` whose parameters ``train_params`` are put over; None or empty for none.
    :param fit: ``full``, ``warm`` or ``incremental``; empty for ``full``.
    :param base: version or ``@alias`` that a warm or incremental fit goes on from.
    :param first: what happens where no version has the alias: ``fail``, or fit in ``full``.
    :param batch_rows: rows of a batch of an incremental fit.
    :param trusted_types: types that the saved model may hold beyond skops' own list.
    :param task: ``binary``, ``multiclass`` or ``regression``.
    :param operating_threshold: how the operating threshold is chosen, None to choose none.
    :param search: how parameters are searched, None for no search.
    :param python: path of another interpreter that trains; None or empty for none.
    :param env_names: environment variables that it gets in a process of its own beside the usual ones; None for none.
    :param determinism: ``trust``, ``verify`` or ``require``; None for ``trust``.
    """

    model_name: str
    dataset: str
    train_function: str
    features: Sequence[str]
    label_column: str
    row_id: str = "row_id"
    time_column: str | None = None
    test_snapshot_id: str | None = None
    partition_key: str
    window: WindowSpec = None
    holdout_days: int | None = None
    train_params: Mapping[str, Any] | None = None
    params_from: str | None = None
    fit: str = FULL
    base: str = BASE
    first: str = FAIL
    batch_rows: int = BATCH_ROWS
    trusted_types: Sequence[str] = ()
    task: str = BINARY
    operating_threshold: Mapping[str, Any] | None = None
    search: Mapping[str, Any] | None = None
    python: str | None = None
    env_names: Sequence[str] | None = None
    determinism: str | None = None

    @classmethod
    def of(cls, operator: Any, **checked: Any) -> TrainingPlan:
        """Take the plan of an operator.

        :param operator: it has an attribute for each argument, rendered.
        :param checked: arguments that were checked already, in place of the operator's.
        :return: the plan.
        """
        return cls(**({item.name: getattr(operator, item.name) for item in fields(cls)} | checked))


def build_manifest(
    plan: TrainingPlan, function: Callable[..., Any], start: Start, storage: Storage, log: Any
) -> dict[str, Any] | None:
    """Choose the snapshots of a training and build its manifest.

    :param plan: what the Dag asks for.
    :param function: the training function.
    :param start: what it starts from.
    :param storage: where the snapshots and the ledgers lie.
    :param log: where the window is told.
    :return: the manifest; None where there is no accepted partition to train on, or none that the base has not learned.
    :raises BadInput: when the plan contradicts itself, the partition that is held out has no accepted snapshot, or the
        base has learned something else.
    :raises Refused: when the window was not accepted, or the base has learned rows that are held out.
    """
    search = _search(plan, start)
    records = dataset_ledger(plan.dataset, storage.ledger_root).records()
    accepted = accepted_snapshots(records)
    test_id = plan.test_snapshot_id or accepted.get(plan.partition_key)
    if test_id is None:
        raise not_accepted(plan.partition_key, plan.dataset, accepted, storage.ledger_root)
    cutoff = _cutoff(plan, test_id, storage)
    held = Held(
        dataset=plan.dataset,
        partition_key=plan.partition_key,
        snapshot_id=test_id,
        tail_only=cutoff is not None,
        time_column=plan.time_column,
    )
    start.check(plan, cutoff)
    chosen = start.rows(choose_training(plan.window, held, accepted, records, storage))
    if not chosen.snapshots:
        return None
    log.info("Training window: %s.", ", ".join(item["partition_key"] for item in chosen.snapshots))
    return training_manifest(
        model_name=plan.model_name,
        dataset=plan.dataset,
        train_snapshots=chosen.snapshots,
        train_since=chosen.since,
        train_until=cutoff,
        test_snapshot={"partition_key": plan.partition_key, "snapshot_id": test_id},
        test_since=cutoff,
        features=plan.features,
        label=plan.label_column,
        row_id=plan.row_id,
        time_column=plan.time_column,
        function=plan.train_function,
        code_files=code_files(function, plan.train_function),
        params={name: value for name, value in start.params.items() if name not in (search or {}).get("space", ())},
        trusted_types=plan.trusted_types,
        task=plan.task,
        operating_threshold=plan.operating_threshold,
        params_from=start.params_from,
        fit=start.fit,
        search=search,
        python=plan.python,
        env_names=check_env_names(plan.env_names),
        determinism=check_asked(plan.determinism),
    )


def _search(plan: TrainingPlan, start: Start) -> dict[str, Any] | None:
    """Check the search, and what cannot go together."""
    if start.fit is not None and (plan.search is not None or plan.python):
        what = "search" if plan.search is not None else "python"
        raise BadInput(f"fit={start.fit['kind']!r} goes on from a fitted model and takes no {what}: leave one out.")
    return search_plan(plan.search, time_column=plan.time_column, params=plan.train_params or {})


def _cutoff(plan: TrainingPlan, test_id: str, storage: Storage) -> str | None:
    if plan.holdout_days is None:
        return None
    return holdout_start(storage, plan.dataset, test_id, plan.holdout_days, plan.time_column)
