"""Finding the dataset or the snapshot that is meant on the command line."""

import getpass
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_mlops.core.canonical import PREFIX
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.near import did_you_mean

if TYPE_CHECKING:
    from airflow_provider_mlops.hooks.storage import Storage

LEAST_DIGITS = 4
SHORT = 12


def open_storage(args: Namespace) -> "Storage":
    """Open the storage that the options name.

    :param args: ``storage_root`` and ``ledger_root``, None for the configured ones.
    :return: the storage.
    :raises BadInput: when one of them is no folder.
    """
    from airflow_provider_mlops.hooks.storage import Storage

    for option, what in (("storage_root", "snapshots"), ("ledger_root", "chains")):
        root = getattr(args, option)
        if root and "://" not in root and not Path(root).is_dir():
            flag = option.replace("_", "-")
            raise BadInput(f"There is no folder {root!r}; --{flag} is the folder that holds the {what}.")
    return Storage(args.storage_root, args.ledger_root)


def chosen_datasets(name: str | None, ledger_root: str | None) -> list[str]:
    """Return the datasets that are meant.

    :param name: name of one; its chain's name does too; None for all.
    :param ledger_root: folder of the ledgers, None for the configured one.
    :return: their names.
    :raises BadInput: naming the datasets that there are, and the one that was meant.
    """
    from airflow_provider_mlops.hooks.snapshots import datasets

    known = datasets(ledger_root)
    if name is None:
        return known
    plain = name.removeprefix("dataset/")
    if plain in known:
        return [plain]
    raise BadInput(
        f"No dataset {name!r} in the ledger; it has: {', '.join(known) or 'none'}.{did_you_mean(plain, known)}"
    )


def chosen_snapshot(storage: "Storage", datasets: Sequence[str], digits: str) -> tuple[str, str]:
    """Return the one snapshot that is meant.

    :param storage: where snapshots lie.
    :param datasets: where to look.
    :param digits: its id, or at least its first four digits; ``sha256:`` may stand before them.
    :return: dataset and id; one that was erased or pruned is found too.
    :raises BadInput: when there is none, or more than one.
    """
    from airflow_provider_mlops.hooks.gone import gone_of
    from airflow_provider_mlops.hooks.removal import folders
    from airflow_provider_mlops.hooks.snapshots import ROW_FOLDERS

    start = digits.lower().removeprefix(PREFIX)
    if len(start) < LEAST_DIGITS or not set(start) <= set("0123456789abcdef"):
        raise BadInput(f"{digits!r} is no id of a snapshot: give at least its first {LEAST_DIGITS} hexadecimal digits.")
    found = [
        (dataset, f"{PREFIX}{name}")
        for dataset in datasets
        for name in {
            *(name for folder in ROW_FOLDERS for name in folders(storage, f"{folder}/{dataset}")),
            *(one.removeprefix(PREFIX) for one in gone_of(storage, dataset)),
        }
        if name.startswith(start)
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        of = f" of {', '.join(datasets)}" if datasets else ""
        raise BadInput(f"No snapshot {digits!r}{of}; `airflow mlops snapshots list` shows what there is.")
    several = ", ".join(f"{short(one)} of {dataset}" for dataset, one in sorted(found)[:5])
    raise BadInput(f"{digits!r} stands for {len(found)} snapshots: {several}. Give more digits, or --dataset.")


def short(snapshot_id: str | None) -> str:
    """Return the first digits of an id, as tables show it.

    :param snapshot_id: the id.
    """
    return (snapshot_id or "").removeprefix(PREFIX)[:SHORT]


def who(command: str) -> dict[str, str]:
    """Say who runs a command, for the record of what it does.

    :param command: the command.
    :return: JSON-safe mapping for a record's ``run``.
    """
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        user = ""
    return {"command": f"airflow mlops {command}", "user": user}
