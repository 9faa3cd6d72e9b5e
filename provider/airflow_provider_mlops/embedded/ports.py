"""The loopback ports of one start: those asked for, else the usual ones, else any that are free."""

import errno
import socket
from dataclasses import dataclass

from airflow_provider_mlops.embedded.config import LOOPBACK, EmbeddedError

AIRFLOW_PORT = 8080
MLFLOW_PORT = 5000
PAGES_PORT = 5001


@dataclass(frozen=True, slots=True)
class Ports:
    """The loopback ports.

    :param airflow: port of the Airflow UI and API.
    :param mlflow: port of the MLflow server.
    :param postgres: port of PostgreSQL.
    :param pages: port of the pages beside the evidence; 0 where nothing gives them out.
    """

    airflow: int
    mlflow: int
    postgres: int
    pages: int = 0

    @property
    def airflow_url(self) -> str:
        """Address of Airflow."""
        return f"http://{LOOPBACK}:{self.airflow}"

    @property
    def mlflow_url(self) -> str:
        """Address of MLflow."""
        return f"http://{LOOPBACK}:{self.mlflow}"

    @property
    def pages_url(self) -> str:
        """Address of the pages beside the evidence."""
        return f"http://{LOOPBACK}:{self.pages}" if self.pages else ""

    def database_url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database; the password is in the file that ``PGPASSFILE`` names.

        :param database: ``airflow`` or ``mlflow``.
        :return: a URL that names its driver, because SQLAlchemy's default driver depends on SQLAlchemy's version.
        """
        return f"postgresql+psycopg2://postgres@{LOOPBACK}:{self.postgres}/{database}"


def port_is_free(port: int) -> bool:
    """Say whether a server could listen on this loopback port now.

    :param port: 1 to 65535.
    :return: False also for a port that this user may not open.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Without it, the connections of a server that has just stopped would count as taken for a minute.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError as err:
            if err.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def any_free_port(*taken: int) -> int:
    """Find a free loopback port.

    :param taken: ports not to return, because another server is about to open them.
    :return: a port number.
    """
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((LOOPBACK, 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port


def choose_port(what: str, default: int, asked: int | None, *taken: int) -> int:
    """Choose a port: the one asked for, else the default, else any free one.

    :param what: ``Airflow`` or ``MLflow``, for the message; its lower-case form is the option's name.
    :param default: the port that people expect.
    :param asked: the port that was asked for, or None.
    :param taken: ports that another server of this start will open.
    :return: the port.
    :raises EmbeddedError: when the port that was asked for is taken or is not a port.
    """
    if asked is None:
        return default if default not in taken and port_is_free(default) else any_free_port(*taken)
    option = f"--{what.lower()}-port"
    if not 1 <= asked <= 65535:
        raise EmbeddedError(f"{option} {asked} is not a port: 1 to 65535.")
    if asked in taken or not port_is_free(asked):
        raise EmbeddedError(f"{option} {asked} is taken (or not allowed). Choose another, or leave the option out.")
    return asked


def choose_ports(airflow: int | None = None, mlflow: int | None = None) -> Ports:
    """Choose the ports of one start.

    :param airflow: port asked for, or None for 8080 or a free one.
    :param mlflow: port asked for, or None for 5000 or a free one.
    :return: the ports.
    :raises EmbeddedError: when a port that was asked for is taken.
    """
    wanted = (mlflow,) if airflow is None and mlflow is not None else ()
    first = choose_port("Airflow", AIRFLOW_PORT, airflow, *wanted)
    second = choose_port("MLflow", MLFLOW_PORT, mlflow, first)
    pages = choose_port("Pages", PAGES_PORT, None, first, second)
    return Ports(first, second, any_free_port(first, second, pages), pages)
