"""What ``airflow mlops audit`` and ``airflow mlops lineage`` do."""

import json
import sys
from argparse import Namespace
from pathlib import Path

from airflow_provider_mlops.cli.exit_codes import exit_codes
from airflow_provider_mlops.cli.output import print_table, say, write_json
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.hooks.ledger import model_ledger


@exit_codes
def report(args: Namespace) -> None:
    """Write the report of a model into a folder, or as JSON to standard output.

    :param args: ``model``, ``since``, ``until``, ``output`` (None for none), ``json`` and ``ledger_root``.
    """
    from airflow_provider_mlops.hooks.audit_report import report_of, write_report

    found = report_of(args.model, args.since or "", args.until or "", args.ledger_root)
    if args.json:
        write_json(found)
        return
    page = write_report(Path(args.output or f"audit-{args.model}"), found)
    rows = [
        (t["partition_key"], t["version"], t["gate"], "yes" if t["promoted"] else "no", t["level"], t["certificate"])
        for t in found["trainings"]
    ]
    print_table(("partition", "version", "gate", "promoted", "level", "certificate"), rows)
    for line in found["missing"]:
        say(f"missing: {line}")
    say(f"Report: {page}")


@exit_codes
def events(args: Namespace) -> None:
    """Write every record of a model as one JSON line: the event log of its life.

    :param args: ``model``, ``since``, ``until`` and ``ledger_root``.
    """
    from airflow_provider_mlops.core.audit_report import event_of, in_time

    records = model_ledger(args.model, args.ledger_root).records()
    if not records:
        raise BadInput(f"Model {args.model!r} has no record.")
    for record in in_time(records, args.since or "", args.until or ""):
        sys.stdout.write(json.dumps(event_of(record), ensure_ascii=False) + "\n")


@exit_codes
def of_snapshot(args: Namespace) -> None:
    """List every model and every prediction that used a snapshot.

    :param args: ``snapshot_id``, ``dataset`` (or None), ``json``, ``storage_root`` and ``ledger_root``.
    """
    from airflow_provider_mlops.cli.datasets import chosen_datasets, chosen_snapshot, open_storage
    from airflow_provider_mlops.core.lineage import uses_of
    from airflow_provider_mlops.hooks.snapshots import models_of

    storage = open_storage(args)
    names = chosen_datasets(args.dataset, args.ledger_root)
    dataset, snapshot_id = chosen_snapshot(storage, names, args.snapshot_id)
    found = uses_of([snapshot_id], models_of(dataset, args.ledger_root))
    if args.json:
        write_json(found)
        return
    say(f"Snapshot {snapshot_id} of {dataset}: {len(found)} uses")
    columns = ("model", "use", "version", "partition_key", "rows", "record")
    print_table(columns, [[item[name] for name in columns] for item in found])


@exit_codes
def of_prediction(args: Namespace) -> None:
    """Say what a prediction came from: version, training, snapshots and partitions.

    :param args: ``model``, ``prediction_id``, ``partition`` (or None), ``json``, ``storage_root`` and ``ledger_root``.
    """
    from airflow_provider_mlops.core.canonical import json_safe
    from airflow_provider_mlops.hooks.prediction_log import find_prediction
    from airflow_provider_mlops.hooks.storage import Storage

    storage = Storage(args.storage_root, args.ledger_root)
    keys = [args.partition] if args.partition else None
    found = find_prediction(storage, args.model, args.prediction_id, keys)
    body, manifest = found.record.body, found.manifest
    row = {name: str(value) if hasattr(value, "isoformat") else value for name, value in found.row.items()}
    told = {
        "prediction": row,
        "log_record": found.record.hash,
        "partition_key": body["partition_key"],
        "dataset": body["dataset"],
        "snapshot_id": body["snapshot_id"],
        "model_version": body["model_version"],
        "manifest_hash": body["manifest_hash"],
        "trained_on": manifest["train"]["snapshots"],
        "training_dataset": manifest["dataset"],
    }
    if args.json:
        write_json(json_safe(told))
        return
    trained = ", ".join(item["partition_key"] for item in manifest["train"]["snapshots"])
    say(f"Prediction {args.prediction_id} of {args.model}: score {row['score']} for row {row['row_id']}")
    say(f"  version        {body['model_version']}, manifest {body['manifest_hash']}")
    say(f"  trained on     {trained} of {manifest['dataset']}")
    say(f"  features       snapshot {body['snapshot_id']} of {body['dataset']}, partition {body['partition_key']}")
    say(f"  record         {found.record.hash}")
