"""The verdict: one shape for validation, gate, drift and retraining."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MAX_REASONS = 20
MAX_REASON_LENGTH = 500


class Outcome(StrEnum):
    """What a verdict says; anything that is not PASS stops the way to production."""

    PASS = "PASS"  # noqa: S105 - an outcome, no password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """What one rule said, with the numbers that decided it.

    :param rule: short name of the rule, unique in its policy, e.g. ``roc_auc_minimum``. What cannot be printed in a
        line, which only data can hold, becomes a space, here and in the reason.
    :param outcome: what this rule says.
    :param reason: one sentence with the numbers, readable without the code.
    :param numbers: JSON-safe figures behind the reason (value, interval, n, alpha, margin, method, seed, ...).
    """

    rule: str
    outcome: Outcome
    reason: str
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("rule", "reason"):
            object.__setattr__(self, name, _one_line(getattr(self, name)))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-safe form."""
        return {
            "rule": self.rule,
            "outcome": self.outcome.value,
            "reason": self.reason[:MAX_REASON_LENGTH],
            "numbers": dict(self.numbers),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """PASS, FAIL or INCONCLUSIVE, with the reason of every rule.

    :param outcome: the whole verdict.
    :param rules: one result per rule, in the order of the policy.
    :param marks: short flags that a reader must know, e.g. ``no_baseline``.
    """

    outcome: Outcome
    rules: tuple[RuleResult, ...] = ()
    marks: tuple[str, ...] = ()

    @classmethod
    def from_rules(cls, rules: Iterable[RuleResult], marks: Iterable[str] = ()) -> "Verdict":
        """Combine rules: any FAIL fails, else any INCONCLUSIVE is inconclusive; no rule at all is INCONCLUSIVE too.

        :param rules: the results to combine, in the order to keep.
        :param marks: flags to keep with the verdict.
        :return: the combined verdict.
        """
        results = tuple(rules)
        outcomes = {result.outcome for result in results}
        if Outcome.FAIL in outcomes:
            outcome = Outcome.FAIL
        elif Outcome.INCONCLUSIVE in outcomes or not results:
            outcome = Outcome.INCONCLUSIVE
        else:
            outcome = Outcome.PASS
        return cls(outcome=outcome, rules=results, marks=tuple(marks))

    @property
    def passed(self) -> bool:
        """True only for PASS."""
        return self.outcome is Outcome.PASS

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons of the rules that did not pass; of all rules when every one passed."""
        blocking = tuple(rule.reason for rule in self.rules if rule.outcome is not Outcome.PASS)
        return blocking or tuple(rule.reason for rule in self.rules)

    def summary(self) -> str:
        """Return one line for the log: the outcome, and the reasons of what did not pass, or until when it is muted."""
        muted = [str(rule.numbers["muted"]) for rule in self.rules if "muted" in rule.numbers]
        if self.passed and muted:
            told = "; ".join(muted[:MAX_REASONS])
            text = f"{len(self.rules) - len(muted)} of {len(self.rules)} rules hold, the others do not decide: {told}"
        elif self.passed and len(self.rules) > 1:
            text = f"all {len(self.rules)} rules hold"
        else:
            first = self.reasons[:MAX_REASONS]
            text = "; ".join([*(reason.rstrip(".") for reason in first[:-1]), *first[-1:]]) or "no rule was judged"
        marks = f" [{', '.join(self.marks)}]" if self.marks else ""
        return f"{self.outcome.value}{marks}: {text}"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-safe form that records hold: every rule."""
        return {
            "outcome": self.outcome.value,
            "marks": list(self.marks),
            "rules": [rule.to_dict() for rule in self.rules],
        }

    def to_xcom(self) -> dict[str, Any]:
        """Return the bounded form that travels between tasks: outcome, marks and the first reasons."""
        shown = [reason[:MAX_REASON_LENGTH] for reason in self.reasons[:MAX_REASONS]]
        return {"outcome": self.outcome.value, "marks": list(self.marks), "reasons": shown}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Verdict":
        """Read the form that `to_dict` writes.

        :param data: mapping as written by `to_dict`.
        :return: the verdict.
        """
        rules = tuple(
            RuleResult(rule=r["rule"], outcome=Outcome(r["outcome"]), reason=r["reason"], numbers=r.get("numbers", {}))
            for r in data.get("rules", ())
        )
        return cls(outcome=Outcome(data["outcome"]), rules=rules, marks=tuple(data.get("marks", ())))


def _one_line(text: str) -> str:
    return text if text.isprintable() else "".join(sign if sign.isprintable() else " " for sign in text)
