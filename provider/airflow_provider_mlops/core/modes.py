"""The one mode switch: what a run may change."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from airflow_provider_mlops.core.errors import BadInput

_AUDIT_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}", re.ASCII)


class Mode(StrEnum):
    """What a run may change.

    - ``live``: moves aliases, registers versions, emits events, asks people.
    - ``audit``: does what was recorded again, on the recorded inputs, and compares; writes only records of mode audit.
    - ``dry_run``: trains, decides and reports; registers nothing, moves nothing, and marks its records as dry.
    """

    LIVE = "live"
    AUDIT = "audit"
    DRY_RUN = "dry_run"

    @property
    def moves(self) -> bool:
        """Whether aliases may move, events may be emitted and people may be asked."""
        return self is Mode.LIVE


def mode_of(run_type: str, conf: Mapping[str, Any] | None = None) -> Mode:
    """Decide the mode of a run: what its conf says, else ``audit`` for a backfill, else ``live``.

    :param run_type: Airflow's run type as text: ``scheduled``, ``manual``, ``backfill``, ``asset_triggered``, ...
    :param conf: the run's conf; its key ``mode`` overrides.
    :return: the mode.
    :raises BadInput: when ``mode`` is not one of the three.
    """
    asked = (conf or {}).get("mode")
    if asked is None:
        return Mode.AUDIT if run_type == "backfill" else Mode.LIVE
    try:
        return Mode(asked)
    except ValueError:
        known = ", ".join(mode.value for mode in Mode)
        raise BadInput(f"The run's conf has mode {asked!r}; it must be one of: {known}.") from None


def audit_name(conf: Mapping[str, Any] | None) -> str | None:
    """Return the name that a run's conf gives its audit: the runs of one name have one summary.

    :param conf: the run's conf; its key ``audit`` is the name.
    :return: the name; None where it has none.
    :raises BadInput: when it is no plain name.
    """
    name = (conf or {}).get("audit")
    if name is None:
        return None
    if not isinstance(name, str) or not _AUDIT_NAME.fullmatch(name):
        raise BadInput(f"The run's conf has audit {name!r}; it must be a name of letters, digits, '.', '_' and '-'.")
    return name
