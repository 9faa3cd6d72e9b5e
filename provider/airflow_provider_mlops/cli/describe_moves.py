"""The moves of an alias in a line each, for ``airflow mlops ledger show``."""

from collections.abc import Mapping
from typing import Any


def rollback(body: Mapping[str, Any]) -> str:
    """Return from which to which version the alias went back, and why."""
    return f"{_moved(body)}: {body['reason']}"


def adoption(body: Mapping[str, Any]) -> str:
    """Return which version was taken in, and in which form."""
    return f"version {body['version']} adopted as {body['alias']} ({body['format']}): {body['reason']}"


def transfer(body: Mapping[str, Any]) -> str:
    """Return which version came from where."""
    return f"version {body['version']} from {body['source']['chain']} version {body['source']['version']}"


def retirement(body: Mapping[str, Any]) -> str:
    """Return which version was retired, or lost which alias, and until when it is kept."""
    what = "retired" if body["alias"] is None else f"loses the alias {body['alias']}"
    return f"version {body['retired_version']} {what}, kept until {body['retain_until']}: {body['reason']}"


def reconciliation(body: Mapping[str, Any]) -> str:
    """Return what was found, and what was done about it."""
    done = {"heal": "put back", "fail": "alarm", "warn": "warning"}.get(body["action"], body["action"])
    return f"{done}: {body['text']}"


def _moved(body: Mapping[str, Any]) -> str:
    """Return which alias went from where to where."""
    previous, version = body["previous_version"] or "(none)", body["version"] or "(none)"
    return f"{body['alias']}: version {previous} -> {version}"
