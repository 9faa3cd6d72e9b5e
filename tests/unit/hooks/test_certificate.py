"""Certificates are stored once under their hash, and what their records say of the files is what lies there."""

from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.cited_kinds import cited_by
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.hooks import certificate as hook
from airflow_provider_mlops.hooks.certificate import issue_certificate
from airflow_provider_mlops.hooks.evidence_folders import folder_findings
from airflow_provider_mlops.hooks.storage import Storage
from tests.support.certificates import CERTIFICATE

RUN = RunFacts(
    dag_id="d",
    run_id="r1",
    task_id="gate",
    try_number=1,
    map_index=-1,
    partition_key="2020-01",
    run_type="backfill",
    mode=Mode.AUDIT,
)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """An empty storage with an empty ledger."""
    return Storage(str(tmp_path / "storage"), str(tmp_path / "ledger"))


def issue(storage: Storage, run: str) -> tuple[Record, list[str]]:
    """Issue the certificate in a run; return its record, and what an auditor finds of the files that it cites."""
    ledger = Ledger(str(storage.ledger_root), "model/m")
    of = ledger.append(kind="training", key="t", body={})
    key, decision = sha256_of([run, "key"]), sha256_of([run, "decision"])
    record = issue_certificate(storage, ledger, CERTIFICATE, of, key, replace(RUN, run_id=run), decision)
    return record, [str(one) for folder in cited_by(record) for one in folder_findings(storage, folder)]


def test_a_page_that_is_drawn_in_another_way_since(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier release has stored stays, and the record of today names the files as they are."""
    first, _ = issue(storage, "r1")
    monkeypatch.setattr(hook, "PROVES_NOT", ("another sentence",))
    second, found = issue(storage, "r2")

    assert second.body["files"] == first.body["files"]
    assert found == []


def test_a_page_that_no_record_has_cited_is_not_believed(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever can foresee a certificate can put another page in its place: it is found."""
    with monkeypatch.context() as patches:
        patches.setattr(hook, "PROVES_NOT", ("made up",))
        hook.store_certificate(storage, CERTIFICATE)
    _, found = issue(storage, "r1")

    assert [line.partition(":")[0].rpartition("/")[2] for line in found] == ["certificate.html", "manifest.json"]


def test_a_folder_that_is_gone_is_stored_again(storage: Storage) -> None:
    """Another run that finds the same stores it under the same name."""
    first, _ = issue(storage, "r1")
    for path in Path(first.body["uri"]).iterdir():
        path.unlink()
    Path(first.body["uri"]).rmdir()

    assert issue(storage, "r2")[1] == []
    assert issue(storage, "r1")[0].hash == first.hash
