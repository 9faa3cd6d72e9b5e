"""The way from a partition to a champion, wired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import TaskGroup

from airflow_provider_mlops import assets
from airflow_provider_mlops.core.window import WindowSpec
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.operators.check import CheckTrainingDataOperator
from airflow_provider_mlops.operators.context import PARTITION_KEY
from airflow_provider_mlops.operators.decide import DecideRetrainOperator
from airflow_provider_mlops.operators.retrain import ClaimRetrainingOperator
from airflow_provider_mlops.operators.snapshot import SnapshotDatasetOperator
from airflow_provider_mlops.operators.train import TrainModelOperator
from airflow_provider_mlops.operators.validate import ValidateDatasetOperator
from airflow_provider_mlops.task_groups.promotion import judge_and_promote
from airflow_provider_mlops.task_groups.results import member_if_any, member_of


def model_lifecycle(
    *,
    model_name: str,
    dataset: str,
    source: str | Mapping[str, Any],
    suite: str,
    train_function: str,
    policy: str,
    features: Sequence[str],
    label_column: str,
    group_id: str = "lifecycle",
    time_column: str | None = None,
    window: WindowSpec = None,
    slices: Sequence[str] = (),
    metrics: Sequence[str] | None = None,
    contract: str | None = None,
    checks: str | None = None,
    evaluation: Mapping[str, Any] | None = None,
    approval: Mapping[str, Any] | None = None,
    governance: Mapping[str, str] | None = None,
    card: bool = True,
    **train: Any,
) -> TaskGroup:
    """Wire snapshot, validate, check, train, register, evaluate, gate and promote for the partition of the run.

    :param model_name: name of the registered model.
    :param dataset: name of the dataset.
    :param source: what a partition's rows are taken from: a mapping that `airflow_provider_mlops.sources` builds, or
        the import path of a function that yields them.
    :param suite: suite file, relative to the Dag bundle's root, or import path of a function that returns one.
    :param train_function: import path of the training function.
    :param policy: gate policy file, relative to the Dag bundle's root.
    :param features: feature columns, in order.
    :param label_column: label column.
    :param group_id: id of the task group.
    :param time_column: column with the row's time.
    :param window: which partitions to train on: None for all before this one, a number for the newest, or
        ``{"since": "2013-01"}``.
    :param slices: columns that the policy slices by.
    :param metrics: metrics to measure; default: those of the task.
    :param contract: contract file, relative to the Dag bundle's root, or ``last``; None for no contract.
    :param checks: file of the checks of training data, likewise; None for no such task.
    :param evaluation: further arguments of `EvaluateModelOperator` (``columns``, ``stress``, ``counterfactuals``, ...).
    :param approval: arguments of `ModelApprovalOperator` (``response_timeout``, ``notifiers``, ...), or ``{}``: what
        needs a human, by the policy or because the gate could not decide, waits for one; None asks nobody.
    :param governance: what must be known of each version before it is promoted, text by tag (`RegisterModelOperator`).
    :param card: whether the model card of a promoted version is written.
    :param train: further arguments of `TrainModelOperator` (``train_params``, ``trusted_types``, ...).
    :return: the task group; what comes after the promotion goes ``group >> task``.
    """
    judged = {"slices": slices, "metrics": metrics, **(evaluation or {})}
    with TaskGroup(group_id) as group:
        snapshot = SnapshotDatasetOperator(
            task_id="snapshot",
            dataset=dataset,
            source=source,
            time_column=time_column,
            outlets=[assets.snapshot_alias(dataset)],
        )
        validate = ValidateDatasetOperator(
            task_id="validate",
            dataset=dataset,
            snapshot_id=member_of(snapshot, "snapshot_id"),
            suite=suite,
            contract=contract,
            mlflow_conn_id=MlflowHook.default_conn_name,
        )
        training = TrainModelOperator(
            task_id="train",
            model_name=model_name,
            dataset=dataset,
            train_function=train_function,
            features=features,
            label_column=label_column,
            time_column=time_column,
            test_snapshot_id=member_of(validate, "snapshot_id"),
            window=window,
            **train,
        )
        snapshot >> validate
        if checks is None:
            validate >> training
        else:
            check = CheckTrainingDataOperator(
                task_id="check",
                dataset=dataset,
                checks=checks,
                test_snapshot_id=member_of(validate, "snapshot_id"),
                window=window,
            )
            validate >> check >> training
        judge_and_promote(
            training,
            model_name=model_name,
            policy=policy,
            checks=checks,
            evaluation=judged,
            approval=approval,
            governance=governance,
            card=card,
        )
    return group


def model_retraining(
    *,
    model_name: str,
    dataset: str,
    train_function: str,
    policy: str,
    features: Sequence[str],
    label_column: str,
    time_column: str,
    holdout_days: int,
    group_id: str = "retraining",
    window: WindowSpec = None,
    slices: Sequence[str] = (),
    metrics: Sequence[str] | None = None,
    checks: str | None = None,
    evaluation: Mapping[str, Any] | None = None,
    approval: Mapping[str, Any] | None = None,
    governance: Mapping[str, str] | None = None,
    card: bool = True,
    retrain_policy: str | None = None,
    params_from: str | None = None,
    fit: str | None = None,
    **train: Any,
) -> TaskGroup:
    """Wire claim, check, train, register, evaluate, gate and promote for the partition of a verdict.

    The newest days of the partition are held out for the test; the rest of it is trained on with the window before.
    With ``retrain_policy`` the first task is ``decide`` and asks the policy. The partition is the newest accepted one
    of the dataset then: the month, where the key of the verdict is a day and the dataset lies in months.

    :param model_name: name of the registered model.
    :param dataset: name of the dataset.
    :param train_function: import path of the training function.
    :param policy: gate policy file, relative to the Dag bundle's root.
    :param features: feature columns, in order.
    :param label_column: label column.
    :param time_column: column with the row's time.
    :param holdout_days: how many of the partition's last days to test on.
    :param group_id: id of the task group.
    :param window: which partitions before it to train on: None for all, a number for the newest, or
        ``{"since": "2013-01"}``.
    :param slices: columns that the policy slices by.
    :param metrics: metrics to measure; default: those of the task.
    :param checks: file of the checks of training data, relative to the Dag bundle's root; None for no such task.
    :param evaluation: further arguments of `EvaluateModelOperator` (``columns``, ``stress``, ``counterfactuals``, ...).
    :param approval: arguments of `ModelApprovalOperator` (``response_timeout``, ``notifiers``, ...), or ``{}``: what
        needs a human, by the policy or because the gate could not decide, waits for one; None asks nobody.
    :param governance: what must be known of each version before it is promoted, text by tag (`RegisterModelOperator`).
    :param card: whether the model card of a promoted version is written.
    :param retrain_policy: retrain policy file, relative to the Dag bundle's root; its ``window`` is used where it has
        one and ``window`` is None, and so are ``params_from`` and ``fit``. None: each drift verdict that waits is
        claimed.
    :param params_from: version, or ``@champion``, whose recorded parameters the training starts from.
    :param fit: ``full``, ``warm`` or ``incremental``.
    :param train: further arguments of `TrainModelOperator`.
    :return: the task group.
    """
    judged = {"slices": slices, "metrics": metrics, **(evaluation or {})}
    with TaskGroup(group_id) as group:
        first: ClaimRetrainingOperator | DecideRetrainOperator
        key, chosen = PARTITION_KEY, window
        if retrain_policy is None:
            first = ClaimRetrainingOperator(task_id="claim", model_name=model_name)
        else:
            first = DecideRetrainOperator(
                task_id="decide",
                model_name=model_name,
                dataset=dataset,
                policy=retrain_policy,
                time_column=time_column,
            )
            key = member_of(first, "training_partition_key")
            if window is None:
                chosen = {name: member_if_any(first, name, within="window") for name in ("since", "partitions")}
            params_from = params_from or member_if_any(first, "params_from")
            fit = fit or member_if_any(first, "fit")
        training = TrainModelOperator(
            task_id="train",
            model_name=model_name,
            dataset=dataset,
            train_function=train_function,
            features=features,
            label_column=label_column,
            time_column=time_column,
            holdout_days=holdout_days,
            window=chosen,
            partition_key=key,
            params_from=params_from,
            fit=fit or "",
            **train,
        )
        if checks is None:
            first >> training
        else:
            check = CheckTrainingDataOperator(
                task_id="check",
                dataset=dataset,
                checks=checks,
                window=chosen,
                holdout_days=holdout_days,
                time_column=time_column,
                partition_key=key,
            )
            first >> check >> training
        judge_and_promote(
            training,
            model_name=model_name,
            policy=policy,
            checks=checks,
            evaluation=judged,
            approval=approval,
            governance=governance,
            card=card,
        )
    return group
