"""What of an interpreter can change a model: processor, numeric libraries, imported distributions.

This file imports nothing of this project: another interpreter, which does not have it, runs the same file.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import importlib
import inspect
import json
import platform
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any, NamedTuple

_ALWAYS = ("numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "skops")


def interpreter_facts(also: Iterable[str] = (), load: Callable[[str], Any] = importlib.import_module) -> dict[str, Any]:
    """Return what of this interpreter can change a model.

    :param also: further distributions to state the version of, those of a record that is compared with.
    :param load: how a library is imported.
    :return: ``python``, ``implementation``, ``machine``, ``system``, ``processor`` (the instruction sets that NumPy
        uses), ``blas``, ``threads``, ``distributions`` (version by name, of all that were imported), and
        ``installed``: a hash over everything that is installed, imported or not.
    """
    return {
        **version_facts(also),
        "system": platform.system(),
        "processor": _instruction_sets(load),
        "blas": _blas(load),
        "threads": 1,
        "installed": _installed(),
    }


def version_facts(also: Iterable[str] = ()) -> dict[str, Any]:
    """Return which versions of Python and of libraries this is.

    :param also: further distributions to state the version of.
    :return: ``python``, ``implementation``, ``machine`` and ``distributions``.
    """
    names = {*_ALWAYS, *_imported(), *also}
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "machine": platform.machine(),
        "distributions": {name: found for name in sorted(names) if (found := _version(name)) is not None},
    }


class _Distribution(NamedTuple):
    """Something that is installed.

    :param name: as its metadata spell it.
    :param version: its version.
    :param modules: names of the top-level modules that it brings.
    """

    name: str
    version: str
    modules: frozenset[str]


@functools.cache
def _distributions() -> tuple[_Distribution, ...]:
    """Read what is installed, once.

    `importlib.metadata` reads the same files for each question, parses the descriptions in them too, and looks for
    every single file of every distribution: together several times the training of a small model.
    """
    return tuple(_Distribution(*named, _modules(dist)) for dist in distributions() if (named := _named(dist)))


def _named(dist: Distribution) -> tuple[str, str] | None:
    """Return name and version; None for what a broken installation left behind."""
    text = dist.read_text("METADATA") or dist.read_text("PKG-INFO") or dist.read_text("") or ""
    name, found = (re.search(f"^{field}:(.+)$", text, re.MULTILINE) for field in ("Name", "Version"))
    return (name[1].strip(), found[1].strip()) if name and found else None


def _modules(dist: Distribution) -> frozenset[str]:
    """Name the top-level modules, as `importlib.metadata.packages_distributions` does."""
    if declared := (dist.read_text("top_level.txt") or "").split():
        return frozenset(declared)
    record = dist.read_text("RECORD")
    paths = map(str, dist.files or ()) if record is None else (row[0] for row in csv.reader(record.splitlines()) if row)
    parts = (path.partition("/") for path in paths)
    tops = {first if rest else inspect.getmodulename(first) for first, _, rest in parts}
    return frozenset(top for top in tops if top and "." not in top)


def _imported() -> set[str]:
    modules = {name.partition(".")[0] for name in sys.modules}
    return {dist.name for dist in _distributions() if not modules.isdisjoint(dist.modules)}


@functools.cache
def _versions() -> Mapping[str, str]:
    """Map normalised names to versions; of two that are installed, the one that Python finds first."""
    return {_normalised(dist.name): dist.version for dist in reversed(_distributions())}


def _version(name: str) -> str | None:
    return _versions().get(_normalised(name))


def _normalised(name: str) -> str:
    """Spell a name as all do (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


@functools.cache
def _installed() -> str:
    """Hash names and versions, as a lock file would state them."""
    found = {f"{dist.name}=={dist.version}".lower().replace("_", "-") for dist in _distributions()}
    text = json.dumps(sorted(found), separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _instruction_sets(load: Callable[[str], Any]) -> list[str]:
    numpy = load("numpy")
    core = getattr(numpy, "_core", None) or numpy.core
    features: Mapping[str, bool] = core._multiarray_umath.__cpu_features__  # noqa: SLF001 - the only place that tells
    return sorted(name for name, used in features.items() if used)


def _blas(load: Callable[[str], Any]) -> list[str]:
    """Name the linear algebra of NumPy and SciPy; another library's, loaded beside it, multiplies nothing of ours."""
    load("scipy.linalg")  # a process that has not used it yet must name the same
    homes = [Path(str(load(name).__file__)).resolve().parent for name in ("numpy", "scipy")]
    places = [place for home in homes for place in (home, home.with_name(f"{home.name}.libs"))]
    loaded = load("threadpoolctl").threadpool_info()
    found = [one for one in loaded if any(Path(one["filepath"]).resolve().is_relative_to(place) for place in places)]
    named = [f"{one['internal_api']} {one.get('version')} {one.get('architecture', '')}".strip() for one in found]
    return sorted(set(named))
