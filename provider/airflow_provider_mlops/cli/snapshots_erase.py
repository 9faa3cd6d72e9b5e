"""``airflow mlops snapshots erase``: the rows of a data subject, from everything that holds them."""

import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.cli.datasets import chosen_datasets, open_storage, short
from airflow_provider_mlops.cli.describe import count
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
    eraser = Eraser(storage, request, MlflowHook(args.mlflow_conn_id))
    found = eraser.find()
    records = eraser.erase() if args.yes else []
    if args.json:
        write_json({**_facts(found), "records": [record.hash for record in records]})
    else:
        _say(args, found, records)


def _keys(args: Namespace) -> tuple[str, ...]:
    """Read the keys; they are not shown again."""
    from airflow_provider_mlops.hooks.erasing import keys_of_file

    keys = read_keys(args.key or ())
    if args.keys_file == "-":
        return keys + read_keys(sys.stdin)
    return keys if args.keys_file is None else keys + keys_of_file(args.keys_file)


def _facts(found: "Found") -> dict[str, Any]:
    return {
        "dataset": found.rows.dataset,
        "searched": found.searched,
        "rewrite": [
            {"folder": place.folder, "name": place.name, "id": place.id, "rows_erased": place.rows}
            for place in found.places
        ],
        "reports": found.reports,
        "pages": found.pages,
        "others": [{"folder": holder.folder, **item} for holder, item in found.others],
        "without_column": found.without_column,
        "without_rows": found.without_rows,
    }


def _say(args: Namespace, found: "Found", records: "list[Record]") -> None:
    rows: list[list[str | int | None]] = [
        [place.folder, found.partitions.get(place.id), short(place.id), place.rows] for place in found.places
    ]
    rows += [["reports", None, path.rpartition("/")[2][:12], None] for path in found.reports]
    rows += [["mlflow", None, run_id[:12], None] for run_id in found.pages]
    rows += [[holder.folder, None, None, item.get("rows_erased")] for holder, item in found.others]
    if rows:
        print_table(("where", "partition", "id", "rows"), rows)
    if found.is_empty and not records:
        say(f"None of {count(found.searched, 'snapshot')} of {found.rows.dataset} holds such a row.")
        return
    for record in records:
        say(f"Record {record.hash}")
    if args.yes:
        say(
            "Erased. Tasks that were at work on these rows may have stored them since: call this again when they "
            "have ended. Erase the rows at the source too, or the next snapshot is refused or holds them again."
        )
    else:
        say("Nothing was changed; --yes erases them.")
