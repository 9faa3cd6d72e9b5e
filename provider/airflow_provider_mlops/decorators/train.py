"""``@task.mlops_train``: a plain training function becomes the training step."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.decorator import DecoratedOperator, task_decorator_factory

from airflow_provider_mlops.core.code_identity import module_name
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.operators.train import TrainModelOperator

if TYPE_CHECKING:
    from airflow.sdk.bases.decorator import TaskDecorator

DATA_ARGUMENTS = ("features", "labels", "seed")


class TrainDecoratedOperator(DecoratedOperator, TrainModelOperator):
    """`TrainModelOperator` around a decorated function; the call's keyword arguments are its ``train_params``.

    :param python_callable: the decorated function, without the arguments that the step brings.
    :param op_args: positional arguments; none are allowed.
    :param op_kwargs: keyword arguments of the call. (templated)
    """

    custom_operator_name = "@task.mlops_train"
    template_fields: Sequence[str] = (*DecoratedOperator.template_fields, *TrainModelOperator.template_fields)

    def __init__(self, *, python_callable: Callable[..., Any], **kwargs: Any) -> None:
        original = inspect.unwrap(python_callable)
        path = f"{module_name(original)}:{original.__qualname__}"
        super().__init__(python_callable=_without_data_arguments(original), train_function=path, **kwargs)

    def execute(self, context: Any) -> Any:
        """Train with the decorated function.

        :param context: Airflow's context.
        :return: what `TrainModelOperator` returns.
        :raises AirflowFailException: when trying again cannot change the outcome.
        """
        self.train_params = {**(self.train_params or {}), **self.op_kwargs}
        return TrainModelOperator.execute(self, context)

    def training_function(self) -> Callable[..., Any]:
        """Return the decorated function itself."""
        if self.op_args:
            raise BadInput("A function under @task.mlops_train takes keyword arguments only.")
        if self.python:
            raise BadInput(
                "A function of a Dag file cannot run under python=: give TrainModelOperator its import path."
            )
        function: Callable[..., Any] = inspect.unwrap(self.python_callable)
        return function


def mlops_train_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """Turn ``function(features, labels, *, seed, **params)`` into a training step.

    The step brings ``features``, ``labels`` and ``seed``; whatever else the function takes is given in the call::

        @task.mlops_train(model_name="flight_delays", dataset="flights", features=FEATURES, label_column="late")
        def train(features, labels, *, seed, depth):
            return HistGradientBoostingClassifier(max_depth=depth, random_state=seed).fit(features, labels)

        train(depth=6)

    :param python_callable: the function to decorate.
    :param kwargs: arguments of `TrainModelOperator`, without ``train_function``.
    :return: the decorator, or the decorated function.
    """
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=False,
        decorated_operator_class=TrainDecoratedOperator,
        **kwargs,
    )


def _without_data_arguments(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with a signature that only shows what a call in the Dag must give."""
    original = inspect.unwrap(function)
    signature = inspect.signature(original)

    @functools.wraps(original)
    def hidden(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs)

    kept = [parameter for name, parameter in signature.parameters.items() if name not in DATA_ARGUMENTS]
    hidden.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]  # what inspect looks at
    return hidden
