"""Reading a model registry over HTTP without MLflow's client: light enough for triggers, which must not block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_mlops.core.errors import BadInput, TransientError
from airflow_provider_mlops.core.registry import RegisteredVersion
from airflow_provider_mlops.hooks.mlflow_address import access_of, is_web, tracking_uri, without_credentials

if TYPE_CHECKING:
    import httpx
    from airflow.sdk import Connection

REQUEST_TIMEOUT = 10.0
NEWEST_VERSIONS = 200
_API = "/api/2.0/mlflow"
_DENIED = (401, 403)

Answer = TypeVar("Answer")


async def read_aliases(connection: Connection, model: str) -> dict[str, str]:
    """Ask which version each alias of a model points at: one request, however many aliases.

    :param connection: the MLflow connection; its registry speaks HTTP.
    :param model: name of the registered model.
    :return: alias to version; empty when the model does not exist.
    :raises BadInput: when the registry refuses the credentials, or does not speak HTTP.
    :raises TransientError: when it does not answer properly.
    """
    body = await _get(connection, "registered-models/get", {"name": model})
    return _read(lambda: _aliases(body), model)


async def read_versions(connection: Connection, model: str) -> list[RegisteredVersion]:
    """Ask for the newest versions of a model with their tags: one request.

    :param connection: the MLflow connection; its registry speaks HTTP.
    :param model: name of the registered model.
    :return: at most 200 versions, newest first; empty when the model does not exist.
    :raises BadInput: when the registry refuses the credentials, or the name cannot be searched for.
    :raises TransientError: when it does not answer properly.
    """
    quote = '"' if "'" in model else "'"
    if quote in model:
        raise BadInput(f"Model name {model!r} holds both kinds of quotes; MLflow cannot search for it.")
    parameters = {
        "filter": f"name={quote}{model}{quote}",
        "max_results": NEWEST_VERSIONS,
        "order_by": "version_number DESC",
    }
    body = await _get(connection, "model-versions/search", parameters)
    return _read(lambda: _versions(body), model)


def speaks_http(connection: Connection) -> bool:
    """Tell whether the registry of a connection can be asked over HTTP.

    :param connection: the MLflow connection.
    :raises BadInput: when it has no tracking URI.
    """
    return is_web(_registry_uri(connection))


async def _get(connection: Connection, path: str, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    import httpx

    uri = _registry_uri(connection)
    shown = without_credentials(uri)
    if not speaks_http(connection):
        raise BadInput(f"The registry {shown!r} does not speak HTTP; triggers can only ask one that does.")
    try:
        async with httpx.AsyncClient(**_options(connection, uri)) as client:
            answer = await client.get(f"{_API}/{path}", params=dict(parameters))
    except httpx.HTTPError as err:
        raise TransientError(f"The registry at {shown} cannot be reached: {str(err) or type(err).__name__}.") from err
    if answer.status_code in _DENIED:
        raise BadInput(f"The registry at {shown} refused the credentials (HTTP {answer.status_code}).")
    if answer.is_success:
        return _json(answer, shown)
    if _is_missing(answer):
        return None
    raise TransientError(f"The registry at {shown} answered HTTP {answer.status_code} to {path}.")


def _registry_uri(connection: Connection) -> str:
    return str(connection.extra_dejson.get("registry_uri") or tracking_uri(connection)).rstrip("/")


def _options(connection: Connection, uri: str) -> dict[str, Any]:
    access = access_of(connection, uri)
    options: dict[str, Any] = {"base_url": access.uri, "timeout": REQUEST_TIMEOUT, "verify": access.verify_tls}
    if access.token:
        options["headers"] = {"Authorization": f"Bearer {access.token}"}
    elif access.login:
        options["auth"] = (access.login, access.password)
    return options


def _json(answer: httpx.Response, shown: str) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise TransientError(
            f"The registry at {shown} answered with something that is not its JSON; is it a proxy's page?"
        )
    return body


def _is_missing(answer: httpx.Response) -> bool:
    """A page that lacks, of a proxy say, must not pass for a model that lacks."""
    if answer.status_code not in (400, 404):
        return False
    try:
        body = answer.json()
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("error_code") == "RESOURCE_DOES_NOT_EXIST"


def _aliases(body: Mapping[str, Any] | None) -> dict[str, str]:
    if body is None:
        return {}
    return {item["alias"]: str(item["version"]) for item in body["registered_model"].get("aliases") or ()}


def _versions(body: Mapping[str, Any] | None) -> list[RegisteredVersion]:
    return [
        RegisteredVersion(
            version=str(int(item["version"])),
            status=str(item.get("status", "")),
            tags={tag["key"]: str(tag.get("value", "")) for tag in item.get("tags") or ()},
        )
        for item in (body or {}).get("model_versions") or ()
    ]


def _read(reader: Callable[[], Answer], model: str) -> Answer:
    try:
        return reader()
    except (KeyError, TypeError, ValueError, AttributeError) as err:
        raise TransientError(f"The registry's answer about model {model!r} has another form than MLflow's.") from err
