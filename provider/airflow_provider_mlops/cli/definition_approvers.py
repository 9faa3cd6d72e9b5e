"""Declares ``airflow mlops approvers``; light, like `definition`."""

from collections.abc import Callable

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand, lazy_load_command

_arg: Callable[..., Arg] = Arg

_FILE = _arg(
    ("--file",),
    metavar="FILE",
    help="YAML file with the groups; default: option approver_groups of the configuration section mlops",
)
_JSON = _arg(("--json",), action="store_true", help="Write JSON, for other programs")
_ROLE = _arg(("--role",), metavar="ROLE", action="append", help="Only users with this role; may be repeated")
_GROUP = _arg(("--group",), metavar="NAME", default="approvers", help="Name of the group; default: approvers")

APPROVERS = GroupCommand(
    name="approvers",
    help="Look at and make the groups of people who may approve",
    subcommands=(
        ActionCommand(
            name="list",
            help="List the members of each group, and whether the auth manager knows them",
            description="List the members of each group, and whether the auth manager knows them. Exits with 1 when it "
            "does not know one, with 2 when nothing names groups.",
            func=lazy_load_command("airflow_provider_mlops.cli.approvers.list_groups"),
            args=(_FILE, _JSON),
        ),
        ActionCommand(
            name="make",
            help="Write a group from the users of SimpleAuthManager or FAB",
            description="Write a group as JSON, in the form of the option approver_groups, from the users of "
            "SimpleAuthManager's configuration or of FAB's database.",
            func=lazy_load_command("airflow_provider_mlops.cli.approvers.make"),
            args=(_GROUP, _ROLE),
        ),
    ),
)
