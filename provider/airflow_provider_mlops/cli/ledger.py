"""What ``airflow mlops ledger`` does: list, show and verify chains."""

import json
import sys
from argparse import Namespace
from collections.abc import Callable
from difflib import get_close_matches
from functools import wraps
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from airflow_provider_mlops.config import ledger_root
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken, MLOpsError
from airflow_provider_mlops.core.ledger import Ledger, Record, chains
from airflow_provider_mlops.core.verdict import Verdict

BROKEN = 1
WRONG_CALL = 2
# Wide enough for a row per record when the output goes to a file or a pipe.
_WIDTH_WITHOUT_TERMINAL = 200


def _exit_codes(command: Callable[[Namespace], None]) -> Callable[[Namespace], None]:
    """Turn our errors into one line and an exit code."""

    @wraps(command)
    def run(args: Namespace) -> None:
        try:
            command(args)
        except MLOpsError as err:
            _say(str(err), error=True)
            raise SystemExit(BROKEN if isinstance(err, EvidenceBroken) else WRONG_CALL) from None

    return run


@_exit_codes
def list_chains(args: Namespace) -> None:
    """Print the chains with their number of records and the newest one, or ``broken``.

    :param args: ``chain`` (or None for all) and ``ledger_root``.
    """
    root, names = _chosen(args)
    table = _table("chain", "records", "newest", "kind", "partition", "outcome")
    for name in names:
        try:
            records = Ledger(root, name).records()
        except EvidenceBroken:
            _add_row(table, name, "broken")
            continue
        last = records[-1]
        _add_row(table, name, len(records), last.time, _kind(last), _partition(last), last.outcome)
    _console().print(table)


@_exit_codes
def show(args: Namespace) -> None:
    """Print the records of a chain as a table, or as JSON.

    :param args: ``chain``, ``json`` and ``ledger_root``.
    """
    root, names = _chosen(args)
    records = Ledger(root, names[0]).records()
    if args.json:
        sys.stdout.write(json.dumps([record.to_dict() for record in records], ensure_ascii=False, indent=2) + "\n")
        return
    table = _table("seq", "time", "kind", "partition", "outcome", "reason")
    for record in records:
        _add_row(
            table, record.seq, record.time, _kind(record), _partition(record), record.outcome, _first_reason(record)
        )
    _console().print(table)


@_exit_codes
def verify(args: Namespace) -> None:
    """Check chains; exit with 1 when one is not intact, naming each broken record.

    :param args: ``chain`` (or None for all) and ``ledger_root``.
    """
    root, names = _chosen(args)
    broken = False
    for name in names:
        ledger = Ledger(root, name)
        if problems := ledger.verify():
            broken = True
            _say(f"{name}: {len(problems)} problem{'s' if len(problems) != 1 else ''}")
            for problem in problems:
                _say(f"  {problem}")
        else:
            records = ledger.records()
            _say(f"{name}: intact, {len(records)} records, last hash {records[-1].hash}")
    if broken:
        raise SystemExit(BROKEN)


def _chosen(args: Namespace) -> tuple[str, list[str]]:
    if args.ledger_root and not Path(args.ledger_root).is_dir():
        raise BadInput(f"There is no folder {args.ledger_root!r}; --ledger-root is the folder that holds the chains.")
    root = args.ledger_root or ledger_root()
    known = chains(root)
    if args.chain is None:
        if not known:
            _say(f"No chain in {root} yet.")
        return root, known
    if args.chain in known:
        return root, [args.chain]
    near = [name for name in known if name.split("/")[-1] == args.chain] or get_close_matches(args.chain, known, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    _say(f"No chain {args.chain!r} in {root}; it has: {', '.join(known) or 'none'}.{hint}", error=True)
    raise SystemExit(WRONG_CALL)


def _first_reason(record: Record) -> str:
    if isinstance(verdict := record.body.get("verdict"), dict):
        return next(iter(Verdict.from_dict(verdict).reasons), "")
    return str(record.body.get("reason") or "")


def _kind(record: Record) -> str:
    return record.kind if record.mode == "live" else f"{record.kind} ({record.mode})"


def _partition(record: Record) -> str:
    return str(record.body.get("partition_key") or "")


def _table(*columns: str) -> Table:
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _add_row(table: Table, *cells: str | int | None) -> None:
    table.add_row(*(Text(_printable("" if cell is None else str(cell))) for cell in cells))


def _say(line: str, *, error: bool = False) -> None:
    _console(error=error).print(Text(_printable(line)), soft_wrap=True)


def _console(*, error: bool = False) -> Console:
    console = Console(stderr=error)
    return console if console.is_terminal else Console(stderr=error, width=_WIDTH_WITHOUT_TERMINAL)


def _printable(text: str) -> str:
    # A record may hold anything; a terminal must not obey it.
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
