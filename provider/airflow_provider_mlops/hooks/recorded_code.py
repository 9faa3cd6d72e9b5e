"""The training function as the recorded commit has it: exported from Git, proved by its hashes, run in a process."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import decode_source, find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.base import cited_base
from airflow_provider_mlops.core.code_identity import is_import_path
from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.verdict import Outcome, RuleResult

if TYPE_CHECKING:
    from airflow_provider_mlops.core.record import Record

TODAY, RECORDED = "today", "recorded"
CHOICES = (TODAY, RECORDED)
_HINT = "Replay it with code='today'."


@dataclass(frozen=True, slots=True)
class RecordedCode:
    """A training function of a commit.

    :param function: it trains in a process of its own, in which the commit's files come first.
    :param commit: hash of the commit.
    :param files: module name to SHA-256 of its source there, as in the manifest.
    """

    function: Callable[..., Any]
    commit: str
    files: Mapping[str, str]

    def result(self) -> RuleResult:
        """Say in the certificate whose code ran."""
        reason = f"The code of commit {self.commit} ran: its {len(self.files)} modules have the recorded hashes."
        return RuleResult(rule="code", outcome=Outcome.PASS, reason=reason)


@contextmanager
def recorded_code(training: Record, log: Any) -> Iterator[RecordedCode]:
    """Open the code of the commit that a training ran at; its files are removed afterwards.

    :param training: record of the training.
    :param log: where it is told, and what the process writes.
    :return: context manager that gives the function.
    :raises Refused: when the record names no commit that holds what ran, or the commit holds other sources.
    :raises BadInput: when the repository or the commit is not on this machine.
    """
    from airflow_provider_mlops.backends.git_tree import export_commit
    from airflow_provider_mlops.backends.interpreter import InterpreterFunction

    manifest = training.body["manifest"]
    if cited_base(manifest) is not None:
        raise Refused(f"The training goes on from a base, which a function of another process is not given. {_HINT}")
    commit = _commit(training)
    module, _, name = manifest["function"].partition(":")
    repository, inside, today = _place(manifest["function"])
    with tempfile.TemporaryDirectory(prefix="mlops-commit-") as folder:
        export_commit(repository, commit, Path(folder))
        root = Path(folder) / inside
        _prove(root, manifest["code_files"], commit)
        log.info("The code of commit %s is exported, its modules have their recorded hashes.", commit)
        python = manifest.get("python")
        # Another interpreter has its own libraries; this one's may lie on a path that only this process was given.
        others = [] if python else [path for path in sys.path if Path(path or ".").resolve() != today]
        function = InterpreterFunction(
            python=python or sys.executable,
            module=module,
            function=name,
            trusted_types=manifest["trusted_types"],
            path=[str(root), *others],
            sources=manifest["code_files"],
            private=True,
            log=log,
        )
        yield RecordedCode(function, commit, dict(manifest["code_files"]))


def _commit(training: Record) -> str:
    git, bundle = training.body.get("git"), training.body.get("bundle") or {}
    if git is None and (version := bundle.get("version")):
        return str(version)
    if git is None:
        raise Refused(f"The record of the training names no commit: its code was not in Git then. {_HINT}")
    if git["dirty"]:
        raise Refused(
            f"The training ran in a checkout that differed from commit {git['commit'][:12]}: the commit does not hold "
            f"what ran, only the hashes of the record tell. {_HINT}"
        )
    return str(git["commit"])


def _place(path: str) -> tuple[Path, Path, Path]:
    """Find the repository of a module, the folder in it that the module is imported from, and that folder today."""
    from airflow_provider_mlops.backends.git_tree import repository_of

    module = path.partition(":")[0]
    try:
        spec = find_spec(module) if is_import_path(path) else None
    except ModuleNotFoundError:
        spec = None
    if spec is None or not spec.origin or not spec.has_location:
        raise BadInput(f"Module {module!r} is not in the Dag bundle any more: its repository is not known. {_HINT}")
    place = Path(spec.origin).resolve()
    root = place.parents[module.count(".") + (place.name == "__init__.py")]
    found = repository_of(place.parent)
    if found is None:
        raise BadInput(f"{place.parent} is in no Git repository on this machine. {_HINT}")
    repository, top = found
    return repository, root.relative_to(top.resolve()), root


def _prove(root: Path, files: Mapping[str, str], commit: str) -> None:
    """Compare the sources of a commit with the recorded hashes."""
    other = sorted(name for name, digest in files.items() if _hash_of(root, name) != digest)
    if other:
        raise Refused(
            f"Commit {commit[:12]} holds another source of {', '.join(other[:5])} than the training ran: what ran was "
            f"never committed. {_HINT}"
        )


def _hash_of(root: Path, module: str) -> str | None:
    base = root.joinpath(*module.split("."))
    for path in (base.with_suffix(".py") if module else base, base / "__init__.py"):
        if path.is_file():
            return hashlib.sha256(decode_source(path.read_bytes()).encode()).hexdigest()
    return None
