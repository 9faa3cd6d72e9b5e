"""What ``airflow mlops ledger`` does: list, show and verify chains."""

from argparse import Namespace
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from airflow_provider_mlops.cli.describe import describe
from airflow_provider_mlops.cli.exit_codes import BROKEN, WRONG_CALL, exit_codes
from airflow_provider_mlops.cli.output import print_table, say, write_json
from airflow_provider_mlops.core.chain import ChainReport, record_name
from airflow_provider_mlops.core.checkpoint import Checkpoint
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.ledger import Ledger, Record, chains
from airflow_provider_mlops.core.signing import PublicKey, short
from airflow_provider_mlops.core.store import Store
from airflow_provider_mlops.core.trust import Keys
from airflow_provider_mlops.hooks.ledger import LedgerHook

MODEL = "model/"


@exit_codes
def list_chains(args: Namespace) -> None:
    """Print the chains with their number of records and the newest one, or ``broken``.

    :param args: ``chain`` (or None for all), ``json`` and ``ledger_root``.
    """
    hook = LedgerHook()
    store, names = _chosen(args, hook)
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
    store, names = _chosen(args, hook)
    records = Ledger(store, names[0], hook.keys).records()
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

    :param args: ``chain`` (or None for all), ``public_key`` (files, or None), ``signed``, ``mlflow`` and
        ``mlflow_conn_id``, ``json`` and ``ledger_root``.
    """
    hook = LedgerHook()
    keys = _trusted(args.public_key) if args.public_key else hook.keys
    checkpoints = _checkpoints(args.mlflow_conn_id) if args.mlflow else None
    store, names = _chosen(args, hook, also=checkpoints or ())
    checked = [_verified(Ledger(store, name, keys), checkpoints, signed=args.signed) for name in names]
    if args.json:
        write_json(checked)
    else:
        for found in checked:
            _say_verified(found, asked=args.mlflow)
    if not all(found["intact"] for found in checked):
        raise SystemExit(BROKEN)


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
    near = get_close_matches(args.kind, kinds, n=1) if args.kind and args.kind not in kinds else []
    hint = f" Did you mean {near[0]}?" if near else ""
    say(
        f"No such record in {args.chain}; it has the kinds {', '.join(kinds)}, "
        f"the partitions {_span(partitions)}.{hint}",
        error=True,
    )


def _span(keys: Sequence[str]) -> str:
    return f"{keys[0]} to {keys[-1]}" if len(keys) > 1 else "".join(keys) or "none"


def _trusted(files: Sequence[str]) -> Keys:
    from airflow_provider_mlops.backends.ed25519 import read_public_key, read_public_keys

    trusted: dict[str, PublicKey] = {}
    for file in files:
        try:
            text = Path(file).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as err:
            raise BadInput(f"The public key {file!r} cannot be read: {err}.") from None
        trusted |= read_public_keys(text, f"The file {file!r}")
    return Keys(None, trusted, read_public_key)


def _checkpoints(conn_id: str) -> dict[str, Checkpoint]:
    from airflow_provider_mlops.backends.mlflow_checkpoint import read_checkpoints
    from airflow_provider_mlops.hooks.mlflow import MlflowHook

    with MlflowHook(conn_id).session() as client:
        return {f"{MODEL}{model}": kept for model, kept in read_checkpoints(client).items()}


def _verified(ledger: Ledger, checkpoints: dict[str, Checkpoint] | None, *, signed: bool) -> dict[str, Any]:
    name = ledger.chain
    report = ledger.examine()
    problems = list(report.problems)
    kept = checkpoints.get(name) if checkpoints is not None else None
    if kept is not None and (problem := kept.problem(report.hashes)):
        place = f"{name}/{record_name(kept.seq)}"
        problems += [] if any(known.startswith(place) for known in problems) else [f"{place}: {problem}"]
    if signed and not problems and (problem := _not_signed(report)):
        problems.append(f"{name}: {problem}")
    return {
        "chain": name,
        "intact": not problems,
        "records": None if problems else len(report.hashes),
        "last_hash": None if problems else report.last_hash,
        "signatures": {"checked": report.checked, "records": report.signed},
        "checkpoint": {"seq": kept.seq, "hash": kept.hash} if kept else None,
        "problems": problems,
    }


def _not_signed(report: ChainReport) -> str | None:
    count = sum(report.signed.values())
    if count < len(report.hashes):
        return f"not signed: {len(report.hashes) - count} of {len(report.hashes)} records are not."
    return None if report.checked else "signatures not checked: no public key is known."


def _say_verified(found: dict[str, Any], *, asked: bool) -> None:
    name, problems = found["chain"], found["problems"]
    if not problems:
        facts = [f"{found['records']} records", f"last hash {found['last_hash']}", _signatures(found)]
        if asked:
            kept = found["checkpoint"]
            facts.append(f"agrees with the checkpoint at record {kept['seq']}" if kept else "no checkpoint")
        say(f"{name}: intact, {', '.join(facts)}")
        return
    say(f"{name}: {len(problems)} problem{'s' if len(problems) != 1 else ''}")
    for problem in problems:
        say(f"  {problem}")


def _signatures(found: dict[str, Any]) -> str:
    by, count = found["signatures"]["records"], sum(found["signatures"]["records"].values())
    if not count:
        return "not signed"
    some = "" if count == found["records"] else f"{count} "
    if not found["signatures"]["checked"]:
        return f"{some}signed, signatures not checked (no public key)"
    return f"{some}signed by {' and '.join(map(short, by))}"


def _chosen(args: Namespace, hook: LedgerHook, also: Sequence[str] | dict[str, Any] = ()) -> tuple[Store, list[str]]:
    """Return the store and the chains to read; ``also``: chains that must be there."""
    store = open_chosen(args.ledger_root, hook)
    known = sorted({*chains(store), *also})
    if args.chain is None:
        if not known:
            say(f"No chain in {store.root} yet.", error=args.json)
        return store, known
    if args.chain in known:
        return store, [args.chain]
    near = [name for name in known if name.split("/")[-1] == args.chain] or get_close_matches(args.chain, known, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    say(f"No chain {args.chain!r} in {store.root}; it has: {', '.join(known) or 'none'}.{hint}", error=True)
    raise SystemExit(WRONG_CALL)


def _time(record: Record) -> str:
    return record.time[:19].replace("T", " ")


def _kind(record: Record) -> str:
    return record.kind if record.mode == "live" else f"{record.kind} ({record.mode})"


def _partition(record: Record) -> str:
    return str(record.body.get("partition_key") or "")
