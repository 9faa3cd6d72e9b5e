"""``airflow mlops snapshots erase``: the rows of a data subject, from everything that holds them."""

import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.cli.datasets import SHORT, chosen_datasets, open_storage, short, who
from airflow_provider_mlops.cli.exit_codes import exit_codes
from airflow_provider_mlops.cli.output import print_table, say, write_json
from airflow_provider_mlops.core.erasure import Subject, read_keys

if TYPE_CHECKING:
    from airflow_provider_mlops.core.record import Record
    from airflow_provider_mlops.hooks.erasing_search import Found


@exit_codes
def erase(args: Namespace) -> None:
    """Show what holds such rows, or erase them.

    :param args: ``dataset``, ``key_column``, ``key`` and ``keys_file``, ``reason``, ``discard_salt``,
        ``ignore_unsearchable``, ``mlflow_conn_id``, ``yes``, ``json``, ``storage_root`` and ``ledger_root``.
    """
    from airflow_provider_mlops.hooks.erasing import Eraser, Request
    from airflow_provider_mlops.hooks.mlflow import MlflowHook

    subject = Subject(args.key_column, _keys(args))
    storage = open_storage(args)
    (dataset,) = chosen_datasets(args.dataset, args.ledger_root)
    request = Request(
        dataset=dataset,
        subject=subject,
        reason=args.reason,
        keep_salt=not args.discard_salt,
        ignore_unsearchable=args.ignore_unsearchable,
    )
    # Nobody connects to MLflow unless a validation page was logged there.
    eraser = Eraser(storage, request, MlflowHook(args.mlflow_conn_id), run=who("snapshots erase"))
    facts = _erased(dataset, eraser.erase()) if args.yes else _planned(eraser.find())
    if args.json:
        write_json(facts)
    else:
        _say(facts, done=args.yes)


def _keys(args: Namespace) -> tuple[str, ...]:
    """Read the keys; they are not shown again."""
    from airflow_provider_mlops.hooks.erasing import keys_of_file

    keys = read_keys(args.key or ())
    if args.keys_file == "-":
        return keys + read_keys(sys.stdin)
    return keys if args.keys_file is None else keys + keys_of_file(args.keys_file)


def _planned(found: "Found") -> dict[str, Any]:
    return {
        "dataset": found.rows.dataset,
        "rewrite": [
            {
                "folder": place.folder,
                "name": place.name,
                "id": place.id,
                "partition_key": found.partitions.get(place.id),
                "rows_erased": place.rows,
            }
            for place in found.places
        ],
        "reports": found.reports,
        "profiles": found.profiles,
        "pages": found.pages,
        "others": [{"folder": holder.folder, **item} for holder, item in found.others],
        "records": [],
    }


def _erased(dataset: str, records: "list[Record]") -> dict[str, Any]:
    """Say the same of what was erased, from the records: rounds of one call are told as one."""
    bodies = [record.body for record in records]
    rewrite = [
        {
            "folder": item["folder"],
            "name": dataset,
            "id": item["snapshot_id"],
            "partition_key": item["partition_key"],
            "rows_erased": item["rows_erased"],
        }
        for body in bodies
        for item in body["snapshots"]
    ]
    rewrite += [
        {
            "folder": "evaluations",
            "name": item["model"],
            "id": item["scores_id"],
            "partition_key": None,
            "rows_erased": item["rows_erased"],
        }
        for body in bodies
        for item in body["scores"]
    ]
    return {
        "dataset": dataset,
        "rewrite": rewrite,
        **{
            name: [item for body in bodies for item in body.get(name, ())]
            for name in ("reports", "profiles", "pages", "others")
        },
        "records": [record.hash for record in records],
    }


def _say(facts: Mapping[str, Any], *, done: bool) -> None:
    rows: list[list[str | int | None]] = [
        [item["folder"], item["partition_key"], short(item["id"]), item["rows_erased"]] for item in facts["rewrite"]
    ]
    rows += [["reports", None, path.rpartition("/")[2][:SHORT], None] for path in facts["reports"]]
    rows += [["profiles", None, path.rpartition("/")[2][:SHORT], None] for path in facts["profiles"]]
    rows += [["mlflow", None, run_id[:SHORT], None] for run_id in facts["pages"]]
    rows += [[item["folder"], None, None, item.get("rows_erased")] for item in facts["others"]]
    if not rows:
        say(f"Nothing of {facts['dataset']} holds such a row.")
        return
    print_table(("where", "partition", "id", "rows"), rows)
    for record in facts["records"]:
        say(f"Record {record}")
    if done:
        say(
            "Erased. Tasks that were at work on these rows may have stored them since: call this again when they "
            "have ended. Erase the rows at the source too, or the next snapshot is refused or holds them again."
        )
    else:
        say("Nothing was changed; --yes erases them.")
