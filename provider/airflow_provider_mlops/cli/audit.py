"""What ``airflow mlops audit`` and ``airflow mlops lineage`` do."""

import json
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_mlops.cli.datasets import open_storage
from airflow_provider_mlops.cli.describe import count
from airflow_provider_mlops.cli.exit_codes import exit_codes
from airflow_provider_mlops.cli.models import chosen_model, model_records
from airflow_provider_mlops.cli.output import print_table, say, write_json


@exit_codes
def report(args: Namespace) -> None:
    """Write the report of a model into a folder, or as JSON to standard output.

    :param args: ``model``, ``since``, ``until``, ``output`` (None for none), ``json`` and ``ledger_root``.
    """
    from airflow_provider_mlops.hooks.audit_report import report_of, write_report

    args.model = chosen_model(args.model, args.ledger_root)
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

    records = model_records(args.model, args.ledger_root)
    for record in in_time(records, args.since or "", args.until or ""):
        sys.stdout.write(json.dumps(event_of(record), ensure_ascii=False) + "\n")


@exit_codes
def of_snapshot(args: Namespace) -> None:
    """List every model and every prediction that used a snapshot.

    :param args: ``snapshot_id``, ``dataset`` (or None), ``json``, ``storage_root`` and ``ledger_root``.
    """
    from airflow_provider_mlops.cli.datasets import chosen_datasets, chosen_snapshot
    from airflow_provider_mlops.core.lineage import kin, uses_of
    from airflow_provider_mlops.hooks.ledger import dataset_ledger
    from airflow_provider_mlops.hooks.snapshots import datasets, models_of, windows_of

    storage = open_storage(args)
    names = chosen_datasets(args.dataset, args.ledger_root)
    dataset, snapshot_id = chosen_snapshot(storage, names, args.snapshot_id)
    same = kin(snapshot_id, dataset_ledger(dataset, args.ledger_root).records())
    windows = windows_of(storage, datasets(args.ledger_root), same)
    found = uses_of([*same, *windows], models_of(None, args.ledger_root))
    if args.json:
        write_json(found)
        return
    say(f"Snapshot {snapshot_id} of {dataset}: {count(len(found), 'use')}")
    for other in sorted(same - {snapshot_id}):
        say(f"  with what holds rows of it, by a validation or an erasure: {other}")
    for other in sorted(windows):
        say(f"  with what names it, a window: {other}")
    columns = ("model", "use", "version", "partition_key", "rows", "record")
    print_table(columns, [[item[name] for name in columns] for item in found])


@exit_codes
def of_prediction(args: Namespace) -> None:
    """Say what a prediction came from: version, training, snapshots and partitions.

    :param args: ``model``, ``prediction_id``, ``partition`` (or None), ``json``, ``storage_root`` and ``ledger_root``.
    """
    from airflow_provider_mlops.core.base import chain_facts
    from airflow_provider_mlops.core.canonical import json_safe
    from airflow_provider_mlops.hooks.prediction_log import find_prediction

    storage, records = open_storage(args), model_records(args.model, args.ledger_root)
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
        "bases": chain_facts(records, manifest),
    }
    if args.json:
        write_json(json_safe(told))
        return
    trained = ", ".join(item["partition_key"] for item in manifest["train"]["snapshots"])
    say(f"Prediction {args.prediction_id} of {args.model}: score {row['score']} for row {row['row_id']}")
    say(f"  version        {body['model_version']}, manifest {body['manifest_hash']}")
    say(f"  trained on     {trained} of {manifest['dataset']}")
    _say_bases(told["bases"])
    say(f"  features       snapshot {body['snapshot_id']} of {body['dataset']}, partition {body['partition_key']}")
    say(f"  record         {found.record.hash}")


@exit_codes
def of_version(args: Namespace) -> None:
    """Say what a version came from: training, snapshots, parameters, and the versions that it goes on from.

    :param args: ``model``, ``version``, ``json`` and ``ledger_root``.
    """
    from airflow_provider_mlops.core.base import chain_facts, fit_of
    from airflow_provider_mlops.core.evidence import registration_by_version, training_of

    records = model_records(args.model, args.ledger_root)
    registered = registration_by_version(records, args.model, args.version)
    made = training_of(records, args.model, registered.body["manifest_hash"])
    manifest = made.body.get("manifest") or {}
    told = {
        "model": args.model,
        "version": args.version,
        "made_by": made.kind,
        "record": made.hash,
        "manifest_hash": registered.body["manifest_hash"],
        "dataset": manifest.get("dataset"),
        "trained_on": (manifest.get("train") or {}).get("snapshots", []),
        "tested_on": manifest.get("test"),
        "fit": fit_of(manifest),
        "params": manifest.get("params"),
        "params_from": manifest.get("params_from"),
        "bases": chain_facts(records, manifest),
    }
    if args.json:
        write_json(told)
        return
    say(f"Version {args.version} of {args.model}: {made.kind}, manifest {told['manifest_hash']}")
    trained = ", ".join(item["partition_key"] for item in told["trained_on"])
    say(f"  trained on     {trained or 'nothing that is on record here'}, fit {told['fit']}")
    if told["params_from"]:
        say(f"  parameters     of version {told['params_from']['version'] or 'none yet'}")
    _say_bases(told["bases"])
    say(f"  record         {made.hash}")


def _say_bases(bases: Sequence[Mapping[str, Any]]) -> None:
    for base in bases:
        trained = f"{base['fit']}, {base['partition_key']}" if base["fit"] else "not on record here"
        say(f"  goes on from   version {base['version']} ({trained}), manifest {base['manifest_hash']}")
