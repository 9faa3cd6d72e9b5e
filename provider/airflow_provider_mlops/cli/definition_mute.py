"""Declares ``airflow mlops mute``; light, like `definition`."""

from collections.abc import Callable

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand, lazy_load_command

_arg: Callable[..., Arg] = Arg

_MODEL = _arg(("model",), metavar="MODEL", help="Name of the registered model")
_RECORD = _arg(("record",), metavar="HASH", help="Hash of the mute's record, or its first 8 digits or more")
_FEATURE = _arg(("--feature",), metavar="NAME", help="The feature to mute")
_RULE = _arg(("--rule",), metavar="NAME", help="The rule of the verdict to mute")
_KIND = _arg(("--kind",), metavar="KIND", help="The kind of drift to mute, such as feature, prediction or label")
_UNTIL = _arg(
    ("--until",), metavar="DAY", required=True, help="The last day, such as 2026-01-31; at most 90 days from now"
)
_REASON = _arg(("--reason",), metavar="TEXT", required=True, help="Why; it stands in the record")
_ALL = _arg(("--all",), action="store_true", help="List those that are over, too")
_JSON = _arg(("--json",), action="store_true", help="Write JSON, for other programs")
_ROOT = _arg(
    ("--ledger-root",),
    metavar="DIR",
    help="Folder of the ledger; default: option ledger_root of the configuration section mlops",
)

MUTE = GroupCommand(
    name="mute",
    help="Accept a drift for a time",
    subcommands=(
        ActionCommand(
            name="add",
            help="Mute a feature, a rule or a kind of drift until a day",
            description="Mute a feature, a rule or a kind of drift until a day. Verdicts show it, and it ends by "
            "itself. Exits with 2 when the call is wrong.",
            func=lazy_load_command("airflow_provider_mlops.cli.mute.add"),
            args=(_MODEL, _FEATURE, _RULE, _KIND, _UNTIL, _REASON, _ROOT),
        ),
        ActionCommand(
            name="list",
            help="List the mutes that hold",
            func=lazy_load_command("airflow_provider_mlops.cli.mute.list_mutes"),
            args=(_MODEL, _ALL, _JSON, _ROOT),
        ),
        ActionCommand(
            name="end",
            help="End a mute before its time",
            description="End a mute before its time. Exits with 2 when no such mute holds.",
            func=lazy_load_command("airflow_provider_mlops.cli.mute.end"),
            args=(_MODEL, _RECORD, _REASON, _ROOT),
        ),
    ),
)
