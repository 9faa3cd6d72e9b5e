"""Watching the aliases and versions of registered models."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent

from airflow_provider_mlops.core.registry import RegisteredVersion, alias_reached, version_reached
from airflow_provider_mlops.hooks.registry import read_aliases, read_versions
from airflow_provider_mlops.triggers.shared_poll import answers

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

DEFAULT_POLL_INTERVAL = 30.0


class ModelAliasTrigger(BaseEventTrigger):
    """Fire whenever an alias of a registered model points at another version.

    For an ``AssetWatcher``. The first look fires too, so that nothing is missed while the triggerer was down: events
    are delivered at least once and can be told apart by (model, alias, version). A move and its undoing between two
    looks go unseen. A registry that cannot be reached is logged and asked again. All that watch one model share their
    looks.

    :param model_name: name of the registered model.
    :param alias: the alias to watch.
    :param mlflow_conn_id: id of the MLflow connection; its registry must speak HTTP.
    :param poll_interval: seconds between two looks.
    """

    def __init__(
        self,
        *,
        model_name: str,
        alias: str = "champion",
        mlflow_conn_id: str = "mlflow_default",
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]  # Airflow's have no types
        self.model_name = model_name
        self.alias = alias
        self.mlflow_conn_id = mlflow_conn_id
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and arguments by which the triggerer makes it again."""
        return _serialized(self, "model_name", "alias", "mlflow_conn_id", "poll_interval")

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event for each version that the alias comes to point at."""
        seen: str | None = None
        async with aclosing(_aliases(self.mlflow_conn_id, self.model_name, self.poll_interval)) as looks:
            async for aliases in looks:
                version = aliases.get(self.alias)
                if version is not None and version != seen:
                    yield _event(self.model_name, version, alias=self.alias)
                seen = version


class AliasReachedTrigger(BaseTrigger):
    """Fire once when an alias of a registered model points at a version that is waited for.

    `ModelAliasSensor` defers to it. All that wait for one model share their looks at the registry.

    :param model_name: name of the registered model.
    :param alias: the alias.
    :param version: the version that it must point at; None for any.
    :param other_than: the version that it must have left; None for none.
    :param mlflow_conn_id: id of the MLflow connection; its registry must speak HTTP.
    :param poll_interval: seconds between two looks.
    """

    def __init__(
        self,
        *,
        model_name: str,
        alias: str,
        version: str | None = None,
        other_than: str | None = None,
        mlflow_conn_id: str = "mlflow_default",
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]  # Airflow's have no types
        self.model_name = model_name
        self.alias = alias
        self.version = version
        self.other_than = other_than
        self.mlflow_conn_id = mlflow_conn_id
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and arguments by which the triggerer makes it again."""
        return _serialized(self, "model_name", "alias", "version", "other_than", "mlflow_conn_id", "poll_interval")

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event, with the version in it."""
        async with aclosing(_aliases(self.mlflow_conn_id, self.model_name, self.poll_interval)) as looks:
            async for aliases in looks:
                found = alias_reached(aliases, self.alias, version=self.version, other_than=self.other_than)
                if found is not None:
                    yield _event(self.model_name, found, alias=self.alias)
                    return


class VersionReachedTrigger(BaseTrigger):
    """Fire once when a registered model has a ready version with certain tags.

    `ModelVersionSensor` defers to it. All that wait for one model share their looks at the registry.

    :param model_name: name of the registered model.
    :param tags: tags that the version must have, with their values; None for none.
    :param after_version: only versions with a greater number count; None for all.
    :param mlflow_conn_id: id of the MLflow connection; its registry must speak HTTP.
    :param poll_interval: seconds between two looks.
    """

    def __init__(
        self,
        *,
        model_name: str,
        tags: Mapping[str, str] | None = None,
        after_version: str | None = None,
        mlflow_conn_id: str = "mlflow_default",
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]  # Airflow's have no types
        self.model_name = model_name
        self.tags = tags
        self.after_version = after_version
        self.mlflow_conn_id = mlflow_conn_id
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and arguments by which the triggerer makes it again."""
        return _serialized(self, "model_name", "tags", "after_version", "mlflow_conn_id", "poll_interval")

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event, with the version in it."""
        async with aclosing(_versions(self.mlflow_conn_id, self.model_name, self.poll_interval)) as looks:
            async for versions in looks:
                found = version_reached(versions, tags=self.tags, after_version=self.after_version)
                if found is not None:
                    yield _event(self.model_name, found)
                    return


def _aliases(conn_id: str, model: str, interval: float) -> AsyncGenerator[dict[str, str]]:
    async def look() -> dict[str, str]:
        return await read_aliases(await BaseHook.aget_connection(conn_id), model)

    return answers(("aliases", conn_id, model), look, interval)


def _versions(conn_id: str, model: str, interval: float) -> AsyncGenerator[list[RegisteredVersion]]:
    async def look() -> list[RegisteredVersion]:
        return await read_versions(await BaseHook.aget_connection(conn_id), model)

    return answers(("versions", conn_id, model), look, interval)


def _event(model: str, version: str, **more: str) -> TriggerEvent:
    return TriggerEvent({"schema": 1, "model_name": model, **more, "version": version})  # type: ignore[no-untyped-call]  # Airflow's have no types


def _serialized(trigger: BaseTrigger, *names: str) -> tuple[str, dict[str, Any]]:
    path = f"{type(trigger).__module__}.{type(trigger).__qualname__}"
    return path, {name: getattr(trigger, name) for name in names}
