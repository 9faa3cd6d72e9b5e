"""What of an interpreter can change a model: processor, numeric libraries, imported distributions.

This file imports nothing of this project: another interpreter, which does not have it, runs the same file.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import json
import platform
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, distributions, packages_distributions, version
from pathlib import Path
from typing import Any

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


def _imported() -> set[str]:
    providers = _providers()
    return {name for module in {name.partition(".")[0] for name in sys.modules} for name in providers.get(module, ())}


@functools.cache
def _providers() -> Mapping[str, list[str]]:
    """Name the distributions of each top-level module; reading them takes a while."""
    return packages_distributions()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@functools.cache
def _installed() -> str:
    """Hash names and versions, as a lock file would state them."""
    found = {f"{dist.metadata['Name']}=={dist.version}".lower().replace("_", "-") for dist in distributions()}
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
