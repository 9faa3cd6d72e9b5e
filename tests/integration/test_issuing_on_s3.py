"""What killed tries have stored of certificates on S3 (moto's server) is removed by whoever ends the audit."""

import json
from contextlib import suppress
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.core.certificate import certificate_hash
from airflow_provider_mlops.core.errors import TransientError
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.hooks.certificate import certificate_path, store_certificate
from airflow_provider_mlops.hooks.issuing import ISSUING, note, sweep
from airflow_provider_mlops.hooks.ledger import model_ledger
from airflow_provider_mlops.hooks.removal import REMOVING, remove, settled
from airflow_provider_mlops.hooks.storage import Storage
from tests.conftest import MakeLab
from tests.support.certificates import CERTIFICATE
from tests.support.lab import Lab
from tests.support.s3 import BUCKET

DECISION = f"sha256:{'1' * 64}"
DIGEST = certificate_hash(CERTIFICATE)
PATH = certificate_path("m", DIGEST)


@pytest.fixture
def storage(bucket: object) -> Storage:
    """A storage with a certificate that a killed try has stored and not recorded."""
    found = Storage(f"s3://minio@{BUCKET}/deep")
    note(found, DECISION, DIGEST, 3)
    store_certificate(found, CERTIFICATE)
    return found


def swept(storage: Storage, *, ended: int = 9, cited: bool = False) -> bool:
    """Sweep, and return whether the certificate is there."""
    sweep(storage, DECISION, lambda digest: certificate_path("m", digest), lambda _: cited, lambda _: ended)
    return settled(storage, PATH)


def keys(bucket: Any) -> list[str]:
    """Every object that is left."""
    return sorted(item.key for item in bucket.objects.all())


def test_it_goes_with_its_note(storage: Storage, bucket: Any) -> None:
    """Once the decision was ended by another try; before, it stays."""
    assert swept(storage, ended=3)
    assert any(ISSUING in key for key in keys(bucket))
    assert not swept(storage)
    assert keys(bucket) == []
    assert not swept(storage)


def test_what_a_record_cites_stays(storage: Storage, bucket: Any) -> None:
    """Also where a removal of it was killed while it was out of sight."""

    def die() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        remove(storage, PATH, die)
    assert not storage.exists(PATH)
    assert swept(storage, cited=True)
    assert not any(ISSUING in key or REMOVING in key for key in keys(bucket))


def test_what_a_killed_upload_left_goes(storage: Storage, bucket: Any) -> None:
    """Files without their marker, which nobody reads."""
    bucket.Object(f"deep/{PATH}/manifest.json").delete()

    assert not swept(storage)
    assert keys(bucket) == []


def test_storing_while_it_is_removed(storage: Storage, bucket: Any) -> None:
    """The task tries again later; what lost a file meanwhile is made whole."""

    def is_gone() -> bool:
        with pytest.raises(TransientError, match="is being removed at this moment"):
            store_certificate(storage, CERTIFICATE)
        return True

    assert remove(storage, PATH, is_gone)
    store_certificate(storage, CERTIFICATE)
    next(item for item in bucket.objects.all() if item.key.endswith("certificate.html")).delete()
    assert not settled(storage, PATH)
    store_certificate(storage, CERTIFICATE)
    assert settled(storage, PATH)


@pytest.fixture
def lab(make_lab: MakeLab, bucket: object, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab with a champion for the second month; its rows, certificates and ledgers are on S3."""
    lab = make_lab("empty")
    monkeypatch.setenv("AIRFLOW__MLOPS__STORAGE_ROOT", f"s3://minio@{BUCKET}/prefix")
    monkeypatch.setenv("AIRFLOW__MLOPS__LEDGER_ROOT", f"s3://minio@{BUCKET}/ledger")
    for key in ("2020-01", "2020-02"):
        lab.accept(key)
    lab.promote("2020-02")
    return lab


def audit(lab: Lab) -> None:
    """Run the steps of the second month as a backfill does."""
    words: dict[str, Any] = {"run_type": "backfill", "run_id": "audit"}
    manifest_hash = lab.run("train", partition_key="2020-02", **words)["manifest_hash"]
    evaluation_id = lab.run("evaluate", manifest_hash=manifest_hash, **words)["evaluation_id"]
    lab.run("gate", evaluation_id=evaluation_id, **words)


@pytest.mark.parametrize("by_hand", [True, False], ids=["replay", "backfill"])
def test_a_killed_try_of_an_audit(lab: Lab, bucket: Any, monkeypatch: pytest.MonkeyPatch, by_hand: bool) -> None:
    """It was killed before its record; the retry, with other code, leaves its own certificate and summary alone."""
    from tests.support import synthetic

    append = Ledger.append

    def killed(self: Ledger, **words: Any) -> Any:
        if words["kind"] == "certificate":
            raise KeyboardInterrupt
        return append(self, **words)

    def go() -> None:
        if by_hand:
            lab.run("replay", version="1", run_type="manual", run_id="audit", on_difference="record")
        else:
            with suppress(AirflowFailException):
                audit(lab)

    with monkeypatch.context() as patches:
        patches.setattr(Ledger, "append", killed)
        with pytest.raises(KeyboardInterrupt):
            go()
    stored = {key.split("/")[3] for key in keys(bucket) if key.startswith("prefix/certificates/")}
    assert len(stored) == 1
    original = synthetic.train
    monkeypatch.setattr(synthetic, "train", lambda features, labels, **more: original(-features, labels, **more))
    go()

    records = model_ledger(lab.model).records()
    cited = {
        str(record.body[name]).removeprefix("sha256:")
        for kind, name in (("certificate", "certificate_hash"), ("audit_summary", "summary_hash"))
        for record in records
        if record.kind == kind
    }
    found = {key.split("/")[3] for key in keys(bucket) if key.startswith("prefix/certificates/")}
    assert found == cited
    assert len(cited) == 2
    assert stored.isdisjoint(found)
    assert not any(ISSUING in key or REMOVING in key for key in keys(bucket))
    with Storage().open(
        f"certificates/{lab.model}/{records[-1].body['summary_hash'].removeprefix('sha256:')}"
    ) as folder:
        assert json.loads((folder / "summary.json").read_text())["outcome"] == "FAIL"
