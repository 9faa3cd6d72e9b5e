"""What a model's records cite of a dataset's chain: the checkpoint of that chain, since cutting it leaves them bare.

A training, a promotion, a scoring and a drift verdict carry the newest record of the dataset's chain as it stood then,
``dataset_record``: what happens every day keeps the end of the chain. All records of a training name the snapshots of
their manifest, those of earlier releases too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core.canonical import PREFIX
from airflow_provider_mlops.core.chain import record_name
from airflow_provider_mlops.core.checkpoint import Checkpoint
from airflow_provider_mlops.core.errors import EvidenceBroken
from airflow_provider_mlops.core.record import Record

MEMBER = "dataset_record"
_DATASET = "dataset/"


@dataclass(frozen=True, slots=True)
class Citation:
    """What one record says of a dataset's chain.

    :param chain: the dataset's chain.
    :param by: the record that says it, as people read it.
    :param record: a record that the chain must hold; None where the record is of an earlier release.
    :param snapshots: ids that the chain must name.
    """

    chain: str
    by: str
    record: Checkpoint | None
    snapshots: tuple[str, ...] = ()


def citations_in(records: Iterable[Record]) -> list[Citation]:
    """Collect what a model's records cite of datasets.

    :param records: records of a model's chain.
    :return: the citations, in order.
    :raises EvidenceBroken: when a citation is not one.
    """
    return [found for record in records if (found := _citation(record)) is not None]


def citation_problems(chain: str, records: Sequence[Record], citations: Iterable[Citation]) -> list[str]:
    """Say which cited records and snapshots a dataset's chain does not hold.

    :param chain: the dataset's chain.
    :param records: its records; none when it is gone.
    :param citations: what models' records cite.
    :return: one sentence for each, starting with what is missing; each once, by its first citation.
    """
    hashes = {record.seq: record.hash for record in records}
    named = {value for record in records for value in _hashes(record.body)}
    problems: dict[str, str] = {}
    for cited in citations:
        if cited.chain != chain:
            continue
        if cited.record is not None and (problem := cited.record.problem(hashes, f"{cited.by} names")):
            problems.setdefault(record_name(cited.record.seq), problem)
        for snapshot_id in cited.snapshots:
            if snapshot_id not in named:
                problems.setdefault(snapshot_id, f"no record is about this snapshot, which {cited.by} names.")
    return [f"{chain}/{name}: {problem}" for name, problem in problems.items()]


def check_citations(model: Iterable[Record], chain: str, records: Sequence[Record]) -> None:
    """Check that a dataset's chain still holds what a model's records cite, before anything is built on both.

    All of them count, not only the training's: a later validation that was cut off would be missed otherwise.

    :param model: records of the model's chain; those of an earlier release may cite nothing.
    :param chain: name of the dataset's chain.
    :param records: its records.
    :raises EvidenceBroken: when the dataset's chain was cut or rewritten since.
    """
    for problem in citation_problems(chain, records, citations_in(model)):
        raise EvidenceBroken(f"{problem} Restore the ledger of the dataset from a copy.")


def newest_of(records: Sequence[Record]) -> dict[str, Any] | None:
    """Return what a record cites of a dataset's chain: its newest record.

    :param records: records of the dataset's chain.
    :return: ``{"chain", "seq", "hash"}``; None while there is no record.
    """
    return {name: getattr(records[-1], name) for name in ("chain", "seq", "hash")} if records else None


def _citation(record: Record) -> Citation | None:
    if record.kind != "training" and MEMBER not in record.body:
        return None
    manifest, cited = record.body.get("manifest") or {}, record.body.get(MEMBER)
    by = f"record {record.seq} of {record.chain}"
    try:
        kept = Checkpoint.from_text(f"{cited['seq']} {cited['hash']}") if cited else None
        chain = cited["chain"] if cited else f"{_DATASET}{manifest['dataset']}" if manifest else None
        snapshots = [*manifest["train"]["snapshots"], manifest["test"]] if manifest else []
        ids = tuple(dict.fromkeys(item["snapshot_id"] for item in snapshots))
    except (KeyError, TypeError):
        raise EvidenceBroken(f"What {by} cites of its dataset cannot be read.") from None
    return Citation(chain, by, kept, ids) if chain else None


def _hashes(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _hashes(name)
            yield from _hashes(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _hashes(item)
    elif isinstance(value, str) and value.startswith(PREFIX):
        yield value
