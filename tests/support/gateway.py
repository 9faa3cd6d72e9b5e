"""A Pushgateway, or another receiver of what is pushed by HTTP: it keeps what it was sent."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


class _Gateway(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        """Take a push."""
        length = int(self.headers["Content-Length"])
        seen: list[Any] = self.server.seen  # type: ignore[attr-defined]
        seen.append((self.path, self.headers.get("Authorization"), self.rfile.read(length)))
        self.send_response(200)
        self.end_headers()

    do_POST = do_PUT  # noqa: N815 - the library's names

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def pushgateway() -> Iterator[Any]:
    """Listen on loopback; ``seen`` of the server has path, authorization and content of every push."""
    with HTTPServer(("127.0.0.1", 0), _Gateway) as server:
        server.seen = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
