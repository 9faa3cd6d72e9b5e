"""What follows a training in every task group: register, evaluate, gate, approve, promote and the model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_mlops import assets
from airflow_provider_mlops.operators.approve import ModelApprovalOperator
from airflow_provider_mlops.operators.card import ModelCardOperator
from airflow_provider_mlops.operators.evaluate import EvaluateModelOperator
from airflow_provider_mlops.operators.gate import GateModelOperator
from airflow_provider_mlops.operators.promote import PromoteModelOperator
from airflow_provider_mlops.operators.register import RegisterModelOperator
from airflow_provider_mlops.operators.train import TrainModelOperator
from airflow_provider_mlops.task_groups.results import member_of


def judge_and_promote(
    training: TrainModelOperator,
    *,
    model_name: str,
    policy: str,
    checks: str | None,
    evaluation: Mapping[str, Any],
    approval: Mapping[str, Any] | None,
    governance: Mapping[str, str] | None,
    card: bool,
) -> None:
    """Wire what follows a training, up to the promotion and the model card.

    :param training: the task that trains.
    :param model_name: name of the registered model.
    :param policy: gate policy file, relative to the Dag bundle's root.
    :param checks: file of the checks of training data that a promotion asks for; None for none.
    :param evaluation: further arguments of `EvaluateModelOperator`.
    :param approval: arguments of `ModelApprovalOperator`; None asks nobody.
    :param governance: text by tag, for `RegisterModelOperator`.
    :param card: whether the model card of a promoted version is written.
    """
    register = RegisterModelOperator(
        task_id="register",
        model_name=model_name,
        manifest_hash=member_of(training, "manifest_hash"),
        governance=governance,
        outlets=[assets.candidate_alias(model_name)],
    )
    evaluate = EvaluateModelOperator(
        task_id="evaluate",
        model_name=model_name,
        manifest_hash=member_of(register, "manifest_hash"),
        **evaluation,
    )
    gate = GateModelOperator(
        task_id="gate", model_name=model_name, evaluation_id=member_of(evaluate, "evaluation_id"), policy=policy
    )
    promote = PromoteModelOperator(
        task_id="promote", model_name=model_name, gate_record=member_of(gate, "record"), policy=policy, checks=checks
    )
    training >> register >> evaluate >> gate
    if approval is None:
        gate >> promote
    else:
        approve = ModelApprovalOperator(
            task_id="approve", model_name=model_name, gate_record=member_of(gate, "record"), policy=policy, **approval
        )
        gate >> approve >> promote
        gate.routes = {"pass": [approve.task_id], "inconclusive": [approve.task_id]}
    if card:
        promote >> ModelCardOperator(task_id="model_card", model_name=model_name, version=member_of(promote, "version"))
