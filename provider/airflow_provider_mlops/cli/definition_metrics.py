"""Declares ``airflow mlops metrics``; light, like `definition`."""

from collections.abc import Callable

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand, lazy_load_command

_arg: Callable[..., Arg] = Arg

METRICS = GroupCommand(
    name="metrics",
    help="Write what the ledgers say for Prometheus",
    subcommands=(
        ActionCommand(
            name="write",
            help="Write the gauges of models anew from their ledgers",
            description="Write the gauges of models for Prometheus, made anew from their ledgers: to the folder and "
            "the Pushgateway that the options say. Exits with 2 where neither is set, or a folder cannot be written.",
            func=lazy_load_command("airflow_provider_mlops.cli.metrics.write"),
            args=(
                _arg(("--model",), metavar="NAME", help="Name of a registered model; default: all that have a ledger"),
                _arg(("--dir",), metavar="DIR", help="Folder for text files; default: option prometheus_textfile_dir"),
                _arg(
                    ("--ledger-root",),
                    metavar="DIR",
                    help="Folder of the ledger; default: option ledger_root of the configuration section mlops",
                ),
            ),
        ),
    ),
)
