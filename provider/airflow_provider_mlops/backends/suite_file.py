"""Suites from files, YAML or JSON, and from functions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends.great_expectations import library
from airflow_provider_mlops.backends.yaml_file import read_yaml
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.suite import read_suite


def load_suite(path: Path) -> dict[str, Any]:
    """Read a suite file.

    :param path: YAML or JSON file: ``name``, ``expectations``, each with ``type``, ``kwargs`` and ``severity``
        (``critical``, the default, ``warning`` or ``quarantine``), and ``quarantine: {max_share}``. What Great
        Expectations writes is read too.
    :return: the suite as `core.suite.read_suite` returns it.
    :raises BadInput: naming the file and the entry that is not right.
    """
    return read_suite(_read_json(path) if path.suffix == ".json" else read_yaml(path), str(path))


def call_suite(function: Callable[..., Any], name: str) -> dict[str, Any]:
    """Take a suite from a function.

    :param function: a function without arguments that returns the suite: a mapping, or the ``ExpectationSuite`` of
        Great Expectations.
    :param name: its import path, for the errors.
    :return: the suite as `core.suite.read_suite` returns it.
    :raises BadInput: naming the function and the entry that is not right.
    """
    found = _called(function)
    if hasattr(found, "to_json_dict"):
        found = found.to_json_dict()
    if not isinstance(found, Mapping):
        raise BadInput(f"Suite {name} returned a {type(found).__name__}; it must return a mapping or a suite of GX.")
    return read_suite(found, name)


def _called(function: Callable[..., Any]) -> Any:
    """Call a function; where a suite of Great Expectations asks for a context, it gets one in memory."""
    try:
        return function()
    except Exception as err:
        if type(err).__name__ != "DataContextRequiredError":
            raise
    library().get_context(mode="ephemeral")
    return function()


def _read_json(path: Path) -> Any:
    # YAML's reader takes 1e-05, which Great Expectations writes, for a text.
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise BadInput(f"{path}: the key {key!r} is there twice.")
            found[key] = value
        return found

    try:
        return json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=once)
    except OSError as err:
        raise BadInput(f"File {path} cannot be read: {err.strerror}.") from err
    except (ValueError, RecursionError) as err:
        raise BadInput(f"{path} is not valid JSON: {' '.join(str(err).split())[:200]}") from err
