"""The policy of a gate: a versioned list of rules, read from a plain mapping; its hash is part of every verdict.

One dataclass per kind of rule: its fields are the keys that the kind may have, those without a default are
required. A new kind is a new dataclass here and its judgement in ``statistics/gate.py``.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar

from airflow_provider_mlops.core import reading
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput

SCHEMA = 1


def _key(read: Callable[[Any, str], Any], **default: Any) -> Any:
    """Declare a key of a rule: how it is read, and its default when it is optional."""
    return field(metadata={"read": read}, **default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What every rule has.

    :param name: unique in its policy.
    """

    kind: ClassVar[str] = ""
    name: str = _key(reading.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class MinRows(Rule):
    """Enough test rows to judge at all.

    :param rows: labelled rows.
    :param positives: rows of the positive class.
    """

    kind: ClassVar[str] = "min_rows"
    rows: int = _key(reading.count)
    positives: int | None = _key(reading.count, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxLooks(Rule):
    """Not too many gates judged on the same test rows.

    :param value: looks that are allowed, the present one included.
    """

    kind: ClassVar[str] = "max_looks"
    value: int = _key(reading.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRule(Rule):
    """What every rule about a metric has.

    :param metric: name of the metric.
    :param threshold: scores at or above it count as positive; only for metrics that need it, there 0.5 by default.
    :param slice: column of the test rows; the rule is then judged once per value of it.
    :param min_rows: rows that every slice must have, else it is inconclusive.
    """

    metric: str = _key(reading.text)
    threshold: float | None = _key(reading.number, default=None)
    slice: str | None = _key(reading.text, default=None)
    min_rows: int | None = _key(reading.count, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimum(MetricRule):
    """The candidate's metric is at least a value.

    :param value: smallest value that is allowed.
    """

    kind: ClassVar[str] = "minimum"
    value: float = _key(reading.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Maximum(MetricRule):
    """The candidate's metric is at most a value.

    :param value: largest value that is allowed.
    """

    kind: ClassVar[str] = "maximum"
    value: float = _key(reading.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class NonInferior(MetricRule):
    """The candidate is not worse than the champion by the margin or more.

    :param margin: loss accepted per release, in the unit of the metric, above zero.
    """

    kind: ClassVar[str] = "non_inferior"
    margin: float = _key(reading.above_zero)


KINDS: Mapping[str, type[Rule]] = {rule.kind: rule for rule in (MinRows, MaxLooks, Minimum, Maximum, NonInferior)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules that a candidate must meet.

    :param name: name of the policy.
    :param alpha: one-sided error rate of every rule, above 0 and below 0.5.
    :param rules: the rules, in the order of the file.
    :param hash: hash of the mapping that it was read from.
    """

    name: str
    alpha: float
    rules: tuple[Rule, ...]
    hash: str

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "Policy":
        """Read a policy.

        :param mapping: the loaded file: ``schema``, ``name``, ``alpha`` (0.05 when missing), ``rules``.
        :return: the policy.
        :raises BadInput: on an unknown, missing or malformed key, a rule name used twice, or no rule at all.
        """
        reading.check_keys(
            mapping, "The policy", allowed=("schema", "name", "alpha", "rules"), required=("schema", "name", "rules")
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
        )


def _rule(mapping: Any, where: str) -> Rule:
    if not isinstance(mapping, Mapping):
        raise BadInput(f"{where} must be a mapping, not {mapping!r}.")
    kind = mapping.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadInput(f"{where} has the kind {kind!r}; valid kinds: {', '.join(KINDS)}.")
    keys = {key.name: key for key in fields(KINDS[kind])}
    where = f"{where} ({kind})"
    required = [name for name, key in keys.items() if key.default is MISSING]
    reading.check_keys(mapping, where, allowed=("kind", *keys), required=required)
    values = {name: keys[name].metadata["read"](mapping[name], f"{where}: {name}") for name in keys if name in mapping}
    if "min_rows" in values and "slice" not in values:
        raise BadInput(f"{where} has min_rows without slice; use a rule of the kind min_rows for all rows.")
    return KINDS[kind](**values)


def _refuse_twins(rules: tuple[Rule, ...]) -> None:
    seen: set[str] = set()
    for rule in rules:
        if rule.name in seen:
            raise BadInput(f"The policy has two rules named {rule.name!r}; names must be unique.")
        seen.add(rule.name)
