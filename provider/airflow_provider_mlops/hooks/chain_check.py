"""Checking a chain as a whole: records, signatures, and its end against what kept it elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_mlops.core.chain import ChainReport, record_name
from airflow_provider_mlops.core.chains import chains
from airflow_provider_mlops.core.checkpoint import Checkpoint
from airflow_provider_mlops.core.citations import Citation, citation_problems, citations_in
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.store import Store
from airflow_provider_mlops.core.trust import Keys

DATASET, MODEL = "dataset/", "model/"
Checkpoints = Mapping[str, Checkpoint] | None


def citations_in_models(store: Store, keys: Keys) -> list[Citation]:
    """Collect what models cite of datasets; a chain that is broken is told of by itself.

    :param store: the store of all ledgers.
    :param keys: the keys that are trusted.
    :return: the citations.
    """
    found: list[Citation] = []
    for name in chains(store):
        if name.startswith(MODEL):
            try:
                found += citations_in(Ledger(store, name, keys).records())
            except (BadInput, EvidenceBroken):
                continue
    return found


def check_chain(
    ledger: Ledger, checkpoints: Checkpoints, citations: Sequence[Citation], *, signed: bool
) -> dict[str, Any]:
    """Check a chain, its signatures and its end.

    :param ledger: the chain.
    :param checkpoints: checkpoint by chain, None where the registry was not asked.
    :param citations: what models cite of datasets.
    :param signed: whether every record must be signed by a trusted key.
    :return: ``chain``, ``intact``, ``problems`` (a sentence each, starting with the record's name), and what the end
        was compared with.
    """
    name = ledger.chain
    report = ledger.examine()
    problems = list(report.problems)
    kept = (checkpoints or {}).get(name)
    if kept is not None and (problem := kept.problem(report.hashes)):
        place = f"{name}/{record_name(kept.seq)}"
        problems += [] if any(known.startswith(place) for known in problems) else [f"{place}: {problem}"]
    cited = [citation for citation in citations if citation.chain == name]
    if cited and not problems:
        problems += citation_problems(name, ledger.records(), cited)
    if signed and not problems and (problem := _not_signed(report)):
        problems.append(f"{name}: {problem}")
    return {
        "chain": name,
        "intact": not problems,
        "records": None if problems else len(report.hashes),
        "last_hash": None if problems else report.last_hash,
        "signatures": {"checked": report.checked, "records": report.signed},
        "checkpoint": {"seq": kept.seq, "hash": kept.hash} if kept else None,
        "cited": max((one.record.seq for one in cited if one.record), default=None),
        "end": _end(name, checkpoints, cited),
        "problems": problems,
    }


def _end(name: str, checkpoints: Checkpoints, cited: Sequence[Citation]) -> str:
    """Say what the end of a chain was compared with."""
    if name.startswith(DATASET):
        newest = max((one.record.seq for one in cited if one.record), default=None)
        if newest is not None:
            return f"holds what models cite, up to record {newest}"
        return "holds the snapshots that models name" if cited else "no model cites it"
    if checkpoints is None:
        return "truncation not checked"
    kept = checkpoints.get(name)
    return f"agrees with the checkpoint at record {kept.seq}" if kept else "no checkpoint"


def _not_signed(report: ChainReport) -> str | None:
    count = sum(report.signed.values())
    if count < len(report.hashes):
        return f"not signed: {len(report.hashes) - count} of {len(report.hashes)} records are not."
    return None if report.checked else "signatures not checked: no public key is known."
