"""Ledgers by name."""

from pathlib import Path

import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.hooks.ledger import dataset_ledger, model_ledger


def test_chains_by_name(tmp_path: Path) -> None:
    """Datasets and models have chains of their own below the root."""
    assert dataset_ledger("flights", str(tmp_path)).chain == "dataset/flights"
    assert model_ledger("flight_delays-2", str(tmp_path)).folder == tmp_path / "model/flight_delays-2"


def test_root_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a root the option counts."""
    monkeypatch.setenv("AIRFLOW__MLOPS__LEDGER_ROOT", "/ledgers")
    assert model_ledger("m").root == Path("/ledgers")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a.b", "a b", "-a", "a'b", "a\n", "ä", "a" * 101, None, 3])
def test_names_are_plain(tmp_path: Path, name: str) -> None:
    """A name that would need quoting anywhere is refused, and shown no longer than needed."""
    for ledger, what in ((dataset_ledger, "Dataset"), (model_ledger, "Model")):
        with pytest.raises(BadInput, match=f"{what} name .* must be of 1 to 100 letters") as caught:
            ledger(name, str(tmp_path))
        assert len(str(caught.value)) < 200
