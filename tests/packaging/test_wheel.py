"""The wheel holds what it must, and nothing else."""

import tomllib
from configparser import ConfigParser
from email import message_from_string
from pathlib import Path
from zipfile import ZipFile

import pytest

import airflow_provider_mlops

ROOT = Path(__file__).parents[2]
PACKAGE = "airflow_provider_mlops"
VERSION = airflow_provider_mlops.__version__
BUILD_FILE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def content(wheel: Path) -> dict[str, str]:
    """The text files of the wheel by name."""
    with ZipFile(wheel) as archive:
        return {name: archive.read(name).decode("utf-8") for name in archive.namelist()}


def _of(folder: Path) -> set[str]:
    """The files of a folder of the checkout that belong into a wheel."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if "__pycache__" not in name and not name.endswith(".pyc")}


def test_holds_the_package_and_its_description_only(content: dict[str, str]) -> None:
    """No tests, no docs, nothing else of the repository at top level."""
    tops = {name.partition("/")[0] for name in content}

    assert tops == {PACKAGE, f"{PACKAGE}-{VERSION}.dist-info"}
    assert not [name for name in content if Path(name).name.startswith(("test_", "conftest"))]


def test_holds_every_file_of_the_package(content: dict[str, str]) -> None:
    """Modules, JSON schemas and the mark of typed packages."""
    files = {f"{PACKAGE}/{name}" for name in _of(ROOT / "provider" / PACKAGE)}

    assert files <= set(content)
    assert {f"{PACKAGE}/py.typed", f"{PACKAGE}/backends/schemas/policy.schema.json"} <= files


def test_holds_the_reference_dags_in_the_layout_of_the_repository(content: dict[str, str]) -> None:
    """One .airflowignore and one `from include ...` serve both places."""
    examples = f"{PACKAGE}/example_dags/"
    expected = {
        ".airflowignore",
        *(f"dags/{name}" for name in _of(ROOT / "dags")),
        *(f"include/{name}" for name in _of(ROOT / "include")),
    }

    assert {name.removeprefix(examples) for name in content if name.startswith(examples)} == expected


def test_names_the_provider_and_the_extras(content: dict[str, str]) -> None:
    """Airflow finds the provider by its entry point; pip offers the extras of the build file."""
    info = f"{PACKAGE}-{VERSION}.dist-info"
    entry_points = ConfigParser()
    entry_points.read_string(content[f"{info}/entry_points.txt"])
    metadata = message_from_string(content[f"{info}/METADATA"])

    assert dict(entry_points["apache_airflow_provider"]) == {
        "provider_info": f"{PACKAGE}.get_provider_info:get_provider_info"
    }
    assert set(metadata.get_all("Provides-Extra", [])) == set(BUILD_FILE["project"]["optional-dependencies"])
    assert metadata["License-Expression"] == "Apache-2.0"
    assert f"{info}/licenses/LICENSE" in content


def test_the_base_installation_is_light(content: dict[str, str]) -> None:
    """Without an extra only Airflow and what reads policies is installed."""
    metadata = message_from_string(content[f"{PACKAGE}-{VERSION}.dist-info/METADATA"])
    base = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]

    assert len(base) <= 4
    assert all(line.startswith(("apache-airflow", "jsonschema", "pyyaml")) for line in base)


def test_neither_lock_nor_wheel_names_an_address_of_a_package(content: dict[str, str]) -> None:
    """The locks hold names, versions and hashes, so that every index serves."""
    locks = [(ROOT / name).read_text(encoding="utf-8") for name in ("requirements.lock", "requirements-oldest.lock")]

    assert not [line for text in locks for line in text.splitlines() if "://" in line]
    assert not [name for name, text in content.items() if ".whl" in text and name.endswith("METADATA")]
