"""The loopback ports of one start: those asked for, else the usual ones, else any that are free."""

import contextlib
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


def hold_port(port: int) -> socket.socket | None:
    """Tell every other start on this machine that a port is spoken for, while nothing listens there yet.

    :param port: 1 to 65535.
    :return: closing it, or the end of this process, gives the port up; None when another start holds it.
    """
    hold = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        hold.bind(f"\0airflow-provider-mlops-port-{port}")  # an abstract name of Linux: no file
    except OSError:
        hold.close()
        return None
    return hold


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


def choose_port(
    what: str, default: int, asked: int | None, *taken: int, held: contextlib.ExitStack | None = None
) -> int:
    """Choose a port: the one asked for, else the default, else any free one.

    :param what: ``Airflow`` or ``MLflow``, for the message; its lower-case form is the option's name.
    :param default: the port that people expect.
    :param asked: the port that was asked for, or None.
    :param taken: ports that another server of this start will open.
    :param held: keeps the port from other starts until it is closed; None: they may choose it, too.
    :return: the port.
    :raises EmbeddedError: when the port that was asked for is taken or is not a port.
    """
    if asked is None:
        return default if default not in taken and _take(default, held) else any_free_port(*taken)
    option = f"--{what.lower()}-port"
    if not 1 <= asked <= 65535:
        raise EmbeddedError(f"{option} {asked} is not a port: 1 to 65535.")
    if asked in taken or not _take(asked, held):
        raise EmbeddedError(f"{option} {asked} is taken (or not allowed). Choose another, or leave the option out.")
    return asked


def _take(port: int, held: contextlib.ExitStack | None) -> bool:
    """Say whether a server of this start may open a port; other starts are kept from it."""
    if held is not None:
        if (hold := hold_port(port)) is None:
            return False
        held.enter_context(hold)
    return port_is_free(port)


def choose_ports(
    airflow: int | None = None, mlflow: int | None = None, held: contextlib.ExitStack | None = None
) -> Ports:
    """Choose the ports of one start.

    :param airflow: port asked for, or None for 8080 or a free one.
    :param mlflow: port asked for, or None for 5000 or a free one.
    :param held: keeps the ports from other starts until it is closed, when the servers listen.
    :return: the ports.
    :raises EmbeddedError: when a port that was asked for is taken.
    """
    wanted = (mlflow,) if airflow is None and mlflow is not None else ()
    first = choose_port("Airflow", AIRFLOW_PORT, airflow, *wanted, held=held)
    second = choose_port("MLflow", MLFLOW_PORT, mlflow, first, held=held)
    pages = choose_port("Pages", PAGES_PORT, None, first, second, held=held)
    return Ports(first, second, any_free_port(first, second, pages), pages)
