"""`@task.mlops_train` in a Dag."""

from typing import Any

import pytest
from airflow.sdk import DAG, task

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.decorators.train import TrainDecoratedOperator, mlops_train_task
from airflow_provider_mlops.operators.train import TrainModelOperator

FACTS: dict[str, Any] = {"model_name": "m", "dataset": "d", "features": ["x"], "label_column": "y"}


@task.mlops_train(**FACTS)
def train(features: Any, labels: Any, *, seed: int, depth: int, rate: float = 0.1) -> Any:
    """Return what was given."""
    return {"features": features, "labels": labels, "seed": seed, "depth": depth, "rate": rate}


def operator_of(*args: Any, **kwargs: Any) -> TrainDecoratedOperator:
    """Call the decorated function in a Dag, and return the operator."""
    with DAG("d", schedule=None):
        operator = train(*args, **kwargs).operator
    assert isinstance(operator, TrainDecoratedOperator)
    return operator


def test_call_makes_a_training_step() -> None:
    """The task is a `TrainModelOperator` whose function is the decorated one, named after it."""
    operator = operator_of(depth=6)
    assert isinstance(operator, TrainModelOperator)
    assert (operator.task_id, operator.op_kwargs, operator.model_name) == ("train", {"depth": 6}, "m")
    assert operator.train_function.endswith("test_train:train")
    function = operator.training_function()
    assert function(1, 2, seed=3, depth=4) == {"features": 1, "labels": 2, "seed": 3, "depth": 4, "rate": 0.1}


def test_task_and_threshold_are_handed_through() -> None:
    """The decorator takes every argument of the operator, `task` and `operating_threshold` too."""

    @task.mlops_train(**FACTS, task="binary", operating_threshold={"metric": "f1"})
    def choosing(features: Any, labels: Any, *, seed: int) -> Any:
        """Return nothing."""

    with DAG("d", schedule=None):
        operator = choosing().operator
    assert (operator.task, operator.operating_threshold) == ("binary", {"metric": "f1"})
    assert operator_of(depth=6).task == "binary"


def test_base_and_checkpoint_need_not_be_given() -> None:
    """The step brings them; as keywords with a default the call in the Dag leaves them out."""

    @task.mlops_train(**FACTS, fit="warm", params_from="@champion")
    def going_on(features: Any, labels: Any, *, seed: int, depth: int, base: Any = None, checkpoint: Any = None) -> Any:
        """Return what was given."""
        return base, checkpoint

    with DAG("d", schedule=None):
        operator = going_on(depth=3).operator
    assert (operator.op_kwargs, operator.fit, operator.params_from) == ({"depth": 3}, "warm", "@champion")
    assert operator.training_function()(1, 2, seed=3, depth=3, base="b", checkpoint="c") == ("b", "c")


def test_decorator_is_registered() -> None:
    """`@task.mlops_train` is the decorator of this provider."""
    assert train.operator_class is TrainDecoratedOperator
    assert mlops_train_task(lambda features, labels, *, seed: None, **FACTS).operator_class is TrainDecoratedOperator


@pytest.mark.parametrize(
    ("args", "kwargs", "words"),
    [
        ((), {}, "missing a required (keyword-only )?argument: 'depth'"),
        ((), {"depth": 1, "dpeth": 2}, "unexpected keyword argument 'dpeth'"),
        ((), {"depth": 1, "seed": 2}, "unexpected keyword argument 'seed'"),
    ],
)
def test_wrong_calls_break_the_dag(args: Any, kwargs: Any, words: str) -> None:
    """A parameter that is missing, unknown or the step's own is an error when the Dag is parsed."""
    with pytest.raises(TypeError, match=words):
        operator_of(*args, **kwargs)


def test_positional_arguments_are_refused() -> None:
    """The function's own positions are the features and labels."""
    with pytest.raises((TypeError, BadInput), match=r"keyword|positional"):
        operator_of(6).training_function()


def test_templates_of_both_are_rendered() -> None:
    """The call's arguments and the step's are templates; the data arguments are none."""
    fields = set(TrainDecoratedOperator.template_fields)
    assert {"op_kwargs", "model_name", "partition_key", "storage_root"} <= fields


def test_code_hash_is_of_the_decorated_function() -> None:
    """The code's identity is that of the file the function stands in, whatever wraps it."""
    from airflow_provider_mlops.core.code_identity import code_files

    (name,) = code_files(operator_of(depth=6).training_function())
    assert name.endswith("test_train")
    assert code_files(operator_of(depth=6).training_function()) == code_files(operator_of(depth=7).training_function())
