"""What was meant by a name that is not there."""

from pathlib import Path

import pytest

from airflow_provider_mlops.core.near import did_you_mean, file_meant


@pytest.mark.parametrize(("name", "hint"), [("flihgts", " Did you mean flights?"), ("weather", ""), ("", "")])
def test_a_name_that_is_nearly_one(name: str, hint: str) -> None:
    """A slip is told, another word is not guessed at."""
    assert did_you_mean(name, ["flights", "airports"]) == hint


def test_a_file_that_is_nearly_one(tmp_path: Path) -> None:
    """The folder is shown as it was written; a folder that is not there holds none."""
    (tmp_path / "policy.yaml").touch()
    (tmp_path / "polici.yaml").mkdir()

    assert file_meant(tmp_path / "polcy.yml") == f" Did you mean {tmp_path / 'policy.yaml'}?"
    assert file_meant(tmp_path / "x") == ""
    assert file_meant(tmp_path / "nowhere" / "policy.yaml") == ""
