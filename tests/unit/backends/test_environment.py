"""What of an environment can change a model."""

import importlib
import subprocess
import sys
from importlib.metadata import version

from airflow_provider_mlops.backends.environment import environment_facts, environment_now
from airflow_provider_mlops.core.canonical import canonical_json
from airflow_provider_mlops.core.replay import environment_differences


def test_what_can_change_a_model_is_named() -> None:
    """Interpreter, processor, BLAS, threads, and every distribution that was imported."""
    importlib.import_module("yaml")
    facts = environment_facts()

    assert facts["python"].startswith("3.")
    assert facts["threads"] == 1
    assert {"numpy", "scikit-learn", "skops", "PyYAML"} <= set(facts["distributions"])
    assert facts["distributions"]["numpy"] == version("numpy")
    assert facts["installed"].startswith("sha256:")
    assert all(isinstance(facts[name], list) for name in ("processor", "blas"))
    assert canonical_json(facts)


def test_a_distribution_of_the_record_is_looked_up() -> None:
    """It need not be imported again to be compared; one that is gone is a difference."""
    recorded = {**environment_facts(), "distributions": {"ruff": version("ruff"), "long-gone": "1.0"}}
    now = environment_now(recorded)

    assert now["distributions"]["ruff"] == version("ruff")
    assert environment_differences(recorded, now) == ["environment: long-gone was 1.0, is None"]


def test_an_older_record_is_compared_by_what_it_states() -> None:
    """Facts that nobody recorded then are no differences, and what is only installed is not compared."""
    now = environment_facts()

    assert environment_differences({"python": now["python"], "distributions": {}}, now) == []
    assert environment_differences({**now, "installed": "sha256:other"}, now) == []


def test_what_other_libraries_have_loaded_is_not_compared() -> None:
    """Two processes of one environment state the same linear algebra, whatever else they have imported."""
    program = (
        "{imports}; from airflow_provider_mlops.backends.environment import environment_facts;"
        "print(environment_facts()['blas'])"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", program.format(imports=imports)], capture_output=True, text=True, check=True
        ).stdout
        for imports in ("pass", "import sklearn.ensemble, duckdb, pyarrow, mlflow.sklearn")
    ]

    assert said[0] == said[1]
    assert "openblas" in said[0] or "mkl" in said[0]
