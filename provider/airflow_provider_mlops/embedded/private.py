"""What only its owner may read: the secrets of one embedded Airflow, and the files that hold them."""

import json
import os
import secrets
from base64 import urlsafe_b64encode
from dataclasses import asdict, dataclass
from pathlib import Path

from airflow_provider_mlops.embedded.config import LOOPBACK, Layout


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
