"""A web server for the pages beside the evidence, so that the links of tasks lead somewhere: loopback, read only.

It gives out certificates, drift reports, fire drills, Data Docs and manifests, and nothing else of the storage: no
record, no row, no score. ``/`` lists the newest pages.
"""

import html
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from airflow_provider_mlops.backends.tables import Link, Page
from airflow_provider_mlops.embedded.config import LOOPBACK, Layout
from airflow_provider_mlops.embedded.ports import Ports
from airflow_provider_mlops.embedded.processes import Processes
from airflow_provider_mlops.embedded.web import answers, wait_for_answer

NAME = "pages"
START_SECONDS = 60.0
MOST_LISTED = 60
LISTED: Mapping[str, str] = {
    "certificates": "Certificates and audit summaries",
    "drift_reports": "Drift reports",
    "fire_drills": "Fire drills",
    "reports": "Data Docs",
}
"""What ``/`` lists, by folder of the storage."""
_FOLDERS = frozenset({*LISTED, "snapshots"})
_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".md": "text/plain; charset=utf-8",
    ".png": "image/png",
}
_HOSTS = frozenset({LOOPBACK, "localhost"})
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
_HEAD = 4_000


def start(layout: Layout, ports: Ports, processes: Processes, env: Mapping[str, str]) -> None:
    """Start the server; `wait` waits for it.

    :param layout: paths.
    :param ports: ports.
    :param processes: where the server is remembered.
    :param env: environment of the server.
    """
    command = [sys.executable, "-m", __name__, str(layout.storage), str(ports.pages)]
    processes.start(NAME, command, env)


def wait(ports: Ports, processes: Processes) -> None:
    """Wait until the server answers.

    :param ports: ports.
    :param processes: where the server is remembered.
    :raises EmbeddedError: when it ends or does not answer in time; with the end of its log.
    """
    wait_for_answer(ports.pages_url, NAME, "The server of the pages", processes, START_SECONDS)


def is_healthy(ports: Ports) -> bool:
    """Say whether the server answers."""
    return answers(ports.pages_url)


def file_of(root: Path, path: str) -> Path | None:
    """Find the file that a request asks for.

    :param root: the storage root.
    :param path: path of the request, as it came.
    :return: the file; None where there is none that may be given out.
    """
    parts = unquote(urlsplit(path).path).split("/")[1:]
    if not parts or parts[0] not in _FOLDERS or any(not part or part.startswith(".") or "\0" in part for part in parts):
        return None
    file = root.joinpath(*parts)
    inside = file.suffix in _TYPES and file.resolve().is_relative_to(root.resolve())
    return file if inside and file.is_file() else None


def write_index(root: Path) -> str:
    """Write the page that lists the newest pages.

    :param root: the storage root.
    :return: HTML.
    """
    page = Page("Pages beside the evidence")
    page.text("Newest first. The ledger is the evidence; these pages show it.", kind="note")
    for folder, heading in LISTED.items():
        page.heading(heading)
        if links := list(_links(root, folder)):
            page.links(links)
        else:
            page.text("None yet.", kind="note")
    return page.render()


def _links(root: Path, folder: str) -> Iterator[Link]:
    files = {
        file: file.stat().st_mtime for file in (root / folder).glob("*/*/*.html") if file_of(root, _path(root, file))
    }
    for file in sorted(files, key=lambda file: (-files[file], file))[:MOST_LISTED]:
        with file.open(encoding="utf-8", errors="replace") as text:
            title = _TITLE.search(text.read(_HEAD))
        written = f"{datetime.fromtimestamp(files[file], UTC):%Y-%m-%d %H:%M:%S} UTC"
        yield Link(html.unescape(title[1]) if title else file.name, _path(root, file), written)


def _path(root: Path, file: Path) -> str:
    return f"/{file.relative_to(root).as_posix()}"


class PagesHandler(BaseHTTPRequestHandler):
    """Answers GET and HEAD.

    :param root: the storage root.
    :param request: what the server hands over: connection, address of the client, the server.
    """

    server_version, sys_version = NAME, ""

    def __init__(self, root: Path, *request: Any) -> None:
        self._root = root  # the base class answers in its constructor
        super().__init__(*request)

    def _answer(self) -> None:
        # A page from elsewhere that has its name point here must not read what this machine holds.
        if urlsplit(f"//{self.headers.get('Host', '')}").hostname not in _HOSTS:
            self._send(HTTPStatus.FORBIDDEN, _TYPES[".md"], b"Only for this machine.\n")
        elif urlsplit(self.path).path == "/":
            self._send(HTTPStatus.OK, _TYPES[".html"], write_index(self._root).encode())
        elif file := file_of(self._root, self.path):
            self._send(HTTPStatus.OK, _TYPES[file.suffix], file.read_bytes())
        else:
            self._send(HTTPStatus.NOT_FOUND, _TYPES[".md"], b"There is no such page; / lists those that are.\n")

    do_GET = do_HEAD = _answer  # noqa: N815 - the names that the base class calls

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def make_server(root: Path, port: int) -> ThreadingHTTPServer:
    """Make the server; its ``serve_forever`` runs it.

    :param root: the storage root.
    :param port: where it listens, on the loopback address; 0 for any free one.
    """
    return ThreadingHTTPServer((LOOPBACK, port), partial(PagesHandler, root))


if __name__ == "__main__":
    make_server(Path(sys.argv[1]), int(sys.argv[2])).serve_forever()
