"""Which code a step runs: import paths, and the hash of a function's source with that of its neighbours."""

import hashlib
import importlib
import inspect
import re
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput

_DAG_FILE_PREFIX = re.compile(r"^unusual_prefix_[0-9a-f]+_")
_IMPORT_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def import_callable(path: str) -> Callable[..., Any]:
    """Import a function by its path.

    :param path: ``package.module:function``.
    :return: the function.
    :raises BadInput: when the path has another form, or leads to nothing that can be called.
    """
    if not isinstance(path, str) or not _IMPORT_PATH.fullmatch(path):
        raise BadInput(f"{path!r} is not an import path; write it as package.module:function.")
    module_name, _, name = path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as err:
        if err.name and not f"{module_name}.".startswith(f"{err.name}."):
            raise
        raise BadInput(f"Module {module_name!r} of {path!r} cannot be found; is it in the Dag bundle?") from err
    function = getattr(module, name, None)
    if not callable(function):
        raise BadInput(f"Module {module_name!r} has no function {name!r}.")
    return function  # type: ignore[no-any-return]


def code_files(function: Callable[..., Any]) -> dict[str, str]:
    """Hash the sources that a function depends on inside its own top-level package.

    :param function: a function defined in a module.
    :return: module name to SHA-256 of its source, for the function's module and every module of the same
        top-level package that it refers to, directly or through another.
    """
    function = inspect.unwrap(function)
    home = sys.modules.get(function.__module__)
    if home is None or not getattr(home, "__file__", None):
        return {module_name(function): _sha256_text(inspect.getsource(function))}
    top = home.__name__.partition(".")[0]
    found: dict[str, str] = {}
    waiting = [home]
    while waiting:
        module = waiting.pop()
        name = _plain_name(module.__name__)
        if name in found:
            continue
        found[name] = _sha256_text(_source(module))
        waiting.extend(_neighbours(module, top))
    return dict(sorted(found.items()))


def code_hash(function: Callable[..., Any]) -> str:
    """Hash a function's code: its name and the sources of `code_files`.

    :param function: a function defined in a module.
    :return: ``sha256:`` and 64 hexadecimal digits.
    """
    return sha256_of({"function": inspect.unwrap(function).__qualname__, "files": code_files(function)})


def module_name(function: Callable[..., Any]) -> str:
    """Return the name of the module that defines a function; a Dag file's is its file name.

    Airflow imports Dag files under a name that holds a hash of their path, which differs between machines.

    :param function: a function defined in a module.
    """
    return _plain_name(function.__module__)


def _plain_name(name: str) -> str:
    return _DAG_FILE_PREFIX.sub("", name)


def _neighbours(module: ModuleType, top: str) -> list[ModuleType]:
    names = {getattr(value, "__module__", None) for value in vars(module).values()}
    names |= {value.__name__ for value in vars(module).values() if isinstance(value, ModuleType)}
    names |= set(
        re.findall(rf"^\s*(?:from|import)\s+({re.escape(top)}(?:\.\w+)*)", _source(module), flags=re.MULTILINE)
    )
    inside = sorted(name for name in names if isinstance(name, str) and name.partition(".")[0] == top)
    return [sys.modules[name] for name in inside if getattr(sys.modules.get(name), "__file__", None)]


def _source(module: ModuleType) -> str:
    try:
        return inspect.getsource(module)
    except OSError:  # an empty __init__ has no source lines
        return ""


def _sha256_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
