"""The policy of a gate: a versioned list of rules, read from a plain mapping; its hash is part of every verdict."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from airflow_provider_mlops.core import reading
from airflow_provider_mlops.core.approval_policy import ApprovalPolicy, read_approval
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.dependence import Dependence, read_dependence
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.governance import read_required
from airflow_provider_mlops.core.rules import KINDS, BlockIfWorse, DataAge, MetricRule, Rule

SCHEMA = 1

SKIP = "skip"
FAIL_TASK = "fail"
ROUTE = "route"
HANDLINGS = (SKIP, FAIL_TASK, ROUTE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What the gate's task does with a verdict that is not PASS: ``skip``, ``fail`` or ``route``; None: not said.

    :param fail: on FAIL.
    :param inconclusive: on INCONCLUSIVE.
    """

    fail: str | None = None
    inconclusive: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules that a candidate must meet.

    :param name: name of the policy.
    :param alpha: one-sided error rate of every rule, above 0 and below 0.5.
    :param rules: the rules, in the order of the file.
    :param hash: hash of the mapping that it was read from.
    :param dependence: rows that belong together; None when all are independent.
    :param outcomes: what the gate's task does with a verdict that is not PASS.
    :param approval: which verdicts need a human; None: the INCONCLUSIVE ones only.
    :param governance: tags that a version must have before it is promoted.
    :param content: the mapping that it was read from; records hold it, for whoever reads them without the file.
    """

    name: str
    alpha: float
    rules: tuple[Rule, ...]
    hash: str
    dependence: Dependence | None = None
    outcomes: Outcomes = Outcomes()
    approval: ApprovalPolicy | None = None
    governance: tuple[str, ...] = ()
    content: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "Policy":
        """Read a policy.

        :param mapping: the loaded file: ``schema``, ``name``, ``alpha`` (0.05 when missing), ``rules``,
            ``dependence``, ``outcomes``, ``approval``, ``governance``.
        :return: the policy.
        :raises BadInput: on an unknown, missing or malformed key, a rule name used twice, or no rule at all.
        """
        reading.check_keys(
            mapping,
            "The policy",
            allowed=("schema", "name", "alpha", "rules", "dependence", "outcomes", "approval", "governance"),
            required=("schema", "name", "rules"),
        )
        reading.check_schema(mapping, "The policy", SCHEMA)
        rules = mapping["rules"]
        if not isinstance(rules, list | tuple) or not rules:
            raise BadInput(f"The policy's rules must be a list with at least one rule, not {rules!r}.")
        parsed = tuple(_rule(rule, f"rules[{index}]") for index, rule in enumerate(rules))
        _refuse_twins(parsed)
        return cls(
            name=reading.text(mapping["name"], "The policy's name"),
            alpha=reading.alpha(mapping.get("alpha", 0.05), "The policy's alpha"),
            rules=parsed,
            hash=sha256_of(mapping),
            dependence=_dependence(mapping),
            outcomes=_outcomes(mapping.get("outcomes", {})),
            approval=read_approval(mapping["approval"], "The policy's approval") if "approval" in mapping else None,
            governance=_governance(mapping),
            content=mapping,
        )


def _dependence(mapping: Mapping[str, Any]) -> Dependence | None:
    return read_dependence(mapping["dependence"], "The policy's dependence") if "dependence" in mapping else None


def _governance(mapping: Mapping[str, Any]) -> tuple[str, ...]:
    return read_required(mapping["governance"], "The policy's governance") if "governance" in mapping else ()


def _outcomes(mapping: Any) -> Outcomes:
    where = "The policy's outcomes"
    reading.check_keys(mapping, where, allowed=("fail", "inconclusive"))
    read = reading.one_of(*HANDLINGS)
    return Outcomes(**{name: read(value, f"{where}: {name}") for name, value in mapping.items()})


def _rule(mapping: Any, where: str) -> Rule:
    if not isinstance(mapping, Mapping):
        raise BadInput(f"{where} must be a mapping, not {mapping!r}.")
    kind = mapping.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadInput(f"{where} has the kind {kind!r}; valid kinds: {', '.join(KINDS)}.")
    keys = {key.name: key for key in fields(KINDS[kind])}
    where = f"{where} ({kind})"
    required = [name for name, key in keys.items() if key.default is MISSING and key.default_factory is MISSING]
    reading.check_keys(mapping, where, allowed=("kind", *keys), required=required)
    values = {name: keys[name].metadata["read"](mapping[name], f"{where}: {name}") for name in keys if name in mapping}
    rule = KINDS[kind](**values)
    _check_together(rule, where)
    return rule


def _check_together(rule: Rule, where: str) -> None:
    """Refuse keys that make no sense with one another."""
    if isinstance(rule, MetricRule):
        if rule.slice is None and (rule.min_rows is not None or rule.values):
            name = "min_rows" if rule.min_rows is not None else "values"
            raise BadInput(f"{where} has {name} without slice; use a rule of the kind min_rows for all rows.")
        if isinstance(rule, BlockIfWorse) and rule.slice is None:
            raise BadInput(f"{where} lacks the key 'slice': it watches the values of a column.")
        if ":" in rule.metric and rule.higher_is_better is None:
            raise BadInput(f"{where} lacks the key 'higher_is_better', which one's own metric {rule.metric!r} needs.")
        if ":" not in rule.metric and rule.higher_is_better is not None:
            raise BadInput(f"{where} has higher_is_better, which {rule.metric!r} knows by itself: remove it.")
    if isinstance(rule, DataAge) and rule.min_days is None and rule.max_age_days is None:
        raise BadInput(f"{where} demands nothing: give min_days, max_age_days, or both.")


def _refuse_twins(rules: tuple[Rule, ...]) -> None:
    seen: set[str] = set()
    for rule in rules:
        if rule.name in seen:
            raise BadInput(f"The policy has two rules named {rule.name!r}; names must be unique.")
        seen.add(rule.name)
