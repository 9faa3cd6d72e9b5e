"""Who may approve: groups of people as the auth manager knows them, and who may not although in a group."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core import reading
from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.near import did_you_mean


@dataclass(frozen=True, slots=True)
class Approver:
    """A person who may answer.

    :param id: id as the auth manager gives it: the user's name with SimpleAuthManager, the user's number with FAB.
    :param name: readable name.
    :param also: further names of the same person, such as the e-mail address of the commits: four eyes look at them.
    """

    id: str
    name: str
    also: tuple[str, ...] = ()


Groups = Mapping[str, tuple[Approver, ...]]


def read_groups(mapping: Any, where: str) -> Groups:
    """Read groups of approvers.

    :param mapping: group name to its members: each ``{"id", "name", "also"}``, or the id alone.
    :param where: where it stands, for the error message.
    :return: the groups.
    :raises BadInput: on an unknown or malformed key, a group without members, or a member named twice.
    """
    if not isinstance(mapping, Mapping):
        raise BadInput(f"{where} must be a mapping from group names to members, not {mapping!r}.")
    return {reading.text(name, where): _members(members, f"{where}: {name}") for name, members in mapping.items()}


def members_of(groups: Groups, wanted: Sequence[str], where: str) -> tuple[Approver, ...]:
    """Return the members of groups, each once.

    :param groups: all groups.
    :param wanted: names of groups.
    :param where: where the groups stand, for the error message.
    :return: the approvers, ordered by id.
    :raises BadInput: when there is no such group.
    """
    found: dict[str, Approver] = {}
    for name in wanted:
        if name not in groups:
            there = ", ".join(sorted(groups)) or "none"
            raise BadInput(f"{where} has no group {name!r}; it has: {there}.{did_you_mean(name, groups)}")
        found.update({member.id: member for member in groups[name]})
    return tuple(found[key] for key in sorted(found))


def check_member(user: Mapping[str, Any], allowed: Sequence[Approver] | None) -> None:
    """Refuse an answer of somebody who was not asked, also where the auth manager let it through.

    :param user: ``{"id", "name"}`` of who answered; empty for nobody.
    :param allowed: who may answer; None: anybody whom Airflow lets.
    :raises Refused: naming the way out.
    """
    if allowed is None or str(user.get("id")) in {approver.id for approver in allowed}:
        return
    names = ", ".join(approver.name for approver in allowed) or "nobody"
    who = user.get("name") or user.get("id")
    raise Refused(f"{who} may not answer, only: {names}. Clear the task and let one of them answer.")


def check_four_eyes(user: Mapping[str, Any], involved: Mapping[str, str], allowed: Iterable[Approver] = ()) -> None:
    """Refuse an approver who is nobody, or who has a part in what is approved.

    :param user: ``{"id", "name"}`` of who answered; empty for nobody.
    :param involved: name or address of each who has a part, to what it is, e.g. ``{"ann": "started this run"}``.
    :param allowed: who may answer: their further names count too.
    :raises Refused: naming the way out.
    """
    names = [str(user[key]) for key in ("id", "name") if user.get(key)]
    if not names:
        raise Refused("Nobody is named as the approver; clear the task and let a person answer.")
    for approver in allowed:
        if approver.id == str(user.get("id")):
            names += [approver.name, *approver.also]
    parts = {name.strip().casefold(): part for name, part in involved.items() if name}
    for name in names:
        if (part := parts.get(name.strip().casefold())) is not None:
            raise Refused(
                f"{user.get('name') or user.get('id')} {part} and may not approve it; "
                "clear the task and let another one answer."
            )


def _members(members: Any, where: str) -> tuple[Approver, ...]:
    if not isinstance(members, list | tuple) or not members:
        raise BadInput(f"{where} must be a list of at least one member, not {members!r}.")
    found = [_member(member, f"{where}[{index}]") for index, member in enumerate(members)]
    ids = [member.id for member in found]
    if twice := sorted({item for item in ids if ids.count(item) > 1}):
        raise BadInput(f"{where} names {twice[0]!r} twice; each member once.")
    return tuple(found)


def _member(member: Any, where: str) -> Approver:
    if isinstance(member, str | int) and not isinstance(member, bool):
        member = {"id": member}
    reading.check_keys(member, where, allowed=("id", "name", "also"), required=("id",))
    # FAB's ids are numbers, which nobody puts into quotes.
    number = isinstance(member["id"], int) and not isinstance(member["id"], bool)
    identity = str(member["id"]) if number else reading.text(member["id"], f"{where}: id")
    name = reading.text(member.get("name", identity), f"{where}: name")
    return Approver(identity, name, reading.texts(member["also"], f"{where}: also") if "also" in member else ())
