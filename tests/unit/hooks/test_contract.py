"""The contract that a snapshot's columns are judged by."""

from pathlib import Path

import pyarrow as pa
import pytest

from airflow_provider_mlops.backends.parquet import SnapshotReader, write_snapshot
from airflow_provider_mlops.core.contract import Contract
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.hooks.contract import ContractInForce


@pytest.mark.parametrize("value", [None, float("nan")])
def test_nan_is_missing_where_a_value_must_be(tmp_path: Path, value: float | None) -> None:
    """As it is to the expectations of a suite: a column that must be full does not pass with NaN in it."""
    table = pa.table({"must": [1.0, value], "may": [value, 1.0]})
    manifest = write_snapshot([table], tmp_path, {})
    files = SnapshotReader(tmp_path, manifest["snapshot_id"]).verified_paths()
    columns = {"must": {"type": "double", "nullable": False}, "may": {"type": "double"}}
    contract = Contract.from_mapping({"schema": 1, "name": "n", "version": 1, "columns": columns})

    verdict = ContractInForce(contract=contract, before=None, last=None).judge(manifest, files)

    assert verdict.outcome is Outcome.FAIL
    assert [rule.reason for rule in verdict.rules if rule.rule == "nulls"] == [
        "must: 1 values are missing, none may be"
    ]
