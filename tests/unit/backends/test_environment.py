"""What of an environment can change a model."""

import importlib
import importlib.util
import json
import os
import subprocess
import sys
from importlib.metadata import packages_distributions, version
from pathlib import Path

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


def test_the_distributions_are_those_that_python_names() -> None:
    """Read by ourselves, which takes a tenth of the time, they are what `importlib.metadata` makes of them."""
    for name in ("cffi", "dateutil", "yaml", "pkg_resources", "sklearn.ensemble", "pyarrow.parquet"):
        if importlib.util.find_spec(name.partition(".")[0]):
            importlib.import_module(name)
    found = environment_facts()["distributions"]

    modules = {name.partition(".")[0] for name in sys.modules}
    named = {name for module, names in packages_distributions().items() if module in modules for name in names}
    assert named <= set(found)
    assert found == {name: version(name) for name in found}


def test_what_a_broken_installation_left_behind_is_passed_over(tmp_path: Path) -> None:
    """A folder without metadata names nothing; one in the old format does; of two the first on the path counts."""
    (tmp_path / "left_behind-1.0.dist-info").mkdir()
    old = tmp_path / "old_format-2.0.egg-info"
    old.mkdir()
    (old / "PKG-INFO").write_text("Metadata-Version: 1.1\r\nName: Old.Format\r\nVersion: 2.0\r\n\r\nName: no\r\n")
    (old / "SOURCES.txt").write_text("old_format.py\nold_format_package/__init__.py\n")
    (tmp_path / "old_format.py").write_text("")
    (tmp_path / "old_format_package").mkdir()
    (tmp_path / "old_format_package" / "__init__.py").write_text("")
    newer = tmp_path / "numpy-99.dist-info"
    newer.mkdir()
    (newer / "METADATA").write_text("Metadata-Version: 2.1\nName: NumPy\nVersion: 99\n\n")
    program = (
        "import json, old_format; from airflow_provider_mlops.backends.environment import environment_facts;"
        "print(json.dumps(environment_facts(['old_format', 'left-behind'])['distributions']))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
    ).stdout
    found = json.loads(said)

    assert found["Old.Format"] == found["old_format"] == "2.0"
    assert "left-behind" not in found
    assert found["numpy"] == "99"


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
