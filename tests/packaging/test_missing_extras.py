"""Without the heavy libraries everything imports, and what needs one says what to install."""

import ast
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import airflow_provider_mlops

ROOT = Path(__file__).parents[2]
PACKAGE = Path(airflow_provider_mlops.__file__).parent
BUILD_FILE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HEAVY = BUILD_FILE["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-module-level-imports"]
OPERATOR_SIDE = ("operators", "sensors", "hooks", "triggers", "links", "decorators", "task_groups", "cli", "core")

IMPORT_WITHOUT = """
import importlib, json, sys, warnings
warnings.simplefilter("ignore")

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if any(name == one or name.startswith(f"{one}.") for one in heavy):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

modules, heavy, needs = json.loads(sys.argv[1])
sys.meta_path.insert(0, Hidden())
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import MissingBackend
answers = {}
for module in modules:
    try:
        importlib.import_module(module)
    except MissingBackend as err:
        answers[module] = str(err)
for library, extra in needs:
    try:
        load(library, extra)
    except MissingBackend as err:
        answers[f"{library} {extra}"] = str(err)
print("ANSWER" + json.dumps(answers))
"""

# What Airflow brings itself.
OF_THE_BASE = ("yaml", "dateutil.parser")


def _needs() -> list[tuple[str, str]]:
    """Every (library, extra) that the code asks `load` for."""
    calls = [
        node
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "load" and len(node.args) == 2
    ]
    return sorted(
        {
            (call.args[0].value, call.args[1].value)
            for call in calls
            if isinstance(call.args[0], ast.Constant) and isinstance(call.args[1], ast.Constant)
            if call.args[0].value not in OF_THE_BASE
        }
    )


NEEDS = _needs()


def _hidden(library: str) -> str:
    """What an interpreter without a library lacks; of a provider its hooks, since Airflow itself asks what it is."""
    return library if library.startswith("airflow.") else library.partition(".")[0]


HIDDEN = sorted({*HEAVY, *(_hidden(library) for library, _ in NEEDS)})


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory, monkeypatch_module: pytest.MonkeyPatch) -> dict[str, str]:
    """What each missing library's error says, in an interpreter that has none of them."""
    monkeypatch_module.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
    modules = [
        f"airflow_provider_mlops.{folder}.{path.stem}"
        for folder in OPERATOR_SIDE
        for path in sorted((PACKAGE / folder).glob("[!_]*.py"))
    ]
    code = [sys.executable, "-c", IMPORT_WITHOUT, json.dumps([modules, HIDDEN, NEEDS])]
    shown = subprocess.run(code, capture_output=True, text=True, check=False)
    assert "ANSWER" in shown.stdout, shown.stderr
    return json.loads(shown.stdout.partition("ANSWER")[2])  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def monkeypatch_module() -> Iterator[pytest.MonkeyPatch]:
    """Environment variables for the whole module."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def test_the_code_asks_for_libraries() -> None:
    """An empty list would prove nothing."""
    assert {"mlflow", "great-expectations", "scikit-learn", "alibi"} <= {extra for _, extra in NEEDS}


def test_what_cannot_be_imported_says_what_to_install(answers: dict[str, str]) -> None:
    """What a Dag needs is imported without any of them; what only tasks import names the extra."""
    refused = {name: text for name, text in answers.items() if name.startswith("airflow_provider_mlops.")}

    assert "airflow_provider_mlops.hooks.evaluation" in refused
    assert {name.split(".")[1] for name in refused} == {"hooks"}
    assert all("pip install 'airflow-provider-mlops[parquet]'" in text for text in refused.values())


@pytest.mark.parametrize(("library", "extra"), NEEDS)
def test_a_missing_library_says_what_to_install(answers: dict[str, str], library: str, extra: str) -> None:
    """The error is final, names the library and shows the line that installs it."""
    missing = library.partition(".")[0]

    assert f"'{missing}" in answers[f"{library} {extra}"]
    assert f"pip install 'airflow-provider-mlops[{extra}]'" in answers[f"{library} {extra}"]


@pytest.mark.parametrize(("library", "extra"), NEEDS)
def test_the_extra_exists(library: str, extra: str) -> None:
    """The install line names an extra of the build file."""
    assert extra in BUILD_FILE["project"]["optional-dependencies"]
