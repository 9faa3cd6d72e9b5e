"""The register of what keeps rows."""

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.hooks import row_holders
from airflow_provider_mlops.hooks.storage import Storage


class Holder:
    """Keeps nothing."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def row_id_columns(self, storage: Storage, dataset: str) -> set[str]:
        """Name no row."""
        return set()

    def find(self, storage: Storage, rows: row_holders.Rows) -> list[dict[str, Any]]:
        """Find nothing."""
        return []

    def rewrite(self, storage: Storage, rows: row_holders.Rows, found: Any) -> dict[str, Any]:
        """Change nothing."""
        return dict(found)

    def remove(self, storage: Storage, found: Any) -> None:
        """Remove nothing."""


@pytest.fixture(autouse=True)
def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty register."""
    monkeypatch.setattr(row_holders, "_HOLDERS", {})


def test_rows_that_nobody_erases_stop_everything(tmp_path: Path) -> None:
    """An empty folder holds none."""
    storage = Storage(str(tmp_path))
    (tmp_path / "predictions").mkdir()
    assert row_holders.holders(storage) == []

    (tmp_path / "predictions" / "part").write_text("rows")
    with pytest.raises(Refused, match=r"predictions may hold rows too.*register_holder"):
        row_holders.holders(storage)
    row_holders.register_holder(holder := Holder("predictions"))
    assert row_holders.holders(storage) == [holder]
    assert row_holders.holder_of("predictions") is holder


def test_a_recorded_holder_must_be_there_to_finish() -> None:
    """What it found before a kill, only it can remove."""
    with pytest.raises(Refused, match="whose holder is not registered here"):
        row_holders.holder_of("predictions")


@pytest.mark.parametrize("folder", ["", "../x", "a/b", ".x"])
def test_a_holder_has_a_folder(folder: str) -> None:
    """Below the storage root, and nowhere else."""
    with pytest.raises(BadInput, match="name of a folder"):
        row_holders.register_holder(Holder(folder))
