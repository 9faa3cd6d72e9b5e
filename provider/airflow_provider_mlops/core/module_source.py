"""Modules by name, and their sources, without importing anything: what they need may be installed elsewhere only."""

import ast
import hashlib
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.machinery import ModuleSpec
from importlib.util import decode_source, find_spec, resolve_name
from pathlib import Path
from typing import Any

from airflow_provider_mlops.core.errors import BadInput

_OWN = frozenset(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib"))
_INSTALLED = ("site-packages", "dist-packages")


def find_module(name: str) -> ModuleSpec | None:
    """Find a module as importing would, and import neither it nor the packages that it lies in.

    :param name: dotted name.
    :return: what the import system knows of it; None where there is no such module.
    """
    path: Any = None
    found = None
    parts = name.split(".") if name else []
    for depth in range(1, len(parts) + 1):
        if depth > 1 and path is None:
            return None  # inside a module that is no package
        part = ".".join(parts[:depth])
        found = _found(part, path)
        if found is None:
            return None
        path = getattr(sys.modules.get(part), "__path__", found.submodule_search_locations)
    return found


def import_root(spec: ModuleSpec) -> Path | None:
    """Return the folder, or the archive, that a module is imported from: the entry of the module search path.

    :param spec: the module.
    :return: absolute path; None where it comes from no file.
    """
    if not spec.has_location or not spec.origin:
        return None
    is_package = spec.submodule_search_locations is not None
    return Path(spec.origin).absolute().parents[spec.name.count(".") + is_package].resolve()


def is_installed(root: Path) -> bool:
    """Whether a folder of the module search path is the interpreter's own: what lies there has a version.

    :param root: as `import_root` returns it.
    """
    return root in _OWN or root.name in _INSTALLED


def module_text(spec: ModuleSpec) -> str | None:
    """Return the source of a module, in an archive too.

    :param spec: the module, from a file.
    :return: the source; None where there is none beside what was compiled.
    :raises BadInput: when it cannot be decoded.
    """
    read = getattr(spec.loader, "get_source", None)
    try:
        if read is not None:
            text = read(spec.name)
            return None if text is None else str(text)
        return decode_source(_raw(spec)) if str(spec.origin).endswith(".py") else None
    except (ImportError, SyntaxError, UnicodeDecodeError) as err:
        raise BadInput(f"The source of module {spec.name!r} cannot be read: {err}") from err


def module_hash(spec: ModuleSpec, text: str | None) -> str:
    """Hash a module: its source, or what was compiled where there is none.

    :param spec: the module, from a file.
    :param text: its source, as `module_text` returned it.
    :return: 64 hexadecimal digits.
    """
    return hashlib.sha256(_raw(spec) if text is None else text.encode()).hexdigest()


def imported_names(spec: ModuleSpec, text: str) -> set[str]:
    """List the modules that a source may import, wherever in it: at the top, in a function, in a branch.

    :param spec: the module.
    :param text: its source.
    :return: absolute dotted names; some of them name what is in a module, not a module.
    :raises BadInput: when this Python cannot parse it.
    """
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError) as err:
        raise BadInput(f"The source of module {spec.name!r} is none for this Python: {err}") from err
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (origin := _origin(node, spec)):
            names |= {origin, *(f"{origin}.{alias.name}" for alias in node.names)}
    return names


def does_something(text: str | None) -> bool:
    """Whether a module holds more than a docstring.

    :param text: its source; None where there is none.
    """
    if text is None:
        return True
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError):
        return True
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in body)


def packages_of(names: Iterable[str]) -> Iterator[str]:
    """Yield the packages that modules lie in, which are imported before them.

    :param names: dotted names.
    """
    for name in names:
        parts = name.split(".")
        yield from (".".join(parts[:depth]) for depth in range(1, len(parts)))


def _found(name: str, path: Any) -> ModuleSpec | None:
    loaded = sys.modules.get(name)
    known: ModuleSpec | None = getattr(loaded, "__spec__", None)
    if known is not None:
        return known
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(name, path)
        except KeyError:  # a namespace package inside one that nobody has imported: importing it runs nothing
            return _found_by_import(name)
        if spec is not None:
            return spec
    return None


def _found_by_import(name: str) -> ModuleSpec | None:
    try:
        return find_spec(name)
    except ImportError:
        return None


def _origin(node: ast.ImportFrom, spec: ModuleSpec) -> str | None:
    if not node.level:
        return node.module
    try:
        return resolve_name("." * node.level + (node.module or ""), spec.parent or "")
    except ImportError:  # beyond the top: the branch that does this never runs
        return None


def _raw(spec: ModuleSpec) -> bytes:
    read = getattr(spec.loader, "get_data", None)
    return bytes(read(spec.origin)) if read is not None else Path(str(spec.origin)).read_bytes()
