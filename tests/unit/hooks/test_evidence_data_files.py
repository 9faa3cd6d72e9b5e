"""The files that trainings have read are compared where they lie in the bundle, and what lies elsewhere is said."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.evidence_data_files import data_file_findings, data_files_elsewhere


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle with a package in its plugins, and a file beside the module."""
    folder = tmp_path / "bundle" / "plugins" / "shop"
    folder.mkdir(parents=True)
    (folder / "training.py").touch()
    (folder / "words.txt").write_text("new")
    return tmp_path / "bundle"


def trained(root: Path, *files: Any, function: str = "shop.training:fit", **more: Any) -> Sequence[Record]:
    """Record trainings that have read such files."""
    ledger = Ledger(root / "ledger", "model/m")
    for number, read in enumerate(files):
        body = {"manifest": {"function": function}, "data_files": read, **more}
        ledger.append(kind="training", key=f"{number}", body=body)
    return ledger.records()


def sha256(text: str) -> str:
    """Hash a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_newest_training_counts(bundle: Path, tmp_path: Path) -> None:
    """What an earlier one has read was another state; files are found below the folder that modules come from."""
    records = trained(tmp_path, {"shop/words.txt": sha256("old")}, {"shop/words.txt": sha256("new")}, None, {})

    assert data_file_findings(bundle, {"model/m": records}) == []
    assert data_files_elsewhere(bundle, {"model/m": records}) == []
    (bundle / "plugins/shop/words.txt").write_text("changed")
    (finding,) = data_file_findings(bundle, {"model/m": records})
    assert str(finding).startswith("plugins/shop/words.txt: data file: it was changed")
    assert "record 2 of model/m" in str(finding)
    (bundle / "plugins/shop/words.txt").unlink()
    (finding,) = data_file_findings(bundle, {"model/m": records})
    assert finding.problem == "it is not in the bundle."


def test_a_function_of_another_bundle(bundle: Path, tmp_path: Path) -> None:
    """Its files are not looked for, and that is said."""
    records = trained(tmp_path, {"words.txt": sha256("new")}, function="elsewhere.training:fit")

    assert data_file_findings(bundle, {"model/m": records}) == []
    (line,) = data_files_elsewhere(bundle, {"model/m": records})
    assert "elsewhere.training is not in the bundle" in line


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd"])
def test_a_path_that_leads_out_of_the_bundle(bundle: Path, tmp_path: Path, name: str) -> None:
    """A forged record has nothing outside read: the file counts as missing."""
    (tmp_path / "secret").write_text("new")
    records = trained(tmp_path, {name: sha256("new")}, dag_file="dags/x.py")

    (finding,) = data_file_findings(bundle, {"model/m": records})
    assert finding.problem == "it is not in the bundle."
