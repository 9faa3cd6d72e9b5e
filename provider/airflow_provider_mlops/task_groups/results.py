"""Templates of what another task returned: small, and readable in the UI's rendered fields."""

from __future__ import annotations

from typing import Any


def member_of(task: Any, name: str) -> str:
    """Return the template of a member of a task's result.

    :param task: the task.
    :param name: name of the member; the task fails where there is none.
    """
    return f"{{{{ {_result(task)}[{name!r}] }}}}"


def member_if_any(task: Any, name: str, *, within: str | None = None) -> str:
    """Return the template of a member of a task's result, empty where there is none.

    :param task: the task.
    :param name: name of the member.
    :param within: member that holds it, a mapping or null; None for the result itself.
    """
    home = _result(task) if within is None else f"({_result(task)}[{within!r}] or {{}})"
    return f"{{{{ {home}.get({name!r}) or '' }}}}"


def _result(task: Any) -> str:
    return f"ti.xcom_pull(task_ids={task.task_id!r})"
