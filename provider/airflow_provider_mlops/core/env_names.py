"""Which environment variables a training in a process of its own gets: the usual ones, and those that were named."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_mlops.core.errors import BadInput

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_MOST = 100
USUAL = frozenset(
    {
        # where programs, libraries and temporary files are, and for whom they run
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "TMPDIR",
        "TEMP",
        "TMP",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
        "DYLD_FALLBACK_LIBRARY_PATH",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        # language and time
        "LANG",
        "LANGUAGE",
        "TZ",
        "TZDIR",
        # which processors compute, and how
        "CUDA_DEVICE_ORDER",
        "CUDA_HOME",
        "CUDA_PATH",
        "CUDA_VISIBLE_DEVICES",
        "CUBLAS_WORKSPACE_CONFIG",
        "HIP_VISIBLE_DEVICES",
        "NVIDIA_DRIVER_CAPABILITIES",
        "NVIDIA_VISIBLE_DEVICES",
        "ROCR_VISIBLE_DEVICES",
        "JOBLIB_TEMP_FOLDER",
        "LOKY_MAX_CPU_COUNT",
        "NPY_DISABLE_CPU_FEATURES",
        "NPY_ENABLE_CPU_FEATURES",
    }
)
"""Names that pass; what they hold is no secret, and a library may need it."""
FAMILIES = ("LC_", "OMP_", "KMP_", "GOMP_", "OPENBLAS_", "GOTO_", "MKL_", "BLIS_", "NUMEXPR_", "VECLIB_", "NUMBA_")
"""Beginnings of names that pass: of the locale, and of the threads and instruction sets of numeric libraries."""


def check_env_names(names: Any) -> list[str]:
    """Read the names of environment variables that a training may get beside the usual ones.

    :param names: what the Dag says: a list of names; None for none.
    :return: the names, sorted, each once.
    :raises BadInput: when one is none, or holds a value.
    """
    if names is None:
        return []
    if isinstance(names, str | bytes | Mapping) or not isinstance(names, Iterable):
        raise BadInput(f"env_names must be a list of names of environment variables, not a {type(names).__name__}.")
    found = list(names)
    if len(found) > _MOST:
        raise BadInput(f"env_names has {len(found)} names; at most {_MOST} can be let through.")
    for place, name in enumerate(found, start=1):
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            # Not what it is: whoever writes NAME=value here has written a value.
            raise BadInput(f"env_names: item {place} is no name of an environment variable; a value is never given.")
    return sorted(set(found))


def passed_on(environment: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Choose what of an environment a training in a process of its own gets.

    :param environment: the variables of this process.
    :param names: those that it gets beside the usual ones.
    :return: the variables.
    :raises BadInput: when one that was named is not set.
    """
    named = set(names)
    if missing := sorted(named - environment.keys()):
        raise BadInput(f"env_names: {missing[0]} is not set where this task runs: set it there, or leave it out.")
    return {
        name: value
        for name, value in environment.items()
        if name in USUAL or name in named or name.startswith(FAMILIES)
    }
