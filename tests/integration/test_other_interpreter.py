"""A training in an interpreter without Airflow, as the step of a Dag: recorded, evaluated, replayed, and gone."""

import shutil
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException

from tests.conftest import MakeLab
from tests.support.interpreters import make_interpreter
from tests.support.lab import Lab

FUNCTION = "tests.support.elsewhere:fit_plain"


def trained(make_lab: MakeLab, python: str, **more: object) -> Lab:
    """Train in another interpreter."""
    lab = make_lab("accepted")
    lab.run("train", partition_key="2020-03", train_function=FUNCTION, python=python, **more)
    return lab


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return an interpreter that has what a training needs, and no Airflow."""
    return str(make_interpreter(tmp_path_factory.mktemp("second") / "venv"))


def test_record_is_that_of_the_other_interpreter(make_lab: MakeLab, python: str) -> None:
    """The environment is that of the interpreter that trained; the model is the one that this one would train."""
    lab = trained(make_lab, python, determinism="verify")
    record = lab.records("training")[-1]
    lab.run("train", partition_key="2020-03", train_function=FUNCTION)
    here = lab.records("training")[-1]

    assert record.body["manifest"]["python"] == python
    assert record.body["interpreter"]["path"] == python
    assert record.body["interpreter"]["program"].startswith("sha256:")
    assert record.body["manifest"]["code_files"] == here.body["manifest"]["code_files"]
    assert record.body["fit_cpu_seconds"] > 0.1  # importing the libraries there takes more
    assert record.body["git"] is not None
    assert "apache-airflow" not in record.body["environment"]["distributions"]
    assert "apache-airflow-core" in here.body["environment"]["distributions"]
    assert record.body["model_digest"] == here.body["model_digest"]
    assert record.body["determinism"]["process"] == "fresh"


def test_names_of_variables_are_recorded_and_no_values(
    make_lab: MakeLab, python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that were asked for stand in the manifest, all that it got in the record; a replay needs them again."""
    monkeypatch.setenv("MY_SETTING", "hunter2")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    lab = trained(make_lab, python, env_names=["MY_SETTING"])
    record = lab.records("training")[-1]

    assert record.body["manifest"]["env_names"] == ["MY_SETTING"]
    assert {"MY_SETTING", "PATH"} <= set(record.body["interpreter"]["env_names"])
    assert "AWS_SECRET_ACCESS_KEY" not in record.body["interpreter"]["env_names"]
    stored = [path for path in (lab.storage / "ledger").rglob("*.json") if "hunter2" in path.read_text()]
    assert stored == []
    lab.run("replay", partition_key="2020-03", run_id="there")
    assert lab.records("certificate")[-1].body["level"] == "L0"
    monkeypatch.delenv("MY_SETTING")
    lab.run("replay", partition_key="2020-03", run_id="gone", on_difference="record")
    (difference,) = lab.records("certificate")[-1].body["differences"]
    assert difference["cause"] == "environment changed"
    assert "MY_SETTING is not set" in difference["detail"]


def test_rest_of_the_life_cycle_goes_on(make_lab: MakeLab, python: str) -> None:
    """What was trained there is registered and evaluated here, and replayed there."""
    lab = trained(make_lab, python)
    key = lab.records("training")[-1].key
    lab.run("register", manifest_hash=key)
    lab.run("evaluate", manifest_hash=key)
    audit = lab.run("train", run_type="backfill", partition_key="2020-03", train_function=FUNCTION, python=python)
    lab.run("replay", partition_key="2020-03")
    certificate = lab.records("certificate")[-1]

    assert audit["replay"] == {"level": "L0", "differences": []}
    assert (certificate.body["level"], certificate.body["differences"]) == ("L0", [])


def test_interpreter_that_is_gone_is_the_cause(make_lab: MakeLab, tmp_path: Path) -> None:
    """A replay names it, and contradicts nothing else; the audit's task says it too."""
    own = make_interpreter(tmp_path / "own")
    lab = trained(make_lab, str(own))
    shutil.rmtree(tmp_path / "own")
    lab.run("replay", partition_key="2020-03", on_difference="record")
    certificate = lab.records("certificate")[-1]

    (difference,) = certificate.body["differences"]
    assert (certificate.body["level"], certificate.outcome) == ("none", "FAIL")
    assert difference["cause"] == "environment changed"
    assert f"{own} does not run" in difference["detail"]
    with pytest.raises(AirflowFailException, match="does not run"):
        lab.run("train", run_type="backfill", partition_key="2020-03", train_function=FUNCTION, python=str(own))


def test_fit_that_goes_on_from_a_model_takes_no_interpreter(make_lab: MakeLab, python: str) -> None:
    """A fitted base does not travel."""
    lab = make_lab("promoted")
    with pytest.raises(AirflowFailException, match="takes no python"):
        lab.run("train", partition_key="2020-03", train_function=FUNCTION, python=python, fit="warm")
