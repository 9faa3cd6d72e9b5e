"""Training in another interpreter: with few libraries, with none, killed, and gone."""

import logging
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.backends import interpreter_output
from airflow_provider_mlops.backends import scikit_learn as sk
from airflow_provider_mlops.backends.environment import environment_facts
from airflow_provider_mlops.backends.interpreter import InterpreterFunction, MissingInterpreter, child_hash
from airflow_provider_mlops.core.errors import BadInput, TransientError
from airflow_provider_mlops.hooks.train_function import find_function
from tests.support import elsewhere
from tests.support.interpreters import make_interpreter
from tests.support.synthetic import rows_of

LOG = logging.getLogger(__name__)
ROOT = Path(__file__).parents[3]
MODULE = "tests.support.elsewhere"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return an interpreter that has what a training needs, and no Airflow."""
    return str(make_interpreter(tmp_path_factory.mktemp("second") / "venv"))


def function(name: str, python: str, trusted: tuple[str, ...] = ()) -> Any:
    """Return a training function of another interpreter."""
    return find_function(f"{MODULE}:{name}", python, trusted, LOG)


def rows() -> tuple[Any, Any]:
    """Return features and labels."""
    frame = rows_of("2020-01")
    frame = frame[frame["late"].notna()]
    return frame[["signal", "noise"]], frame["late"].astype("int64")


def test_model_of_another_interpreter_is_that_of_this_one(python: str) -> None:
    """The same rows, seed and parameters give the same parameters to the bit; bits of rows survive the way."""
    features, labels = rows()
    there = sk.fit(function("fit_strength", python), features, labels, seed=7, params={"strength": 0.3})
    here = sk.fit(elsewhere.fit_strength, features, labels, seed=7, params={"strength": 0.3})

    assert sk.model_digest(there) == sk.model_digest(here)


def test_the_function_sees_its_own_interpreter_alone(python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither Airflow nor a secret of its connections reaches it; the facts are those of its interpreter."""
    monkeypatch.setenv("AIRFLOW_CONN_X", "postgres://user:secret@host/db")
    there = function("fit_where", python)
    model = there(*rows(), seed=7)

    assert model.where_ == {"prefix": str(Path(python).parents[1]), "airflow": False, "secret": False}
    assert there.environment.keys() == environment_facts().keys()
    assert "apache-airflow" not in there.environment["distributions"]
    assert there.environment["installed"] != environment_facts()["installed"]
    assert there.facts(also=["joblib"])["distributions"]["joblib"]


def test_what_the_function_says_is_in_the_log(python: str, caplog: pytest.LogCaptureFixture) -> None:
    """Standard output and error of the other interpreter are lines of this log."""
    with caplog.at_level(logging.INFO):
        function("fit_plain", python)(*rows(), seed=7)

    assert any("fitting" in line for line in caplog.messages)
    assert not any("Fatal Python error" in line for line in caplog.messages)


def test_what_the_function_leaves_behind_ends_with_it(python: str, tmp_path: Path) -> None:
    """A process that the function has started and forgotten is not waited for."""
    mark = tmp_path / "mark"
    function("fit_and_leave", python)(*rows(), seed=7, mark=str(mark))

    assert not mark.exists()


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("fit_strength", BadInput, "cannot be called with these train_params"),
        ("nobody", BadInput, "has no function 'nobody'"),
        ("end_at_once", TransientError, r"ended by signal 9 \(SIGKILL\).*give the task more memory"),
        ("break_down", RuntimeError, "KeyError: 'nobody knows'"),
    ],
)
def test_failure_there_is_the_failure_here(python: str, name: str, error: type[Exception], says: str) -> None:
    """What is final there is final here, what may pass is tried again."""
    with pytest.raises(error, match=says):
        function(name, python)(*rows(), seed=7)


@pytest.mark.parametrize(
    ("params", "error", "says"),
    [
        ({"how": "exit", "code": 0}, BadInput, r"called sys\.exit\(0\): it must return an estimator, or raise"),
        ({"how": "exit", "code": 3}, BadInput, r"called sys\.exit\(3\)"),
        ({"how": "_exit", "code": 3}, TransientError, r"ended .* with exit code 3 \(os\._exit\): it must return"),
        ({"how": "_exit", "code": 137}, TransientError, r"ended by signal 9 \(SIGKILL\)"),
        ({"how": "kill", "code": 11}, TransientError, r"crashed with signal 11 \(SIGSEGV\) in a library"),
        ({"how": "kill", "code": 15}, TransientError, r"ended by signal 15 \(SIGTERM\), from outside"),
        ({"how": "ask"}, RuntimeError, "EOFError"),
    ],
)
def test_a_process_that_ends_without_a_model_says_how(
    python: str, params: dict[str, Any], error: type[Exception], says: str
) -> None:
    """Cause and way out; none is taken for a missing interpreter, and who asks for input does not wait for it."""
    with pytest.raises(error, match=says) as raised:
        function("leave", python)(*rows(), seed=7, **params)
    assert not isinstance(raised.value, MissingInterpreter)


def test_a_crash_leaves_its_stack_in_the_log(python: str, caplog: pytest.LogCaptureFixture) -> None:
    """The frames of Python above the library that crashed."""
    with caplog.at_level(logging.INFO), pytest.raises(TransientError):
        function("leave", python)(*rows(), seed=7, how="kill", code=11)

    assert "Segmentation fault" in caplog.text
    assert "elsewhere.py" in caplog.text


def test_sys_exit_is_refused_here_too() -> None:
    """Airflow takes an exit with 0 for a success."""
    with pytest.raises(BadInput, match=r"called sys\.exit\(0\)"):
        sk.fit(elsewhere.leave, *rows(), seed=7, params={"how": "exit"})


@pytest.mark.parametrize("how", ["line", "lines", "bar"])
def test_a_megabyte_of_output_is_told_within_bounds(python: str, caplog: pytest.LogCaptureFixture, how: str) -> None:
    """The beginning and the end are told, how much is between them too; the training is not held up."""
    with caplog.at_level(logging.INFO):
        function("shout", python)(*rows(), seed=7, how=how)

    assert len(caplog.text) < 2 * interpreter_output.MOST
    assert max(map(len, caplog.messages)) < interpreter_output.LONGEST_LINE + 100
    assert any("the last words" in line for line in caplog.messages)
    assert any(re.search(r"wrote \d{3},\d{3} more characters", line) for line in caplog.messages)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("thread", r"left threads that go on \(forever\): its process is ended"),
        ("farewell", "left something that does not end: its process is ended"),
        ("process", "has left processes that went on; they are ended"),
    ],
)
def test_a_process_that_hangs_at_the_end_is_ended(
    python: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, how: str, says: str
) -> None:
    """It has answered: the model counts, and the log says what it left."""
    monkeypatch.setattr(interpreter_output, "GRACE", 1.0)
    with caplog.at_level(logging.INFO):
        model = function("hang_at_the_end", python)(*rows(), seed=7, how=how)

    assert model.coef_.shape == (1, 2)
    assert re.search(says, caplog.text)


def test_a_secret_does_not_reach_the_function(python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets what programs and numeric libraries need, and what was named; nothing else, whatever it is called."""
    for name in ("AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "DATABASE_URL", "AIRFLOW_CONN_X", "MY_SETTING", "OTHER"):
        monkeypatch.setenv(name, "secret")
    for name in ("CUDA_VISIBLE_DEVICES", "MKL_CBWR", "LC_NUMERIC", "TZ"):
        monkeypatch.setenv(name, "C" if name == "LC_NUMERIC" else "0")
    there = find_function(f"{MODULE}:fit_environment", python, (), LOG, ["MY_SETTING"])
    found = set(there(*rows(), seed=7).variables_)

    assert {"PATH", "MY_SETTING", "CUDA_VISIBLE_DEVICES", "MKL_CBWR", "LC_NUMERIC", "TZ", "OMP_NUM_THREADS"} <= found
    assert not {name for name in found if name.startswith(("AWS_", "GITHUB_", "DATABASE_", "AIRFLOW", "OTHER"))}


def test_a_variable_that_is_not_set_is_named(python: str) -> None:
    """Before anything starts, by its name."""
    there = find_function(f"{MODULE}:fit_plain", python, (), LOG, ["NOBODY_SETS_THIS"])
    with pytest.raises(MissingInterpreter, match="env_names: NOBODY_SETS_THIS is not set where this task runs"):
        there(*rows(), seed=7)


def test_interpreter_that_is_gone(tmp_path: Path) -> None:
    """A path to nothing is named."""
    with pytest.raises(MissingInterpreter, match="does not run: No such file"):
        function("fit_plain", str(tmp_path / "python"))(*rows(), seed=7)


def test_interpreter_that_is_none() -> None:
    """A program that is no Python has no answer."""
    with pytest.raises(MissingInterpreter, match="ended with 1 and no answer"):
        function("fit_plain", "/bin/false")(*rows(), seed=7)


def test_interpreter_whose_path_holds_a_nul() -> None:
    """No path at all: final, and not a failure of Python that is tried again."""
    with pytest.raises(MissingInterpreter, match="does not run: embedded null byte"):
        function("fit_plain", "/usr/bin/python\0")(*rows(), seed=7)


def test_relative_interpreter_is_refused() -> None:
    """Every process would read a relative path differently."""
    with pytest.raises(BadInput, match="must be the absolute path"):
        function("fit_plain", "venv/bin/python")


def test_library_that_is_missing_there(tmp_path: Path) -> None:
    """An interpreter without a library names it, and what is needed."""
    bare = make_interpreter(tmp_path / "bare", ("pandas",))
    with pytest.raises(BadInput, match=r"No module named '\w+'; it needs pandas, pyarrow, scikit-learn and skops"):
        function("fit_plain", str(bare))(*rows(), seed=7)


def test_module_that_is_missing(python: str) -> None:
    """A function that is not in the Dag bundle is named before anything starts."""
    with pytest.raises(BadInput, match="cannot be found; is it in the Dag bundle"):
        find_function("no_such_package.module:train", python, (), LOG)


def test_a_package_that_needs_what_is_not_here_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the other interpreter imports it: that its package needs a library that is missing here is no matter."""
    package = tmp_path / "lab_conflicting"
    package.mkdir()
    (package / "__init__.py").write_text("import conflicts_with_airflow\n")
    (package / "training.py").write_text("def fit(features, labels, *, seed): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = find_function("lab_conflicting.training:fit", sys.executable, (), LOG)

    assert found.path == [str(tmp_path)]
    assert sorted(found.sources) == ["lab_conflicting", "lab_conflicting.training"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("sys:exit", "Module 'sys' of 'sys:exit' is built into this interpreter, not a file of the Dag bundle"),
        ("lab_folder:fit", "Module 'lab_folder' of 'lab_folder:fit' is a folder of modules, not a file"),
        ("tests.support.elsewhere.deeper:fit", "Module 'tests.support.elsewhere.deeper' .* cannot be found"),
    ],
)
def test_a_module_of_no_file_is_said_to_be_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, words: str
) -> None:
    """It is there, but not what is needed."""
    (tmp_path / "lab_folder").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BadInput, match=words):
        find_function(path, sys.executable, (), LOG)


def test_other_source_there_is_refused(python: str) -> None:
    """What that interpreter imports must be what was hashed."""
    there = function("fit_plain", python)
    there.sources[MODULE] = 64 * "0"
    with pytest.raises(BadInput, match="imports another"):
        there(*rows(), seed=7)


def test_other_source_of_a_neighbour_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that the interpreter has itself comes first: all its modules must be the hashed ones, not one."""
    there = make_interpreter(tmp_path / "venv")
    (site,) = there.parents[1].glob("lib/python*/site-packages")
    for home, strength in ((tmp_path / "bundle", 1.0), (site, 2.0)):
        package = home / "shadowed_package"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "helper.py").write_text(f"STRENGTH = {strength}\n")
        (package / "train.py").write_text(
            "from sklearn.linear_model import LogisticRegression\n"
            "from shadowed_package.helper import STRENGTH\n"
            "def fit(features, labels, *, seed):\n"
            "    return LogisticRegression(C=STRENGTH).fit(features, labels)\n"
        )
    monkeypatch.syspath_prepend(tmp_path / "bundle")
    with pytest.raises(BadInput, match=r"imports another 'shadowed_package\.helper'"):
        find_function("shadowed_package.train:fit", str(there), (), LOG)(*rows(), seed=7)


def test_untrusted_type_does_not_come_back(python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that holds a type nobody named is not loaded."""
    there = find_function("tests.support.untrusted:fit_untrusted", python, (), LOG)
    with pytest.raises(BadInput, match=r"cannot be loaded here.*See trusted_types"):
        there(*rows(), seed=7)


def test_child_ends_with_a_killed_parent(python: str, tmp_path: Path) -> None:
    """A task that is killed leaves no training behind."""
    mark = tmp_path / "mark"
    script = (
        "import logging\n"
        "from tests.unit.backends.test_interpreter import function, rows\n"
        f"function('fit_forever', {python!r})(*rows(), seed=7, mark={str(mark)!r})\n"
    )
    path = os.pathsep.join([str(ROOT), *sys.path])
    parent = subprocess.Popen([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path})
    while not mark.exists() or not mark.read_text():
        assert parent.poll() is None
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    child = int(mark.read_text())

    assert _ends(child)


def test_child_ends_with_a_timeout(python: str, tmp_path: Path) -> None:
    """An exception that comes between, as Airflow's timeout does, ends the training there."""
    mark = tmp_path / "mark"

    def stop(*_: Any) -> None:
        raise TimeoutError

    def look(*_: Any) -> None:
        signal.signal(signal.SIGALRM, stop if mark.exists() and mark.read_text() else look)
        signal.setitimer(signal.ITIMER_REAL, 0.2)

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(TimeoutError):
            function("fit_forever", python)(*rows(), seed=7, mark=str(mark))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert _ends(int(mark.read_text()))


def test_threads_of_libraries_that_are_loaded_late(python: str) -> None:
    """In a fresh process everything that is loaded while training has one thread."""
    model = function(
        "threads_of_late_libraries", python, ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",)
    )(*rows(), seed=7)

    assert model.threads_ == [1]


def test_the_programs_have_a_hash() -> None:
    """What runs there can be named."""
    assert child_hash().startswith("sha256:")
    assert isinstance(function("fit_plain", sys.executable), InterpreterFunction)


def _ends(pid: int) -> bool:
    for _ in range(600):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if _is_zombie(pid):
            return True
        time.sleep(0.05)
    return False


def _is_zombie(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z"
