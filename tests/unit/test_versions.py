"""One version, wherever it is written."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest

import airflow_provider_mlops
from airflow_provider_mlops.get_provider_info import get_provider_info

ROOT = Path(__file__).parents[2]
NUMBER = r"\b\d+\.\d+\.\d+(?:(?:a|b|rc|\.dev|\.post)\d+)?\b"


def test_the_changelog_tells_of_this_version() -> None:
    """The first version that the changelog names, unreleased or released, is the package's."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = changelog.partition("\n## ")[2]

    assert re.findall(NUMBER, sections)[:1] == [airflow_provider_mlops.__version__]


def test_the_installed_distribution_has_it() -> None:
    """The build takes the version from the package; an old installation is found out."""
    assert version("airflow-provider-mlops") == airflow_provider_mlops.__version__


@pytest.mark.parametrize("section", ["config"])
def test_no_option_comes_from_the_future(section: str) -> None:
    """What the provider's description says was added in a version was added in this one or before."""
    options = [option for part in get_provider_info()[section].values() for option in part["options"].values()]
    added = [tuple(int(part) for part in option["version_added"].split(".")) for option in options]
    now = tuple(int(part) for part in airflow_provider_mlops.__version__.split(".")[:3])

    assert added
    assert max(added) <= now
