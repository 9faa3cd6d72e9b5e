"""Declares ``airflow mlops card``; light, like `definition`."""

from collections.abc import Callable

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand, lazy_load_command

_arg: Callable[..., Arg] = Arg

CARD = GroupCommand(
    name="card",
    help="Show the card of a model version",
    subcommands=(
        ActionCommand(
            name="show",
            help="Write the card of a version, made from the ledgers",
            description="Write the card of a version as Markdown, made anew from the ledgers, without figures. "
            "Exits with 2 when the ledger does not know the version.",
            func=lazy_load_command("airflow_provider_mlops.cli.card.show"),
            args=(
                _arg(("model",), metavar="MODEL", help="Name of the registered model"),
                _arg(("version",), metavar="VERSION", help="The version"),
                _arg(("--json",), action="store_true", help="Write the card as JSON, for other programs"),
                _arg(
                    ("--ledger-root",),
                    metavar="DIR",
                    help="Folder of the ledger; default: option ledger_root of the configuration section mlops",
                ),
            ),
        ),
    ),
)
