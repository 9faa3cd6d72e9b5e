"""The chains of a ledger, and what is said of one without records."""

from pathlib import Path

import pytest

from airflow_provider_mlops.core.chains import chains, no_records
from airflow_provider_mlops.core.ledger import Ledger


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A ledger of two models and a dataset."""
    for chain in ("model/flights", "model/trains", "dataset/flights"):
        Ledger(tmp_path, chain).append(kind="snapshot", key="k", body={})
    return tmp_path


def test_chains_stand_in_order(root: Path) -> None:
    """A folder without records, or one that no chain can have, is none."""
    (root / "model" / "empty").mkdir()
    (root / "elsewhere").mkdir()

    assert chains(root) == ["dataset/flights", "model/flights", "model/trains"]


def test_a_chain_that_has_records(root: Path) -> None:
    """Nothing is said of it."""
    assert no_records(Ledger(root, "model/flights")) is None


def test_a_misspelt_one(root: Path) -> None:
    """The others of its kind are named, and the one that was meant."""
    said = f"Model 'flighst' has no record in {root}; it has: flights, trains. Did you mean flights?"
    assert no_records(Ledger(root, "model/flighst")) == said


def test_no_chain_of_its_kind(tmp_path: Path) -> None:
    """A ledger may be new."""
    assert no_records(Ledger(tmp_path, "dataset/flights")) == (
        f"Dataset 'flights' has no record in {tmp_path}; it has: none."
    )
