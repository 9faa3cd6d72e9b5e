"""Which code a step runs: import paths, and the hash of a function's source with that of its neighbours."""

import ast
import hashlib
import importlib
import inspect
import re
import sys
from collections.abc import Callable
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, resolve_name
from typing import Any

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput

DAG_FILE_PREFIX = re.compile(r"^unusual_prefix_[0-9a-f]+_")
_IMPORT_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def is_import_path(text: str) -> bool:
    """Whether a text has the form ``package.module:function``, and is no path of a file.

    :param text: any text.
    """
    return isinstance(text, str) and _IMPORT_PATH.fullmatch(text) is not None


def import_callable(path: str) -> Callable[..., Any]:
    """Import a function by its path.

    :param path: ``package.module:function``.
    :return: the function.
    :raises BadInput: when the path has another form, or leads to nothing that can be called.
    """
    if not is_import_path(path):
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
    result: Callable[..., Any] = function
    return result


def code_files(function: Callable[..., Any]) -> dict[str, str]:
    """Hash the sources that a function depends on inside its own top-level package.

    Imports are read from the sources, not from what happens to be loaded, so that every process finds the same files.

    :param function: a function defined in a module.
    :return: module name to SHA-256 of its source, for the function's module and every module of the same
        top-level package that it imports, directly or through another.
    """
    function = inspect.unwrap(function)
    home = sys.modules.get(function.__module__)
    # What runs in another interpreter need not be importable here: its sources are read all the same.
    spec = _spec_of(function.__module__) if home is None else home.__spec__ if getattr(home, "__file__", "") else None
    if spec is None:
        return {module_name(function): _sha256_text(inspect.getsource(function))}
    found: dict[str, str] = {}
    waiting = [spec]
    while waiting:
        spec = waiting.pop()
        name = _plain_name(spec.name)
        if name in found:
            continue
        source = _source(spec)
        found[name] = _sha256_text(source)
        waiting.extend(_neighbours(spec, source))
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
    return DAG_FILE_PREFIX.sub("", name)


def _neighbours(spec: ModuleSpec, source: str) -> list[ModuleSpec]:
    top = spec.name.partition(".")[0]
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            origin = (
                resolve_name("." * node.level + (node.module or ""), spec.parent or "") if node.level else node.module
            )
            names |= {f"{origin}", *(f"{origin}.{alias.name}" for alias in node.names)}
    inside = sorted(name for name in names if name.partition(".")[0] == top)
    return [found for name in inside if (found := _spec_of(name)) is not None]


def _spec_of(name: str) -> ModuleSpec | None:
    try:
        found = find_spec(name)
    except ModuleNotFoundError:  # a function or a constant, not a module
        return None
    return found if found is not None and found.has_location else None


def _source(spec: ModuleSpec) -> str:
    source = spec.loader.get_source(spec.name) if isinstance(spec.loader, InspectLoader) else None
    return source or ""


def _sha256_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
