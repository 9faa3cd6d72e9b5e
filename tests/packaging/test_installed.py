"""The installed wheel in a clean Airflow: found, without a warning, with its form, commands and example Dags."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.get_provider_info import get_provider_info

ROOT = Path(__file__).parents[2]
INFO = get_provider_info()
NAME = INFO["package-name"]
BUNDLE = f"{NAME}-example-dags"
LISTS = ("list", "hooks", "links", "triggers", "widgets", "behaviours")
AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])

PARSE = """
import json, sys
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag

bundle = next(b for b in DagBundlesManager().get_all_dag_bundles() if b.name == sys.argv[1])
bag = BundleDagBag(bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
spec = sys.modules["include.flights.spec"].__file__
print("ANSWER" + json.dumps([str(bundle.path), sorted(bag.dags), bag.import_errors, spec]))
"""


def _bundles(name: str, path: Path) -> dict[str, str]:
    """The settings of an Airflow that reads its Dags from one folder."""
    classpath = "airflow.dag_processing.bundles.local.LocalDagBundle"
    bundle = {"name": name, "classpath": classpath, "kwargs": {"path": str(path)}}
    return {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle])}


@pytest.fixture(scope="module")
def shown(installed: Any) -> tuple[dict[str, list[dict[str, Any]]], str]:
    """The tables of `airflow providers ...`, and what was logged meanwhile."""
    answers, logged = installed.commands(*(f"providers {name} -o json" for name in LISTS))
    return {name: answer.rows for name, answer in zip(LISTS, answers, strict=True)}, logged


@pytest.fixture(scope="module")
def package(installed: Any) -> Path:
    """Where the wheel was installed."""
    done = installed.run("import airflow_provider_mlops as package; print(package.__path__[0])")
    return Path(done.stdout.strip())


def test_the_wheel_is_what_is_tested(package: Path) -> None:
    """The editable checkout is out of sight."""
    assert "site-packages" in package.parts
    assert not package.is_relative_to(ROOT)


def test_nothing_warns(shown: tuple[dict[str, list[dict[str, Any]]], str]) -> None:
    """Airflow tells of a broken provider in its log only."""
    assert [line for line in shown[1].splitlines() if "warn" in line.lower() or "error" in line.lower()] == []


def test_the_provider_is_listed(shown: tuple[dict[str, list[dict[str, Any]]], str]) -> None:
    """By its distribution's name and version."""
    found = [row for row in shown[0]["list"] if row["package_name"] == NAME]

    assert [row["version"] for row in found] == [version(NAME)]


def test_its_parts_are_listed(shown: tuple[dict[str, list[dict[str, Any]]], str]) -> None:
    """The hook with its connection type, the links, and the trigger's module."""
    tables = shown[0]
    hooks = [row for row in tables["hooks"] if row["package_name"] == NAME]

    found = {row["connection_type"]: (row["hook_name"], row["conn_id_attribute_name"]) for row in hooks}
    assert found["mlflow"] == ("MLflow", "mlflow_conn_id")
    assert found.keys() == {declared["connection-type"] for declared in INFO["connection-types"]}
    assert set(INFO["extra-links"]) <= {row["extra_link_class_name"] for row in tables["links"]}
    listed = {row["class"] for row in tables["triggers"] if row["package_name"] == NAME}
    assert listed == {module for entry in INFO["triggers"] for module in entry["python-modules"]}


def test_the_connection_has_its_form(shown: tuple[dict[str, list[dict[str, Any]]], str]) -> None:
    """Each field of the declaration is a field of the form, and the behaviours of the plain fields are known."""
    widgets = {row["connection_parameter_name"] for row in shown[0]["widgets"] if row["package_name"] == NAME}
    declared = {one["connection-type"]: one["conn-fields"] for one in INFO["connection-types"]}

    assert widgets == {f"extra__{kind}__{field}" for kind, fields in declared.items() for field in fields}
    assert all({"field_behaviours": kind} in shown[0]["behaviours"] for kind in declared)


def test_the_commands_are_there(installed: Any) -> None:
    """`airflow mlops ledger` explains itself, and the section of the configuration is known."""
    (ledger, options), _ = installed.commands(
        "mlops ledger --help", "config list --section mlops --include-descriptions"
    )

    assert ledger.code == 0
    assert "verify" in ledger.shown
    assert {"storage_root", "ledger_root"} <= set(options.shown.replace("=", " ").split())


def _parsed(airflow: Any, bundle: str, **env: str) -> list[Any]:
    done = airflow.run(PARSE, bundle, **env)
    assert "ANSWER" in done.stdout, done.stderr
    return json.loads(done.stdout.partition("ANSWER")[2])  # type: ignore[no-any-return]


@pytest.mark.skipif(AIRFLOW < (3, 3), reason="Airflow 3.3 and later offer the example Dags of providers by themselves")
def test_airflow_offers_the_reference_dags_as_examples(installed: Any, package: Path) -> None:
    """With `load_examples` alone they are a bundle, and `from include.flights import spec` is the one in the wheel."""
    path, dags, errors, spec = _parsed(installed, BUNDLE, AIRFLOW__CORE__LOAD_EXAMPLES="True")

    assert path == str(package / "example_dags")
    assert errors == {}
    assert len(dags) == len(list((ROOT / "dags").glob("*.py")))
    assert Path(spec).is_relative_to(package)


def test_the_reference_dags_in_the_wheel_are_a_bundle(installed: Any, package: Path) -> None:
    """Where examples are off, a LocalDagBundle of the folder serves, on every Airflow."""
    settings = _bundles("examples", package / "example_dags")
    _, dags, errors, spec = _parsed(installed, "examples", AIRFLOW__CORE__LOAD_EXAMPLES="False", **settings)

    assert errors == {}
    assert len(dags) == len(list((ROOT / "dags").glob("*.py")))
    assert Path(spec).is_relative_to(package)


def test_the_repository_is_a_bundle(installed: Any) -> None:
    """Airflow serialises the Dags of a LocalDagBundle at the root into its database, and no file fails to import."""
    settings = _bundles("flights", ROOT) | {"AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    answers, _ = installed.commands(
        "db migrate",
        "dags reserialize --bundle-name flights",
        "dags list-import-errors -o json",
        "dags list-import-errors --local --bundle-name flights -o json",
        "dags list --bundle-name flights -o json",
        "dags details flight_delays_lifecycle -o json",
        **settings,
    )
    in_database, on_disk, dags, details = answers[2:]

    assert [answer.code for answer in answers] == [0] * len(answers)
    assert "No data found" in in_database.shown or in_database.rows == []
    assert "No data found" in on_disk.shown or on_disk.rows == []
    assert {row["dag_id"] for row in dags.rows} == {path.stem for path in (ROOT / "dags").glob("*.py")}
    assert "flight_delays_lifecycle" in details.shown
