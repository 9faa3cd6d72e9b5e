"""What judging one expectation in SQL takes: figures of the one scan, questions of its own, and what follows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_mlops.backends.duckdb_columns import Column, NotCompiled
from airflow_provider_mlops.backends.duckdb_session import Session
from airflow_provider_mlops.core.expectation import MAX_SHOWN
from airflow_provider_mlops.core.expectation_figures import holds_mostly, map_numbers

ROWS = "count(*)"
_IN_MEMORY = 1 << 25
"""Values that may be held in memory to find one by its rank; more are sorted, with spilling: 256 MiB of floats."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about an expectation.

    :param holds: whether it holds.
    :param numbers: figures by the names of Great Expectations.
    :param shown: some values that break it.
    """

    holds: bool
    numbers: Mapping[str, Any]
    shown: Sequence[Any] = ()


@dataclass(slots=True)
class Scan:
    """The rows, and what is known about them already.

    :param session: the database.
    :param columns: the columns, by name.
    :param condition: SQL of a truth value that all of them meet; None for all rows of the files.
    :param figures: aggregate to its value: what the one scan found.
    """

    session: Session
    columns: Mapping[str, Column]
    condition: str | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    _asked: dict[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> str:
        """SQL of the relation."""
        return self.rows_of()

    def rows_of(self, link: str | None = None) -> str:
        """Return the relation as SQL: columns ``c0``, ``c1``, ... and the row's number in its file, ``rn``.

        NaN becomes null here, once for each value: a scan that asks for many figures is a third faster for it.

        :param link: one of the session's links; None for all.
        :return: SQL for a FROM clause.
        """
        read = ", ".join(f"{item.read} AS {item.value}" for item in self.columns.values())
        source = self.session.source(len(self.columns), [link] if link else None)
        every = f"(SELECT {read}, rn FROM {source})"
        return f"(SELECT * FROM {every} WHERE {self.condition})" if self.condition else every

    def __getitem__(self, figure: str) -> Any:
        """Return the value of an aggregate."""
        return self.figures[figure]

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask a question of its own, once; the answer has few rows.

        :param statement: SQL.
        :return: the rows.
        """
        if statement not in self._asked:
            self._asked[statement] = self.session.rows(statement)
        answer: list[tuple[Any, ...]] = self._asked[statement]
        return answer

    def ranked(self, one: Column, n: int, ranks: Sequence[int]) -> list[Any]:
        """Return the values that stand at some places when a column is sorted, exactly.

        :param one: the column.
        :param n: number of its values that are not missing, at least 1.
        :param ranks: the places, from 0.
        :return: the values, in the order of the places.
        """
        if n <= _IN_MEMORY:
            shares = ", ".join(f"CAST({(rank + 0.5) / n!r} AS DOUBLE)" for rank in ranks)
            return list(self.ask(f"SELECT quantile_disc({one.value}, [{shares}]) FROM {self.rows}")[0][0])
        ordered = f"SELECT {one.value} AS v FROM {self.rows} WHERE {one.value} IS NOT NULL ORDER BY v"
        return [self.ask(f"{ordered} LIMIT 1 OFFSET {rank}")[0][0] for rank in ranks]


@dataclass(frozen=True, slots=True)
class RowRule:
    """An expectation about single rows, as SQL.

    :param columns: the columns that are shown of a row that breaks it.
    :param considered: condition of the rows that it is about.
    :param breaks: condition of the rows that break it; null is no.
    :param counts_missing: False where nothing is missing, because missing values are what it is about.
    """

    columns: Sequence[Column]
    considered: str
    breaks: str
    counts_missing: bool = True

    def where(self, condition: str) -> RowRule:
        """Return the rule for the rows that meet a condition; the others break nothing.

        :param condition: SQL of a truth value, never null.
        :return: the rule.
        """
        considered, breaks = (f"({condition}) AND ({part})" for part in (self.considered, self.breaks))
        return replace(self, considered=considered, breaks=breaks)


@dataclass(frozen=True, slots=True)
class Plan:
    """How an expectation is judged.

    :param figures: aggregates over all rows that it needs, as SQL.
    :param finish: gives the finding, once the figures are there.
    :param rule: the condition of a single row, where it has one.
    :param keys: columns whose values must not stand twice, where it is about that.
    """

    figures: Sequence[str]
    finish: Callable[[Any], Finding]
    rule: RowRule | None = None
    keys: Sequence[Column] = ()


def settled(finding: Finding) -> Plan:
    """Plan an expectation that the columns alone decide.

    :param finding: what was found.
    :return: the plan.
    """
    return Plan((), lambda _: finding)


def row_plan(rule: RowRule, mostly: float) -> Plan:
    """Plan an expectation about single rows.

    :param rule: its condition.
    :param mostly: share of the rows that must keep it.
    :return: the plan.
    """
    considered, broken = counted(rule.considered), counted(rule.breaks)

    def finish(scan: Scan) -> Finding:
        return map_finding(scan, rule, scan[considered], scan[broken], mostly)

    return Plan((ROWS, considered, broken), finish, rule)


def counted(condition: str) -> str:
    """Write how many rows meet a condition, in the way that is fastest.

    :param condition: SQL of a truth value; null is no.
    :return: an aggregate, as SQL.
    """
    if condition == "true":
        return ROWS
    present = re.fullmatch(r"(c[0-9]+) IS NOT NULL", condition)
    return f"count({present[1]})" if present else f"coalesce(count_if({condition}), 0)"


def map_finding(scan: Scan, rule: RowRule, considered: int, unexpected: int, mostly: float) -> Finding:
    """Say whether enough rows keep an expectation, and show some that do not.

    :param scan: the rows.
    :param rule: the condition of a row.
    :param considered: rows that it is about.
    :param unexpected: rows that break it.
    :param mostly: share that must keep it.
    :return: the finding.
    """
    numbers = map_numbers(scan[ROWS], unexpected, considered if rule.counts_missing else None)
    values = ", ".join(f"c{item.position}" for item in rule.columns)
    shown: Sequence[Any] = ()
    if unexpected and rule.counts_missing:
        found = scan.ask(f"SELECT {values} FROM {scan.rows} WHERE {rule.breaks} LIMIT {MAX_SHOWN}")
        shown = [row[0] if len(row) == 1 else list(row) for row in found]
    return Finding(holds_mostly(considered, unexpected, mostly), numbers, shown)


def only(kwargs: Mapping[str, Any], *known: str) -> None:
    """Check that an expectation has no other argument that would change what it means.

    :param kwargs: its arguments.
    :param known: those that are compiled.
    :raises NotCompiled: when one is set that is not.
    """
    if any(key not in known and value is not None for key, value in kwargs.items()):
        raise NotCompiled


def mostly_of(kwargs: Mapping[str, Any]) -> float:
    """Read the share that must keep an expectation.

    :param kwargs: its arguments.
    :return: the share.
    :raises NotCompiled: when it is not a number from 0 to 1.
    """
    value = kwargs.get("mostly", 1)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise NotCompiled
    return float(value)
