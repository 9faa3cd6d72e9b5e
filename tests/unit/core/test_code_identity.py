"""Import paths, and the hash of the code behind them."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airflow_provider_mlops.core.code_identity import code_files, code_hash, import_callable, module_name
from airflow_provider_mlops.core.errors import BadInput

FILES = {
    "lab_pkg/__init__.py": "",
    "lab_pkg/train.py": (
        "import json\nfrom lab_pkg.parts import double\nfrom lab_pkg import deep\n\n"
        "def train(x):\n    return double(deep.more(x))\n"
    ),
    "lab_pkg/parts.py": "def double(x):\n    return 2 * x\n",
    "lab_pkg/deep.py": (
        "from .limits import LIMIT\n\n"
        "def more(x):\n    from lab_pkg.deeper import most\n    return min(most(x) + 1, LIMIT)\n"
    ),
    "lab_pkg/limits.py": "LIMIT = 9\n",
    "lab_pkg/deeper.py": "def most(x):\n    return x\n",
    "lab_pkg/apart.py": "def unused(x):\n    return x\n",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Callable[..., object]]]:
    """Return a function that writes the package, with changed files, and imports its training function anew."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(**changed: str) -> Callable[..., object]:
        for name, text in {**FILES, **{f"lab_pkg/{part}.py": code for part, code in changed.items()}}.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        forget()
        importlib.invalidate_caches()
        return import_callable("lab_pkg.train:train")

    def forget() -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == "lab_pkg"]:
            del sys.modules[name]

    yield write
    forget()


def test_neighbours_are_hashed_too(package: Callable[..., Callable[..., object]]) -> None:
    """The files are the function's module and what it imports of its own package: also through another module,
    relative, inside a function, or for a constant only.
    """
    names = ["lab_pkg", "lab_pkg.deep", "lab_pkg.deeper", "lab_pkg.limits", "lab_pkg.parts", "lab_pkg.train"]
    assert list(code_files(package())) == names


@pytest.mark.parametrize("part", ["train", "parts", "deep", "deeper", "limits"])
def test_change_of_a_neighbour_changes_the_hash(package: Callable[..., Callable[..., object]], part: str) -> None:
    """An edit anywhere in the code that is used is another hash."""
    before = code_hash(package())
    assert code_hash(package(**{part: FILES[f"lab_pkg/{part}.py"] + "# edited\n"})) != before


def test_change_elsewhere_does_not(package: Callable[..., Callable[..., object]]) -> None:
    """An edit of a module that is not used is not."""
    before = code_hash(package())
    assert code_hash(package(apart="# edited\n")) == before


def test_what_else_is_loaded_does_not_count(package: Callable[..., Callable[..., object]]) -> None:
    """Neither the package's other modules nor imports that were done meanwhile change the hash."""
    function = package()
    before = code_hash(function)
    importlib.import_module("lab_pkg.apart")
    function(3)
    assert code_hash(function) == before


def test_hash_is_stable(package: Callable[..., Callable[..., object]]) -> None:
    """The same code has the same hash in another process or import."""
    assert code_hash(package()) == code_hash(package())


def test_dag_files_have_their_plain_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow's prefix, which holds a hash of the path, is no part of a module's name."""

    def train() -> None:
        """Do nothing."""

    monkeypatch.setattr(train, "__module__", "unusual_prefix_0a1b2c_my_dag")
    assert module_name(train) == "my_dag"


def test_callable_is_imported() -> None:
    """A path leads to its function."""
    assert import_callable("json:dumps") is __import__("json").dumps


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("json.dumps", "is not an import path; write it as package.module:function"),
        ("json:", "is not an import path"),
        (":dumps", "is not an import path"),
        ("json:dumps()", "is not an import path"),
        ("../json:dumps", "is not an import path"),
        ("json:JSONDecoder.decode", "is not an import path"),
        (None, "is not an import path"),
        ("no_such_module:f", "'no_such_module' of 'no_such_module:f' cannot be found; is it in the Dag bundle"),
        ("json.no_such:f", "cannot be found"),
        ("json:no_such", "Module 'json' has no function 'no_such'"),
        ("json:__doc__", "has no function '__doc__'"),
    ],
)
def test_wrong_paths_are_named(path: str, words: str) -> None:
    """What is no path, or leads nowhere, is said with the path."""
    with pytest.raises(BadInput, match=words.replace("(", r"\(")):
        import_callable(path)


def test_missing_import_inside_is_passed_on(package: Callable[..., Callable[..., object]]) -> None:
    """A module that exists, but imports one that does not, fails with that one's name."""
    with pytest.raises(ModuleNotFoundError, match="not_installed_anywhere"):
        package(train="import not_installed_anywhere\n")
