"""What a series of attacks found."""

from collections.abc import Iterator
from dataclasses import dataclass

PASS = "PASS"  # noqa: S105 - an outcome, no password
REFUSED = "REFUSED"
ERROR = "ERROR"
NOT_APPLICABLE = "NOT APPLICABLE"
MAX_REASON = 200


class GateOpen(AssertionError):
    """Raised when an attack passed: the gate let through what it must not."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one attack.

    :param attack: name of the attack; ``control`` for the rows without an attack.
    :param outcome: ``PASS`` (the gate is open), ``FAIL`` or ``INCONCLUSIVE`` (a verdict holds it back), ``REFUSED`` (an
        error of ours, before any verdict), ``ERROR`` (any other exception), ``NOT APPLICABLE``.
    :param reason: why, in one sentence.
    :param task: id of the Dag's task that was attacked; empty for a policy.
    """

    attack: str
    outcome: str
    reason: str
    task: str = ""

    @property
    def passed(self) -> bool:
        """Whether the attack got through."""
        return self.outcome == PASS

    def __str__(self) -> str:
        where = f" [{self.task}]" if self.task else ""
        reason = self.reason if len(self.reason) <= MAX_REASON else f"{self.reason[:MAX_REASON]}..."
        return f"{self.outcome:<14} {self.attack}{where}: {reason}"


@dataclass(frozen=True, slots=True)
class Report:
    """What came of all attacks on one target.

    :param target: what was attacked.
    :param control: what the gate says of the honest rows, one finding per gate. Where that is not ``PASS``, the gate
        holds back everything, and that it holds back the attacks proves little.
    :param findings: one per attack, and per gate of a Dag.
    """

    target: str
    control: tuple[Finding, ...]
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> tuple[Finding, ...]:
        """The attacks that got through; empty is well."""
        return tuple(finding for finding in self.findings if finding.passed)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __str__(self) -> str:
        held = sum(finding.outcome not in (PASS, NOT_APPLICABLE) for finding in self.findings)
        head = f"{self.target}: {held} attacks held back, {len(self.passed)} passed."
        blunt = [
            f"The honest rows do not pass either, so that the attacks prove little. {finding.reason}"
            for finding in self.control
            if not finding.passed
        ]
        return "\n".join([head, *blunt, *map(str, self.findings)])

    def raise_if_passed(self) -> None:
        """Fail a test when an attack got through.

        :raises GateOpen: an ``AssertionError`` that lists what passed.
        """
        if self.passed:
            listed = "\n".join(map(str, self.passed))
            raise GateOpen(f"{self.target}: {len(self.passed)} of {len(self.findings)} attacks passed.\n{listed}")
