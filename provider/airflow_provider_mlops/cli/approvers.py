"""What ``airflow mlops approvers`` does: list the groups against the auth manager's users, and make one from them."""

from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from airflow_provider_mlops.cli.exit_codes import BROKEN, exit_codes
from airflow_provider_mlops.cli.output import print_table, say, write_json
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.hooks.approvers import approver_groups


@dataclass(frozen=True, slots=True)
class Known:
    """A user as the auth manager knows him.

    :param id: what answers are signed with.
    :param name: readable name.
    :param roles: his roles.
    :param email: his address, empty when unknown.
    """

    id: str
    name: str
    roles: tuple[str, ...]
    email: str = ""


@exit_codes
def list_groups(args: Namespace) -> None:
    """Print each member of each group; exit with 1 when the auth manager does not know one.

    :param args: ``file`` (or None) and ``json``.
    """
    groups, where = approver_groups(Path(args.file) if args.file else None)
    known = {user.id: user for user in _users()}
    rows: list[dict[str, Any]] = [
        {"group": name, "id": member.id, "name": member.name, "known": member.id in known, "also": list(member.also)}
        for name, members in groups.items()
        for member in members
    ]
    if args.json:
        write_json(rows)
    else:
        columns = ("group", "id", "name", "known", "also")
        shown = [{**row, "known": "yes" if row["known"] else "NO", "also": ", ".join(row["also"])} for row in rows]
        print_table(columns, [[str(row[column]) for column in columns] for row in shown])
    if strange := [str(row["id"]) for row in rows if not row["known"]]:
        say(f"The auth manager knows no user {', '.join(strange)}; look at the ids in {where}.", error=True)
        raise SystemExit(BROKEN)


@exit_codes
def make(args: Namespace) -> None:
    """Write a group of the auth manager's users as JSON.

    :param args: ``group``, and ``role`` (a list, None for all).
    """
    wanted = {role.casefold() for role in args.role or ()}
    chosen = [user for user in _users() if not wanted or wanted & {role.casefold() for role in user.roles}]
    if not chosen:
        roles = sorted({role for user in _users() for role in user.roles})
        raise BadInput(f"No user has one of these roles; there are: {', '.join(roles) or 'no users'}.")
    members = [
        {"id": user.id, "name": user.name, **({"also": [user.email]} if user.email else {})}
        for user in sorted(chosen, key=lambda user: user.name)
    ]
    write_json({args.group: members})


def _users() -> list[Known]:
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
    from airflow.configuration import conf

    path = conf.get_mandatory_value("core", "auth_manager")
    module, _, name = path.rpartition(".")
    if name == "FabAuthManager":
        return _fab_users()
    manager = getattr(import_module(module), name)
    if issubclass(manager, SimpleAuthManager):
        return [Known(user.username, user.username, (str(user.role),)) for user in manager.get_users()]
    raise BadInput(f"The users of {path} cannot be listed here; write the groups by hand, with ids as it gives them.")


def _fab_users() -> list[Known]:
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    opened: Callable[[], Any] = get_application_builder
    with opened() as builder:
        return [
            Known(str(user.id), user.username, tuple(role.name for role in user.roles), user.email or "")
            for user in builder.sm.get_all_users()
        ]
