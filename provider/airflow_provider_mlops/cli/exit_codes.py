"""How a command ends: 0 is well, 1 a finding about the evidence, 2 a wrong call."""

from argparse import Namespace
from collections.abc import Callable
from functools import wraps

from airflow_provider_mlops.cli.output import say
from airflow_provider_mlops.core.errors import EvidenceBroken, MLOpsError

BROKEN = 1
WRONG_CALL = 2


def exit_codes(command: Callable[[Namespace], None]) -> Callable[[Namespace], None]:
    """Turn our errors into one line and an exit code.

    :param command: the function of a command.
    :return: the same, which exits with 1 for broken evidence and with 2 for every other error of ours.
    """

    @wraps(command)
    def run(args: Namespace) -> None:
        try:
            command(args)
        except MLOpsError as err:
            say(str(err), error=True)
            raise SystemExit(BROKEN if isinstance(err, EvidenceBroken) else WRONG_CALL) from None

    return run
