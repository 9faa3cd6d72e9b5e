"""Where the embedded Airflow lives, on which ports, with which secrets."""

import errno
import json
import os
import re
import secrets
import socket
from base64 import urlsafe_b64encode
from dataclasses import asdict, dataclass
from pathlib import Path

from airflow_provider_mlops.core.errors import MLOpsError

LOOPBACK = "127.0.0.1"
AIRFLOW_PORT = 8080
MLFLOW_PORT = 5000
PAGES_PORT = 5001
_PROFILE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


class EmbeddedError(MLOpsError):
    """Raised when the embedded Airflow cannot do what was asked; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Every path of one embedded Airflow; all lie in ``<project>/.embedded/<profile>``.

    :param project: absolute folder that holds ``dags/``; it becomes the Dag bundle's root.
    :param profile: short name; profiles of one project are independent of each other.
    """

    project: Path
    profile: str

    @classmethod
    def of(cls, project: Path | str = ".", profile: str = "default") -> "Layout":
        """Check the project folder and the profile name.

        :param project: folder that holds ``dags/``.
        :param profile: lower-case letters, digits, ``-`` and ``_``, at most 32.
        :return: the layout.
        :raises EmbeddedError: when there is no ``dags/`` folder, or the name is not usable as a folder name.
        """
        root = Path(project).expanduser().resolve()
        if not (root / "dags").is_dir():
            raise EmbeddedError(f"{root} has no folder 'dags'. Run this in the checkout, or name it with --project.")
        if not _PROFILE.fullmatch(profile):
            raise EmbeddedError(f"Profile {profile!r} is not a name: use a-z, 0-9, '-' and '_', at most 32 characters.")
        return cls(root, profile)

    @property
    def state(self) -> Path:
        """The folder that holds everything of this profile; deleting it (when stopped) starts afresh."""
        return self.project / ".embedded" / self.profile

    @property
    def lock(self) -> Path:
        """File whose lock means: somebody starts, runs or stops this profile. Beside the state, which is wiped."""
        return self.project / ".embedded" / f"{self.profile}.lock"

    @property
    def airflow_home(self) -> Path:
        """``AIRFLOW_HOME``."""
        return self.state / "airflow"

    @property
    def postgres_data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.state / "postgres"

    @property
    def storage(self) -> Path:
        """Root of snapshots and ledgers, ``[mlops] storage_root``."""
        return self.state / "storage"

    @property
    def ledger(self) -> Path:
        """Root of the ledgers' chains."""
        return self.storage / "ledger"

    @property
    def artifacts(self) -> Path:
        """MLflow's artifacts."""
        return self.state / "mlflow"

    @property
    def logs(self) -> Path:
        """Output of the processes; the logs of the tasks are in ``airflow/logs``."""
        return self.state / "logs"

    @property
    def home(self) -> Path:
        """``HOME`` of the processes, so that caches stay here."""
        return self.state / "home"

    @property
    def tmp(self) -> Path:
        """``TMPDIR`` of the processes."""
        return self.state / "tmp"

    def create(self) -> None:
        """Make the folders.

        :raises EmbeddedError: when the disk or the permissions do not let us.
        """
        folders = (self.airflow_home / "config", self.storage, self.artifacts, self.logs, self.home, self.tmp)
        try:
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise EmbeddedError(f"Cannot create {err.filename}: {err.strerror}.") from err


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


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """What must not be guessed; made once per state folder, kept in a file that only its owner reads.

    :param admin_password: password of the Airflow user ``admin``.
    :param reviewer_password: password of the Airflow user ``reviewer``, who may answer what ``admin`` asks.
    :param postgres_password: password of the PostgreSQL user ``postgres``.
    :param fernet_key: key of Airflow's encrypted columns.
    :param jwt_secret: secret of Airflow's tokens.
    :param api_secret: secret of Airflow's web sessions.
    """

    admin_password: str
    reviewer_password: str
    postgres_password: str
    fernet_key: str
    jwt_secret: str
    api_secret: str

    @classmethod
    def load_or_create(cls, layout: Layout) -> "Secrets":
        """Read the secrets of a state folder; make them, and the files that servers read them from, when missing.

        :param layout: paths; the state folder exists.
        :return: the secrets.
        """
        file = layout.state / "secrets.json"
        kept = json.loads(file.read_text()) if file.exists() else {}
        found = cls(**(_new_secrets() | kept))
        if asdict(found) != kept:
            write_private(file, json.dumps(asdict(found)))
        logins = {"admin": found.admin_password, "reviewer": found.reviewer_password}
        write_private(layout.state / "passwords.json", json.dumps(logins) + "\n")
        write_private(layout.state / "pgpass", f"{LOOPBACK}:*:*:postgres:{found.postgres_password}\n")
        return found


def _new_secrets() -> dict[str, str]:
    return {
        "admin_password": secrets.token_urlsafe(12),
        "reviewer_password": secrets.token_urlsafe(12),
        "postgres_password": secrets.token_urlsafe(24),
        "fernet_key": urlsafe_b64encode(os.urandom(32)).decode(),
        "jwt_secret": secrets.token_urlsafe(64),
        "api_secret": secrets.token_urlsafe(48),
    }


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read; readers see the old text or the new, never a part.

    :param file: where to write.
    :param text: what to write.
    """
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    partial.touch(mode=0o600)
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)
