"""Watching an alias of a registered model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_mlops.hooks.mlflow import tracking_uri

if TYPE_CHECKING:
    import httpx
    from airflow.sdk import Connection

REQUEST_TIMEOUT = 10.0
ALIAS_PATH = "/api/2.0/mlflow/registered-models/alias"


class ModelAliasTrigger(BaseEventTrigger):
    """Fire whenever an alias of a registered model points at another version.

    The first look fires too, so that nothing is missed while the triggerer was down: events are delivered at least
    once and can be told apart by (model, alias, version). A registry that cannot be reached is logged and asked again.

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
        poll_interval: float = 30.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]
        self.model_name = model_name
        self.alias = alias
        self.mlflow_conn_id = mlflow_conn_id
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and arguments by which the triggerer makes it again."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "model_name": self.model_name,
                "alias": self.alias,
                "mlflow_conn_id": self.mlflow_conn_id,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event for each version that the alias comes to point at."""
        seen: str | None = None
        while True:
            try:
                version = await self.current_version()
            except Exception as err:  # noqa: BLE001 - a watcher must outlive every outage of what it watches
                self.log.warning("Alias %s of model %s cannot be read: %s", self.alias, self.model_name, err)
            else:
                if version is not None and version != seen:
                    yield self._event(version)
                seen = version
            await asyncio.sleep(self.poll_interval)

    def _event(self, version: str) -> TriggerEvent:
        facts = {"schema": 1, "model_name": self.model_name, "alias": self.alias, "version": version}
        return TriggerEvent(facts)  # type: ignore[no-untyped-call]

    async def current_version(self) -> str | None:
        """Ask the registry which version the alias points at.

        :return: the version, None when there is no such alias or model.
        :raises httpx.HTTPError: when the registry does not answer properly.
        """
        import httpx

        connection = await BaseHook.aget_connection(self.mlflow_conn_id)
        async with httpx.AsyncClient(**_client_options(connection)) as client:
            answer = await client.get(ALIAS_PATH, params={"name": self.model_name, "alias": self.alias})
        if _is_missing(answer):
            return None
        answer.raise_for_status()
        return str(answer.json()["model_version"]["version"])


def _client_options(connection: Connection) -> dict[str, Any]:
    extra = connection.extra_dejson
    options: dict[str, Any] = {
        "base_url": extra.get("registry_uri") or tracking_uri(connection),
        "timeout": REQUEST_TIMEOUT,
        "verify": str(extra.get("verify_tls", True)).lower() not in ("false", "0", "no"),
    }
    if extra.get("token"):
        options["headers"] = {"Authorization": f"Bearer {extra['token']}"}
    elif connection.login:
        options["auth"] = (connection.login, connection.password or "")
    return options


def _is_missing(answer: httpx.Response) -> bool:
    if answer.status_code not in (400, 404):
        return False
    try:
        body = answer.json()
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("error_code") in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
