"""What earlier releases did not record is said in a certificate, and nothing of what they did."""

from typing import Any

from airflow_provider_mlops.core.certificate import build_certificate
from airflow_provider_mlops.core.certificate_page import certificate_markdown
from airflow_provider_mlops.core.record import Record, read_record, write_record
from airflow_provider_mlops.core.replay import Level
from airflow_provider_mlops.core.unrecorded import not_on_record

WHOLE: dict[str, Any] = {
    "partition_key": "2020-01",
    "manifest_hash": "sha256:aa",
    "files": [{"path": "MLmodel", "sha256": "b" * 64}],
    "data_files": {},
    "git": None,
    "dataset_record": None,
}


def record(kind: str, **body: Any) -> Record:
    """Make a record, the third of its chain."""
    raw = write_record(
        chain="model/m",
        seq=3,
        prev_hash=f"sha256:{'0' * 64}",
        kind=kind,
        key="k",
        mode="live",
        outcome=None,
        body=body,
        run={},
        signer=None,
    )
    return read_record(raw)


def test_a_record_of_this_release_leaves_nothing_open() -> None:
    """That there was no Git, and that nothing was read, is on record."""
    assert not_on_record({"training": record("training", **WHOLE), "gate": None}) == []


def test_each_member_that_is_missing_is_said() -> None:
    """With the record that lacks it; no hash of a file counts as none."""
    body = {name: value for name, value in WHOLE.items() if name not in ("data_files", "git")}
    old = record("training", **{**body, "files": []})
    found = not_on_record({"training": old, "gate": record("gate", policy_hash="sha256:cc")})

    assert len(found) == 4
    assert all(line.startswith("record 3 of model/m, of an earlier release, does not name ") for line in found)
    words = ("files beside", "has read", "commit", "policy")
    assert [next(word for word in words if word in line) for line in found] == list(words)


def test_files_that_were_too_many_are_said() -> None:
    """None of them is on record, whatever the release."""
    (line,) = not_on_record({"training": record("training", **{**WHOLE, "data_files": None})})

    assert line.startswith("record 3 of model/m does not name the files of the bundle")


def test_the_certificate_and_its_page_say_it() -> None:
    """And say nothing where all is on record: such a certificate is the one that it was."""
    asked: dict[str, Any] = {"level": Level.L0, "require": Level.L1, "checks": [], "differences": [], "figures": {}}
    whole, old = record("training", **WHOLE), record("training", **{**WHOLE, "files": []})
    found = build_certificate("m", old, cited={"training": old}, **asked)
    page = certificate_markdown(found, "sha256:dd")

    assert "not_on_record" not in build_certificate("m", whole, cited={"training": whole}, **asked)
    assert len(found["not_on_record"]) == 1
    assert "## Not on record" in page
    assert "beside its archive" in page
