"""The training function of a Dag or of a record, here or in another interpreter, and its environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_mlops import config
from airflow_provider_mlops.core.code_identity import code_files, import_callable, is_import_path
from airflow_provider_mlops.core.env_names import check_env_names, passed_on
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.module_source import find_module, import_root, is_installed
from airflow_provider_mlops.hooks.dag_file import behind_task, check_top_level, function_of_dag_file


def find_function(
    path: str, python: str | None, trusted_types: Any, log: Any, env_names: Sequence[str] | None = None
) -> Callable[..., Any]:
    """Return a training function by its import path.

    :param path: ``package.module:function``.
    :param python: absolute path of the interpreter that it runs in; None or empty for this one.
    :param trusted_types: types that the model may hold beyond skops' own list, when it comes from there.
    :param log: where the output of the other interpreter is told.
    :param env_names: environment variables that it gets there beside the usual ones.
    :return: the function, or what calls it there.
    :raises BadInput: when one of the paths is not what it must be.
    """
    if not python:
        return behind_task(import_callable(path))
    from airflow_provider_mlops.backends.interpreter import InterpreterFunction

    if not is_import_path(path):
        raise BadInput(f"With python= the training function is an import path package.module:function, not {path!r}.")
    if not Path(python).is_absolute():
        raise BadInput(f"python={python!r} must be the absolute path of an interpreter.")
    module, _, name = path.partition(":")
    home = _home(module, path)
    function = InterpreterFunction(
        python=python,
        module=module,
        function=name,
        trusted_types=sorted(trusted_types),
        path=[home] if home else [],
        sources={},
        env_names=check_env_names(env_names),
        data_root=home or "",
        log=log,
    )
    function.sources = code_files(function, path)
    return function


def recorded_function(body: Mapping[str, Any], log: Any, bundle: Path | None = None) -> Callable[..., Any]:
    """Return the training function of a record, as it is now, in the interpreter that it ran in.

    :param body: body of the training's record.
    :param log: where the output of another interpreter is told.
    :param bundle: root of the Dag bundle, in which a Dag file is looked for; None for the working directory.
    :return: the function.
    :raises BadInput: when it cannot be found.
    """
    manifest = body["manifest"]
    check_top_level(manifest["function"])
    if dag_file := body.get("dag_file"):
        return function_of_dag_file(manifest["function"], dag_file, bundle or Path.cwd())
    where = manifest.get("python"), manifest["trusted_types"]
    return find_function(manifest["function"], *where, log, manifest.get("env_names"))


def program_facts(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record says of the other interpreter.

    :param manifest: the training's manifest.
    :return: ``interpreter``: its ``path``, the hash of the ``program`` that ran there, and ``env_names``, the names of
        all environment variables that it got; empty where it was trained in this one.
    """
    if (python := manifest.get("python")) is None:
        return {}
    from airflow_provider_mlops.backends.interpreter import child_hash

    names = sorted(passed_on(os.environ, manifest.get("env_names") or ()))
    return {"interpreter": {"path": python, "program": child_hash(), "env_names": names}}


def environment_after(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the environment that a function has just trained in.

    :param function: the training function, after it was called.
    :return: the facts, with the digest of the container image where that is known.
    """
    from airflow_provider_mlops.backends.environment import environment_facts

    return _with_image(getattr(function, "environment", None) or environment_facts())


def environment_before(function: Callable[..., Any], recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the environment that a function would train in now, to compare with a recorded one.

    :param function: the training function.
    :param recorded: facts of a record: what was imported then may be only installed now.
    :return: the facts.
    :raises MissingInterpreter: when the function runs in an interpreter that is gone.
    """
    from airflow_provider_mlops.backends.environment import environment_now

    if (facts := getattr(function, "facts", None)) is None:
        return _with_image(environment_now(recorded))
    return _with_image(facts(recorded.get("distributions") or ()))


def _with_image(facts: dict[str, Any]) -> dict[str, Any]:
    image = config.image_digest()
    return {**facts, "image": image} if image else facts


def _home(module: str, path: str) -> str | None:
    """Return the folder that a module is imported from; None where that is this interpreter's own."""
    spec = find_module(module)
    if spec is None:
        raise BadInput(f"Module {module!r} of {path!r} cannot be found; is it in the Dag bundle?")
    root = import_root(spec)
    if root is None:
        what = "is built into this interpreter" if spec.submodule_search_locations is None else "is a folder of modules"
        raise BadInput(f"Module {module!r} of {path!r} {what}, not a file of the Dag bundle: name one that is.")
    return None if is_installed(root) else str(root)
