"""What a killed try has published and nobody will record is removed by whoever ends the decision, and nothing else."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from airflow_provider_mlops.hooks.issuing import ISSUING, note, sweep
from airflow_provider_mlops.hooks.removal import remove
from airflow_provider_mlops.hooks.storage import MARKER, Storage

FIRST, SECOND, THIRD = (f"sha256:{digit * 64}" for digit in "abc")
ONE, OTHER = (f"sha256:{digit * 64}" for digit in "12")


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """An empty storage."""
    return Storage(str(tmp_path))


def path_of(digest: str) -> str:
    """Return where a certificate lies."""
    return f"certificates/m/{digest.removeprefix('sha256:')}"


def publish(storage: Storage, decision: str, digest: str, since: int = 0) -> None:
    """Note a certificate, and publish it."""
    note(storage, decision, digest, since)
    with storage.staging() as folder:
        (folder / MARKER).write_text("{}")
        storage.publish(folder, path_of(digest))


def swept(
    storage: Storage,
    decision: str,
    is_cited: Callable[[str], bool] = lambda digest: False,
    ended: Mapping[str, int] | None = None,
) -> list[str]:
    """Sweep what a decision has left, which record 9 has ended unless told otherwise, and return what is there."""
    ends = {ONE: 9} if ended is None else ended
    sweep(storage, decision, path_of, is_cited, lambda decision: ends.get(decision, 0))
    return [digest for digest in (FIRST, SECOND, THIRD) if storage.exists(path_of(digest))]


def notes(storage: Storage) -> list[str]:
    """Return the notes that are left, shortened."""
    names = sorted(path.name for path in (Path(storage.root) / ISSUING).iterdir())
    return ["+".join(part[:1] for part in name.split("+")) for name in names]


def test_only_what_no_record_cites_goes(storage: Storage) -> None:
    """Of two certificates of a decision the recorded one stays; that of another decision too."""
    publish(storage, ONE, FIRST)
    publish(storage, ONE, SECOND)
    publish(storage, OTHER, THIRD)

    assert swept(storage, ONE, lambda digest: digest == SECOND) == [SECOND, THIRD]
    assert notes(storage) == ["2+c+0"]


def test_what_another_try_may_still_record_stays(storage: Storage) -> None:
    """It was noted after the newest record that ended the decision; once another one has ended it, it goes."""
    publish(storage, ONE, FIRST, since=9)

    assert swept(storage, ONE, ended={ONE: 9}) == [FIRST]
    assert notes(storage) == ["1+a+9"]
    assert swept(storage, ONE, ended={ONE: 10}) == []
    assert notes(storage) == []


def test_what_another_decision_may_still_record_stays(storage: Storage) -> None:
    """The same findings give the same certificate, whatever run has made them."""
    publish(storage, ONE, FIRST)
    publish(storage, OTHER, FIRST)

    assert swept(storage, ONE) == [FIRST]
    assert notes(storage) == ["2+a+0"]
    assert swept(storage, OTHER, ended={OTHER: 1}) == []


def test_what_is_recorded_at_the_last_moment_is_put_back(storage: Storage) -> None:
    """The ledger is asked again once it is out of sight."""
    publish(storage, ONE, FIRST)
    answers = iter([False, False, True])

    assert swept(storage, ONE, lambda _: next(answers)) == [FIRST]


def test_what_is_noted_at_the_last_moment_is_put_back(storage: Storage) -> None:
    """Another try that finds the same begins before it is out of sight, and counts on what lies there."""
    publish(storage, ONE, FIRST)
    asked: list[str] = []

    def is_cited(digest: str) -> bool:
        asked.append(digest)
        if len(asked) == 2:  # the notes were read, nothing was hidden yet
            publish(storage, ONE, FIRST, since=9)
        return False

    assert swept(storage, ONE, is_cited) == [FIRST]
    assert notes(storage) == ["1+a+9"]


def test_a_killed_removal_of_what_is_recorded_is_undone(storage: Storage) -> None:
    """A sweep was killed while the folder was out of sight, and another try has recorded it."""
    publish(storage, ONE, FIRST)

    def die() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        remove(storage, path_of(FIRST), die)
    assert not storage.exists(path_of(FIRST))

    assert swept(storage, ONE, lambda _: True) == [FIRST]
    assert notes(storage) == []


def test_a_note_of_what_was_never_published(storage: Storage) -> None:
    """It is removed; sweeping twice, or where there never was a note, is fine."""
    assert swept(storage, ONE) == []
    note(storage, ONE, FIRST, 0)

    assert [swept(storage, ONE), swept(storage, ONE)] == [[], []]
    assert notes(storage) == []


@pytest.mark.parametrize("name", ["..+0", "manifest+0", f"{'A' * 64}+0", f"{'a' * 63}+0", "a" * 64, f"{'a' * 64}+-1"])
def test_a_note_that_is_none_leads_nowhere(storage: Storage, name: str) -> None:
    """Whoever can write there cannot have something else removed."""
    publish(storage, OTHER, FIRST)
    (Path(storage.root) / ISSUING / f"{'1' * 64}+{name}").touch()

    assert swept(storage, ONE) == [FIRST]
