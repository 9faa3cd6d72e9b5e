"""The contract that a snapshot's columns are judged by: from a file, or what the last accepted snapshot was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from airflow_provider_mlops.core.contract import Contract, contract_of, seen_columns
from airflow_provider_mlops.core.contract_diff import BASELINE_MARK, compare_contract
from airflow_provider_mlops.core.evidence import accepted_snapshots
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.snapshot_manifest import is_window
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.hooks.row_files import columns_stated
from airflow_provider_mlops.hooks.snapshot_set import published_manifest, snapshot_path
from airflow_provider_mlops.hooks.storage import Storage

LAST = "last"
_FLOATS = ("halffloat", "float", "double")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractInForce:
    """What a snapshot's columns are judged by.

    :param contract: the contract; None where it is the last accepted snapshot's and there is none.
    :param before: the contract that the newest accepted snapshot was judged by, None when there was none.
    :param last: manifest of the accepted snapshot of the partition before, None when there is none.
    :param stated: whether somebody wrote the contract; False where it is what the last accepted snapshot was.
    """

    contract: Contract | None
    before: Contract | None
    last: Mapping[str, Any] | None
    stated: bool = True

    @property
    def hash(self) -> str | None:
        """Content hash of the contract."""
        return self.contract.hash if self.contract else None

    def judge(self, manifest: Mapping[str, Any], files: Sequence[Path]) -> Verdict:
        """Judge the columns of a snapshot.

        :param manifest: its manifest.
        :param files: its Parquet files.
        """
        from airflow_provider_mlops.backends.contract_file import count_nan, distinct_values

        if self.contract is None:
            reason = "there is no accepted partition before this one: nothing to compare the columns with"
            return Verdict.from_rules(
                [RuleResult(rule="columns", outcome=Outcome.PASS, reason=reason)], marks=(BASELINE_MARK,)
            )
        values = distinct_values(files, _with_categories(self.contract, manifest))
        last = seen_columns(self.last) if self.last else None
        seen = seen_columns(manifest, values)
        if self.stated:
            # Manifests count nulls; whoever says that no value may be missing means NaN too, as expectations do.
            full = {name for name, column in self.contract.columns.items() if not column.nullable}
            floats = [name for name in sorted(full & set(seen)) if seen[name].type in _FLOATS]
            for name, count in count_nan(files, floats).items():
                seen[name] = replace(seen[name], nulls=seen[name].nulls + count)
        return compare_contract(self.contract, seen, before=self.before, last=last)


def contract_in_force(
    asked: Contract | None, storage: Storage, dataset: str, partition_key: str, records: Sequence[Record]
) -> ContractInForce:
    """Find what a snapshot's columns are judged by.

    :param asked: the contract from a file; None for what the last accepted snapshot was.
    :param storage: where the snapshots lie.
    :param dataset: name of the dataset.
    :param partition_key: the partition that is judged; only earlier ones count.
    :param records: records of the dataset's ledger, oldest first.
    """
    earlier = {key: found for key, found in accepted_snapshots(records).items() if key < partition_key}
    last = _manifest(storage, dataset, earlier[max(earlier)]) if earlier else None
    before = [r for r in records if (r.kind, r.mode, r.outcome) == ("contract", "live", Outcome.PASS)]
    stated = [r.body["contract"] for r in before if r.body.get("contract") and r.body.get("contract_file") != LAST]
    if asked is None:
        derived = contract_of(dataset, seen_columns(last).values(), rows=last["rows"]) if last else None
        return ContractInForce(contract=derived, before=None, last=last, stated=False)
    return ContractInForce(contract=asked, before=Contract.from_mapping(stated[-1]) if stated else None, last=last)


def _manifest(storage: Storage, dataset: str, snapshot_id: str) -> dict[str, Any] | None:
    """Read a manifest; one that is not stored any more is no reason to refuse a partition."""
    if not storage.exists(snapshot_path(dataset, snapshot_id)):
        return None
    manifest = published_manifest(storage, dataset, snapshot_id)
    if is_window(manifest):
        return {**manifest, "columns": columns_stated(storage, dataset, snapshot_id)}
    return manifest


def _with_categories(contract: Contract, manifest: Mapping[str, Any]) -> set[str]:
    """Columns whose values must be read: those with fixed categories, and new texts that may be such a one renamed."""
    fixed = {name for name, column in contract.columns.items() if column.categories is not None}
    present = {item["name"]: item["type"] for item in manifest["columns"]}
    new_texts = {name for name, kind in present.items() if name not in contract.columns and kind == "string"}
    return (fixed & set(present)) | (new_texts if fixed - set(present) else set())
