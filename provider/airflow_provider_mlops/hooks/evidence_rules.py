"""Comparing the files of rules in a Dag bundle with the hashes by which records judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from airflow_provider_mlops.backends import policy_file
from airflow_provider_mlops.core.cited import Finding
from airflow_provider_mlops.core.cited_kinds import name_of
from airflow_provider_mlops.core.errors import MLOpsError
from airflow_provider_mlops.core.record import Record


def rule_findings(bundle: Path, chains: Mapping[str, Sequence[Record]]) -> list[Finding]:
    """Compare each policy, suite, contract and file of checks with the newest record that judged by it.

    A record holds what its policy or suite said, so that a later file takes nothing from it: what is found here says
    that the next verdict goes by other rules. Spaces and comments do not count.

    :param bundle: root of the Dag bundle.
    :param chains: records by chain, oldest first.
    :return: the files that are missing or say something else.
    """
    newest: dict[tuple[str, str], tuple[Record, str, Callable[[Path], str]]] = {}
    for records in chains.values():
        for record in records:
            for what, path, digest, read in _named(record):
                newest[what, path] = (record, digest, read)
    return [
        Finding(path, what, problem, name_of(record))
        for (what, path), (record, digest, read) in sorted(newest.items(), key=lambda item: item[0])
        if (problem := _problem(bundle / path, digest, read))
    ]


def _problem(path: Path, digest: str, read: Callable[[Path], str]) -> str | None:
    if not path.is_file():
        return "it is not in the bundle."
    try:
        return None if read(path) == digest else "it was changed: it does not say what was judged by."
    except MLOpsError as err:
        return f"it was changed: {err}"


def _named(record: Record) -> Iterator[tuple[str, str, str, Callable[[Path], str]]]:
    for what, path, digest, read in _KINDS.get(record.kind, ()):
        place, stated = record.body.get(path), record.body.get(digest)
        # A suite may be a function, a contract the last one.
        if isinstance(place, str) and stated and place.endswith((".yaml", ".yml", ".json")):
            yield what, place, str(stated), read


def _suite(path: Path) -> str:
    from airflow_provider_mlops.backends.suite_file import load_suite
    from airflow_provider_mlops.core.suite import suite_hash

    return suite_hash(load_suite(path))


def _contract(path: Path) -> str:
    from airflow_provider_mlops.backends.contract_file import load_contract

    return load_contract(path).hash


def _checks(path: Path) -> str:
    from airflow_provider_mlops.backends.checks_file import load_checks

    return load_checks(path).hash


def _drift(path: Path) -> str:
    return policy_file.load_drift_policy(path).hash


def _retrain(path: Path) -> str:
    return policy_file.load_retrain_policy(path).hash


_POLICY = ("policy", "policy_hash")
_KINDS: Mapping[str, Sequence[tuple[str, str, str, Callable[[Path], str]]]] = {
    "validation": [("suite", "suite", "suite_hash", _suite), ("contract", "contract", "contract_hash", _contract)],
    "data_check": [("checks", "checks", "checks_hash", _checks)],
    "gate": [("policy", *_POLICY, lambda path: policy_file.load_policy(path).hash)],
    "drift": [("drift policy", *_POLICY, _drift)],
    "fire_drill": [("drift policy", *_POLICY, _drift)],
    "performance": [("performance policy", *_POLICY, lambda path: policy_file.load_performance_policy(path).hash)],
    "retrain": [("retrain policy", *_POLICY, _retrain)],
    "retrain_claim": [("retrain policy", *_POLICY, _retrain)],
}
