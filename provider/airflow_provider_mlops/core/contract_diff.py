"""How a snapshot differs from its contract, as a verdict and as lines that a person reads."""

from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from typing import Any

from airflow_provider_mlops.core.contract import ALLOWED, Contract, ContractColumn, SeenColumn
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict

ADDED_MARK, CHANGED_MARK, BASELINE_MARK = "columns_added", "contract_changed", "no_baseline"
MAX_NAMED = 10
MAX_LINES = 50
"""Lines of a rule that a record holds."""
_ALIKE_NAME = 0.6
_ALIKE_RANGE = 0.8
_FAMILIES = (("int", "number"), ("uint", "number"), ("float", "number"), ("double", "number"), ("decimal", "number"))


def compare_contract(
    contract: Contract,
    columns: Mapping[str, SeenColumn],
    *,
    before: Contract | None = None,
    last: Mapping[str, SeenColumn] | None = None,
) -> Verdict:
    """Judge the columns of a snapshot by the contract.

    :param contract: the contract.
    :param columns: what the snapshot has, by name; with the values of the columns whose categories are fixed.
    :param before: the contract that the newest accepted snapshot was judged by, None when there was none.
    :param last: columns of that snapshot, whose ranges tell what looks renamed; None when unknown.
    :return: the verdict, rules ``removed``, ``added``, ``types``, ``nulls``, ``categories`` and ``units``; marked
        ``columns_added`` and ``contract_changed`` where that is so.
    """
    removed = [column for name, column in contract.columns.items() if name not in columns]
    added = [column for name, column in columns.items() if name not in contract.columns]
    both = [(column, columns[name]) for name, column in contract.columns.items() if name in columns]
    units = _unit_changes(contract, before)
    marks = [ADDED_MARK] if added and contract.additive == ALLOWED else []
    marks += [CHANGED_MARK] if before is not None and before.hash != contract.hash else []
    rules = (
        _removed(removed, added, last or {}),
        _added(added, contract.additive),
        _rule("types", [f"{a.name}: {a.type} -> {b.type}" for a, b in both if a.type != b.type], "every type is kept"),
        _rule(
            "nulls",
            [_nulls(b) for a, b in both if not a.nullable and b.nulls],
            "no value is missing",
        ),
        _categories(both),
        _units(units, contract, before),
    )
    return Verdict.from_rules(rules, marks=marks)


def diff_lines(verdict: Verdict) -> list[str]:
    """Return the lines of a difference, one for each finding; empty when nothing differs.

    :param verdict: as `compare_contract` returns it.
    """
    return _lines(verdict.rules)


def contract_rule(verdict: Verdict) -> RuleResult:
    """Return the rule by which a contract's verdict counts in that of the validation.

    :param verdict: as `compare_contract` returns it.
    """
    # What it fails by comes first: what is let through may be long.
    failed = [rule for rule in verdict.rules if rule.outcome is not Outcome.PASS]
    lines = _lines([*failed, *(rule for rule in verdict.rules if rule.outcome is Outcome.PASS)])
    more = ["and more in the record of the contract"] if len(lines) > MAX_NAMED else []
    held = verdict.rules[0].reason if BASELINE_MARK in verdict.marks else "the columns are those of the contract"
    shown = "; ".join([*lines[:MAX_NAMED], *more]) or held
    return RuleResult(rule="contract", outcome=verdict.outcome, reason=f"contract: {shown}")


def _lines(rules: Iterable[RuleResult]) -> list[str]:
    signs = {"removed": "-", "added": "+"}
    return [f"{signs.get(rule.rule, '~')} {rule.rule}: {line}" for rule in rules for line in _found(rule)]


def _found(rule: RuleResult) -> list[str]:
    undecided = [] if rule.outcome is Outcome.PASS else [rule.reason]
    return list(rule.numbers.get("findings", undecided))


def _rule(name: str, findings: list[str], held: str, *, broken: bool = True, **numbers: Any) -> RuleResult:
    outcome = Outcome.FAIL if findings and broken else Outcome.PASS
    more = f"; and {len(findings) - MAX_NAMED} more" if len(findings) > MAX_NAMED else ""
    reason = ("; ".join(findings[:MAX_NAMED]) + more) if findings else held
    kept = findings[:MAX_LINES]
    if len(findings) > MAX_LINES:
        kept.append(f"and {len(findings) - MAX_LINES:,} more")
    return RuleResult(rule=name, outcome=outcome, reason=reason, numbers={"findings": kept, **numbers})


def _removed(removed: list[ContractColumn], added: list[SeenColumn], last: Mapping[str, SeenColumn]) -> RuleResult:
    renamed = _renamings(removed, added, last)
    findings = [
        f"{column.name} ({column.type})" + (f"; {renamed[column.name]}" if column.name in renamed else "")
        for column in removed
    ]
    return _rule("removed", findings, "every column is there")


def _added(added: list[SeenColumn], additive: str) -> RuleResult:
    findings = [f"{column.name} ({column.type})" for column in added]
    return _rule("added", findings, "no column is new", broken=additive != ALLOWED, additive=additive)


def _nulls(column: SeenColumn) -> str:
    return f"{column.name}: {column.nulls:,} values are missing, none may be"


def _categories(both: Iterable[tuple[ContractColumn, SeenColumn]]) -> RuleResult:
    findings, unseen, undecided = [], {}, []
    for column, seen in both:
        if column.categories is None:
            continue
        if seen.values is None:
            undecided.append(column.name)
            continue
        new = sorted(map(_text, seen.values - set(column.categories)))
        if new or seen.more_values:
            more = " and more" if seen.more_values or len(new) > MAX_NAMED else ""
            findings.append(f"{column.name}: new {', '.join(new[:MAX_NAMED])}{more}")
        if lacking := sorted(map(_text, set(column.categories) - seen.values)):
            unseen[column.name] = lacking[:MAX_NAMED]
    if undecided and not findings:
        reason = f"the values of {', '.join(undecided)} were not read"
        return RuleResult(rule="categories", outcome=Outcome.INCONCLUSIVE, reason=reason)
    return _rule("categories", findings, "no category is new", not_seen=unseen)


def _unit_changes(contract: Contract, before: Contract | None) -> list[str]:
    old = before.columns if before is not None else {}
    return [
        f"{name}: {old[name].unit or 'no unit'} -> {column.unit or 'no unit'}"
        for name, column in contract.columns.items()
        if name in old and old[name].unit != column.unit
    ]


def _units(changes: list[str], contract: Contract, before: Contract | None) -> RuleResult:
    """Refuse a unit that changes unsaid: rows of before and after look alike and mean different things."""
    raised = before is not None and contract.version > before.version
    if changes and not raised:
        changes = [f"{change} (raise the version of the contract to say that it is meant)" for change in changes]
    return _rule("units", changes, "no unit has changed", broken=not raised, version=contract.version)


def names_alike(old: str, new: str) -> float:
    """Say how alike two names of columns are.

    :param old: one name.
    :param new: another.
    :return: from 0 to 1, whatever their case.
    """
    return SequenceMatcher(None, old.lower(), new.lower()).ratio()


def _renamings(
    removed: list[ContractColumn], added: list[SeenColumn], last: Mapping[str, SeenColumn]
) -> dict[str, str]:
    """Pair removed with added columns that look like them, the most alike first."""
    pairs = []
    for old in removed:
        for new in added:
            if _family(old.type) != _family(new.type):
                continue
            name = names_alike(old.name, new.name)
            values = _overlap(old, last.get(old.name), new)
            if name >= _ALIKE_NAME or (values or 0) >= _ALIKE_RANGE:
                pairs.append((name + (values or 0), old.name, new.name, name, values))
    found: dict[str, str] = {}
    taken: set[str] = set()
    for _, old_name, new_name, name, values in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if old_name not in found and new_name not in taken:
            taken.add(new_name)
            shared = "" if values is None else f", {values:.0%} of the values' range in common"
            found[old_name] = f"looks renamed to {new_name} (names {name:.0%} alike{shared})"
    return found


def _overlap(old: ContractColumn, last: SeenColumn | None, new: SeenColumn) -> float | None:
    """Share of both ranges, or of both sets of categories, that is common; None when it is not known."""
    if old.categories is not None and new.values is not None:
        union = set(old.categories) | new.values
        return len(set(old.categories) & new.values) / len(union) if union else None
    bounds = (last.low, last.high, new.low, new.high) if last is not None else ()
    if not bounds or not all(isinstance(bound, int | float) for bound in bounds):
        return None
    low, high, other_low, other_high = bounds
    union_width = max(high, other_high) - min(low, other_low)
    common = min(high, other_high) - max(low, other_low)
    return 1.0 if union_width == 0 else max(0.0, common / union_width)


def _family(logical_type: str) -> str:
    found = next((family for start, family in _FAMILIES if logical_type.startswith(start)), None)
    return found or logical_type.partition("[")[0]


def _text(value: Any) -> str:
    return repr(value)[:60]
