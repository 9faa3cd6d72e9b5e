"""Waiting for the model registry: until an alias points at a version, until a version is there."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook, BaseSensorOperator, PokeReturnValue, conf
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.core.errors import BadInput, FinalError, TransientError
from airflow_provider_mlops.core.registry import RegisteredVersion, alias_reached, version_reached
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.registry import NEWEST_VERSIONS, read_aliases, read_versions, speaks_http
from airflow_provider_mlops.triggers.mlflow import AliasReachedTrigger, VersionReachedTrigger

if TYPE_CHECKING:
    from airflow.sdk import Connection, Context
    from airflow.triggers.base import BaseTrigger


class _RegistrySensor(BaseSensorOperator):
    """What waits for a model: a look first, then, if it may, no worker slot until the registry says so."""

    ui_color = "#d6eaf8"

    def __init__(
        self,
        *,
        model_name: str,
        mlflow_conn_id: str = MlflowHook.default_conn_name,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_name = model_name
        self.mlflow_conn_id = mlflow_conn_id
        self.deferrable = deferrable

    def execute(self, context: Context) -> Any:
        """Look; when what is waited for is not there, defer or poke again.

        :param context: Airflow's context.
        :return: what was found.
        :raises AirflowFailException: when waiting cannot help: wrong credentials, a malformed argument.
        """
        if not self.deferrable:
            return super().execute(context)
        found = self.poke(context)
        if found.is_done:
            return found.xcom_value
        self._check_deferrable()
        self.log.info("Waiting on the triggerer, a look every %g s.", self.poke_interval)
        timeout = timedelta(seconds=self.timeout)
        return self.defer(trigger=self.trigger(), method_name="execute_complete", timeout=timeout)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Take what the trigger found.

        :param context: Airflow's context.
        :param event: the trigger's event; all that the wait knows is in it.
        :return: what was found.
        """
        return self._found(str(event["version"]))

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once; a registry that cannot be reached is looked at again later.

        :param context: Airflow's context.
        :return: whether it is there, and what was found.
        :raises AirflowFailException: when waiting cannot help.
        """
        try:
            version = self.look()
        except TransientError as err:
            self.log.warning("%s The wait goes on.", err)
            return PokeReturnValue(is_done=False)
        except FinalError as err:
            raise AirflowFailException(f"{type(err).__name__}: {err}") from err
        if version is None:
            self.log.info("%s", self.waiting_for())
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self._found(version))

    def _check_deferrable(self) -> None:
        try:
            if speaks_http(self._connection()):
                return
        except FinalError as err:
            raise AirflowFailException(f"{type(err).__name__}: {err}") from err
        raise AirflowFailException(
            f"The registry of connection {self.mlflow_conn_id!r} does not speak HTTP, which the triggerer needs; "
            "set deferrable=False, and mode='reschedule' for a long wait."
        )

    def _connection(self) -> Connection:
        return BaseHook.get_connection(self.mlflow_conn_id)

    def _found(self, version: str) -> dict[str, Any]:
        found = self.result(version)
        self.log.info("Found %s.", ", ".join(f"{name} {value}" for name, value in found.items()))
        return found

    @abstractmethod
    def look(self) -> str | None:
        """Look at the registry once.

        :return: the version that is waited for, None when it is not there.
        """

    @abstractmethod
    def trigger(self) -> BaseTrigger:
        """Return the trigger that waits in this task's place."""

    @abstractmethod
    def waiting_for(self) -> str:
        """Return the line that the log shows while it is not there."""

    @abstractmethod
    def result(self, version: str) -> dict[str, Any]:
        """Return the task's result.

        :param version: the version that was found.
        """


class ModelAliasSensor(_RegistrySensor):
    """Wait until an alias of a registered model points at a version.

    Looks first and defers only when there is something to wait for; a thousand that wait for one model on a triggerer
    cost one request an interval. A registry that cannot be reached is asked again. A move and its undoing between two
    looks go unseen.

    :param model_name: name of the registered model. (templated)
    :param alias: the alias. (templated)
    :param version: the version that it must point at; default: any. (templated)
    :param other_than: the version that it must have left, e.g. the one an earlier task found; default: none.
        (templated)
    :param mlflow_conn_id: id of the MLflow connection; to defer, its registry must speak HTTP. (templated)
    :param deferrable: wait on the triggerer, without a worker slot; default: Airflow's option
        ``[operators] default_deferrable``.
    :param kwargs: further arguments of a sensor: ``poke_interval`` (seconds between two looks, default 60),
        ``timeout``, ``soft_fail``, ``mode`` (where it does not defer).

    Returns ``{"model_name", "alias", "version"}``.
    """

    template_fields: Sequence[str] = ("model_name", "alias", "version", "other_than", "mlflow_conn_id")

    def __init__(
        self, *, alias: str = "champion", version: str | None = None, other_than: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.alias = alias
        self.version = version
        self.other_than = other_than

    def look(self) -> str | None:
        """Look at the aliases once."""
        wanted = self._wanted()
        return alias_reached(self._aliases(), self.alias, **wanted)

    def trigger(self) -> AliasReachedTrigger:
        """Return the trigger that waits in this task's place."""
        return AliasReachedTrigger(
            model_name=self.model_name,
            alias=self.alias,
            **self._wanted(),
            mlflow_conn_id=self.mlflow_conn_id,
            poll_interval=self.poke_interval,
        )

    def waiting_for(self) -> str:
        """Return the line that the log shows while it is not there."""
        wanted = f"version {self.version}" if self.version else "a version"
        but = f" other than {self.other_than}" if self.other_than else ""
        return f"Alias {self.alias!r} of model {self.model_name!r} does not point at {wanted}{but} yet."

    def result(self, version: str) -> dict[str, Any]:
        """Return the task's result."""
        return {"model_name": self.model_name, "alias": self.alias, "version": version}

    def _wanted(self) -> dict[str, str | None]:
        return {"version": _text(self.version), "other_than": _text(self.other_than)}

    def _aliases(self) -> dict[str, str]:
        connection = self._connection()
        if speaks_http(connection):
            return asyncio.run(read_aliases(connection, self.model_name))
        from airflow_provider_mlops.backends import mlflow as ml

        with MlflowHook(self.mlflow_conn_id).session() as client:
            return ml.aliases_of(client, self.model_name)


class ModelVersionSensor(_RegistrySensor):
    """Wait until a registered model has a ready version, with certain tags and newer than a known one if asked for.

    Of several the newest is returned; the newest 200 versions are looked at. Otherwise like `ModelAliasSensor`.

    :param model_name: name of the registered model. (templated)
    :param tags: tags that the version must have, with their values, e.g. ``{"mlops.verdict": "PASS"}``. (templated)
    :param after_version: only versions with a greater number count; default: all. (templated)
    :param mlflow_conn_id: id of the MLflow connection; to defer, its registry must speak HTTP. (templated)
    :param deferrable: wait on the triggerer, without a worker slot; default: Airflow's option
        ``[operators] default_deferrable``.
    :param kwargs: further arguments of a sensor: ``poke_interval`` (seconds between two looks, default 60),
        ``timeout``, ``soft_fail``, ``mode`` (where it does not defer).

    Returns ``{"model_name", "version"}``.
    """

    template_fields: Sequence[str] = ("model_name", "tags", "after_version", "mlflow_conn_id")

    def __init__(
        self, *, tags: Mapping[str, str] | None = None, after_version: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.tags = tags
        self.after_version = after_version

    def look(self) -> str | None:
        """Look at the newest versions once."""
        wanted = self._wanted()  # checked before anything is asked
        return version_reached(self._versions(), **wanted)

    def trigger(self) -> VersionReachedTrigger:
        """Return the trigger that waits in this task's place."""
        return VersionReachedTrigger(
            model_name=self.model_name,
            **self._wanted(),
            mlflow_conn_id=self.mlflow_conn_id,
            poll_interval=self.poke_interval,
        )

    def waiting_for(self) -> str:
        """Return the line that the log shows while it is not there."""
        tags = ", ".join(f"{name}={value}" for name, value in (self.tags or {}).items())
        newer = f" newer than {self.after_version}" if self.after_version else ""
        return f"Model {self.model_name!r} has no ready version{newer}{f' with {tags}' if tags else ''} yet."

    def result(self, version: str) -> dict[str, Any]:
        """Return the task's result."""
        return {"model_name": self.model_name, "version": version}

    def _wanted(self) -> dict[str, Any]:
        after = _text(self.after_version)
        if after and not after.isdecimal():
            raise BadInput(f"after_version={after!r} must be the number of a version.")
        tags = {name: str(value) for name, value in (self.tags or {}).items()}
        return {"tags": tags or None, "after_version": after}

    def _versions(self) -> list[RegisteredVersion]:
        connection = self._connection()
        if speaks_http(connection):
            return asyncio.run(read_versions(connection, self.model_name))
        from airflow_provider_mlops.backends import mlflow as ml

        with MlflowHook(self.mlflow_conn_id).session() as client:
            return ml.newest_versions(client, self.model_name, NEWEST_VERSIONS)


def _text(value: Any) -> str | None:
    """Name a version as the registry does, by text; a template that found nothing renders to an empty one."""
    text = "" if value is None else str(value).strip()
    return text or None
