"""What of this environment can change a model: interpreter, processor, numeric libraries, imported distributions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_mlops.backends.interpreter_facts import interpreter_facts
from airflow_provider_mlops.backends.optional import load


def environment_facts(also: Iterable[str] = ()) -> dict[str, Any]:
    """Return what of this environment can change a model.

    :param also: further distributions to state the version of, those of a record that is compared with.
    :return: as `interpreter_facts.interpreter_facts` says.
    :raises MissingBackend: when a library is missing, with the install line.
    """
    return interpreter_facts(also, lambda name: load(name, "scikit-learn"))


def environment_now(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts to compare with recorded ones: what was imported then may be only installed now.

    :param recorded: facts of a record.
    """
    return environment_facts(also=recorded.get("distributions") or ())
