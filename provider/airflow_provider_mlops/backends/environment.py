"""What of an environment can change a model: interpreter, processor, numeric libraries, imported distributions."""

from __future__ import annotations

import functools
import platform
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, distributions, packages_distributions, version
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.canonical import sha256_of

_ALWAYS = ("numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "skops")


def environment_facts(also: Iterable[str] = ()) -> dict[str, Any]:
    """Return what of this environment can change a model.

    :param also: further distributions to state the version of, those of a record that is compared with.
    :return: ``python``, ``implementation``, ``machine``, ``system``, ``processor`` (the instruction sets that NumPy
        uses), ``blas``, ``threads``, ``distributions`` (version by name, of all that were imported), and
        ``installed``: a hash over everything that is installed, imported or not.
    """
    names = {*_ALWAYS, *_imported(), *also}
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "machine": platform.machine(),
        "system": platform.system(),
        "processor": _instruction_sets(),
        "blas": _blas(),
        "threads": 1,
        "distributions": {name: found for name in sorted(names) if (found := _version(name)) is not None},
        "installed": _installed(),
    }


def environment_now(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts to compare with recorded ones: what was imported then may be only installed now.

    :param recorded: facts of a record.
    """
    return environment_facts(also=recorded.get("distributions") or ())


def _imported() -> set[str]:
    providers = packages_distributions()
    return {name for module in {name.partition(".")[0] for name in sys.modules} for name in providers.get(module, ())}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@functools.cache
def _installed() -> str:
    """Hash names and versions, as a lock file would state them."""
    found = {f"{dist.metadata['Name']}=={dist.version}".lower().replace("_", "-") for dist in distributions()}
    return sha256_of(sorted(found))


def _instruction_sets() -> list[str]:
    numpy = load("numpy", "parquet")
    core = getattr(numpy, "_core", None) or numpy.core
    features: Mapping[str, bool] = core._multiarray_umath.__cpu_features__  # noqa: SLF001 - the only place that tells
    return sorted(name for name, used in features.items() if used)


def _blas() -> list[str]:
    """Name the linear algebra of NumPy and SciPy; another library's, loaded beside it, multiplies nothing of ours."""
    load("scipy.linalg", "parquet")  # a process that has not used it yet must name the same
    homes = [Path(str(load(name, "parquet").__file__)).resolve().parent for name in ("numpy", "scipy")]
    places = [place for home in homes for place in (home, home.with_name(f"{home.name}.libs"))]
    loaded = load("threadpoolctl", "scikit-learn").threadpool_info()
    found = [one for one in loaded if any(Path(one["filepath"]).resolve().is_relative_to(place) for place in places)]
    named = [f"{one['internal_api']} {one.get('version')} {one.get('architecture', '')}".strip() for one in found]
    return sorted(set(named))
