"""Where the provider keeps its files."""

from pathlib import Path

import pytest

from airflow_provider_mlops.config import image_digest, ledger_root, storage_root
from airflow_provider_mlops.core.errors import BadInput

STORAGE, LEDGER = "AIRFLOW__MLOPS__STORAGE_ROOT", "AIRFLOW__MLOPS__LEDGER_ROOT"
IMAGE = "AIRFLOW__MLOPS__IMAGE_DIGEST"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (STORAGE, LEDGER):
        monkeypatch.delenv(name, raising=False)


def test_both_default_to_a_folder_under_airflows_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without any setting all files are in one place."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))

    assert storage_root() == f"{tmp_path}/mlops"
    assert ledger_root() == f"{tmp_path}/mlops/ledger"


@pytest.mark.parametrize(
    ("storage", "ledger", "expected"),
    [
        ("/data/", "", ("/data", "/data/ledger")),
        ("s3://bucket", "/evidence", ("s3://bucket", "/evidence")),
        ("file:///data", "file:///evidence/", ("/data", "/evidence")),
        ("$PLACE/data", "", ("/place/data", "/place/data/ledger")),
    ],
)
def test_the_options_decide(
    monkeypatch: pytest.MonkeyPatch, storage: str, ledger: str, expected: tuple[str, str]
) -> None:
    """The ledger follows the storage unless it has its own place."""
    monkeypatch.setenv("PLACE", "/place")
    monkeypatch.setenv(STORAGE, storage)
    monkeypatch.setenv(LEDGER, ledger)

    assert (storage_root(), ledger_root()) == expected


def test_on_s3_the_ledger_follows_the_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A put on S3 can be conditional, so that appending is compare-and-set there too."""
    monkeypatch.setenv(STORAGE, "s3://minio@bucket/prefix/")

    assert (storage_root(), ledger_root()) == ("s3://minio@bucket/prefix", "s3://minio@bucket/prefix/ledger")


def test_elsewhere_a_remote_storage_needs_a_ledger_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other store is known to refuse a taken name: the error names the option to set."""
    monkeypatch.setenv(STORAGE, "gs://bucket/prefix/")

    assert storage_root() == "gs://bucket/prefix"
    with pytest.raises(BadInput, match=r"not at 'gs://bucket/prefix/ledger'; set \[mlops\] ledger_root"):
        ledger_root()


@pytest.mark.parametrize("option", [STORAGE, LEDGER])
def test_a_relative_path_is_refused(monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    """The worker and the command line would mean different folders."""
    monkeypatch.setenv(option, "data")

    with pytest.raises(BadInput, match=rf"{option.rsplit('__', maxsplit=1)[-1].lower()} is the relative path 'data'"):
        ledger_root()


@pytest.mark.parametrize("value", ["", "sha256:" + 64 * "a", "registry.example.com:5000/airflow@sha256:" + 64 * "0"])
def test_image_digest(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """A digest, also behind the image's name, or nothing."""
    monkeypatch.setenv(IMAGE, value)

    assert image_digest() == value


@pytest.mark.parametrize("value", ["airflow:latest", "sha256:abc", "sha256:" + 64 * "A"])
def test_tag_is_no_image_digest(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """A tag may name another image tomorrow."""
    monkeypatch.setenv(IMAGE, value)

    with pytest.raises(BadInput, match="image_digest is"):
        image_digest()
