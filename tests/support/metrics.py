"""Reading what Airflow's statistics send: StatsD on UDP, OpenTelemetry's exports."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def statsd_listener() -> Iterator[socket.socket]:
    """Listen on a UDP port of loopback."""
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
