"""Real servers on loopback: MLflow itself, and one that answers whatever a test wants."""

import http.server
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

# Its seven processes for jobs serve features that nothing here uses.
NO_JOBS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
# Each request is asked for the password; to hash it anew takes a tenth of a second.
AUTH = """\
[mlflow]
default_permission = READ
database_uri = sqlite:///basic_auth.db
admin_username = admin
auth_cache_ttl_seconds = 3600
"""
START_SECONDS = 180


class MlflowServer:
    """`mlflow server` with a SQLite store and served artifacts.

    :param folder: where it keeps everything.
    :param database: an empty, initialised database to start from.
    :param password: password of the user ``admin``; without it nobody is asked for one.
    """

    def __init__(self, folder: Path, database: Path | None, password: str = "") -> None:
        self.folder = folder
        self.password = password
        if database is not None:
            shutil.copy(database, folder / "mlflow.db")
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--backend-store-uri", self.store, "--workers", "1"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        environment = {**os.environ, **NO_JOBS}
        if self.password:
            command += ["--app-name", "basic-auth"]
            (self.folder / "auth.ini").write_text(AUTH)
            environment |= {
                "MLFLOW_AUTH_ADMIN_PASSWORD": self.password,
                "MLFLOW_AUTH_CONFIG_PATH": str(self.folder / "auth.ini"),
                "MLFLOW_FLASK_SERVER_SECRET_KEY": "loopback",
            }
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, env=environment, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                self.__exit__(None, None, None)
                raise RuntimeError(f"mlflow server did not start:\n{(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it with its workers."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(30)

    @property
    def store(self) -> str:
        """Address of what it stores in."""
        return f"sqlite:///{self.folder}/mlflow.db"

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


class PostgresMlflowServer(MlflowServer):
    """`mlflow server` that asks for a password, on PostgreSQL.

    :param folder: where it keeps artifacts and users.
    :param database: address of an empty PostgreSQL database.
    :param password: password of the user ``admin``.
    """

    def __init__(self, folder: Path, database: str, password: str) -> None:
        super().__init__(folder, None, password)
        self._database = database

    @property
    def store(self) -> str:
        """Address of the database."""
        return self._database


class HttpServer:
    """A server on loopback that records requests and answers what a function says.

    :param answer: gets the path and returns status and body.
    """

    def __init__(self, answer: Callable[[str], tuple[int, bytes]]) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        seen = self.requests

        class Handler(http.server.BaseHTTPRequestHandler):
            """Answers each request as the test says."""

            def _answer(self) -> None:
                seen.append((self.path, dict(self.headers)))
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, body = answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer  # noqa: N815 - the library's names

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.uri = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        """Start to answer."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
