"""Which code a step runs: import paths, and the hash of a function's source with that of its neighbours."""

import hashlib
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.module_source import (
    does_something,
    find_module,
    import_root,
    imported_names,
    is_installed,
    module_hash,
    module_text,
    packages_of,
)
from airflow_provider_mlops.core.near import did_you_mean

DAG_FILE_PREFIX = re.compile(r"^unusual_prefix_[0-9a-f]+_")


def is_import_path(text: object) -> bool:
    """Whether a text has the form ``package.module:function``, and is no path of a file.

    :param text: any value.
    """
    if not isinstance(text, str):
        return False
    module, _, name = text.partition(":")
    return name.isidentifier() and all(part.isidentifier() for part in module.split("."))


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
        own = [known for known, value in vars(module).items() if callable(value)]
        raise BadInput(f"Module {module_name!r} has no function {name!r}.{did_you_mean(name, own)}")
    result: Callable[..., Any] = function
    return result


def code_files(function: Callable[..., Any], path: str = "") -> dict[str, str]:
    """Hash the sources that a function depends on inside its bundle.

    Imports are read from the sources, not from what happens to be loaded, so that every process finds the same files;
    nothing is imported. Of the bundle are the modules of the same top-level package, and those that are imported from
    a folder above the function's file which is not the interpreter's own: what is installed has a version instead.

    :param function: a function defined in a module.
    :param path: import path that leads to it: a decorator, a partial or another module may stand between.
    :return: module name to SHA-256 of its source, for the function's module, that of the path, and every module of the
        bundle that they import, directly or through another, with the packages that it lies in where they hold code.
    :raises BadInput: when it has no source, or one that this Python cannot read.
    """
    function = plain_function(function)
    starts = [spec for spec in (_home_of(function), _named_by(path)) if spec is not None]
    if not starts:
        source = _source_of(function)
        return {module_name(function): hashlib.sha256(source.encode()).hexdigest()}
    found: dict[str, str] = {}
    bundle, waiting = _Bundle(starts), list(starts)
    while waiting:
        spec = waiting.pop()
        name = _plain_name(spec.name)
        if name in found:
            continue
        text = module_text(spec)
        found[name] = module_hash(spec, text)
        waiting.extend(bundle.neighbours(spec, text))
    return dict(sorted(found.items()))


def plain_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what stands behind decorators and partials.

    :param function: anything that can be called.
    """
    while (inner := function.func if isinstance(function, partial) else inspect.unwrap(function)) is not function:
        function = inner
    return function


def code_hash(function: Callable[..., Any]) -> str:
    """Hash a function's code: its name and the sources of `code_files`.

    :param function: a function defined in a module.
    :return: ``sha256:`` and 64 hexadecimal digits.
    """
    name = getattr(plain_function(function), "__qualname__", type(function).__qualname__)
    return sha256_of({"function": name, "files": code_files(function)})


def module_file(name: str) -> Path | None:
    """Return the file of a module by the name that `code_files` gave it; it need not be imported here.

    :param name: name of the module; of a Dag file its plain name.
    :return: absolute path; None where there is no such module, or it is from no file.
    """
    loaded = (one for one in sys.modules if DAG_FILE_PREFIX.match(one) and _plain_name(one) == name)
    spec = _in_a_file(next(loaded, name))
    return Path(spec.origin).absolute() if spec is not None and spec.origin else None


def module_name(function: Callable[..., Any]) -> str:
    """Return the name of the module that defines a function; a Dag file's is its file name.

    Airflow imports Dag files under a name that holds a hash of their path, which differs between machines.

    :param function: a function defined in a module.
    """
    return _plain_name(function.__module__)


def _plain_name(name: str) -> str:
    return DAG_FILE_PREFIX.sub("", name)


class _Bundle:
    """Says which modules are of the same bundle as some that are given."""

    def __init__(self, starts: Sequence[ModuleSpec]) -> None:
        self._tops = {spec.name.partition(".")[0]: True for spec in starts}
        # What is installed belongs to no bundle, whatever it lies below.
        own = [spec for spec in starts if (root := import_root(spec)) is not None and not is_installed(root)]
        self._files = [Path(str(spec.origin)).resolve() for spec in own]

    def neighbours(self, spec: ModuleSpec, text: str | None) -> list[ModuleSpec]:
        """List the bundle's modules that a module imports, and the packages that run something on the way."""
        named = {name for name in imported_names(spec, text) if self._holds(name)} if text is not None else set()
        on_the_way = set(packages_of({spec.name, *named})) - named
        packages = [found for name in sorted(on_the_way) if (found := _in_a_file(name)) is not None]
        return [
            *(found for name in sorted(named) if (found := _in_a_file(name)) is not None),
            *(found for found in packages if does_something(module_text(found))),
        ]

    def _holds(self, name: str) -> bool:
        top = name.partition(".")[0]
        if top not in self._tops:
            spec = find_module(top)
            self._tops[top] = spec is not None and any(self._is_below(file, spec) for file in self._files)
        return self._tops[top]

    @staticmethod
    def _is_below(file: Path, spec: ModuleSpec) -> bool:
        # Of a namespace package only its folders tell where it is imported from.
        places = [Path(place) for place in spec.submodule_search_locations or ()]
        roots = [place.resolve().parent for place in places] or [root for root in (import_root(spec),) if root]
        return any(file.is_relative_to(root) and not is_installed(root) for root in roots)


def _home_of(function: Callable[..., Any]) -> ModuleSpec | None:
    """Find the module that defines a function; what was typed in, or made by C code, has none."""
    name = getattr(function, "__module__", None)
    home = sys.modules.get(name or "")
    return _in_a_file(name) if name and (home is None or getattr(home, "__file__", "")) else None


def _named_by(path: str) -> ModuleSpec | None:
    return _in_a_file(path.partition(":")[0]) if is_import_path(path) else None


def _in_a_file(name: str) -> ModuleSpec | None:
    found = find_module(name)
    return found if found is not None and found.has_location else None


def _source_of(function: Callable[..., Any]) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError) as err:
        name = getattr(function, "__qualname__", type(function).__qualname__)
        raise BadInput(f"{name} has no source to hash: call it in a function of your own.") from err
