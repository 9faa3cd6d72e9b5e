"""The back-test of a policy: the recorded evaluations to judge again, and what a new policy would have changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.evidence import looks_at
from airflow_provider_mlops.core.gate_facts import gate_facts
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One recorded evaluation, with what the gate of the time knew.

    :param evaluation: its record.
    :param gate: record of its verdict: the one that led to a promotion, else the newest; None when it was never judged.
    :param promoted: whether the candidate became champion.
    :param looks: gates judged on the test rows by then, this one included.
    :param facts: what `core.gate_facts.gate_facts` says of the evaluation at that time.
    """

    evaluation: Record
    gate: Record | None
    promoted: bool
    looks: int
    facts: Mapping[str, Any]

    @property
    def recorded(self) -> Verdict | None:
        """The verdict recorded then."""
        return Verdict.from_dict(self.gate.body["verdict"]) if self.gate else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """A case after the new policy judged it.

    :param case: the case.
    :param verdict: what the new policy says; None when it was not judged.
    :param problem: why it was not judged, else empty.
    """

    case: Case
    verdict: Verdict | None = None
    problem: str = ""

    @property
    def changed(self) -> bool:
        """Whether the new policy says something else than was recorded."""
        recorded = self.case.recorded
        return recorded is not None and self.verdict is not None and recorded.outcome is not self.verdict.outcome

    @property
    def reason(self) -> str:
        """What changed the verdict, or why it was not judged; of a case without a recorded verdict its first reason."""
        if self.verdict is None:
            return self.problem
        if self.case.recorded is None:
            return "" if self.verdict.passed else self.verdict.reasons[0]
        return first_change(self.case.recorded, self.verdict) if self.changed else ""


def cases_of(
    records: Sequence[Record], *, since: str | None = None, until: str | None = None, alias: str = "champion"
) -> list[Case]:
    """Find the live evaluations of a model, each with the verdict and the looks of its time.

    :param records: records of the model's ledger, oldest first.
    :param since: first partition to take, None for the first there is.
    :param until: last partition to take, None for the last there is.
    :param alias: the alias that a promotion moves.
    :return: the cases, oldest first; an evaluation that was recorded twice is one case.
    :raises BadInput: when a key is none, or ``since`` is after ``until``.
    """
    first, last = (Partition.parse(key) if key else None for key in (since, until))
    if first and last and first.start >= last.end:
        raise BadInput(f"No partition is since {since} and until {until}: exchange the two.")
    evaluations: dict[str, Record] = {}
    for record in records:
        if record.kind == "evaluation" and record.mode == "live":
            span = Partition.parse(record.body["partition_key"])
            if (first is None or span.start >= first.start) and (last is None or span.end <= last.end):
                evaluations[record.body["evaluation_id"]] = record
    return [_case(records, record, alias) for record in evaluations.values()]


def first_change(recorded: Verdict, new: Verdict) -> str:
    """Say what made the difference between two verdicts of one evaluation.

    :param recorded: the verdict of the time.
    :param new: the verdict of the new policy.
    :return: the first reason that blocks now and did not then; when nothing blocks now, the one that blocked then.
    """
    if new.passed:
        return f"no longer: {recorded.reasons[0]}" if recorded.reasons else "no longer blocked"
    before = {rule.rule: rule.outcome for rule in recorded.rules}
    blocking = [rule for rule in new.rules if rule.outcome is new.outcome]
    fresh = [rule for rule in blocking if before.get(rule.rule) is not rule.outcome]
    return _named(next(iter([*fresh, *blocking]), None))


def summarise(retried: Iterable[Retried]) -> dict[str, int]:
    """Count what a new policy would have changed.

    :param retried: the judged cases.
    :return: ``evaluations``, ``judged``, ``not_judged``, ``changed``; of those judged ``promotions``,
        ``blocked_promotions`` and those ``undecided_promotions`` of them that INCONCLUSIVE blocks, ``refused`` (not
        promoted) and ``let_through``, ``inconclusive``. A promotion that a human approved where the gate could not
        decide is not blocked by INCONCLUSIVE: the human would be asked again.
    """
    every = list(retried)
    judged = [one for one in every if one.verdict is not None]
    promoted = [one for one in judged if one.case.promoted]
    refused = [one for one in judged if one.case.recorded and not one.case.recorded.passed and not one.case.promoted]
    blocked = [one for one in promoted if one.changed and not _passes(one)]
    return {
        "evaluations": len(every),
        "judged": len(judged),
        "not_judged": len(every) - len(judged),
        "changed": sum(one.changed for one in every),
        "promotions": len(promoted),
        "blocked_promotions": len(blocked),
        "undecided_promotions": sum(_undecided(one) for one in blocked),
        "refused": len(refused),
        "let_through": sum(_passes(one) for one in refused),
        "inconclusive": sum(_undecided(one) for one in judged),
    }


def summary_text(counts: Mapping[str, int]) -> str:
    """Say in one line what a new policy would have changed.

    :param counts: what `summarise` gives.
    :return: e.g. ``would have blocked 3 of 41 promotions (1 undecided), would have let through 2 of 9 refused ...``.
    """
    undecided = counts["undecided_promotions"]
    text = f"would have blocked {counts['blocked_promotions']} of {_count(counts['promotions'], 'promotion')}"
    text += f" ({undecided} undecided)" if undecided else ""
    text += f", would have let through {counts['let_through']} of {_count(counts['refused'], 'refused candidate')}"
    text += f"; {counts['inconclusive']} of {_count(counts['judged'], 'evaluation')} undecided"
    return text + (f", {counts['not_judged']} not judged" if counts["not_judged"] else "")


def _case(records: Sequence[Record], evaluation: Record, alias: str) -> Case:
    evaluation_id = evaluation.body["evaluation_id"]
    gates = [
        record
        for record in records
        if record.kind == "gate" and record.mode == "live" and record.body["evaluation_id"] == evaluation_id
    ]
    moved = {
        record.body["gate_record_hash"]
        for record in records
        if record.kind == "promotion"
        and record.mode == "live"
        and record.outcome == Outcome.PASS
        and record.body["alias"] == alias
    }
    led = [gate for gate in gates if gate.hash in moved]
    gate = next(iter(reversed(led or gates)), None)
    # What the gate knew then; without one, what it would have known right after the evaluation.
    known = [record for record in records if record.seq < (gate.seq if gate else evaluation.seq + 1)]
    looks = gate.body["looks"] if gate else 1 + looks_at(known, evaluation.body["test"]["snapshot_id"], evaluation_id)
    return Case(evaluation=evaluation, gate=gate, promoted=bool(led), looks=looks, facts=gate_facts(known, evaluation))


def _passes(one: Retried) -> bool:
    return one.verdict is not None and one.verdict.passed


def _undecided(one: Retried) -> bool:
    return one.verdict is not None and one.verdict.outcome is Outcome.INCONCLUSIVE


def _named(rule: RuleResult | None) -> str:
    return f"{rule.rule}: {rule.reason}" if rule else "no rule was judged"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
