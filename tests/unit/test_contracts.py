"""What holds for every operator, sensor, trigger and link, and for every public name."""

import ast
import importlib
import inspect
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger

import airflow_provider_mlops
from airflow_provider_mlops.core import errors
from airflow_provider_mlops.operators.base import MAX_RESULT_BYTES, MLOpsOperator

ROOT = Path(__file__).parents[2]
PACKAGE = Path(airflow_provider_mlops.__file__).parent
SOURCES = [
    *sorted(PACKAGE.rglob("*.py")),
    *sorted((ROOT / "include").rglob("*.py")),
    *sorted((ROOT / "dags").rglob("*.py")),
]


def _classes(base: type, *folders: str) -> list[type]:
    """Every concrete public class of a kind in some folders of the package."""
    found = []
    for path in sorted(path for folder in folders for path in (PACKAGE / folder).glob("[!_]*.py")):
        module = importlib.import_module(f"airflow_provider_mlops.{path.parent.name}.{path.stem}")
        found += [
            member
            for _, member in inspect.getmembers(module, inspect.isclass)
            if member.__module__ == module.__name__ and issubclass(member, base) and not inspect.isabstract(member)
        ]
    return found


TASKS: list[Any] = _classes(BaseOperator, "operators", "sensors", "decorators")
STEPS = [task for task in TASKS if issubclass(task, MLOpsOperator)]
TRIGGERS: list[Any] = _classes(BaseTrigger, "triggers")
LINKS: list[Any] = _classes(BaseOperatorLink, "links")


def _own(cls: type) -> list[type]:
    """The classes of this package that a class is made of."""
    return [base for base in cls.__mro__ if base.__module__.startswith("airflow_provider_mlops")]


def _arguments(cls: type) -> dict[str, inspect.Parameter]:
    """What the constructors of a class and of its parents in this package take, by name."""
    parameters = [inspect.signature(base.__init__).parameters for base in _own(cls) if "__init__" in vars(base)]
    return {
        name: parameter
        for found in reversed(parameters)
        for name, parameter in found.items()
        if name != "self" and parameter.kind is not parameter.VAR_KEYWORD
    }


def _train(features: Any, labels: Any, *, seed: int) -> None:
    """A training function of the right shape."""


def _made(cls: Any, **more: Any) -> Any:
    """An instance made from the arguments that must be given."""
    needed = {
        name: () if "Sequence" in str(parameter.annotation) else "x"
        for name, parameter in _arguments(cls).items()
        if parameter.default is parameter.empty
    }
    if "python_callable" in needed:
        needed = {name: value for name, value in needed.items() if name != "train_function"}
        needed["python_callable"] = _train
    return cls(**needed, **more)


def _context(**dag_run: Any) -> dict[str, Any]:
    """Airflow's context as far as the operators read it before their step."""
    run = {"run_type": "scheduled", "conf": {}, "partition_key": "2013-01", **dag_run}
    ti = {"dag_id": "d", "run_id": "r", "task_id": "t", "try_number": 1, "map_index": -1}
    return {"dag_run": SimpleNamespace(**run), "ti": SimpleNamespace(**ti)}


@pytest.fixture
def _outside_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `execute` be called without the task runner, as Airflow's own unit tests do."""
    monkeypatch.setattr(ExecutorSafeguard, "test_mode", True)


def test_every_kind_was_found() -> None:
    """An empty list would prove nothing."""
    assert len(STEPS) >= 8
    assert len(TASKS) > len(STEPS)
    assert TRIGGERS
    assert LINKS


# --- templates ---------------------------------------------------------------------------------------------------


def test_only_what_watches_reads_by_the_index() -> None:
    """What judges a version, moves an alias, removes rows or audits reads every record, a rollback before it moves."""
    assert {step.__name__ for step in STEPS if step.by_index} == {
        "DecideRetrainOperator",
        "DetectDriftOperator",
        "JoinLabelsOperator",
        "MonitorPerformanceOperator",
        "NotifyOperator",
        "ProfileDatasetOperator",
        "RollbackOnBreachOperator",
        "ScoreBatchOperator",
        "SnapshotDatasetOperator",
        "ValidateDatasetOperator",
    }


@pytest.mark.parametrize("cls", TASKS)
def test_template_fields_are_constructor_arguments_and_attributes(cls: Any) -> None:
    """Airflow renders attributes by these names, and users look for them in the constructor."""
    known = {name for base in cls.__mro__ if "__init__" in vars(base) for name in inspect.signature(base).parameters}
    task = _made(cls, task_id="t")

    assert len(set(cls.template_fields)) == len(cls.template_fields)
    assert set(cls.template_fields) <= known
    assert all(hasattr(task, name) for name in cls.template_fields)


@pytest.mark.parametrize("cls", TASKS)
def test_what_is_documented_as_templated_is(cls: Any) -> None:
    """The class says `(templated)` of each template field that is its own, and of no other argument."""
    documented = {
        name
        for base in _own(cls)
        for name, text in re.findall(r":param (\w+):((?:(?!:param|\n\n).)*)", inspect.getdoc(base) or "", re.DOTALL)
        if "(templated)" in text
    }

    assert documented == set(cls.template_fields) & set(_arguments(cls)) | documented & {"op_args", "op_kwargs"}


@pytest.mark.parametrize("cls", dict.fromkeys(b for cls in TASKS for b in _own(cls) if "__init__" in vars(b)))
def test_constructors_only_assign_template_fields(cls: Any) -> None:
    """Before rendering a value is a template: the constructor keeps it under its name and does nothing else with it."""
    body = ast.parse(inspect.getsource(cls.__init__).strip()).body[0]
    assert isinstance(body, ast.FunctionDef)
    own = set(cls.template_fields) & {argument.arg for argument in [*body.args.args, *body.args.kwonlyargs]}
    used = [node.id for node in ast.walk(body) if isinstance(node, ast.Name) and node.id in own]
    assigned = [
        statement.value.id
        for statement in body.body
        if isinstance(statement, (ast.Assign, ast.AnnAssign))
        and isinstance(statement.value, ast.Name)
        and ast.unparse(statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0])
        == f"self.{statement.value.id}"
    ]

    assert sorted(used) == sorted(own)
    assert own <= set(assigned)


# A decorator and a subclass of Airflow's own operator have more to hand to their parent.
PLAIN = [cls for cls in TASKS if not hasattr(cls, "custom_operator_name") and not issubclass(cls, HITLOperator)]


@pytest.mark.parametrize("cls", [*PLAIN, *TRIGGERS])
def test_constructors_of_operators_and_triggers_only_assign(cls: Any) -> None:
    """No logic at parse: a call of the parent, then `self.name = name` for each argument."""
    body = ast.parse(inspect.getsource(cls.__init__).strip()).body[0]
    assert isinstance(body, ast.FunctionDef)
    names = [argument.arg for argument in body.args.kwonlyargs]

    assert [ast.unparse(statement) for statement in body.body] == [
        "super().__init__(**kwargs)",
        *(f"self.{name} = {name}" for name in names),
    ]


@pytest.mark.parametrize("cls", TRIGGERS)
def test_triggers_serialise_to_what_makes_them_again(cls: Any) -> None:
    """The triggerer makes a trigger from its path and arguments; both are plain JSON."""
    path, arguments = _made(cls).serialize()
    module, _, name = path.rpartition(".")
    again = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(arguments)))

    assert again.serialize() == (path, arguments)
    assert set(arguments) == set(_arguments(cls))


@pytest.mark.parametrize("cls", LINKS)
def test_links_have_names_of_their_own(cls: Any) -> None:
    """Airflow tells the links of a task apart by name."""
    assert cls.name
    assert len({link.name for link in LINKS}) == len(LINKS)


# --- results and failures ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", STEPS)
@pytest.mark.parametrize(
    "result", [{"text": "x" * MAX_RESULT_BYTES}, {"thing": object()}, {1: "key"}, {"value": math.nan}]
)
@pytest.mark.usefixtures("_outside_a_task")
def test_results_are_json_safe_and_bounded(cls: Any, result: dict[Any, Any]) -> None:
    """Whatever a step returns, only small JSON leaves the operator; anything else is an error that no retry mends."""
    task = _made(type("Sized", (cls,), {"step": lambda *_: result}), task_id="t")

    with pytest.raises(AirflowFailException, match="BadInput"):
        task.execute(_context())


@pytest.mark.parametrize("cls", STEPS)
@pytest.mark.usefixtures("_outside_a_task")
def test_small_results_pass_unchanged(cls: Any) -> None:
    """Ids, hashes and verdicts travel as they are."""
    result = {"record": "ab" * 32, "verdict": {"outcome": "PASS", "reasons": ["enough rows"]}, "rows": 3}
    task = _made(type("Small", (cls,), {"step": lambda *_: result}), task_id="t")

    assert task.execute(_context()) == result


def _error_classes() -> dict[str, type[errors.MLOpsError]]:
    return dict(inspect.getmembers(errors, lambda m: inspect.isclass(m) and issubclass(m, errors.MLOpsError)))


@pytest.mark.parametrize("cls", STEPS)
@pytest.mark.parametrize("error", sorted(_error_classes()))
@pytest.mark.usefixtures("_outside_a_task")
def test_the_type_of_an_error_decides_about_retries(cls: Any, error: str) -> None:
    """A `FinalError` fails the task for good; whatever else goes wrong is left to Airflow's retries."""
    kind = _error_classes()[error]

    def step(*_: Any) -> dict[str, Any]:
        raise kind("the way out")

    expected = AirflowFailException if issubclass(kind, errors.FinalError) else kind
    with pytest.raises(expected, match="the way out") as caught:
        _made(type("Failing", (cls,), {"step": step}), task_id="t").execute(_context())
    assert caught.type is expected


def test_the_exception_tree_is_the_documented_one() -> None:
    """The docstring of `core.errors` is the tree itself."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for mark, name in re.findall(r"^ {4}([│├└─ ]*)(\w+Error|\w+)", errors.__doc__ or "", re.MULTILINE):
        depth = len(mark) // 4
        path[depth:] = [name]
        parents[name] = path[depth - 1] if depth else "Exception"

    assert parents == {name: cls.__base__.__name__ for name, cls in _error_classes().items()}


def test_every_exception_of_the_package_is_in_the_tree() -> None:
    """`except MLOpsError` catches all that this package raises by its own names."""
    strays = [
        f"{path.relative_to(PACKAGE)}:{node.name}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        and {ast.unparse(base) for base in node.bases} & {"Exception", "ValueError", "RuntimeError", "AirflowException"}
        and node.name != "MLOpsError"
    ]

    assert strays == []


# --- documentation -----------------------------------------------------------------------------------------------


def _public(tree: ast.Module) -> Iterator[tuple[str, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]]:
    """The public classes, functions and methods of a module."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in tree.body:
        if isinstance(node, kinds) and not node.name.startswith("_"):
            yield node.name, node
            if isinstance(node, ast.ClassDef):
                inner = [member for member in node.body if isinstance(member, kinds)]
                yield from ((f"{node.name}.{m.name}", m) for m in inner if not m.name.startswith("_"))


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    given = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return {argument.arg for argument in given} - {"self", "cls"}


def _described(node: ast.AST) -> set[str]:
    return set(re.findall(r":param (\w+):", ast.get_docstring(node) or ""))  # type: ignore[arg-type]


def _fields(node: ast.ClassDef) -> set[str]:
    """The fields of a dataclass, which are its constructor's arguments."""
    if not any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list):
        return set()
    annotated = [item for item in node.body if isinstance(item, ast.AnnAssign) and "ClassVar" not in ast.unparse(item)]
    kept = [item for item in annotated if "init=False" not in ast.unparse(item)]
    return {ast.unparse(item.target) for item in kept if not ast.unparse(item.target).startswith("_")}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_public_name_is_documented(path: Path) -> None:
    """Modules, classes, functions and methods say what they are for."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = [name for name, node in _public(tree) if not ast.get_docstring(node)]

    assert ast.get_docstring(tree)
    assert silent == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_constructor_argument_is_documented(path: Path) -> None:
    """Each argument of a constructor, and each field of a dataclass, has its `:param` in the class's docstring."""
    silent = {}
    for name, node in _public(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            constructors = [m for m in node.body if isinstance(m, ast.FunctionDef) and m.name == "__init__"]
            needed = _fields(node).union(*(_parameters(constructor) for constructor in constructors))
            if missing := needed - _described(node):
                silent[name] = sorted(missing)

    assert silent == {}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_argument_is_documented_that_is_not_there(path: Path) -> None:
    """A `:param` outlives its argument easily; where a function documents some, it documents all."""
    wrong = {}
    for name, node in _public(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ClassDef) and (described := _described(node)):
            more = {a.arg for a in (node.args.vararg, node.args.kwarg) if a is not None}
            if difference := (described - more) ^ _parameters(node):
                wrong[name] = sorted(difference)

    assert wrong == {}
