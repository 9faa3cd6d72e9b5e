"""What a policy demands of humans: which verdicts need one, who may answer, and by when."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core import reading
from airflow_provider_mlops.core.errors import Refused
from airflow_provider_mlops.core.verdict import Outcome

HUMAN, REFUSE = "human", "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalPolicy:
    """The section ``approval`` of a policy.

    :param without_human: risk tiers whose PASS is promoted without a human; a PASS of every other tier, or of an
        unknown one, needs a human.
    :param risk_tier: the tier of the model, as the policy states it; None: its governance tags alone say it.
    :param inconclusive: ``human``: a human may answer an INCONCLUSIVE verdict; ``refuse``: nobody may.
    :param groups: the answer must come from a member of one of these groups; empty: from whoever Airflow lets answer.
    :param timeout_hours: no answer within so many hours is a rejection; None: what the operator says.
    :param four_eyes: whether who started a run or wrote the change is refused as the approver.
    """

    without_human: tuple[str, ...] = ()
    risk_tier: str | None = None
    inconclusive: str = HUMAN
    groups: tuple[str, ...] = ()
    timeout_hours: float | None = None
    four_eyes: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-safe form that the gate's record holds; `read_approval` reads it."""
        found: dict[str, Any] = {"inconclusive": self.inconclusive, "four_eyes": self.four_eyes}
        lists = {"without_human": list(self.without_human), "groups": list(self.groups)}
        single = {"risk_tier": self.risk_tier, "timeout_hours": self.timeout_hours}
        return found | {name: value for name, value in {**lists, **single}.items() if value}


@dataclass(frozen=True, slots=True)
class Need:
    """Whether a human must answer a verdict before its candidate is promoted.

    :param human: whether one must.
    :param reason: one sentence that says why.
    """

    human: bool
    reason: str


def read_approval(mapping: Any, where: str) -> ApprovalPolicy:
    """Read the section ``approval`` of a policy.

    :param mapping: what was loaded.
    :param where: where it stands, for the error message.
    :return: the section.
    :raises BadInput: on an unknown or malformed key.
    """
    read: dict[str, Callable[[Any, str], Any]] = {
        "without_human": _words,
        "risk_tier": _word,
        "inconclusive": reading.one_of(HUMAN, REFUSE),
        "groups": reading.texts,
        "timeout_hours": reading.above_zero,
        "four_eyes": reading.yes_no,
    }
    reading.check_keys(mapping, where, allowed=tuple(read))
    return ApprovalPolicy(**{name: read[name](value, f"{where}: {name}") for name, value in mapping.items()})


def demand_text(demand: ApprovalPolicy | None) -> str:
    """Say in words what a policy demands of humans.

    :param demand: the policy's section ``approval``, None without one.
    :return: sentences.
    """
    if demand is None:
        return "A PASS needs no human, what is INCONCLUSIVE needs one."
    free = f" of the risk tiers {', '.join(demand.without_human)}" if demand.without_human else ""
    said = [f"A PASS{free} needs no human, every other one does." if free else "Every PASS needs a human."]
    if demand.risk_tier:
        said.append(f"The risk tier is {demand.risk_tier}.")
    said.append("INCONCLUSIVE needs one, too." if demand.inconclusive == HUMAN else "INCONCLUSIVE is refused.")
    if demand.groups:
        said.append(f"A member of {' or '.join(demand.groups)} must answer.")
    if demand.timeout_hours:
        said.append(f"No answer within {demand.timeout_hours:g} hours is a rejection.")
    return " ".join(said)


def demand_of(gate_body: Mapping[str, Any]) -> ApprovalPolicy | None:
    """Return what the policy of a recorded verdict demands of humans.

    :param gate_body: body of the gate's record.
    :return: the section, None where the policy has none.
    :raises BadInput: when the record holds one that this version cannot read.
    """
    section = gate_body.get("approval")
    return None if section is None else read_approval(section, "The gate record's approval")


def approval_need(outcome: str | None, demand: ApprovalPolicy | None, risk_tier: str | None) -> Need:
    """Decide whether a human must answer a verdict.

    :param outcome: what the gate said.
    :param demand: the policy's section ``approval``, None without one: a PASS then needs nobody.
    :param risk_tier: tier by the model's governance tags, None when unknown. Where the policy states one too, both
        must be able to go without a human.
    :return: whether, and why.
    :raises Refused: when no human can help: the verdict is a FAIL, or the policy refuses what is INCONCLUSIVE.
    """
    if outcome == Outcome.INCONCLUSIVE:
        if demand is not None and demand.inconclusive == REFUSE:
            raise Refused("The gate could not decide, and the policy lets nobody answer that: not for approval.")
        return Need(True, "The gate could not decide, so a human must.")
    if outcome != Outcome.PASS:
        raise Refused(f"The gate said {outcome}: not for approval.")
    if demand is None:
        return Need(False, "The policy asks no human about a PASS.")
    tiers = sorted({_folded(tier) for tier in (demand.risk_tier, risk_tier) if tier})
    named = " and ".join(map(repr, tiers)) or "unknown"
    if tiers and set(tiers) <= set(demand.without_human):
        return Need(False, f"The policy asks no human about a PASS of the risk tier {named}.")
    return Need(True, f"The policy wants a human's approval of a PASS; the risk tier is {named}.")


def _word(value: Any, where: str) -> str:
    return _folded(reading.text(value, where))


def _words(value: Any, where: str) -> tuple[str, ...]:
    return tuple(_folded(word) for word in reading.texts(value, where))


def _folded(word: str) -> str:
    return word.strip().casefold()
