"""Import paths, and the hash of the code behind them."""

import importlib.util
import py_compile
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from airflow_provider_mlops.core.code_identity import (
    code_files,
    code_hash,
    import_callable,
    is_import_path,
    module_file,
    module_name,
)
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
        ("json:dmps", "has no function 'dmps'. Did you mean dumps?"),
        ("json:__doc__", "has no function '__doc__'"),
    ],
)
def test_wrong_paths_are_named(path: str, words: str) -> None:
    """What is no path, or leads nowhere, is said with the path."""
    with pytest.raises(BadInput, match=re.escape(words)):
        import_callable(path)


def test_missing_import_inside_is_passed_on(package: Callable[..., Callable[..., object]]) -> None:
    """A module that exists, but imports one that does not, fails with that one's name."""
    with pytest.raises(ModuleNotFoundError, match="not_installed_anywhere"):
        package(train="import not_installed_anywhere\n")


class Bundle:
    """A Dag bundle that a test fills, on the module search path."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, text: str) -> Path:
        """Write a file, and forget what was imported."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.forget()
        return path

    def forget(self) -> None:
        """Let everything of the bundle be imported anew."""
        for name in [name for name in sys.modules if name.partition(".")[0].startswith("lab_")]:
            del sys.modules[name]
        importlib.invalidate_caches()

    def files(self, path: str) -> dict[str, str]:
        """Return what is hashed of a function."""
        self.forget()
        return code_files(import_callable(path), path)


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bundle]:
    """An empty bundle."""
    monkeypatch.syspath_prepend(tmp_path)
    made = Bundle(tmp_path)
    yield made
    made.forget()


PLAIN = "def train(features, labels, *, seed):\n    return seed\n"


INNER = "    def inner(*a, **k):\n        return f(*a, **k)\n    return inner\n"
DECORATORS = {
    "wraps": (f"import functools\ndef deco(f):\n    @functools.wraps(f)\n{INNER}", f"@deco\n{PLAIN}"),
    "hides": (f"def deco(f):\n{INNER}", f"@deco\n{PLAIN}"),
    "partial": ("from functools import partial as deco\n", f"{PLAIN}train = deco(train, depth=3)\n"),
    "object": (
        "class deco:\n    def __init__(self, f): self.f = f\n    def __call__(self, *a, **k): return self.f(*a, **k)\n",
        f"@deco\n{PLAIN}",
    ),
    "lambda": ("def deco(f):\n    return f\n", "train = deco(lambda features, labels, *, seed: seed)\n"),
}


@pytest.mark.parametrize(("decorator", "use"), DECORATORS.values(), ids=DECORATORS)
def test_whatever_stands_before_a_function_its_own_module_counts(bundle: Bundle, decorator: str, use: str) -> None:
    """A decorator that hides it, a partial, an object that is called, a lambda: both sources are hashed."""
    bundle.write("lab_deco.py", decorator)
    text = f"from lab_deco import deco\n{use}"
    bundle.write("lab_train.py", text)
    found = bundle.files("lab_train:train")

    assert sorted(found) == ["lab_deco", "lab_train"]
    bundle.write("lab_train.py", text.replace("seed", "seed "))
    assert bundle.files("lab_train:train") != found


def test_a_function_that_another_module_hands_on(bundle: Bundle) -> None:
    """The module that chooses which one it is counts, too."""
    bundle.write("lab_pkg/__init__.py", "")
    bundle.write("lab_pkg/impl.py", PLAIN)
    bundle.write("lab_pkg/api.py", "from .impl import train\n")

    assert sorted(bundle.files("lab_pkg.api:train")) == ["lab_pkg.api", "lab_pkg.impl"]


def test_packages_that_run_something_count(bundle: Bundle) -> None:
    """They are imported before what lies in them; those that hold a docstring at most change nothing."""
    bundle.write("lab_pkg/__init__.py", '"""Words."""\n')
    bundle.write("lab_pkg/sub/__init__.py", "import os\nos.environ['A'] = 'b'\n")
    bundle.write("lab_pkg/sub/train.py", PLAIN)

    assert sorted(bundle.files("lab_pkg.sub.train:train")) == ["lab_pkg.sub", "lab_pkg.sub.train"]


def test_a_module_beside_it_counts(bundle: Bundle) -> None:
    """Modules of the bundle need not lie in one package; what is installed, or the interpreter's own, has a version."""
    bundle.write("lab_features.py", "import json\nimport lab_limits\n")
    bundle.write("lab_limits.py", "import numpy\nLIMIT = 3\n")
    bundle.write("lab_train.py", "import os\nimport pytest\nfrom lab_features import *\n" + PLAIN)

    assert sorted(bundle.files("lab_train:train")) == ["lab_features", "lab_limits", "lab_train"]


def test_a_dag_file_counts_with_what_it_imports(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its functions, and the bundle's modules above its folder."""
    bundle.write("lab_include/features.py", "LIMIT = 3\n")
    path = bundle.write(
        "dags/my_dag.py", "def train(x):\n    from lab_include.features import LIMIT\n    return LIMIT\n"
    )
    name = "unusual_prefix_0a1b2c_my_dag"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, loaded)
    spec.loader.exec_module(loaded)

    assert sorted(code_files(loaded.train, "my_dag:train")) == ["lab_include.features", "my_dag"]
    assert module_file("my_dag") == path


@pytest.mark.parametrize(
    "line", ["import lab_pkg.late", "from lab_pkg import late", "from .late import x", "from . import late"]
)
def test_a_module_that_is_imported_late_counts(bundle: Bundle, line: str) -> None:
    """Within the function, whatever the form; in a namespace package too."""
    bundle.write("lab_pkg/late.py", "x = 1\n")
    bundle.write("lab_pkg/train.py", f"def train(features, labels, *, seed):\n    {line}\n    return seed\n")

    assert sorted(bundle.files("lab_pkg.train:train")) == ["lab_pkg.late", "lab_pkg.train"]


def test_nested_namespace_packages(bundle: Bundle) -> None:
    """No file says that they are packages, at any depth."""
    bundle.write("lab_ns/deep/er/train.py", "from lab_ns.other.helper import x\n" + PLAIN)
    bundle.write("lab_ns/other/helper.py", "x = 1\n")
    found = bundle.files("lab_ns.deep.er.train:train")
    bundle.forget()

    assert sorted(found) == ["lab_ns.deep.er.train", "lab_ns.other.helper"]
    assert module_file("lab_ns.deep.er.train") == bundle.root / "lab_ns/deep/er/train.py"


def test_modules_in_an_archive(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by its own source: another one is another hash."""
    hashes = []
    for limit in (1, 2):
        archive = bundle.root / f"code{limit}.zip"
        with ZipFile(archive, "w") as file:
            file.writestr("lab_zip/__init__.py", "")
            file.writestr("lab_zip/train.py", "from .limits import LIMIT\n" + PLAIN)
            file.writestr("lab_zip/limits.py", f"LIMIT = {limit}\n")
        with monkeypatch.context() as patch:
            patch.syspath_prepend(archive)
            hashes.append(bundle.files("lab_zip.train:train"))

    first, second = hashes
    assert sorted(first) == sorted(second) == ["lab_zip.limits", "lab_zip.train"]
    assert first["lab_zip.train"] == second["lab_zip.train"]
    assert first["lab_zip.limits"] != second["lab_zip.limits"]


def test_compiled_modules_count_by_their_bytes(bundle: Bundle) -> None:
    """Without a source what was compiled is hashed, not nothing."""
    bundle.write("lab_train.py", "import lab_compiled\n" + PLAIN)
    hashes = set()
    for value in (1, 2):
        source = bundle.write("lab_compiled.py", f"x = {value}\n")
        py_compile.compile(str(source), cfile=str(bundle.root / "lab_compiled.pyc"))
        source.unlink()
        hashes.add(bundle.files("lab_train:train")["lab_compiled"])
    assert len(hashes) == 2


def test_nothing_is_imported(bundle: Bundle) -> None:
    """What another interpreter runs may need what is not installed here; its sources are found all the same."""
    bundle.write("lab_pkg/__init__.py", "import not_installed_anywhere\n")
    bundle.write("lab_pkg/sub/__init__.py", "raise SystemExit\n")
    bundle.write("lab_pkg/sub/helper.py", "x = 1\n")
    bundle.write("lab_pkg/train.py", "import not_installed_anywhere\nfrom lab_pkg.sub.helper import x\n" + PLAIN)

    def there() -> None: ...

    there.__module__ = "lab_pkg.train"
    found = code_files(there, "lab_pkg.train:train")
    assert sorted(found) == ["lab_pkg", "lab_pkg.sub", "lab_pkg.sub.helper", "lab_pkg.train"]
    assert not [name for name in sys.modules if name.startswith("lab_")]


def test_names_in_other_scripts(bundle: Bundle) -> None:
    """Python's own rule of what a name is."""
    bundle.write("lab_übung/zählung.py", PLAIN.replace("train", "Ältestes_zuerst"))
    path = "lab_übung.zählung:Ältestes_zuerst"

    assert is_import_path(path)
    assert sorted(bundle.files(path)) == ["lab_übung.zählung"]


@pytest.mark.parametrize("path", ["lab..x:f", "lab.:f", ".lab:f", "lab.1x:f", "lab:1f", "lab:f:g", "lab: f", "lab:"])
def test_what_is_no_name_is_no_import_path(path: str) -> None:
    """Two dots, digits first, spaces, a colon too much."""
    assert not is_import_path(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [("def train(:\n", "is none for this Python"), ("x = '\0'\n", "is none for this Python")],
)
def test_a_source_that_is_none_is_named(bundle: Bundle, text: str, words: str) -> None:
    """A module that this Python cannot parse is an error that a retry does not change."""
    bundle.write("lab_broken.py", text)

    def there() -> None: ...

    there.__module__ = "lab_broken"
    with pytest.raises(BadInput, match=f"'lab_broken' {words}"):
        code_files(there)


def test_what_was_made_by_c_has_no_source() -> None:
    """Said as such."""
    with pytest.raises(BadInput, match="exec has no source to hash: call it in a function of your own"):
        code_files(import_callable("builtins:exec"), "builtins:exec")
