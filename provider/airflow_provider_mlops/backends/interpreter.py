"""A training function in another interpreter, or in a fresh process of this one: called like the function itself."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends import interpreter_output
from airflow_provider_mlops.backends.files_read import merged
from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.scikit_learn import read_model
from airflow_provider_mlops.backends.threads import ONE_THREAD
from airflow_provider_mlops.core.env_names import passed_on
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken, MLOpsError, TransientError

if TYPE_CHECKING:
    import pandas as pd

_BASE = "base"
CHILD = Path(__file__).with_name("interpreter_child.py")
_LONGEST = 2_000
_CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)


class MissingInterpreter(BadInput):
    """The interpreter is not there, or does not run."""


class InterpreterFunction:
    """A training function that runs in a process of its own; the process ends with this one.

    :param python: path of the interpreter.
    :param module: module of the function, as it is imported there.
    :param function: name of the function.
    :param trusted_types: types that the model may hold beyond skops' own list, when it comes back.
    :param path: folders for the end of its module search path.
    :param sources: module name to SHA-256 of its source here; what is imported there must be the same. Empty to ask
        for nothing.
    :param env_names: environment variables that it gets beside the usual ones; None to give it all of this process.
    :param data_root: folder below which the files are watched that it reads; empty for none.
    :param takes_base: whether it is called with a fitted ``base``, which travels there.
    :param log: where its output is told.
    """

    def __init__(
        self,
        *,
        python: str,
        module: str,
        function: str,
        trusted_types: Sequence[str],
        path: Sequence[str],
        sources: Mapping[str, str],
        env_names: Sequence[str] | None,
        takes_base: bool = False,
        data_root: str = "",
        log: Any,
    ) -> None:
        self.python = python
        self.trusted_types = trusted_types
        self.path = path
        self.sources = dict(sources)
        self.env_names = env_names
        self.log = log
        self.environment: dict[str, Any] | None = None
        self.data_root = data_root
        self.data_files: dict[str, str] | None = {}
        # What `core.code_identity` looks at, as at any function.
        self.__module__, self.__qualname__, self.__name__ = module, function, function
        # What it takes beside its parameters, for whoever offers that.
        self.__signature__ = inspect.signature(_with_base if takes_base else _without)

    def __deepcopy__(self, memo: dict[int, Any]) -> InterpreterFunction:
        """Return itself: whoever copies an estimator with it shall call the same."""
        return self

    def __call__(self, features: pd.DataFrame, labels: pd.Series[Any], *, seed: int, **params: Any) -> Any:
        """Train there, and load the model that comes back.

        :param features: feature rows.
        :param labels: their labels.
        :param seed: seed of the training.
        :param params: further keyword arguments of the function.
        :return: the fitted estimator.
        :raises BadInput: when the interpreter, a library, the function or a type of the model is not there or not
            trusted, or the function refuses the rows.
        :raises TransientError: when the process was killed.
        """
        parquet, arrow = load("pyarrow.parquet", "parquet"), load("pyarrow", "parquet")
        base = params.pop(_BASE, None) if _BASE in self.__signature__.parameters else None
        with tempfile.TemporaryDirectory(prefix="mlops-interpreter-") as name:
            folder = Path(name)
            parquet.write_table(arrow.Table.from_pandas(features), folder / "features.parquet")
            parquet.write_table(arrow.Table.from_pandas(labels.to_frame("label")), folder / "labels.parquet")
            named = {"module": self.__module__, "function": self.__name__, "label": labels.name}
            asked = {**named, "sources": sorted(self.sources), "seed": seed, "params": params}
            asked["data_root"] = self.data_root
            if base is not None:
                load("skops.io", "scikit-learn").dump(base, folder / "base.skops")
                asked |= {"base": "base.skops", "trusted": list(self.trusted_types)}
            answer = self._ask(folder, asked)
            if other := sorted(name for name, found in answer["sources"].items() if found != self.sources[name]):
                raise BadInput(
                    f"{self.python} imports another {other[0]!r} than the one that is to run here: uninstall it there."
                )
            self.environment = answer["environment"]
            # A search calls it several times; one that reads too many files has none on record.
            self.data_files = merged(self.data_files, answer["data_files"])
            return self._model(folder / "model.skops", answer["sha256"])

    def facts(self, also: Iterable[str] = ()) -> dict[str, Any]:
        """Return what of that interpreter can change a model.

        :param also: distributions to state the version of, imported or not.
        :return: as `interpreter_facts.interpreter_facts` says.
        :raises BadInput: when the interpreter or a library is not there.
        """
        with tempfile.TemporaryDirectory(prefix="mlops-interpreter-") as folder:
            return dict(self._ask(Path(folder), {}, also)["environment"])

    def _model(self, path: Path, sha256: str) -> Any:
        try:
            return read_model(path, sha256=sha256, trusted_types=self.trusted_types)
        except EvidenceBroken as err:
            raise BadInput(f"The model of {self.python} cannot be loaded here: {err} See trusted_types.") from err
        except ImportError as err:
            raise BadInput(f"The model of {self.python} needs {err.name!r} here too: install it.") from err

    def _ask(self, folder: Path, job: Mapping[str, Any], also: Iterable[str] = ()) -> dict[str, Any]:
        asked = {"path": list(self.path), "also": sorted(also), "grace": interpreter_output.GRACE, **job}
        (folder / "job.json").write_text(json.dumps(asked), encoding="utf-8")
        with self._process(folder) as process:
            code = interpreter_output.follow(process, interpreter_output.Output(self.log, Path(self.python).name))
        answer = folder / "answer.json"
        if not answer.is_file():
            raise self._no_answer(code, (folder / "begun").exists())
        found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        if "error" in found:
            self._refuse(found)
        return found

    def _no_answer(self, code: int, begun: bool) -> MLOpsError:
        by = interpreter_output.signal_of(code)
        if by == signal.SIGKILL:
            return TransientError(
                f"{self.python} was ended by signal 9 (SIGKILL), as a machine or container does that runs out of "
                "memory: give the task more memory, or train on fewer rows."
            )
        if by in _CRASHES:
            return TransientError(
                f"{self.python} crashed with signal {by.value} ({by.name}) in a library of the training function; the "
                "log above has its stack: another version of that library may not."
            )
        if by is not None:
            return TransientError(f"{self.python} was ended by signal {by.value} ({by.name}), from outside.")
        if begun:
            return TransientError(
                f"The training function, or a library of it, ended {self.python} with exit code {code} (os._exit): it "
                "must return a fitted estimator, or raise."
            )
        return MissingInterpreter(f"{self.python} ended with {code} and no answer; is it a Python of 3.9 or newer?")

    def _refuse(self, found: Mapping[str, str]) -> None:
        message = found["message"]
        if found["error"] == "missing":
            needed = "it needs pandas, pyarrow, scikit-learn and skops, and what the training function imports"
            raise BadInput(f"{self.python}: {message}; {needed}.")
        if found["error"] == "refused":
            raise BadInput(message)
        raise RuntimeError(f"The training function failed in {self.python}: {message[:_LONGEST]}")

    @contextmanager
    def _process(self, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
        """Start it; whatever happens here, a timeout too, it does not go on alone."""
        variables = self._variables()
        try:
            process = subprocess.Popen(  # noqa: S603 - the interpreter that the Dag names
                [self.python, "-I", str(CHILD), str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=variables,
                start_new_session=True,
            )
        except (OSError, ValueError) as err:  # a NUL in the path is the latter
            reason = getattr(err, "strerror", None) or err
            shown = self.python.replace("\0", r"\0")
            raise MissingInterpreter(f"The interpreter {shown} does not run: {reason}.") from err
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            for pipe in (process.stdin, process.stderr):
                if pipe is not None:
                    pipe.close()

    def _variables(self) -> dict[str, str]:
        if self.env_names is None:
            return {**os.environ, **ONE_THREAD}
        try:
            return {**passed_on(os.environ, self.env_names), **ONE_THREAD}
        except BadInput as err:  # where it trains is not what it was
            raise MissingInterpreter(str(err)) from err


def _without(features: Any, labels: Any, *, seed: int, **params: Any) -> None:
    """Have the signature of a function that takes parameters alone."""


def _with_base(features: Any, labels: Any, *, seed: int, base: Any = None, **params: Any) -> None:
    """Have that of one which goes on from a fitted base, too."""


def fresh_process(function: Any, name: str, trusted_types: Sequence[str], log: Any) -> InterpreterFunction:
    """Return a function as a fresh process of this interpreter runs it.

    :param function: the function; it can be imported by its module and name.
    :param name: its name there.
    :param trusted_types: types that its model may hold beyond skops' own list.
    :param log: where its output is told.
    """
    return InterpreterFunction(
        python=sys.executable,
        module=function.__module__,
        function=name,
        trusted_types=trusted_types,
        path=sys.path,
        sources={},
        env_names=None,  # it is asked whether it repeats itself: by what it had the first time
        log=log,
    )


def child_hash() -> str:
    """Return the hash of the programs that run in another interpreter.

    :return: ``sha256:`` and 64 hexadecimal digits.
    """
    files = (CHILD, CHILD.with_name("interpreter_facts.py"), CHILD.with_name("files_read.py"))
    return f"sha256:{hashlib.sha256(b''.join(path.read_bytes() for path in files)).hexdigest()}"
