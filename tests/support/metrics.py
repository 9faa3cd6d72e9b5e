"""Reading what Airflow's statistics send: StatsD on UDP, OpenTelemetry's exports."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class StatsClient:
    """The client that Airflow's StatsD logger drives, where the package ``statsd`` is not installed.

    :param host: where the listener is.
    :param port: its UDP port.
    :param prefix: goes before each name.
    :param ipv6: whether the host is an IPv6 one.
    """

    def __init__(self, host: str, port: int, prefix: str = "", ipv6: bool = False) -> None:
        self.address, self.prefix = (host, port), prefix
        self.family = socket.AF_INET6 if ipv6 else socket.AF_INET

    def incr(self, stat: str, count: int = 1, rate: float = 1) -> None:
        """Count."""
        self._send(stat, f"{count}|c", rate)

    def gauge(self, stat: str, value: float, rate: float = 1, delta: bool = False) -> None:
        """Set, or move where ``delta`` says so."""
        self._send(stat, f"{value:+g}|g" if delta else f"{value}|g", rate)

    def _send(self, stat: str, value: str, rate: float) -> None:
        name = f"{self.prefix}.{stat}" if self.prefix else stat
        with socket.socket(self.family, socket.SOCK_DGRAM) as sender:
            sender.sendto(f"{name}:{value}{f'|@{rate}' if rate < 1 else ''}".encode("ascii"), self.address)


@contextmanager
def statsd_listener(monkeypatch: Any) -> Iterator[socket.socket]:
    """Listen on a UDP port of loopback; the package ``statsd`` is used where it is installed."""
    try:
        import statsd  # noqa: F401 - the real client
    except ImportError:
        module = ModuleType("statsd")
        module.StatsClient = StatsClient  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "statsd", module)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        yield listener


def datagrams(listener: socket.socket) -> dict[str, str]:
    """Read what has arrived: value and type by name; what was sent last counts."""
    found = {}
    listener.setblocking(False)
    while True:
        try:
            name, _, value = listener.recv(65_536).decode("ascii").partition(":")
        except BlockingIOError:
            return found
        found[name] = value


def points_of(content: bytes) -> Iterator[tuple[str, dict[str, str], float]]:
    """Read an export in protobuf: name, attributes and value of each point."""
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    for resource in ExportMetricsServiceRequest.FromString(content).resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in (*metric.gauge.data_points, *metric.sum.data_points):
                    attributes = {item.key: item.value.string_value for item in point.attributes}
                    yield metric.name, attributes, point.as_double or float(point.as_int)
