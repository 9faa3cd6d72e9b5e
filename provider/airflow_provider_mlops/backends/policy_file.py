"""Policies from YAML files: duplicate keys refused, checked by a JSON schema, errors that name the place."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from airflow_provider_mlops.backends.yaml_file import read_yaml
from airflow_provider_mlops.core.drift_policy import DriftPolicy
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.performance_policy import PerformancePolicy
from airflow_provider_mlops.core.policy import Policy
from airflow_provider_mlops.core.retrain_policy import RetrainPolicy

SCHEMAS = Path(__file__).with_name("schemas")
MAX_ERRORS = 3

_Read = TypeVar("_Read")


def load_policy(path: str | Path) -> Policy:
    """Load the policy of a gate.

    :param path: the YAML file.
    :return: the policy.
    :raises BadInput: naming the file, the place in it, the value, and what is allowed there.
    """
    return load_checked(Path(path), "policy.schema.json", Policy.from_mapping)


def load_drift_policy(path: str | Path) -> DriftPolicy:
    """Load the policy of a drift check.

    :param path: the YAML file.
    :return: the policy.
    :raises BadInput: naming the file, the place in it, the value, and what is allowed there.
    """
    return load_checked(Path(path), "drift_policy.schema.json", DriftPolicy.from_mapping)


def load_retrain_policy(path: str | Path) -> RetrainPolicy:
    """Load the policy of retraining.

    :param path: the YAML file.
    :return: the policy.
    :raises BadInput: naming the file, the place in it, the value, and what is allowed there.
    """
    return load_checked(Path(path), "retrain_policy.schema.json", _retrain_policy)


def load_performance_policy(path: str | Path) -> PerformancePolicy:
    """Load a monitoring policy.

    :param path: the YAML file.
    :return: the policy.
    :raises BadInput: naming the file, the place in it, the value, and what is allowed there.
    """
    return load_checked(Path(path), "performance_policy.schema.json", PerformancePolicy.from_mapping)


def _retrain_policy(mapping: Mapping[str, Any]) -> RetrainPolicy:
    """Read a retrain policy; a bound of a metric that nobody measures would never be broken."""
    from airflow_provider_mlops.statistics.metrics import metric_named

    found = RetrainPolicy.from_mapping(mapping)
    for name in found.performance.below if found.performance else ():
        if not metric_named(name).higher_is_better:
            raise BadInput(
                f"The retrain policy's triggers: performance: below names {name}, for which lower is better."
            )
    return found


def load_checked(path: Path, schema: str, read: Callable[[Mapping[str, Any]], _Read]) -> _Read:
    """Load a YAML file that has a JSON schema.

    :param path: the YAML file.
    :param schema: name of the schema file.
    :param read: makes our own type of the mapping.
    :return: what ``read`` returns.
    :raises BadInput: naming the file, the place in it, the value, and what is allowed there.
    """
    mapping = read_yaml(path)
    _check(mapping, path, json.loads((SCHEMAS / schema).read_text(encoding="utf-8")))
    try:
        return read(mapping)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None


def _check(mapping: Any, path: Path, schema: Mapping[str, Any]) -> None:
    from jsonschema import Draft202012Validator

    try:
        errors = sorted(Draft202012Validator(schema).iter_errors(mapping), key=lambda error: list(map(str, error.path)))
    except RecursionError:
        raise BadInput(f"{path} refers to itself.") from None
    if errors:
        told = list(dict.fromkeys(map(_explain, errors)))  # a key that lacks is an error each, and told with the others
        shown = "; ".join(told[:MAX_ERRORS])
        more = f"; and {len(told) - MAX_ERRORS} more" if len(told) > MAX_ERRORS else ""
        raise BadInput(f"{path}: {shown}{more}.")


def _explain(error: Any) -> str:
    """Say where the value stands, what it is, and what is allowed there."""
    where = error.json_path
    if error.validator in ("additionalProperties", "unevaluatedProperties"):
        known = error.schema["properties"]
        unknown = ", ".join(repr(key) for key in error.instance if key not in known)
        return f"{where} has the unknown key {unknown}; valid keys: {', '.join(known)}"
    if error.validator == "required":
        lacking = ", ".join(repr(key) for key in error.validator_value if key not in error.instance)
        return f"{where} lacks the key {lacking}; it must have: {', '.join(error.validator_value)}"
    value = repr(error.instance)
    value = value if len(value) <= 80 else f"{value[:77]}..."
    if error.validator in ("enum", "const"):
        return f"{where} is {value}; allowed: {_allowed(error.schema)}"
    if error.validator in ("anyOf", "oneOf"):
        return f"{where} is {value}; allowed: {', or '.join(map(_allowed, error.validator_value))}"
    limits = {
        "type": "it must be of the type",
        "minimum": "it must be at least",
        "exclusiveMinimum": "it must be above",
        "exclusiveMaximum": "it must be below",
        "minItems": "the least number of items is",
        "maxItems": "the greatest number of items is",
        "minLength": "the least length is",
    }
    if error.validator in limits:
        return f"{where} is {value}; {limits[error.validator]} {error.validator_value}"
    return f"{where}: {error.message}"


def _allowed(schema: Mapping[str, Any]) -> str:
    """Say what a part of the schema allows, as far as a reader needs it to mend the value."""
    if "enum" in schema or "const" in schema:
        return ", ".join(map(str, schema.get("enum", [schema.get("const")])))
    if "description" in schema:
        return str(schema["description"])
    if schema["type"] == "array":
        return "a list of them"
    if schema["type"] == "object":
        return f"a mapping with {' and '.join(schema['required'])}"
    return {"number": "a number", "string": "a text"}.get(schema["type"], str(schema["type"]))
