"""An S3 on loopback HTTP, as moto plays it, whose requests go one after the other."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Thread
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET = "mlops"
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}


class OneAtATime:
    """A web application behind a lock: moto checks a condition and then puts, with nothing that holds the two together.

    :param app: the application.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._lock = Lock()
        self.lose: dict[str, int] = {}
        self.seen: list[tuple[str, str]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Answer a request; `lose` names paths whose next puts are done and answered with an error all the same."""
        with self._lock:
            method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
            self.seen.append((method, path))
            if method != "PUT" or not self.lose.get(path):
                return list(self._app(environ, start_response))
            self.lose[path] -= 1
            list(self._app(environ, lambda *_: lambda _: None))
            start_response("500 Internal Server Error", [("Content-Length", "0")])
            return []


class _Silent(WSGIRequestHandler):
    """Answers without a line in the log for each request."""

    def log_request(self, *_: Any) -> None:
        pass


@contextmanager
def s3_server() -> Iterator[tuple[str, OneAtATime]]:
    """Serve an S3.

    :return: context manager that gives its address, and the application for looking in.
    """
    app = OneAtATime(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}", app
    finally:
        server.shutdown()
        thread.join()


def aws_connection(endpoint: str, **extra: Any) -> str:
    """Return an Airflow connection to it, as JSON."""
    return json.dumps(
        {
            "conn_type": "aws",
            "login": "test",
            "password": "test",
            "extra": {"endpoint_url": endpoint, "region_name": "us-east-1", **extra},
        }
    )
