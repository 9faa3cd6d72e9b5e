"""The chains that a ledger has: their names, and what to say of one that has no record."""

from pathlib import Path

from airflow_provider_mlops.core.chain import is_chain, record_numbers
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.near import did_you_mean
from airflow_provider_mlops.core.store import Store, open_store


def chains(root: Path | str | Store) -> list[str]:
    """List the chains under a root.

    :param root: folder of all chains, or the store that holds them.
    :return: their names in order; empty when the folder does not exist. A folder that no chain can have is none.
    """
    return sorted(name for name, files in open_store(root).walk() if is_chain(name) and record_numbers(files)[0])


def no_records(ledger: Ledger) -> str | None:
    """Say that a ledger has no record, and which ones have: its model or dataset may be misspelt.

    :param ledger: the ledger of a model or a dataset.
    :return: the sentences; None when it has records.
    """
    if ledger.records():
        return None
    what, _, name = ledger.chain.partition("/")
    known = [other for kind, _, other in (chain.partition("/") for chain in chains(ledger.store)) if kind == what]
    listed = ", ".join(known) or "none"
    where = ledger.store.root
    return f"{what.title()} {name!r} has no record in {where}; it has: {listed}.{did_you_mean(name, known)}"
