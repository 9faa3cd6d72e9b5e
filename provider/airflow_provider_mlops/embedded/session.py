"""Requests to Airflow's REST API as one user: the token, its renewal, and errors that say what was asked."""

from typing import Any

import httpx

from airflow_provider_mlops.embedded.config import EmbeddedError


class ApiError(EmbeddedError):
    """Raised when Airflow's API answers with an error, or not at all.

    :param message: what was asked and what came back.
    :param status: HTTP status; 0 when there was no answer.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class ApiSession:
    """Talks to one Airflow as one user.

    :param url: address of Airflow, e.g. ``http://127.0.0.1:8080``.
    :param user: user name.
    :param password: password.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self._login = {"username": user, "password": password}
        # trust_env off: a proxy for the internet must not be asked for loopback addresses.
        self._http = httpx.Client(base_url=url, timeout=60, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def request(self, method: str, path: str, *, json: Any = None, **params: Any) -> Any:
        """Send one request below ``/api/v2``, with a token.

        :param method: ``GET``, ``POST``, ``PATCH`` or ``DELETE``.
        :param path: path below ``/api/v2``, with its leading slash.
        :param json: body.
        :param params: query parameters; those that are None are left out.
        :return: the decoded answer; None when it is empty.
        :raises ApiError: when the answer is an error or there is none.
        """
        query = {name: value for name, value in params.items() if value is not None}
        if "Authorization" not in self._http.headers:
            self._log_in()
        answer = self._send(method, f"/api/v2{path}", json=json, params=query)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._log_in()
            answer = self._send(method, f"/api/v2{path}", json=json, params=query)
        if answer.is_error:
            text = f"{method} {path}: Airflow answered {answer.status_code}: {answer.text[:500]}"
            raise ApiError(text, answer.status_code)
        return answer.json() if answer.content else None

    def _log_in(self) -> None:
        self._http.headers.pop("Authorization", None)
        answer = self._send("POST", "/auth/token", json=self._login)
        if answer.is_error:
            raise ApiError(f"Airflow refused the login of {self._login['username']!r}.", answer.status_code)
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **options)
        except httpx.HTTPError as err:
            raise ApiError(f"{method} {self.url}{path}: {type(err).__name__}: {err}") from err
