"""Dag files, loaded as Airflow loads them."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from airflow.utils.file import get_unique_dag_module_name


def load(path: Path) -> ModuleType:
    """Load a Dag file as Airflow does."""
    name = get_unique_dag_module_name(str(path))
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def forget(path: Path) -> None:
    """Be a process that has not loaded the file."""
    sys.modules.pop(get_unique_dag_module_name(str(path)), None)
