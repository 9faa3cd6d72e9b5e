"""Importing optional libraries with an error that says what to install."""

import importlib
from types import ModuleType

from airflow_provider_mlops.core.errors import MissingBackend


def load(module: str, extra: str) -> ModuleType:
    """Import a module of an optional library.

    :param module: dotted module name, e.g. ``skops.io``.
    :param extra: extra of this distribution that brings it, e.g. ``scikit-learn``.
    :return: the module.
    :raises MissingBackend: naming the module and the install line.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as err:
        missing = err.name or module
        raise MissingBackend(
            f"{missing!r} is not installed where this task runs. Install it: pip install 'airflow-provider-mlops[{extra}]'"
        ) from err
