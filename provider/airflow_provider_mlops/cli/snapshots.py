"""``airflow mlops snapshots list``, ``show`` and ``verify``."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.cli.datasets import chosen_datasets, chosen_snapshot, open_storage, short
from airflow_provider_mlops.cli.exit_codes import BROKEN, exit_codes
from airflow_provider_mlops.cli.ledger import open_chosen
from airflow_provider_mlops.cli.output import print_table, say, write_json
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.evidence import accepted_snapshots
from airflow_provider_mlops.core.gone import ids_in
from airflow_provider_mlops.core.retention import states, used_by
from airflow_provider_mlops.hooks.ledger import LedgerHook

if TYPE_CHECKING:
    from airflow_provider_mlops.hooks.storage import Storage

_COLUMNS = ("dataset", "partition", "id", "rows", "bytes", "validation", "accepted", "used by")
_AUDIT_DAYS = 30.0
_MISSING = "the ledger has it as the accepted snapshot of {}, and it is not stored"


@exit_codes
def list_snapshots(args: Namespace) -> None:
    """Print the snapshots that are stored, and who uses each, as the ledger knows.

    :param args: ``dataset`` (or None for all), ``json``, ``storage_root`` and ``ledger_root``.
    """
    storage = open_storage(args)
    names = chosen_datasets(args.dataset, args.ledger_root)
    found = [item for name in names for item in _listed(storage, name)]
    if args.json:
        write_json(found)
    elif found:
        print_table(_COLUMNS, [_row(item) for item in found])
    else:
        _say_none(storage, names, args.ledger_root)


@exit_codes
def show(args: Namespace) -> None:
    """Print all that is known of a snapshot: its manifest, its records, its users, or what became of it.

    :param args: ``snapshot_id``, ``dataset`` (or None), ``json``, ``storage_root`` and ``ledger_root``.
    """
    from airflow_provider_mlops.hooks.gone import gone_of
    from airflow_provider_mlops.hooks.ledger import dataset_ledger
    from airflow_provider_mlops.hooks.snapshots import path_of

    storage = open_storage(args)
    dataset, snapshot_id = chosen_snapshot(storage, chosen_datasets(args.dataset, args.ledger_root), args.snapshot_id)
    lost = gone_of(storage, dataset).get(snapshot_id)
    listed = next((one for one in _listed(storage, dataset) if one["snapshot_id"] == snapshot_id), None)
    records = [r for r in dataset_ledger(dataset, args.ledger_root).records() if snapshot_id in ids_in(r.body)]
    found = {
        **(listed or {"dataset": dataset, "snapshot_id": snapshot_id}),
        "stored": listed is not None,
        "gone": lost.why() if lost else None,
        "manifest": storage.read_marker(path_of(listed["folder"], dataset, snapshot_id)) if listed else None,
        "records": [{"seq": r.seq, "kind": r.kind, "mode": r.mode, "outcome": r.outcome} for r in records],
    }
    if args.json:
        write_json(found)
    else:
        _say_shown(found)


@exit_codes
def verify(args: Namespace) -> None:
    """Check snapshots byte by byte and value by value; exit with 1 when one is not what was recorded.

    :param args: ``snapshot_id`` or ``all``, ``dataset`` (or None), ``json``, ``storage_root`` and ``ledger_root``.
    """
    storage = open_storage(args)
    names = chosen_datasets(args.dataset, args.ledger_root)
    if bool(args.snapshot_id) == args.all:
        raise BadInput("Say what to verify: the id of a snapshot, or --all.")
    if args.all:
        checked = [item for name in names for item in _verified_all(storage, name)]
    else:
        dataset, snapshot_id = chosen_snapshot(storage, names, args.snapshot_id)
        checked = [_verified(storage, dataset, snapshot_id)]
    if args.json:
        write_json(checked)
    elif not checked:
        _say_none(storage, names, args.ledger_root)
    else:
        for item in checked:
            what = f"{item['dataset']} {short(item['snapshot_id']) or 'tombstone ' + item['tombstone']}"
            say(f"{what}: {'intact' if item['intact'] else item['problem']}")
    if not all(item["intact"] for item in checked):
        raise SystemExit(BROKEN)


def _say_none(storage: "Storage", datasets: Sequence[str], ledger_root: str | None) -> None:
    if datasets:
        say(f"No snapshot of {', '.join(datasets)} is stored in {storage.root}.", error=True)
    else:
        say(f"No dataset is in the ledger in {open_chosen(ledger_root, LedgerHook()).root}.", error=True)


def _listed(storage: "Storage", dataset: str) -> list[dict[str, Any]]:
    from airflow_provider_mlops.hooks.ledger import dataset_ledger
    from airflow_provider_mlops.hooks.snapshots import models_of, needs_of, stored_snapshots

    stored = stored_snapshots(storage, dataset)
    records = dataset_ledger(dataset, storage.ledger_root).records()
    needs = needs_of(models_of(dataset, storage.ledger_root), None, audit_days=_AUDIT_DAYS)
    known, users = states(stored, records), used_by(needs.snapshots, records)
    found = [
        {
            "dataset": dataset,
            "snapshot_id": item.snapshot_id,
            "folder": item.folder,
            "rows": item.rows,
            "bytes": item.bytes,
            **known[item.snapshot_id],
            "used_by": users.get(item.snapshot_id, []),
        }
        for item in stored
    ]
    return sorted(found, key=lambda item: (item["partition_key"] or "", item["recorded"] or ""))


def _row(item: Mapping[str, Any]) -> Sequence[str | int | None]:
    return (
        item["dataset"],
        item["partition_key"],
        short(item["snapshot_id"]),
        item["rows"],
        item["bytes"],
        item["validation"],
        "set aside" if item["folder"] != "snapshots" else "yes" if item["accepted"] else "no",
        "; ".join(item["used_by"]),
    )


def _say_shown(found: Mapping[str, Any]) -> None:
    say(f"Snapshot {found['snapshot_id']} of {found['dataset']}")
    if found["gone"]:
        say(found["gone"])
    if not found["stored"]:
        if not found["gone"]:
            say("It is not stored.")
        return
    for name in ("partition_key", "recorded", "rows", "bytes", "validation"):
        say(f"  {name:<14} {found[name]}")
    say(f"  {'accepted':<14} {'yes' if found['accepted'] else 'no'}")
    for why in found["used_by"]:
        say(f"  {'used by':<14} {why}")
    for record in found["records"]:
        say(f"  {'record':<14} {record['seq']} {record['kind']} {record['outcome'] or ''}".rstrip())
    columns = found["manifest"].get("columns") or []
    print_table(
        ("column", "type", "nulls", "min", "max"),
        [[str(column.get(key, "")) for key in ("name", "type", "nulls", "min", "max")] for column in columns],
    )


def _verified_all(storage: "Storage", dataset: str) -> list[dict[str, Any]]:
    from airflow_provider_mlops.hooks.erasing_finish import broken_tombstones
    from airflow_provider_mlops.hooks.ledger import dataset_ledger
    from airflow_provider_mlops.hooks.snapshots import stored_snapshots

    stored = {item.snapshot_id: item.folder for item in stored_snapshots(storage, dataset)}
    found = [_verified(storage, dataset, snapshot_id, folder) for snapshot_id, folder in stored.items()]
    records = dataset_ledger(dataset, storage.ledger_root).records()
    found += [
        {"dataset": dataset, "snapshot_id": snapshot_id, "intact": False, "problem": _MISSING.format(partition)}
        for partition, snapshot_id in accepted_snapshots(records).items()
        if snapshot_id not in stored
    ]
    return found + [
        {"dataset": dataset, "snapshot_id": None, "tombstone": name, "intact": problem is None, "problem": problem}
        for name, problem in broken_tombstones(storage, dataset).items()
    ]


def _verified(storage: "Storage", dataset: str, snapshot_id: str, folder: str = "snapshots") -> dict[str, Any]:
    from airflow_provider_mlops.backends.parquet import verify_snapshot
    from airflow_provider_mlops.hooks.snapshots import path_of

    problem = None
    try:
        with storage.open(path_of(folder, dataset, snapshot_id)) as path:
            verify_snapshot(path, snapshot_id)
    except EvidenceBroken as err:
        problem = str(err)
    return {"dataset": dataset, "snapshot_id": snapshot_id, "intact": problem is None, "problem": problem}
