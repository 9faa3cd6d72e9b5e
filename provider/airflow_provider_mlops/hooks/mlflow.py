"""MLflow from an Airflow connection: a client with its own credentials, timeouts and retries."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from airflow.sdk import BaseHook

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput, TransientError
from airflow_provider_mlops.hooks.mlflow_address import access_of, is_web, without_credentials

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from mlflow import MlflowClient

DEFAULT_RETRIES = 3
DEFAULT_TIMEOUT = 30
_CREDENTIALS = (
    "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_INSECURE_TLS",
)
_QUICK = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}
# Without it MLflow 3 shows its view of generative AI, in which a training run seems to be missing.
_WORKFLOW = "?workflowType=machine_learning"
_TRANSIENT = frozenset({"TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "DEADLINE_EXCEEDED", "ABORTED"})
_DENIED = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED", "CUSTOMER_UNAUTHORIZED"})


class MlflowHook(BaseHook):
    """Talk to an MLflow tracking server and model registry.

    The connection's host is the tracking URI. Login and password, or the extra ``token``, are the credentials. Other
    extras: ``registry_uri``, ``experiment`` (default experiment), ``verify_tls`` (default true), ``timeout`` in
    seconds (default 30) and ``retries`` (default 3, with exponential backoff, on connection errors and the HTTP
    statuses 408, 429 and 5xx only).

    :param mlflow_conn_id: id of the Airflow connection.
    """

    conn_name_attr = "mlflow_conn_id"
    default_conn_name = "mlflow_default"
    conn_type = "mlflow"
    hook_name = "MLflow"

    def __init__(self, mlflow_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mlflow_conn_id = mlflow_conn_id
        self._connection: Connection | None = None

    @property
    def connection(self) -> Connection:
        """The Airflow connection, read once."""
        if self._connection is None:
            self._connection = self.get_connection(self.mlflow_conn_id)
        return self._connection

    @property
    def tracking_uri(self) -> str:
        """The tracking URI that the connection names; a web address without credentials."""
        return access_of(self.connection).uri

    @property
    def public_uri(self) -> str:
        """The tracking URI without the credentials that may stand in it: for links, logs and errors."""
        return without_credentials(self.tracking_uri)

    @property
    def default_experiment(self) -> str | None:
        """The experiment that the connection names, if any."""
        return self.connection.extra_dejson.get("experiment") or None

    def get_conn(self) -> MlflowClient:
        """Return a client; prefer `session`, which brings the credentials too."""
        mlflow = load("mlflow", "mlflow")
        registry = self.connection.extra_dejson.get("registry_uri") or None
        found: MlflowClient = mlflow.MlflowClient(tracking_uri=self.tracking_uri, registry_uri=registry)
        return found

    @contextmanager
    def session(self, *, quick: bool = False) -> Iterator[MlflowClient]:
        """Open a client whose credentials, TLS check, timeout and retries come from the connection.

        MLflow takes these from environment variables only; they are set for this process and restored afterwards.

        :param quick: give up after five seconds and without a retry, for what can do without an answer.
        :return: context manager that gives the client.
        :raises TransientError: when MLflow cannot be reached or asks to come back later.
        :raises BadInput: when MLflow refuses the credentials.
        """
        with _environment({**self._variables(), **(_QUICK if quick else {})}):
            load("mlflow", "mlflow")
            try:
                yield self.get_conn()
            except Exception as err:
                raise self._translated(err) from err

    def test_connection(self) -> tuple[bool, str]:
        """Ask MLflow for one experiment, without retries.

        :return: whether it answered, and one sentence for the form.
        """
        try:
            with self.session(quick=True) as client:
                client.search_experiments(max_results=1)
        except Exception as err:  # noqa: BLE001 - the form shows whatever went wrong
            return False, str(err)
        return True, f"MLflow answered at {self.public_uri}."

    def run_url(self, experiment_id: str, run_id: str) -> str:
        """Return the address of a run's page, or an empty text when the tracking URI is no web address.

        :param experiment_id: id of the experiment.
        :param run_id: id of the run.
        """
        return self._page(f"experiments/{experiment_id}/runs/{run_id}{_WORKFLOW}")

    def experiment_url(self, experiment_id: str) -> str:
        """Return the address of an experiment's page, or an empty text.

        :param experiment_id: id of the experiment.
        """
        return self._page(f"experiments/{experiment_id}/runs{_WORKFLOW}")

    def version_url(self, model: str, version: str) -> str:
        """Return the address of a model version's page, or an empty text.

        :param model: name of the registered model.
        :param version: the version.
        """
        return self._page(f"models/{quote(model, safe='')}/versions/{version}")

    def artifact_page(self, experiment_id: str, run_id: str, path: str) -> str:
        """Return the address of the page that shows an artifact, or an empty text.

        :param experiment_id: id of the experiment.
        :param run_id: id of the run.
        :param path: path of the artifact in the run.
        """
        return self._page(f"experiments/{experiment_id}/runs/{run_id}/artifacts/{path}{_WORKFLOW}")

    def artifact_url(self, run_id: str, path: str) -> str:
        """Return the address at which the tracking server gives out an artifact, or an empty text.

        :param run_id: id of the run.
        :param path: path of the artifact in the run.
        """
        uri = self.public_uri
        query = urlencode({"path": path, "run_uuid": run_id})
        return f"{uri.rstrip('/')}/get-artifact?{query}" if is_web(uri) else ""

    def _page(self, path: str) -> str:
        uri = self.public_uri
        return f"{uri.rstrip('/')}/#/{path}" if is_web(uri) else ""

    def _variables(self) -> dict[str, str | None]:
        access, extra = access_of(self.connection), self.connection.extra_dejson
        found: dict[str, str | None] = {
            # What the process has set for another server must not reach this one.
            **dict.fromkeys(_CREDENTIALS),
            "MLFLOW_TRACKING_URI": access.uri,
            "MLFLOW_REGISTRY_URI": extra.get("registry_uri") or access.uri,
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": _number(self.connection, "retries", DEFAULT_RETRIES),
            "MLFLOW_HTTP_REQUEST_TIMEOUT": _number(self.connection, "timeout", DEFAULT_TIMEOUT),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
            "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        }
        if access.token:
            found["MLFLOW_TRACKING_TOKEN"] = access.token
        elif access.login:
            found["MLFLOW_TRACKING_USERNAME"] = access.login
            found["MLFLOW_TRACKING_PASSWORD"] = access.password
        if not access.verify_tls:
            found["MLFLOW_TRACKING_INSECURE_TLS"] = "true"
        return found

    def _translated(self, err: Exception) -> Exception:
        where = f"MLflow at {self.public_uri} (connection {self.mlflow_conn_id!r})"
        code = getattr(err, "error_code", None)
        text = str(err)
        if code in _DENIED:
            return BadInput(f"{where} refused the credentials: {text[:300]}")
        if code in _TRANSIENT:
            return TransientError(f"{where} is overloaded or starting: {text[:300]}")
        if "Max retries exceeded" in text or "Connection refused" in text:
            return TransientError(f"{where} cannot be reached: {_root_cause(err)}")
        return err


def _number(connection: Connection, name: str, default: int) -> str:
    """The form keeps an empty field as None or an empty text; zero is a number."""
    value = connection.extra_dejson.get(name)
    text = str(default if value in (None, "") else value)
    if not text.isdecimal():
        raise BadInput(
            f"The extra {name!r} of connection {connection.conn_id!r} is {value!r}; it must be a whole number, 0 or "
            "more."
        )
    return text


def _root_cause(err: BaseException) -> str:
    """MLflow's text has the cause at its end, behind several hundred characters."""
    while (deeper := err.__cause__ or err.__context__) is not None:
        err = deeper
    return str(err)[-200:]


@contextmanager
def _environment(variables: Mapping[str, str | None]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    _set(variables)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
