"""Where the embedded Airflow lives."""

import re
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_mlops.core.errors import MLOpsError

LOOPBACK = "127.0.0.1"
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
