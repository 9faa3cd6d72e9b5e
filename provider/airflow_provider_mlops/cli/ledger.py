"""What ``airflow mlops ledger`` does: list and show chains."""

from argparse import Namespace
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_mlops.cli.describe import describe
from airflow_provider_mlops.cli.exit_codes import WRONG_CALL, exit_codes
from airflow_provider_mlops.cli.output import print_table, say, write_json
from airflow_provider_mlops.core.chains import chains
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.ledger import Ledger, Record
from airflow_provider_mlops.core.near import did_you_mean
from airflow_provider_mlops.core.store import Store
from airflow_provider_mlops.hooks.ledger import LedgerHook

MODEL = "model/"


@exit_codes
def list_chains(args: Namespace) -> None:
    """Print the chains with their number of records and the newest one, or ``broken``.

    :param args: ``chain`` (or None for all), ``json`` and ``ledger_root``.
    """
    hook = LedgerHook()
    store, names = chosen(args, hook)
    found = {name: _read(Ledger(store, name, hook.keys)) for name in names}
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
    hook = LedgerHook()
    store, names = chosen(args, hook)
    records = Ledger(store, names[0], hook.keys).records()
    asked = [
        record
        for record in records
        if args.kind in (None, record.kind) and args.partition in (None, _partition(record))
    ]
    if not asked:
        _say_what_there_is(args, records)
    if args.json:
        write_json([record.to_dict() for record in asked])
    elif asked:
        print_table(("seq", "time", "kind", "partition", "outcome", "what"), [_show_row(record) for record in asked])


def open_chosen(root: str | None, hook: LedgerHook) -> Store:
    """Open the store that a command is asked to read.

    :param root: folder or address of the ledgers, None for the configured one.
    :param hook: the ledger's connection.
    :return: the store.
    :raises BadInput: when the folder does not exist: a typing error is not an empty ledger.
    """
    if root and "://" not in root and not Path(root).is_dir():
        raise BadInput(f"There is no folder {root!r}; --ledger-root is the folder or address that holds the chains.")
    return hook.store(root)


def _read(ledger: Ledger) -> list[Record] | None:
    try:
        return ledger.records()
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
    hint = did_you_mean(args.kind, kinds) if args.kind and args.kind not in kinds else ""
    say(
        f"No such record in {args.chain}; it has the kinds {', '.join(kinds)}, "
        f"the partitions {_span(partitions)}.{hint}",
        error=True,
    )


def _span(keys: Sequence[str]) -> str:
    return f"{keys[0]} to {keys[-1]}" if len(keys) > 1 else "".join(keys) or "none"


def chosen(args: Namespace, hook: LedgerHook, also: Collection[str] = ()) -> tuple[Store, list[str]]:
    """Open the store and list the chains that a command is asked to read.

    :param args: ``chain`` (or None for all), ``json`` and ``ledger_root``.
    :param hook: the ledger's connection.
    :param also: chains that must be there, whether they are or not.
    :return: the store, and the chains' names.
    """
    store = open_chosen(args.ledger_root, hook)
    known = sorted({*chains(store), *also})
    if args.chain is None:
        if not known:
            say(f"No chain in {store.root} yet.", error=args.json)
        return store, known
    if args.chain in known:
        return store, [args.chain]
    same = [name for name in known if name.split("/")[-1] == args.chain]
    hint = f" Did you mean {same[0]}?" if same else did_you_mean(args.chain, known)
    say(f"No chain {args.chain!r} in {store.root}; it has: {', '.join(known) or 'none'}.{hint}", error=True)
    raise SystemExit(WRONG_CALL)


def _time(record: Record) -> str:
    return record.time[:19].replace("T", " ")


def _kind(record: Record) -> str:
    return record.kind if record.mode == "live" else f"{record.kind} ({record.mode})"


def _partition(record: Record) -> str:
    return str(record.body.get("partition_key") or "")
