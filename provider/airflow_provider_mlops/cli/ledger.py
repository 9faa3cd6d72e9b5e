"""What ``airflow mlops ledger`` does: list, show and verify chains."""

from argparse import Namespace
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from airflow_provider_mlops.cli.describe import describe
from airflow_provider_mlops.cli.exit_codes import BROKEN, WRONG_CALL, exit_codes
from airflow_provider_mlops.cli.output import print_table, say, write_json
from airflow_provider_mlops.config import ledger_root
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.ledger import Ledger, Record, chains


@exit_codes
def list_chains(args: Namespace) -> None:
    """Print the chains with their number of records and the newest one, or ``broken``.

    :param args: ``chain`` (or None for all), ``json`` and ``ledger_root``.
    """
    root, names = _chosen(args)
    found = {name: _read(root, name) for name in names}
    if args.json:
        write_json([_listed(name, records) for name, records in found.items()])
    elif found:
        columns = ("chain", "records", "newest", "kind", "partition", "outcome")
        print_table(columns, [_list_row(name, records) for name, records in found.items()])


@exit_codes
def show(args: Namespace) -> None:
    """Print the records of a chain as a table, or as JSON.

    :param args: ``chain``, ``kind`` and ``partition`` (None for all), ``json`` and ``ledger_root``.
    """
    root, names = _chosen(args)
    records = Ledger(root, names[0]).records()
    chosen = [
        record
        for record in records
        if args.kind in (None, record.kind) and args.partition in (None, _partition(record))
    ]
    if not chosen:
        _say_what_there_is(args, records)
    if args.json:
        write_json([record.to_dict() for record in chosen])
    elif chosen:
        print_table(("seq", "time", "kind", "partition", "outcome", "what"), [_show_row(record) for record in chosen])


@exit_codes
def verify(args: Namespace) -> None:
    """Check chains; exit with 1 when one is not intact, naming each broken record.

    :param args: ``chain`` (or None for all), ``json`` and ``ledger_root``.
    """
    root, names = _chosen(args)
    checked = [_verified(root, name) for name in names]
    if args.json:
        write_json(checked)
    else:
        for found in checked:
            _say_verified(found)
    if not all(found["intact"] for found in checked):
        raise SystemExit(BROKEN)


def _read(root: str, name: str) -> list[Record] | None:
    try:
        return Ledger(root, name).records()
    except EvidenceBroken:
        return None


def _listed(name: str, records: list[Record] | None) -> dict[str, Any]:
    if records is None:
        return {"chain": name, "intact": False, "records": None, "newest": None}
    return {"chain": name, "intact": True, "records": len(records), "newest": records[-1].to_dict()}


def _list_row(name: str, records: list[Record] | None) -> Sequence[str | int | None]:
    if records is None:
        return name, None, "broken", None, None, None
    last = records[-1]
    return name, len(records), _time(last), _kind(last), _partition(last), last.outcome


def _show_row(record: Record) -> Sequence[str | int | None]:
    return record.seq, _time(record), _kind(record), _partition(record), record.outcome, describe(record)


def _say_what_there_is(args: Namespace, records: list[Record]) -> None:
    kinds = sorted({record.kind for record in records})
    partitions = sorted({key for record in records if (key := _partition(record))})
    near = get_close_matches(args.kind, kinds, n=1) if args.kind and args.kind not in kinds else []
    hint = f" Did you mean {near[0]}?" if near else ""
    say(
        f"No such record in {args.chain}; it has the kinds {', '.join(kinds)}, "
        f"the partitions {_span(partitions)}.{hint}",
        error=True,
    )


def _span(keys: Sequence[str]) -> str:
    return f"{keys[0]} to {keys[-1]}" if len(keys) > 1 else "".join(keys) or "none"


def _verified(root: str, name: str) -> dict[str, Any]:
    ledger = Ledger(root, name)
    problems = ledger.verify()
    records = [] if problems else ledger.records()
    return {
        "chain": name,
        "intact": not problems,
        "records": None if problems else len(records),
        "last_hash": None if problems else records[-1].hash,
        "problems": problems,
    }


def _say_verified(found: dict[str, Any]) -> None:
    name, problems = found["chain"], found["problems"]
    if not problems:
        say(f"{name}: intact, {found['records']} records, last hash {found['last_hash']}")
        return
    say(f"{name}: {len(problems)} problem{'s' if len(problems) != 1 else ''}")
    for problem in problems:
        say(f"  {problem}")


def _chosen(args: Namespace) -> tuple[str, list[str]]:
    if args.ledger_root and not Path(args.ledger_root).is_dir():
        raise BadInput(f"There is no folder {args.ledger_root!r}; --ledger-root is the folder that holds the chains.")
    root = args.ledger_root or ledger_root()
    known = chains(root)
    if args.chain is None:
        if not known:
            say(f"No chain in {root} yet.", error=args.json)
        return root, known
    if args.chain in known:
        return root, [args.chain]
    near = [name for name in known if name.split("/")[-1] == args.chain] or get_close_matches(args.chain, known, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    say(f"No chain {args.chain!r} in {root}; it has: {', '.join(known) or 'none'}.{hint}", error=True)
    raise SystemExit(WRONG_CALL)


def _time(record: Record) -> str:
    return record.time[:19].replace("T", " ")


def _kind(record: Record) -> str:
    return record.kind if record.mode == "live" else f"{record.kind} ({record.mode})"


def _partition(record: Record) -> str:
    return str(record.body.get("partition_key") or "")
