"""Whether a model registry says what somebody waits for: functions of what one look at it found."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

READY = "READY"


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """One version of a registered model, as a look at the registry found it.

    :param version: its number, as text.
    :param status: ``READY``, ``PENDING_REGISTRATION`` or ``FAILED_REGISTRATION``.
    :param tags: its tags.
    """

    version: str
    status: str = READY
    tags: Mapping[str, str] = field(default_factory=dict)


def alias_reached(
    aliases: Mapping[str, str], alias: str, *, version: str | None = None, other_than: str | None = None
) -> str | None:
    """Say which version an alias points at, if it is one that is waited for.

    :param aliases: alias to version, of one model.
    :param alias: the alias.
    :param version: the version that it must point at; None for any.
    :param other_than: the version that it must have left; None for none.
    :return: the version, None while the wait goes on.
    """
    found = aliases.get(alias)
    if found is None or found == other_than or (version is not None and found != version):
        return None
    return found


def version_reached(
    versions: Iterable[RegisteredVersion], *, tags: Mapping[str, str] | None = None, after_version: str | None = None
) -> str | None:
    """Find the newest version that is ready, has certain tags, and is newer than one that is known.

    :param versions: versions of one model.
    :param tags: tags that it must have, with their values; None for none.
    :param after_version: only versions with a greater number count; None for all.
    :return: the version, None while the wait goes on.
    """
    least = int(after_version) if after_version else 0
    wanted = dict(tags or {})
    numbers = [
        int(one.version)
        for one in versions
        if one.status == READY and int(one.version) > least and wanted.items() <= dict(one.tags).items()
    ]
    return str(max(numbers)) if numbers else None
