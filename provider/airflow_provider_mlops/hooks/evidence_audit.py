"""What an auditor checks, at once: chains, the files that records cite, files that none cites, models and aliases."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.chain import is_chain, record_name, record_numbers
from airflow_provider_mlops.core.chains import chains
from airflow_provider_mlops.core.cited import CitedStorage, Finding, cited_storage
from airflow_provider_mlops.core.cited_kinds import name_of
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.export import cited_datasets
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.profiled import cited_profiles
from airflow_provider_mlops.core.record import Record, read_record
from airflow_provider_mlops.hooks.chain_check import DATASET, MODEL, Checkpoints, check_chain, citations_in_models
from airflow_provider_mlops.hooks.evidence_cut import named_elsewhere
from airflow_provider_mlops.hooks.evidence_folders import FOLDERS, folder_findings, unknown_findings
from airflow_provider_mlops.hooks.profile_check import cited_problem

if TYPE_CHECKING:
    from airflow_provider_mlops.core.store import Store
    from airflow_provider_mlops.core.trust import Keys
    from airflow_provider_mlops.hooks.mlflow import MlflowHook
    from airflow_provider_mlops.hooks.storage import Storage

Chains = Mapping[str, Sequence[Record]]


@dataclass(frozen=True, slots=True)
class Audit:
    """One check of the evidence.

    :param storage: where rows, scores and reports lie.
    :param store: the store of all ledgers.
    :param keys: the keys that are trusted.
    :param model: name of the model whose evidence is checked, with that of its datasets; None for all.
    :param signed: whether every record must be signed by a trusted key.
    :param checkpoints: newest record by chain as the registry keeps it; None where it was not asked.
    :param registry: the MLflow connection; None where it was not asked: then no model is checked.
    :param bundle: root of the Dag bundle whose rules and data files are compared; None for none.
    :param below: check only folders of the storage whose path begins so; empty for all.
    """

    storage: Storage
    store: Store
    keys: Keys
    model: str | None = None
    signed: bool = False
    checkpoints: Checkpoints = None
    registry: MlflowHook | None = None
    bundle: Path | None = None
    below: str = ""


@dataclass(frozen=True, slots=True)
class Audited:
    """What a check found.

    :param chains: the chains that were checked, with the number of their records that are intact.
    :param cited: what their records cite.
    :param findings: what is not as recorded.
    :param checks: by chain what `hooks.chain_check.check_chain` says, with the ``number`` of its intact records.
    :param looked_at: paths of the cited folders that were looked at.
    :param models: records of the models whose files were looked at.
    :param elsewhere: which files that trainings have read were not looked for in the bundle, and why.
    """

    chains: Mapping[str, int]
    cited: CitedStorage
    findings: Sequence[Finding]
    checks: Mapping[str, Mapping[str, Any]]
    looked_at: frozenset[str]
    models: Sequence[Record]
    elsewhere: Sequence[str] = ()


def run_audit(asked: Audit) -> Audited:
    """Check everything. Nothing is changed, and no model is loaded.

    :param asked: what to check.
    :return: what was found.
    :raises BadInput: when the model has no chain.
    :raises TransientError: when a store or the registry cannot be reached.
    """
    names = {*chains(asked.store), *(asked.checkpoints or ())}
    records = {name: _intact(asked, name) for name in sorted(names)}
    chosen = _chosen(asked, records)
    checks = _chain_checks(asked, chosen, records)
    findings = [*_of_chains(checks), *named_elsewhere(records, chosen)]
    cited = cited_storage(records)
    looked_at = frozenset(_looked_at(asked, chosen, cited))
    findings += _of_folders(asked, chosen, cited, looked_at)
    findings += _of_profiles(asked, chosen, records)
    models = [name for name in chosen if name.startswith(MODEL)] if asked.registry is not None else []
    for name in models:
        findings += _of_registry(asked.registry, name, records)
    elsewhere: list[str] = []
    if asked.bundle is not None:
        from airflow_provider_mlops.hooks.evidence_data_files import data_file_findings, data_files_elsewhere
        from airflow_provider_mlops.hooks.evidence_rules import rule_findings

        known = {name: records[name] for name in chosen}
        findings += [*rule_findings(asked.bundle, known), *data_file_findings(asked.bundle, known)]
        elsewhere = data_files_elsewhere(asked.bundle, known)
    if asked.model is None:
        findings += _strays(asked)
    return Audited(
        chains={name: len(records[name]) for name in chosen},
        cited=cited,
        findings=findings,
        checks=checks,
        looked_at=looked_at,
        models=[record for name in models for record in records[name]],
        elsewhere=elsewhere,
    )


def _intact(asked: Audit, name: str) -> list[Record]:
    """Read the records that are intact, each by itself: what a broken chain cites is checked all the same."""
    numbers = sorted(Ledger(asked.store, name, asked.keys).examine().hashes)
    raws = asked.store.read_all([f"{name}/{record_name(seq)}" for seq in numbers])
    return [read_record(raw or b"") for raw in raws]


def _chosen(asked: Audit, records: Chains) -> list[str]:
    if asked.model is None:
        return sorted(records)
    name = f"{MODEL}{asked.model}"
    if name not in records:
        known = ", ".join(one.removeprefix(MODEL) for one in records if one.startswith(MODEL))
        raise BadInput(f"Model {asked.model!r} has no record in {asked.store.root}; it has: {known or 'none'}.")
    datasets = [f"{DATASET}{one}" for one in cited_datasets(records[name])]
    return [name, *(one for one in datasets if one in records)]


def _chain_checks(asked: Audit, chosen: Iterable[str], records: Chains) -> dict[str, dict[str, Any]]:
    citations = citations_in_models(asked.store, asked.keys)
    missing = {one.chain for one in citations} - records.keys() if asked.model is None else set()
    return {
        name: {
            **check_chain(Ledger(asked.store, name, asked.keys), asked.checkpoints, citations, signed=asked.signed),
            "number": len(records.get(name, ())),
        }
        for name in [*chosen, *sorted(missing)]
    }


def _of_chains(checks: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    for check in checks.values():
        for problem in check["problems"]:
            file, _, text = problem.partition(": ")
            yield Finding(file, "record", text)


def _looked_at(asked: Audit, chosen: Iterable[str], cited: CitedStorage) -> Iterator[str]:
    names = {name.rpartition("/")[2] for name in chosen}
    for path in sorted(cited.folders):
        if path.startswith(asked.below) and path.split("/")[1] in names:
            yield path


def _of_folders(
    asked: Audit, chosen: Iterable[str], cited: CitedStorage, looked_at: Iterable[str]
) -> Iterator[Finding]:
    for path in sorted(looked_at):
        yield from folder_findings(asked.storage, cited.folders[path])
    names = {name.rpartition("/")[2] for name in chosen}
    tops = FOLDERS if asked.model is None else [f"{kind}/{name}" for kind in FOLDERS for name in sorted(names)]
    for found in unknown_findings(asked.storage, cited, tops):
        if found.file.startswith(asked.below):
            yield found


def _of_profiles(asked: Audit, chosen: Iterable[str], records: Chains) -> Iterator[Finding]:
    """Check the profiles that records cite: whoever exchanges one can exchange what it says of itself, too."""
    names = {name.rpartition("/")[2] for name in chosen}
    cited = cited_profiles(record for name in records for record in records[name])
    for path, hashes in sorted(cited.items()):
        looked_at = path.startswith(asked.below) and path.split("/")[1] in names
        if looked_at and (problem := cited_problem(asked.storage, path, hashes)):
            yield Finding(path, "profile", problem, name_of(list(hashes.values())[-1]))


def _of_registry(registry: MlflowHook | None, name: str, chains: Chains) -> Iterator[Finding]:
    from airflow_provider_mlops.hooks.evidence_cut import registry_names
    from airflow_provider_mlops.hooks.evidence_models import MADE, model_findings, registry_findings

    if registry is None:
        return
    records, model = chains[name], name.removeprefix(MODEL)
    yield from model_findings(registry, records)
    yield from registry_findings(registry, model, records)
    trained = {
        str(record.body.get("manifest_hash")) for one in chains.values() for record in one if record.kind in MADE
    }
    yield from registry_names(registry, model, records, trained)


def _strays(asked: Audit) -> Iterator[Finding]:
    """Find what lies beside our folders and beside the chains; what begins with a dot nobody reads."""
    problem = "it is none of ours: it was added."
    root, store = asked.storage.root, asked.store
    if asked.storage.is_local and Path(root).is_dir():
        ledger = "" if "://" in store.root else os.path.realpath(store.root)
        for entry in sorted(Path(root).iterdir()):
            if entry.name not in FOLDERS and not entry.name.startswith(".") and os.path.realpath(entry) != ledger:
                yield Finding(entry.name, "unknown file", problem)
    for folder, names in [("", store.names("")), *store.walk()]:
        if not (is_chain(folder) and record_numbers(names)[0]):
            for name in names:
                if not name.endswith("/"):
                    yield Finding(f"{folder}/{name}".lstrip("/"), "file beside the chains", problem)
