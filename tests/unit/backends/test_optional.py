"""Libraries that are not installed."""

import sys
import warnings
from pathlib import Path

import pytest

from airflow_provider_mlops.backends.optional import load, quiet
from airflow_provider_mlops.core.errors import MissingBackend


def test_module_is_imported() -> None:
    """One that is there is returned."""
    assert load("json.decoder", "none").__name__ == "json.decoder"


def test_missing_library_says_what_to_install() -> None:
    """The error names the library and the extra that brings it."""
    with pytest.raises(MissingBackend, match=r"'no_such' is not .*: pip install 'airflow-provider-mlops\[that\]'"):
        load("no_such.module", "that")


def test_missing_part_of_a_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that is there, but lacks one of its own, names that one."""
    (tmp_path / "half_there.py").write_text("import not_there_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingBackend, match="'not_there_at_all' is not installed"):
        load("half_there", "that")
    assert "half_there" not in sys.modules


def test_quiet_holds_back_deprecations_only() -> None:
    """Other warnings are still heard."""
    with quiet():
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        with pytest.warns(UserWarning, match="heard"):
            warnings.warn("heard", UserWarning, stacklevel=1)


def test_library_that_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task must not end as a success in the middle, because a library thinks that it runs doctests."""
    (tmp_path / "ends_the_process.py").write_text("import sys\nsys.exit(0)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingBackend, match="'ends_the_process' would end this process"):
        load("ends_the_process", "spark")
