"""Which rows break which expectations, found in SQL, file by file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from airflow_provider_mlops.backends.duckdb_groups import repeated_keys
from airflow_provider_mlops.backends.duckdb_plan import Plan, Scan

_BLOCK = 100_000


def broken_rows(scan: Scan, plans: Mapping[int, Plan]) -> Iterator[Iterator[tuple[int, list[int]]]]:
    """Find the rows that break any of some row-level expectations.

    :param scan: the rows.
    :param plans: plan of each expectation, by its position in the suite.
    :return: for each file, in order, the numbers of the rows that break any (from 0, in order), each with the positions
        that it breaks. To be taken file by file.
    """
    if not plans:
        for _ in scan.session.links:
            yield iter(())
        return
    for position, plan in plans.items():
        if plan.keys and plan.rule is not None:
            keys = repeated_keys(scan.rows, plan.keys, plan.rule.considered)
            scan.session.connection.execute(f"CREATE TABLE repeated_{int(position)} AS {keys}")
    for link in scan.session.links:
        yield _broken(scan, plans, link)


def _broken(scan: Scan, plans: Mapping[int, Plan], link: str) -> Iterator[tuple[int, list[int]]]:
    positions = sorted(plans)
    flags = [f"coalesce({_breaks(position, plans[position])}, false) AS b{position}" for position in positions]
    named = ", ".join(f"b{position}" for position in positions)
    any_of = " OR ".join(f"b{position}" for position in positions)
    rows = scan.rows_of(link)
    cursor = scan.session.connection.cursor()
    cursor.execute(f"SELECT rn, {named} FROM (SELECT rn, {', '.join(flags)} FROM {rows}) WHERE {any_of} ORDER BY rn")
    while block := cursor.fetchmany(_BLOCK):
        for row, *broken in block:
            yield int(row), [position for position, breaks in zip(positions, broken, strict=True) if breaks]


def _breaks(position: int, plan: Plan) -> str:
    rule = plan.rule
    if rule is None:
        return "false"
    if not plan.keys:
        return rule.breaks
    same = " AND ".join(f"k{place} IS NOT DISTINCT FROM {key.value}" for place, key in enumerate(plan.keys))
    return f"{rule.considered} AND EXISTS (SELECT 1 FROM repeated_{int(position)} WHERE {same})"
