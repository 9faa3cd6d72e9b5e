"""What ``airflow mlops ledger export`` does."""

import os
from argparse import Namespace
from pathlib import Path

from airflow_provider_mlops.cli.exit_codes import exit_codes
from airflow_provider_mlops.cli.ledger import open_chosen
from airflow_provider_mlops.cli.output import say
from airflow_provider_mlops.core.canonical import sha256_bytes
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.hooks.export import export_model
from airflow_provider_mlops.hooks.ledger import LedgerHook
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.storage import Storage


@exit_codes
def export(args: Namespace) -> None:
    """Write the evidence of a model into a ZIP file; it appears whole, or not at all.

    :param args: ``model``, ``output``, ``mlflow_conn_id``, ``storage_root`` and ``ledger_root``.
    """
    output = Path(args.output)
    if output.exists():
        raise BadInput(f"{args.output!r} exists; an export does not overwrite: name another file.")
    if not output.parent.is_dir():
        raise BadInput(f"There is no folder {str(output.parent)!r} to write {output.name!r} into.")
    open_chosen(args.ledger_root, LedgerHook())
    storage, registry = Storage(args.storage_root, args.ledger_root), MlflowHook(args.mlflow_conn_id)
    data = export_model(args.model, storage, args.ledger_root, registry)
    partial = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        partial.write_bytes(data)
        partial.replace(output)
    except OSError as err:
        raise BadInput(f"{args.output!r} cannot be written: {err.strerror}.") from None
    finally:
        partial.unlink(missing_ok=True)
    say(f"{args.output}: {len(data):,} bytes, {sha256_bytes(data)}")
    say(f"Check it anywhere: unpack it and run `python verify.py`, or `python verify.py {output.name}`.")
