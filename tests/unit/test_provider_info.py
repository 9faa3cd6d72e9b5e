"""What Airflow is told of the provider is valid, complete and true."""

import importlib
import inspect
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from airflow.sdk import BaseHook, BaseNotifier, BaseOperator, BaseOperatorLink, BaseSensorOperator
from airflow.sdk.bases.decorator import DecoratedOperator
from airflow.triggers.base import BaseTrigger

import airflow_provider_mlops
from airflow_provider_mlops.config import SECTION
from airflow_provider_mlops.get_provider_info import get_provider_info

PACKAGE = Path(airflow_provider_mlops.__file__).parent
INFO = get_provider_info()
KINDS = {
    "operators": BaseOperator,
    "sensors": BaseSensorOperator,
    "hooks": BaseHook,
    "triggers": BaseTrigger,
    "links": BaseOperatorLink,
    "decorators": DecoratedOperator,
    "notifications": BaseNotifier,
}


def _declared_modules(kind: str) -> set[str]:
    return {module for entry in INFO.get(kind, []) for module in entry["python-modules"]}


def _found(kind: str) -> dict[str, type]:
    """Every class of a kind that users can name, by its dotted name, from the files on disk."""
    classes: dict[str, type] = {}
    for path in sorted((PACKAGE / kind).glob("[!_]*.py")):
        module = importlib.import_module(f"airflow_provider_mlops.{kind}.{path.stem}")
        for name, member in inspect.getmembers(module, inspect.isclass):
            if member.__module__ == module.__name__ and issubclass(member, KINDS[kind]) and not name.startswith("_"):
                classes[f"{module.__name__}.{name}"] = member
    return {name: member for name, member in classes.items() if not inspect.isabstract(member)}


def _resolve(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def test_is_valid_by_airflows_schema() -> None:
    """Airflow ignores a provider whose description breaks its schema."""
    schema = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text())

    jsonschema.validate(INFO, schema)


def test_names_nothing_that_the_schema_does_not_know() -> None:
    """Airflow ignores a misspelt key in silence."""
    schema = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text())

    assert set(INFO) <= set(schema["properties"])


@pytest.mark.parametrize("kind", ["operators", "sensors", "hooks", "triggers"])
def test_declares_the_modules_that_are_there(kind: str) -> None:
    """Each module with a class that users can name is declared, and nothing else is."""
    on_disk = {name.rpartition(".")[0] for name in _found(kind)}

    assert on_disk
    assert _declared_modules(kind) == on_disk


def test_declares_every_link() -> None:
    """An undeclared link breaks the deserialisation of each Dag that uses it."""
    used = {
        f"{type(link).__module__}.{type(link).__qualname__}"
        for kind in ("operators", "sensors")
        for operator in _found(kind).values()
        for link in getattr(operator, "operator_extra_links", ())
    }

    assert set(INFO["extra-links"]) == set(_found("links"))
    assert used <= set(INFO["extra-links"])


def test_declares_every_notifier() -> None:
    """So that `airflow providers notifications` lists it."""
    assert set(INFO["notifications"]) == set(_found("notifications"))


def test_declares_every_task_decorator() -> None:
    """`@task.<name>` is found by its declaration, under the name that the operator shows."""
    declared = {entry["class-name"]: entry["name"] for entry in INFO["task-decorators"]}
    shown = {operator.custom_operator_name for operator in _found("decorators").values()}  # type: ignore[attr-defined]

    assert {f"@task.{name}" for name in declared.values()} == shown
    assert {path.rpartition(".")[0] for path in declared} == {name.rpartition(".")[0] for name in _found("decorators")}


@pytest.mark.parametrize(
    "path",
    [
        *INFO["extra-links"],
        *INFO["notifications"],
        *INFO["cli"],
        *(entry["class-name"] for entry in INFO["task-decorators"]),
        *(entry["hook-class-name"] for entry in INFO["connection-types"]),
    ],
)
def test_what_is_declared_imports(path: str) -> None:
    """Each name leads to something that can be called."""
    assert callable(_resolve(path))


def test_declares_every_connection_type() -> None:
    """The form of a connection comes from the declaration, which agrees with the hook."""
    declared = {
        entry["hook-class-name"]: (entry["connection-type"], entry["hook-name"]) for entry in INFO["connection-types"]
    }
    hooks = {name: (hook.conn_type, hook.hook_name) for name, hook in _found("hooks").items()}  # type: ignore[attr-defined]

    assert declared == hooks


def test_the_connection_form_asks_for_what_the_hook_reads() -> None:
    """Tracking URI, registry URI, token, experiment and TLS check are on the form, the token as a password."""
    form = INFO["connection-types"][0]

    assert form["ui-field-behaviour"]["relabeling"]["host"] == "Tracking URI"
    assert {"registry_uri", "token", "experiment", "verify_tls"} <= set(form["conn-fields"])
    assert form["conn-fields"]["token"]["schema"]["format"] == "password"


def test_declares_the_options_that_the_code_reads() -> None:
    """The configuration section is the one that `airflow_provider_mlops.config` asks for, option by option."""
    source = (PACKAGE / "config.py").read_text(encoding="utf-8")
    options = INFO["config"][SECTION]["options"]

    assert set(INFO["config"]) == {SECTION}
    assert all(f'"{option}"' in source for option in options)


def test_the_name_is_that_of_the_distribution() -> None:
    """Airflow finds the example Dags by the distribution's name, with "-" turned into "_"."""
    assert INFO["package-name"].replace("-", "_") == airflow_provider_mlops.__name__
