"""Training functions in a Dag file, under ``@task.mlops_train``: where they stand, and how a replay finds them."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from airflow_provider_mlops.core.code_identity import DAG_FILE_PREFIX, plain_function
from airflow_provider_mlops.core.errors import BadInput

_LOCAL = "<locals>"
_WAY_OUT = (
    "Move it to the top level of a module of the bundle. Until then an audit backfill of its own Dag replays it: "
    "airflow mlops audit backfill."
)


def dag_file_of(function: Callable[..., Any], bundle: Path) -> dict[str, str]:
    """Say in which Dag file a training function stands.

    :param function: the training function.
    :param bundle: root of the Dag bundle.
    :return: ``dag_file``, relative to the root; empty where the function is one of a module, or of a file elsewhere.
    """
    function = plain_function(function)
    home = sys.modules.get(function.__module__)
    file = Path(str(getattr(home, "__file__", ""))).resolve()
    if not DAG_FILE_PREFIX.match(function.__module__) or not file.is_relative_to(bundle.resolve()):
        return {}
    return {"dag_file": file.relative_to(bundle.resolve()).as_posix()}


def behind_task(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that a TaskFlow decorator stands before: calling that one would make a task.

    :param function: what a name in a module leads to.
    """
    inner = getattr(function, "function", None) if hasattr(function, "operator_class") else None
    found: Callable[..., Any] = inspect.unwrap(inner) if callable(inner) else function
    return found


def check_top_level(path: str) -> None:
    """Check that a recorded function can be found by its name.

    :param path: ``module:function`` as the manifest has it.
    :raises BadInput: when it is defined inside another function, which has no name for it.
    """
    if _LOCAL in path:
        raise BadInput(
            f"The training function {path!r} is defined inside another function: no name leads to it. {_WAY_OUT}"
        )


def function_of_dag_file(path: str, dag_file: str, bundle: Path) -> Callable[..., Any]:
    """Load a Dag file, and return a training function of it.

    :param path: ``module:function`` as the manifest has it.
    :param dag_file: the file, relative to the root of the bundle.
    :param bundle: root of the Dag bundle of today.
    :return: the function.
    :raises BadInput: when there is no such file or function, or the file cannot be loaded.
    """
    file = (bundle / dag_file).resolve()
    if not file.is_relative_to(bundle.resolve()) or not file.is_file():
        raise BadInput(
            f"Dag file {dag_file!r}, in which the training function stood, is not in the bundle at {bundle}: replay it "
            "by a Dag of the same bundle, or bring the file back."
        )
    name = path.partition(":")[2]
    found = behind_task(getattr(_module_of(file), name, None))  # type: ignore[arg-type]  # None is refused below
    if not inspect.isfunction(found):
        raise BadInput(f"Dag file {dag_file!r} has no function {name!r} at its top level. {_WAY_OUT}")
    return found


def _module_of(file: Path) -> ModuleType:
    """Load a Dag file under the name that Airflow gives it, by which the hashes of its code know it."""
    from airflow.utils.file import get_unique_dag_module_name

    name = get_unique_dag_module_name(str(file))
    if name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise BadInput(f"Dag file {file} is no Python file.")
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as err:
        del sys.modules[name]
        raise BadInput(f"Dag file {file} cannot be loaded: {type(err).__name__}: {err}") from err
    return module
