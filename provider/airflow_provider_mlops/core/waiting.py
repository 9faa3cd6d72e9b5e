"""How long a question waits, and when somebody is reminded: moments counted from when it was first asked."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from airflow_provider_mlops.core.errors import BadInput

REMINDER, ESCALATION = "reminder", "escalation"


def read_moments(
    *, reminder: tuple[object, timedelta | None], escalation: tuple[object, timedelta | None]
) -> dict[str, timedelta | None]:
    """Read when somebody is to be reminded.

    :param reminder: notifiers, and how long after the question they are called.
    :param escalation: likewise those that call for somebody else.
    :return: how long after the question each moment is, by its name; None: there is none.
    :raises BadInput: when one is given without the other.
    """
    given = {REMINDER: reminder, ESCALATION: escalation}
    for name, (notifiers, after) in given.items():
        if bool(notifiers) != (after is not None):
            raise BadInput(f"The {name} needs both: notifiers, and the time after which they are called.")
    return {name: after for name, (_, after) in given.items()}


def check_moments(timeout: timedelta | None, after: Mapping[str, timedelta | None]) -> None:
    """Refuse moments that would never come.

    :param timeout: how long the question waits; None for ever.
    :param after: how long after the question each moment is, by name; None: there is none.
    :raises BadInput: when one is not after the question and before its end.
    """
    if timeout is not None and timeout <= timedelta(0):
        raise BadInput(f"response_timeout={timeout} must be above 0.")
    for name, delay in after.items():
        if delay is not None and not (timedelta(0) < delay and (timeout is None or delay < timeout)):
            end = "" if timeout is None else f" and below the timeout of {timeout}"
            raise BadInput(f"The {name} comes after {delay}; it must be above 0{end}.")


def left_until(end: datetime | None) -> timedelta | None:
    """Return how long a question still waits, 0 or less when it is over; None for ever.

    :param end: when it ends.
    """
    return None if end is None else end - datetime.now(UTC)


def moments_after(asked_at: str, after: Mapping[str, timedelta | None], last: str | None) -> dict[str, str]:
    """Return the moments that are still to come, ISO 8601 by name; one that was missed counts, and comes at once.

    :param asked_at: when the question was first asked, ISO 8601 with a zone.
    :param after: how long after it each is, by name; None: there is none.
    :param last: name of the last moment that came, None before the first.
    """
    asked, passed = datetime.fromisoformat(asked_at), after.get(last or "") or timedelta(0)
    return {name: (asked + delay).isoformat() for name, delay in after.items() if delay is not None and delay > passed}
