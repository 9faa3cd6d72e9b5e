"""What frames a command: connections it may read, and its end: 0 is well, 1 broken evidence, 2 a wrong call."""

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps

from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_provider_mlops.cli.output import say
from airflow_provider_mlops.core.errors import EvidenceBroken, MLOpsError

BROKEN = 1
WRONG_CALL = 2
_OUTSIDE = ("botocore.", "sqlalchemy.")
_LONGEST = 300
_CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"


def exit_codes(command: Callable[[Namespace], None]) -> Callable[[Namespace], None]:
    """Turn our errors into one line and an exit code.

    :param command: the function of a command.
    :return: the same, which exits with 1 for broken evidence and with 2 for every other error of ours, and where a
        file, a connection, a store or a database cannot be had.
    """

    @wraps(command)
    def run(args: Namespace) -> None:
        try:
            with _connections_of_the_database():
                command(args)
        except MLOpsError as err:
            say(str(err), error=True)
            raise SystemExit(BROKEN if isinstance(err, EvidenceBroken) else WRONG_CALL) from None
        except BrokenPipeError:  # whoever read us, `head` say, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except Exception as err:
            if (told := _of_the_world(err)) is None:
                raise
            say(told, error=True)
            raise SystemExit(WRONG_CALL) from err

    return run


def _of_the_world(err: Exception) -> str | None:
    """Say in a line what a file, a connection, a store or a database answered; None for what is an error of ours."""
    if isinstance(err, OSError) and err.strerror:
        return f"{err.filename or 'A file'}: {err.strerror}."
    if isinstance(err, AirflowNotFoundException) or type(err).__module__.startswith(_OUTSIDE):
        return f"{type(err).__name__}: {' '.join(str(err).split())[:_LONGEST]}"
    return None


@contextmanager
def _connections_of_the_database() -> Iterator[None]:
    """Let Airflow look connections up in its database too, as its own ``airflow connections`` does.

    A command runs beside the database, like the scheduler; Airflow takes a process that does not say so for a
    worker, which has none.
    """
    before = os.environ.get(_CONTEXT)
    os.environ[_CONTEXT] = "server"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_CONTEXT]
        else:
            os.environ[_CONTEXT] = before
