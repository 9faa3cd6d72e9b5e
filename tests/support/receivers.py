"""Servers on loopback that keep what notifiers send: SMTP and HTTP, as the protocols want it."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """What arrived.

    :param port: where the server listens.
    :param received: each message as text.
    :param refusals: how many of the next messages are refused.
    """

    port: int = 0
    received: list[str] = field(default_factory=list)
    refusals: int = 0


@contextmanager
def smtp_receiver() -> Iterator[Receiver]:
    """An SMTP server that takes mail from anybody to anybody."""
    kept = Receiver()

    class Session(socketserver.StreamRequestHandler):
        """One connection."""

        def handle(self) -> None:
            """Speak SMTP until QUIT."""
            self.say("220 loopback ESMTP")
            while line := self.rfile.readline().decode().strip():
                verb = line.split()[0].upper()
                if verb == "EHLO":
                    self.say("250-loopback\r\n250 8BITMIME")
                elif verb == "DATA":
                    self.say("354 go on")
                    text = b""
                    while not text.endswith(b"\r\n.\r\n"):
                        text += self.rfile.readline()
                    if kept.refusals:
                        kept.refusals -= 1
                        self.say("554 refused")
                    else:
                        kept.received.append(text.decode())
                        self.say("250 kept")
                elif verb == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 fine")

        def say(self, line: str) -> None:
            """Answer."""
            self.wfile.write(f"{line}\r\n".encode())

    with _serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session), kept):
        yield kept


@contextmanager
def http_receiver() -> Iterator[Receiver]:
    """A webhook that answers ``ok``, as Slack's does."""
    kept = Receiver()

    class Post(BaseHTTPRequestHandler):
        """One request."""

        def do_POST(self) -> None:
            """Keep the body."""
            kept.received.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: Any) -> None:
            """Be quiet."""

    with _serving(ThreadingHTTPServer(("127.0.0.1", 0), Post), kept):
        yield kept


@contextmanager
def _serving(server: Any, kept: Receiver) -> Iterator[None]:
    server.daemon_threads = True
    kept.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
