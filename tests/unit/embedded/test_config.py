"""Paths of the embedded Airflow."""

from pathlib import Path

import pytest

from airflow_provider_mlops.embedded.config import EmbeddedError, Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A project folder of its own."""
    (tmp_path / "dags").mkdir()
    found = Layout.of(tmp_path)
    found.create()
    return found


def test_a_folder_without_dags_is_refused(tmp_path: Path) -> None:
    """The project folder becomes the Dag bundle: without Dags it is the wrong one."""
    with pytest.raises(EmbeddedError, match="has no folder 'dags'"):
        Layout.of(tmp_path)


@pytest.mark.parametrize("profile", ["", "../other", "A", "a b", "-x", "x" * 33])
def test_a_profile_is_a_plain_name(layout: Layout, profile: str) -> None:
    """The profile becomes a folder name, which may not lead elsewhere."""
    with pytest.raises(EmbeddedError, match="is not a name"):
        Layout.of(layout.project, profile)


def test_everything_lies_in_the_state_folder(layout: Layout) -> None:
    """Deleting one folder deletes all; only the lock stays beside it."""
    paths = (
        layout.airflow_home,
        layout.postgres_data,
        layout.storage,
        layout.ledger,
        layout.artifacts,
        layout.logs,
        layout.home,
        layout.tmp,
    )

    assert all(path.is_relative_to(layout.state) for path in paths)
    assert layout.state == layout.project / ".embedded" / "default"
    assert layout.lock.parent == layout.state.parent
