"""Declares the commands of ``airflow mlops profiles``; every ``airflow`` command loads this."""

from collections.abc import Callable

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand, lazy_load_command

from airflow_provider_mlops.cli.definition_ledger import ROOT, STORAGE

# Airflow leaves `Arg` without annotations, which a strict type check does not let us call.
_arg: Callable[..., Arg] = Arg

_COMMANDS = "airflow_provider_mlops.cli.profiles"
_WHICH = "a partition, whose newest one is meant; the first digits of a profile's hash; or the word reference"
_MODEL = _arg(("model",), metavar="MODEL", help="Name of the registered model")
_PROFILE = _arg(("profile",), metavar="PROFILE", help=f"The profile: {_WHICH}")
_ONE = _arg(("one",), metavar="A", help=f"The profile to compare with: {_WHICH}")
_OTHER = _arg(("other",), metavar="B", help="The profile to compare, named in the same way")
_KIND = _arg(
    ("--kind",),
    metavar="KIND",
    default="feature",
    help="What was profiled: feature, prediction, confidence or label; default: feature",
)
_JSON = _arg(("--json",), action="store_true", help="Write JSON, for other programs")
_EVERYWHERE = (_KIND, _JSON, STORAGE, ROOT)

PROFILES = GroupCommand(
    name="profiles",
    help="List, show and compare the profiles that drift is judged by",
    subcommands=(
        ActionCommand(
            name="list",
            help="List the recorded profiles of a model, and whether they are stored",
            func=lazy_load_command(f"{_COMMANDS}.list_profiles"),
            args=(_MODEL, *_EVERYWHERE),
        ),
        ActionCommand(
            name="show",
            help="Show what a profile says of each column: rows, nulls, quantiles, the most frequent categories",
            func=lazy_load_command(f"{_COMMANDS}.show"),
            args=(_MODEL, _PROFILE, *_EVERYWHERE),
        ),
        ActionCommand(
            name="compare",
            help="Compare two profiles column by column: every effect that a drift policy knows",
            description="Compare two profiles by one specification, column by column. Exits with 2 when they were made "
            "by two.",
            func=lazy_load_command(f"{_COMMANDS}.compare"),
            args=(_MODEL, _ONE, _OTHER, *_EVERYWHERE),
        ),
    ),
)
