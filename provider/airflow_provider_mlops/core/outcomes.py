"""What follows a verdict: which of the steps directly after the gate run, and which are skipped."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.policy import FAIL_TASK, ROUTE, SKIP, Outcomes
from airflow_provider_mlops.core.verdict import Outcome

REFUSALS = (SKIP, FAIL_TASK)
LABELS = {Outcome.FAIL: "fail", Outcome.INCONCLUSIVE: "inconclusive"}
_ROUTED = {Outcome.PASS: "pass", **LABELS}


@dataclass(frozen=True, slots=True)
class Steering:
    """What to do after each outcome.

    :param handling: ``skip``, ``fail`` or ``route``, for FAIL and for INCONCLUSIVE.
    :param routes: tasks that run on such an outcome instead of the others; none for PASS: those of no other.
    :param after: every task directly after the gate.
    """

    handling: Mapping[Outcome, str]
    routes: Mapping[Outcome, frozenset[str]]
    after: frozenset[str]

    def fails(self, outcome: Outcome) -> bool:
        """Whether the gate's task fails.

        :param outcome: what the gate said.
        """
        return self.handling.get(outcome) == FAIL_TASK

    def follow(self, outcome: Outcome) -> frozenset[str]:
        """Return the tasks directly after the gate that run; the others are skipped.

        :param outcome: what the gate said.
        """
        if outcome is Outcome.PASS:
            others = (self.routes[refused] for refused in LABELS)
            return self.routes[Outcome.PASS] or self.after - frozenset().union(*others)
        return self.routes[outcome] if self.handling[outcome] == ROUTE else frozenset()


def steering(
    said: Outcomes, *, on_refusal: str, routes: Mapping[str, str | Sequence[str]] | None, after: Collection[str]
) -> Steering:
    """Combine what the policy says with what the Dag can do; checked before anything is judged.

    :param said: the policy's ``outcomes``.
    :param on_refusal: ``skip`` or ``fail``, where the policy says nothing and there is no route.
    :param routes: task ids by ``pass``, ``fail`` and ``inconclusive``.
    :param after: ids of the tasks directly after the gate.
    :return: what to do after each outcome.
    :raises BadInput: when a word is unknown, a route leads to a task that does not come directly after the gate, or
        the policy wants a route that the Dag does not have.
    """
    if on_refusal not in REFUSALS:
        raise BadInput(f"on_refusal={on_refusal!r} must be one of: {', '.join(REFUSALS)}.")
    given = dict(routes or {})
    if unknown := sorted(set(given) - set(_ROUTED.values())):
        raise BadInput(f"routes has the unknown key {unknown[0]!r}; valid keys: {', '.join(_ROUTED.values())}.")
    tasks = {outcome: _ids(given.get(label, ())) for outcome, label in _ROUTED.items()}
    if strange := sorted(frozenset().union(*tasks.values()) - set(after)):
        known = ", ".join(sorted(after)) or "none"
        raise BadInput(f"routes names {strange[0]!r}, which does not come directly after the gate; these do: {known}.")
    handling = {
        outcome: getattr(said, label) or (ROUTE if tasks[outcome] else on_refusal) for outcome, label in LABELS.items()
    }
    for outcome, label in LABELS.items():
        if handling[outcome] == ROUTE and not tasks[outcome]:
            raise BadInput(f"The policy routes {outcome.value}; give the gate routes={{{label!r}: [task ids]}}.")
    return Steering(handling, tasks, frozenset(after))


def _ids(tasks: str | Sequence[str]) -> frozenset[str]:
    return frozenset([tasks] if isinstance(tasks, str) else tasks)
