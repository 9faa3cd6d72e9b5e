"""The training function that a replay runs: that of today, or as the recorded commit has it, proved by its hashes."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import decode_source
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.base import fit_of
from airflow_provider_mlops.core.code_identity import code_files, is_import_path
from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.manifest import INCREMENTAL, WARM
from airflow_provider_mlops.core.module_source import find_module, import_root
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.hooks.dag_file import check_top_level
from airflow_provider_mlops.hooks.data_files import root_of
from airflow_provider_mlops.hooks.train_function import recorded_function

if TYPE_CHECKING:
    from airflow_provider_mlops.core.record import Record

TODAY, RECORDED = "today", "recorded"
CHOICES = (TODAY, RECORDED)
_HINT = "Replay it with code='today'."


class CodeMissing(Refused):
    """The code that a replay was to run cannot be had."""


@dataclass(frozen=True, slots=True)
class ReplayedCode:
    """A training function as a replay calls it.

    :param function: of a commit it trains in a process of its own, in which the commit's files come first.
    :param files: module name to SHA-256 of its source, as in a manifest.
    :param commit: hash of the commit; None for the code of today.
    :param root: folder below which the files lie that it reads, as `hooks.data_files.root_of` says.
    """

    function: Callable[..., Any]
    files: Mapping[str, str]
    commit: str | None = None
    root: Path | None = None

    def results(self, manifest: Mapping[str, Any]) -> list[RuleResult]:
        """Say in the certificate whose code ran; nothing of that of today, whose differences are listed.

        :param manifest: of the training.
        :return: one result, or none.
        """
        if self.commit is None:
            return []
        reason = f"The code of commit {self.commit} ran: its {len(self.files)} modules have the recorded hashes."
        if fit_of(manifest) == INCREMENTAL:
            reason = "An incremental fit learns by the base's own partial_fit: no training function is called."
        return [RuleResult(rule="code", outcome=Outcome.PASS, reason=reason)]


def files_of_today(function: Callable[..., Any], manifest: Mapping[str, Any]) -> dict[str, str]:
    """Hash the code of a recorded training as it is now.

    :param function: the training function as it is now.
    :param manifest: of the training.
    :return: module name to SHA-256 of its source.
    :raises BadInput: when it has no source.
    """
    return code_files(function, manifest["function"])


@contextmanager
def replayed_code(training: Record, choice: str, log: Any, bundle: Path | None = None) -> Iterator[ReplayedCode]:
    """Open the code that a replay of a training runs; files of a commit are removed afterwards.

    :param training: record of the training.
    :param choice: ``today`` or ``recorded``.
    :param log: where it is told, and what another process writes.
    :param bundle: root of the Dag bundle, for a function that stands in a Dag file; None for the working directory.
    :return: context manager that gives the function.
    :raises CodeMissing: when today's function cannot be imported; when the record names no commit that holds what ran,
        or the commit is not on this machine.
    :raises TransientError: when Git does not answer.
    """
    manifest = training.body["manifest"]
    with ExitStack() as opened:
        try:
            if choice == TODAY:
                function = recorded_function(training.body, log, bundle)
                root = root_of(function, training.body.get("dag_file"))
                code = ReplayedCode(function, files_of_today(function, manifest), root=root)
            elif fit_of(manifest) == INCREMENTAL:
                code = _of_no_commit(manifest)
            else:
                code = opened.enter_context(_of_commit(training, log))
        except (BadInput, Refused, ImportError, SyntaxError) as err:
            raise CodeMissing(str(err)) from err
        yield code


def _of_no_commit(manifest: Mapping[str, Any]) -> ReplayedCode:
    """An incremental fit calls no function, whatever became of it; what the base is made of runs as it is here."""
    homes = {name.partition(".")[0] for name in manifest["code_files"]}
    if own := [name for name in manifest["trusted_types"] if name.partition(".")[0] in homes]:
        raise Refused(f"The base is made of {own[0]}, which an incremental fit runs as it is today. {_HINT}")
    return ReplayedCode(_not_called, dict(manifest["code_files"]), "")


def _not_called(*_: Any, **__: Any) -> Any:
    raise BadInput("An incremental fit calls no training function.")


@contextmanager
def _of_commit(training: Record, log: Any) -> Iterator[ReplayedCode]:
    from airflow_provider_mlops.backends.git_tree import export_commit
    from airflow_provider_mlops.backends.interpreter import InterpreterFunction

    manifest = training.body["manifest"]
    _check_module(training)
    commit = _commit(training)
    module, _, name = manifest["function"].partition(":")
    today = _place(manifest["function"])
    repository, top = _repository(today, commit)
    with tempfile.TemporaryDirectory(prefix="mlops-commit-") as folder:
        export_commit(repository, commit, Path(folder))
        root = Path(folder) / today.relative_to(top.resolve())
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
            env_names=manifest.get("env_names") or (),
            takes_base=fit_of(manifest) == WARM,
            data_root=str(root),
            log=log,
        )
        yield ReplayedCode(function, dict(manifest["code_files"]), commit, root)


def _commit(training: Record) -> str:
    git, bundle = training.body.get("git"), training.body.get("bundle") or {}
    if git is None and (version := bundle.get("version")):
        return str(version)
    if git is None:
        raise Refused(
            "The record of the training names no commit: its code was not in Git then, or Git was not there or did not "
            f"answer. {_HINT}"
        )
    if git["dirty"]:
        raise Refused(
            f"The training ran in a checkout that differed from commit {git['commit'][:12]}: the commit does not hold "
            f"what ran, only the hashes of the record tell. {_HINT}"
        )
    return str(git["commit"])


def _check_module(training: Record) -> None:
    """A Dag file is loaded by Airflow alone, and its commit is not."""
    path, dag_file = training.body["manifest"]["function"], training.body.get("dag_file")
    check_top_level(path)
    if dag_file:
        raise Refused(
            f"The training function {path!r} stands in the Dag file {dag_file}, which has no import path: of a commit "
            f"only modules are run. Move it into one, for the trainings to come. {_HINT}"
        )


def _place(path: str) -> Path:
    """Find the folder that the module of a function is imported from today."""
    module = path.partition(":")[0]
    spec = find_module(module) if is_import_path(path) else None
    if spec is None or (root := import_root(spec)) is None:
        raise BadInput(
            f"Module {module!r} is not on the module search path here: its repository is not known. The function of a "
            f"Dag file has no import path, a module may have been moved since. {_HINT}"
        )
    if not root.is_dir():
        raise BadInput(f"Module {module!r} lies in the archive {root}, which is not read out of a commit. {_HINT}")
    return root


def _repository(place: Path, commit: str) -> tuple[Path, Path]:
    """Find the repository that has a commit, and the root of its checkout: of a submodule it may be the outer one."""
    from airflow_provider_mlops.backends.git_tree import has_commit, is_shallow, repositories_of

    found = repositories_of(place)
    if not found:
        raise BadInput(f"{place} is in no Git repository on this machine. {_HINT}")
    for repository, top in found:
        if has_commit(repository, commit):
            return repository, top
    where = " and ".join(str(repository) for repository, _ in found)
    way = "fetch --unshallow" if is_shallow(found[0][0]) else "fetch"
    raise BadInput(
        f"Commit {commit[:12]} is not in the repository at {where}: bring it there (git {way}), or replay with "
        "code='today'."
    )


def _prove(root: Path, files: Mapping[str, str], commit: str) -> None:
    """Compare the sources of a commit with the recorded hashes."""
    found = {name: _hash_of(root, name) for name in sorted(files)}
    if gone := [name for name, digest in found.items() if digest is None]:
        raise Refused(
            f"Commit {commit[:12]} does not hold {', '.join(gone[:5])}, which the training ran: it was never "
            f"committed, or lies in a submodule that is not checked out here. {_HINT}"
        )
    if other := [name for name, digest in found.items() if digest != files[name]]:
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
