"""What a killed try has published and no record cites is removed by whoever ends the decision, and nothing else is."""

from pathlib import Path

import pytest

from airflow_provider_mlops.hooks.issuing import ISSUING, note, sweep
from airflow_provider_mlops.hooks.storage import MARKER, Storage

FIRST, SECOND = (f"sha256:{digit * 64}" for digit in "ab")
ONE, OTHER = (f"sha256:{digit * 64}" for digit in "12")


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """An empty storage."""
    return Storage(str(tmp_path))


def path_of(digest: str) -> str:
    """Return where a certificate lies."""
    return f"certificates/m/{digest.removeprefix('sha256:')}"


def publish(storage: Storage, decision: str, digest: str) -> None:
    """Note a certificate, and publish it."""
    note(storage, decision, digest)
    with storage.staging() as folder:
        (folder / MARKER).write_text("{}")
        storage.publish(folder, path_of(digest))


def swept(storage: Storage, decision: str, *cited: str) -> list[str]:
    """Sweep what a decision has left, where some of it is cited."""
    return sweep(storage, decision, path_of, cited.__contains__)


def test_only_what_no_record_cites_goes(storage: Storage) -> None:
    """Of two certificates of a decision the recorded one stays; that of another decision too."""
    publish(storage, ONE, FIRST)
    publish(storage, ONE, SECOND)
    publish(storage, OTHER, f"sha256:{'c' * 64}")

    assert swept(storage, ONE, SECOND) == [FIRST]
    assert not storage.exists(path_of(FIRST))
    assert storage.exists(path_of(SECOND))
    assert storage.exists(path_of(f"sha256:{'c' * 64}"))
    assert [path.name for path in (Path(storage.root) / ISSUING).iterdir()] == [f"{'2' * 64}+{'c' * 64}"]


def test_what_is_recorded_at_the_last_moment_is_put_back(storage: Storage) -> None:
    """The ledger is asked again once it is out of sight."""
    publish(storage, ONE, FIRST)
    answers = iter([False, True])

    assert sweep(storage, ONE, path_of, lambda _: next(answers)) == []
    assert storage.exists(path_of(FIRST))


def test_a_note_of_what_was_never_published(storage: Storage) -> None:
    """It is removed; sweeping twice, or where there never was a note, is fine."""
    assert swept(storage, ONE) == []
    note(storage, ONE, FIRST)

    assert [swept(storage, ONE), swept(storage, ONE)] == [[], []]
    assert list((Path(storage.root) / ISSUING).iterdir()) == []


@pytest.mark.parametrize("name", ["..", "manifest", "A" * 64, "a" * 63])
def test_a_note_that_is_none_leads_nowhere(storage: Storage, name: str) -> None:
    """Whoever can write there cannot have something else removed."""
    note(storage, ONE, FIRST)
    (Path(storage.root) / ISSUING / f"{'1' * 64}+{name}").touch()

    assert swept(storage, ONE) == []
