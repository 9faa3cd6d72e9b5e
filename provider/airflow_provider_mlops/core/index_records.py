"""The records that the index of a chain names, once its end is held against the chain."""

import logging

from airflow_provider_mlops.core.chain import record_name
from airflow_provider_mlops.core.errors import EvidenceBroken
from airflow_provider_mlops.core.ledger_index import read_blocks, records_of
from airflow_provider_mlops.core.record import Record, read_record
from airflow_provider_mlops.core.store import Store
from airflow_provider_mlops.core.trust import ChainTrust, Keys

_log = logging.getLogger(__name__)


def indexed_records(store: Store, chain: str, keys: Keys, count: int) -> tuple[ChainTrust, list[Record]] | None:
    """Return the records that the index names, if the last of them is what the chain holds there.

    :param store: where chain and index lie.
    :param chain: name of the chain.
    :param keys: the key that signs, by which an index is taken, and those that are trusted.
    :param count: number of records that the chain has.
    :return: who may sign from there on, and the records from the first one, of which the last was read; None where
        there is no index, or one that is passed over.
    """
    blocks = read_blocks(store, chain, keys.signer, count)
    if not blocks:
        return None
    records = records_of(store, chain, blocks)
    trust = ChainTrust(keys)
    try:
        last = read_record(store.read(f"{chain}/{record_name(len(records))}") or b"")
        if last.hash != blocks[-1].last_hash:
            raise EvidenceBroken("it is of another chain, or this one was written anew.")
        if last.signed_by is not None and keys.signer is None:
            raise EvidenceBroken("the chain is signed, and it is not.")
        for record in records[:-1]:
            trust.take(record, vouched=True)
        trust.take(last)
    except EvidenceBroken as err:
        _log.warning("The index of %s is passed over, and the records are read: %s", chain, err)
        return None
    return trust, [*records[:-1], last]
