"""Declares the command ``airflow mlops``; every ``airflow`` command loads this, so it imports nothing else of ours."""

from collections.abc import Callable

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand, GroupCommand, lazy_load_command

# Airflow leaves `Arg` without annotations, which a strict type check does not let us call.
_arg: Callable[..., Arg] = Arg

_ROOT = _arg(
    ("--ledger-root",),
    metavar="DIR",
    # Airflow renders help as rich markup, which would swallow "[mlops]".
    help="Folder of the ledger; default: option ledger_root of the configuration section mlops, "
    "else the folder 'ledger' under its storage_root",
)
_CHAIN = _arg(("chain",), metavar="CHAIN", help="Name of a chain, e.g. model/flight_delays")
_CHAIN_OR_ALL = _arg(("chain",), metavar="CHAIN", nargs="?", help="Name of a chain; all chains when left out")
_JSON = _arg(("--json",), action="store_true", help="Write a JSON list, for other programs")
_KIND = _arg(("--kind",), metavar="KIND", help="Only records of this kind, e.g. gate")
_PARTITION = _arg(("--partition",), metavar="KEY", help="Only records of this partition, e.g. 2013-02")

_LEDGER_COMMANDS = (
    ActionCommand(
        name="list",
        help="List the chains with their number of records and the newest one",
        func=lazy_load_command("airflow_provider_mlops.cli.ledger.list_chains"),
        args=(_CHAIN_OR_ALL, _JSON, _ROOT),
    ),
    ActionCommand(
        name="show",
        help="Show the records of a chain and what each is about",
        func=lazy_load_command("airflow_provider_mlops.cli.ledger.show"),
        args=(_CHAIN, _KIND, _PARTITION, _JSON, _ROOT),
    ),
    ActionCommand(
        name="verify",
        help="Check every record against its hash and its predecessor",
        description="Check every record against its hash and its predecessor. Exits with 1 and names each broken "
        "record when a chain is not intact, with 2 when there is no such chain.",
        func=lazy_load_command("airflow_provider_mlops.cli.ledger.verify"),
        args=(_CHAIN_OR_ALL, _JSON, _ROOT),
    ),
)


def get_mlops_cli_commands() -> list[CLICommand]:
    """Return the commands that this provider adds to ``airflow``.

    :return: the group ``mlops``.
    """
    return [
        GroupCommand(
            name="mlops",
            help="Look at and check the evidence of the model lifecycle",
            subcommands=(
                GroupCommand(name="ledger", help="List, show and verify the ledger", subcommands=_LEDGER_COMMANDS),
            ),
        )
    ]
