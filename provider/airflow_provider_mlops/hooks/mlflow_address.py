"""What an MLflow connection says: the address, and by which credentials it is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    from airflow.sdk import Connection

_WEB = ("http://", "https://")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:@\[\]?#]+)(:[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Access:
    """How an MLflow server is asked; a web address holds no credentials, which libraries quote in their errors.

    :param uri: the address.
    :param token: bearer token, empty without one.
    :param login: user name, empty without one.
    :param password: password of the user.
    :param verify_tls: whether the server's certificate is checked.
    """

    uri: str
    token: str = field(default="", repr=False)
    login: str = ""
    password: str = field(default="", repr=False)
    verify_tls: bool = True


def access_of(connection: Connection, uri: str | None = None) -> Access:
    """Return how the server of a connection is asked.

    :param connection: the Airflow connection.
    :param uri: another address than its tracking URI, e.g. that of its registry.
    :return: the address and the credentials: those that stand in the address, else the token, else login and password.
    :raises BadInput: when there is no address.
    """
    asked = tracking_uri(connection) if uri is None else uri
    extra = connection.extra_dejson
    verify = str(extra.get("verify_tls", True)).lower() not in ("false", "0", "no")
    plain, user, password = _taken_apart(asked)
    if user:
        return Access(plain, login=user, password=password, verify_tls=verify)
    if token := extra.get("token"):
        return Access(plain, token=str(token), verify_tls=verify)
    return Access(plain, login=connection.login or "", password=connection.password or "", verify_tls=verify)


def is_web(uri: str) -> bool:
    """Whether an address is one of the web, which has pages.

    :param uri: the address.
    """
    return uri.startswith(_WEB)


def tracking_uri(connection: Connection) -> str:
    """Return the tracking URI of an MLflow connection.

    :param connection: the Airflow connection: host (with or without a scheme), port, schema as the scheme.
    :return: the URI, without a slash at the end.
    :raises BadInput: when the connection has no host, or one that is no address.
    """
    host = (connection.host or "").rstrip("/")
    if not host:
        raise BadInput(
            f"Connection {connection.conn_id!r} has no tracking URI; put it into the field Tracking URI (host)."
        )
    if "://" not in host:
        host = f"{connection.schema or 'http'}://{host}"
    try:
        parts = urlsplit(host)
        if not connection.port or not parts.hostname or parts.port:
            return host
    except ValueError:
        shown = without_credentials(host)  # what urlsplit says may quote a password
        raise BadInput(
            f"Connection {connection.conn_id!r} has the tracking URI {shown!r}: it is no address; write what is "
            "special in a password as %XX, or put it into the field Password."
        ) from None
    return urlunsplit(parts._replace(netloc=f"{parts.netloc}:{connection.port}"))


def without_credentials(uri: str) -> str:
    """Return an address as it may be shown: for links, logs and errors.

    :param uri: the address.
    :return: the same without user and password; where these are not quoted as they should be, more is left out.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator or "@" not in rest:
        return uri
    place = rest.partition("/")[0]
    _, at, host = place.rpartition("@")
    if _HOST.fullmatch(host):
        return f"{scheme}://{host}{rest[len(place) :]}" if at else uri
    return f"{scheme}://{rest.rpartition('@')[2]}" if place else uri


def _taken_apart(uri: str) -> tuple[str, str, str]:
    """Split user and password off a web address; whatever else it is stays whole."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return uri, "", ""
    who, at, host = parts.netloc.rpartition("@")
    if not at or not is_web(uri):
        return uri, "", ""
    user, _, password = who.partition(":")
    return urlunsplit(parts._replace(netloc=host)), unquote(user), unquote(password)
