"""What of this environment can change a model: interpreter, processor, numeric libraries, imported distributions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_mlops.backends.interpreter_facts import interpreter_facts, version_facts
from airflow_provider_mlops.backends.optional import load


def environment_facts(also: Iterable[str] = ()) -> dict[str, Any]:
    """Return what of this environment can change a model.

    :param also: further distributions to state the version of, those of a record that is compared with.
    :return: as `interpreter_facts.interpreter_facts` says.
    :raises MissingBackend: when a library is missing, with the install line.
    """
    return interpreter_facts(also, lambda name: load(name, "scikit-learn"))


def versions_now(recorded: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the versions of Python and of all distributions that were imported.

    :param recorded: facts to compare with, whose distributions are stated too.
    """
    return version_facts((recorded or {}).get("distributions") or ())


def environment_now(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts to compare with recorded ones: what was imported then may be only installed now.

    :param recorded: facts of a record.
    """
    return environment_facts(also=recorded.get("distributions") or ())
