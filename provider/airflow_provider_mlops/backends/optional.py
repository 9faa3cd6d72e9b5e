"""Importing optional libraries with an error that says what to install."""

import importlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from airflow_provider_mlops.core.errors import MissingBackend


def load(module: str, extra: str) -> ModuleType:
    """Import a module of an optional library.

    :param module: dotted module name, e.g. ``skops.io``.
    :param extra: extra of this distribution that brings it, e.g. ``scikit-learn``.
    :return: the module.
    :raises MissingBackend: naming the module and the install line; or when importing it would end the process.
    """
    try:
        return importlib.import_module(module)
    except SystemExit as err:
        # PySpark takes a process without a main file for its own doctests and ends it, as a success.
        raise MissingBackend(f"{module!r} would end this process when it is imported: run it from a file.") from err
    except ModuleNotFoundError as err:
        missing = err.name or module
        raise MissingBackend(
            f"{missing!r} is not installed where this task runs: pip install 'airflow-provider-mlops[{extra}]'"
        ) from err


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back deprecation warnings while a library walks through every loaded module.

    skops looks a function up in all of ``sys.modules``, and each old name of Airflow that it touches warns: hundreds
    of lines in the log of a task that has done nothing wrong.

    :return: context manager.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        yield
