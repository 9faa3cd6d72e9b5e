"""Groups of approvers: from the configuration, or from a file of the Dag bundle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow_provider_mlops import config
from airflow_provider_mlops.core.approvers import Approver, Groups, members_of, read_groups
from airflow_provider_mlops.core.errors import BadInput


def allowed_approvers(
    groups: Sequence[str], file: Path | None, users: Sequence[Any] | None
) -> Sequence[Approver] | None:
    """Return who may answer.

    :param groups: groups of which one member must answer; empty: the users may.
    :param file: YAML file with the groups; default: the option ``[mlops] approver_groups``.
    :param users: ``{"id", "name"}`` of each who may answer without groups; None: whoever Airflow lets.
    :return: the approvers, None for whoever Airflow lets answer.
    :raises BadInput: when a group is not known, or nothing names groups.
    """
    if groups:
        known, where = approver_groups(file)
        return members_of(known, groups, where)
    return None if users is None else [Approver(str(user["id"]), str(user["name"])) for user in users]


def approver_groups(file: Path | None = None) -> tuple[Groups, str]:
    """Read who belongs to which group.

    :param file: YAML file with the groups; default: the option ``[mlops] approver_groups``.
    :return: the groups, and where they stand, for errors.
    :raises BadInput: when nothing names groups, or what does is malformed.
    """
    from airflow_provider_mlops.backends.yaml_file import read_yaml

    if file is not None:
        return read_groups(read_yaml(file), str(file)), str(file)
    where, text = f"[{config.SECTION}] approver_groups", config.approver_groups()
    if not text:
        raise BadInput(f"The option {where} is not set: name the members of each group there, or pass approvers=.")
    if not text.startswith("{"):
        if not Path(text).is_absolute():
            raise BadInput(f"{where} must be a JSON object or the absolute path of a YAML file, not {text[:80]!r}.")
        return read_groups(read_yaml(Path(text)), text), text
    try:
        return read_groups(json.loads(text), where), where
    except ValueError as err:
        raise BadInput(f"{where} is not valid JSON: {err}.") from None
