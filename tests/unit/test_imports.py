"""Parsing is cheap: no module that a Dag needs, and no shipped Dag, loads a heavy library.

One fresh interpreter loads what every Dag loads anyway (``airflow.sdk`` and the standard provider) and forks for each
target, so that each is imported into a process that has seen nothing else.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import airflow_provider_mlops

ROOT = Path(__file__).parents[2]
PACKAGE = Path(airflow_provider_mlops.__file__).parent
AT_PARSE = ("operators", "sensors", "triggers", "links", "decorators", "task_groups", "notifications", "hooks")
MODULES = [
    "airflow_provider_mlops",
    *(f"airflow_provider_mlops.{name}" for name in ("assets", "config", "get_provider_info", "cli.definition")),
    *(
        f"airflow_provider_mlops.{folder}.{path.stem}"
        for folder in AT_PARSE
        for path in sorted((PACKAGE / folder).glob("[!_]*.py"))
        if folder != "hooks" or path.stem in {"mlflow", "ledger"}  # the others are imported by running tasks
    ),
]
DAGS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "dags").glob("*.py"))
HEAVY = (
    "alibi_detect",
    "duckdb",
    "evidently",
    "great_expectations",
    "matplotlib",
    "mlflow",
    "numba",
    "numpy",
    "optuna",
    "pandas",
    "pyarrow",
    "pyspark",
    "scipy",
    "shap",
    "skops",
    "sklearn",
)

LOAD_EACH = """
import importlib, json, os, runpy, sys, warnings
warnings.simplefilter("ignore")
import airflow.sdk, airflow.providers.standard.operators.python, airflow.providers.standard.operators.empty
heavy, targets = json.loads(sys.argv[1]), json.loads(sys.argv[2])
print(json.dumps({"target": "", "loaded": [name for name in heavy if name in sys.modules]}), flush=True)
for target in targets:
    if (child := os.fork()) == 0:
        try:
            runpy.run_path(target, run_name="dag") if target.endswith(".py") else importlib.import_module(target)
            answer = {"loaded": [name for name in heavy if name in sys.modules]}
        except BaseException as err:
            answer = {"error": repr(err)}
        print(json.dumps({"target": target, **answer}), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """What importing each target alone did."""
    # The package that is tested, which need not be the installed one.
    path = os.pathsep.join([str(PACKAGE.parent), str(ROOT)])
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")), "PYTHONPATH": path}
    shown = subprocess.run(
        [sys.executable, "-c", LOAD_EACH, json.dumps(HEAVY), json.dumps([*MODULES, *DAGS])],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=environment,
    )
    lines = [json.loads(line) for line in shown.stdout.splitlines() if line.startswith('{"target"')]
    return {line.pop("target"): line for line in lines}


@pytest.mark.parametrize("target", ["", *MODULES, *DAGS])
def test_loads_no_heavy_library(answers: dict[str, dict[str, object]], target: str) -> None:
    """Neither does Airflow itself (the empty target), so the whole cost of a parse is ours to keep low."""
    assert answers[target] == {"loaded": []}


def test_the_heavy_libraries_are_those_that_the_linter_bans() -> None:
    """One list: what ruff refuses at module level is what this test looks for."""
    import tomllib

    build_file = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    banned = build_file["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-module-level-imports"]

    assert sorted(HEAVY) == sorted(banned)


def test_every_shipped_dag_is_looked_at() -> None:
    """An empty list would prove nothing."""
    assert len(DAGS) >= 3
