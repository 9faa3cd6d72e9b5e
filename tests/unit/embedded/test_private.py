"""What only its owner may read."""

import json
from pathlib import Path

import pytest

from airflow_provider_mlops.embedded.config import Layout
from airflow_provider_mlops.embedded.private import Secrets


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A project folder of its own."""
    (tmp_path / "dags").mkdir()
    found = Layout.of(tmp_path)
    found.create()
    return found


def test_secrets_are_made_once_and_for_their_owner_only(layout: Layout) -> None:
    """A second start keeps the login; no other user can read it."""
    first = Secrets.load_or_create(layout)

    assert Secrets.load_or_create(layout) == first
    for name in ("secrets.json", "passwords.json", "pgpass"):
        assert (layout.state / name).stat().st_mode & 0o777 == 0o600
    assert json.loads((layout.state / "passwords.json").read_text()) == {
        "admin": first.admin_password,
        "reviewer": first.reviewer_password,
    }
    assert len(first.jwt_secret) >= 80


def test_secrets_do_not_show_in_logs(layout: Layout) -> None:
    """The representation of the object holds no value."""
    secrets = Secrets.load_or_create(layout)

    assert secrets.admin_password not in repr(secrets)
