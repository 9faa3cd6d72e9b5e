"""Finding the model that is meant on the command line."""

from airflow_provider_mlops.cli.ledger import MODEL, open_chosen
from airflow_provider_mlops.core.chains import chains
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.near import did_you_mean
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.ledger import LedgerHook, model_ledger


def chosen_model(model: str, root: str | None) -> str:
    """Return the name of the model that is meant.

    :param model: its name; the name of its chain does too.
    :param root: folder or address of the ledgers, None for the configured one.
    :return: its name; it has a ledger.
    :raises BadInput: naming the models that there are, and the one that was meant.
    """
    store, name = open_chosen(root, LedgerHook()), model.removeprefix(MODEL)
    known = [chain.removeprefix(MODEL) for chain in chains(store) if chain.startswith(MODEL)]
    if name not in known:
        raise BadInput(
            f"No model {name!r} in {store.root}; it has: {', '.join(known) or 'none'}.{did_you_mean(name, known)}"
        )
    return name


def model_records(model: str, root: str | None) -> list[Record]:
    """Read the ledger of the model that is meant.

    :param model: its name; the name of its chain does too.
    :param root: folder or address of the ledgers, None for the configured one.
    :return: the records, oldest first.
    :raises BadInput: naming the models that there are, and the one that was meant.
    :raises EvidenceBroken: when the chain is broken.
    """
    return model_ledger(chosen_model(model, root), root).records()
