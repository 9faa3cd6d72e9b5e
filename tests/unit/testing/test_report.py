"""What a series of attacks reports."""

import json
import subprocess
import sys

import pytest

from airflow_provider_mlops import testing
from airflow_provider_mlops.testing import Finding, GateOpen, Report, attacks

HELD = Finding("nan_scores", "INCONCLUSIVE", "A score is NaN.", "gate")
OPEN = Finding("empty_table", "PASS", "All rules hold.")
HONEST = Finding("control", "PASS", "All rules hold.")


def test_a_closed_gate_raises_nothing() -> None:
    """A test that calls it is green."""
    report = Report("policy p", (HONEST,), (HELD,))
    report.raise_if_passed()

    assert str(report) == (
        "policy p: 1 attacks held back, 0 passed.\nINCONCLUSIVE   nan_scores [gate]: A score is NaN."
    )


def test_an_open_gate_fails_the_test_and_names_the_attack() -> None:
    """It is an assertion that fails, so that any test runner shows it as one."""
    report = Report("policy p", (HONEST,), (HELD, OPEN))
    with pytest.raises(GateOpen, match=r"policy p: 1 of 2 attacks passed\.\nPASS +empty_table: All rules hold"):
        report.raise_if_passed()

    assert issubclass(GateOpen, AssertionError)
    assert list(report) == [HELD, OPEN]


def test_a_control_that_does_not_pass_is_said() -> None:
    """A gate that holds back everything is no proof."""
    report = Report("policy p", (Finding("control", "FAIL", "Too strict."),), (HELD,))

    assert "The honest rows do not pass either, so that the attacks prove little. Too strict." in str(report)


def test_attacks_have_a_name_and_a_sentence() -> None:
    """They are listed in tests by their names."""
    assert len({str(attack) for attack in attacks()}) == len(attacks())
    assert all(attack.what.endswith(".") for attack in attacks())


def test_every_public_name_is_there() -> None:
    """What is announced can be imported."""
    assert all(hasattr(testing, name) for name in testing.__all__)


def test_importing_the_kit_is_cheap() -> None:
    """Test files are collected without numpy, pandas or Airflow's tasks."""
    code = "import json, sys, airflow_provider_mlops.testing; print(json.dumps(sorted(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert not {"numpy", "pandas", "mlflow", "pyarrow", "pytest", "airflow"} & set(json.loads(loaded))
