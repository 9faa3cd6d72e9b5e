"""`airflow mlops policy check`: what it prints and how it exits."""

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.cli.policy_check import check
from airflow_provider_mlops.core.ledger import Ledger

POLICY = """\
schema: 1
name: late
dependence: {cluster: customer}
outcomes: {inconclusive: route}
rules:
  - {name: enough, kind: min_rows, rows: 4000}
  - {name: better_than_a_coin, kind: minimum, metric: accuracy, value: 0.6}
  - {name: not_worse, kind: non_inferior, metric: accuracy, margin: 0.01}
  - {name: by_origin, kind: non_inferior, metric: accuracy, margin: 0.03, slice: origin, values: [A, B], min_rows: 9}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A policy file."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def arguments(file: Path, **given: Any) -> Namespace:
    """Return what the parser gives the command."""
    options = ("rows", "discordance", "base_rate", "model", "ledger_root")
    return Namespace(**{**dict.fromkeys(options), "file": str(file), "json": False, **given})


def test_every_rule_is_said_with_its_rows(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence, the number and the assumption stand together."""
    check(arguments(policy))
    out = capsys.readouterr().out

    assert out.startswith("Policy late: 4 rules, all must pass.\nEach is judged at the one-sided error rate 0.05")
    assert "INCONCLUSIVE runs the steps of its route" in out
    assert "Rows of one value of 'customer' belong together" in out
    assert (
        "not_worse (non_inferior)\n"
        "    The candidate's accuracy must not be lower than the champion's by 0.01 or more, judged on the 95 % bound "
        "of the paired difference.\n"
        "    Rows: 3,092 test rows, if both models are truly equal, and 5 % of the rows are decided differently, for "
        "independent rows.\n"
    ) in out
    assert "The numbers without a measured spread are for independent rows" in out
    assert "No rule limits the looks" in out


def test_rows_at_hand_have_a_power(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """2,000 rows: too few to start with, and the power of each rule that they decide."""
    check(arguments(policy, rows=2_000))
    out = capsys.readouterr().out

    assert "2,000 rows are too few" in out
    assert "With 2,000 test rows the power is 0.64." in out
    assert "with 2,000 rows, equally many in each, all pass with a probability of" in out


def test_json_has_each_number_with_its_assumption(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Other programs read the same facts."""
    check(arguments(policy, json=True, discordance=0.08, rows=4_947))
    found = json.loads(capsys.readouterr().out)
    rules = {rule["rule"]: rule for rule in found["rules"]}

    assert (found["policy"], found["alpha"], found["assumptions"]["discordance"]) == ("late", 0.05, 0.08)
    assert rules["not_worse"]["rows"] == 4_947
    assert rules["not_worse"]["power"] == pytest.approx(0.8, abs=0.001)
    assert rules["enough"]["power"] == 1
    assert all(rule["given"] and rule["demands"] for rule in rules.values())


def test_a_model_brings_its_measured_spread(policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The newest live evaluation is taken, with its share of positives."""
    ledger = Ledger(tmp_path / "ledger", "model/late")
    for key, mode, width in (("2013-01", "live", 0.01), ("2013-02", "live", 0.02), ("2013-03", "audit", 0.5)):
        interval = {"value": 0.0, "low": -width, "high": width, "n": 1_000, "method": "tango"}
        metrics = {"accuracy": {"candidate": {**interval, "value": 0.7}, "champion": None, "difference": interval}}
        body = {"partition_key": key, "rows": 1_000, "positives": 130, "metrics": metrics}
        ledger.append(kind="evaluation", key=key, body=body, mode=mode)
    check(arguments(policy, json=True, model="late", ledger_root=str(ledger.root)))
    found = json.loads(capsys.readouterr().out)
    rules = {rule["rule"]: rule for rule in found["rules"]}

    assert rules["not_worse"]["given"].endswith("the difference spreads per row as in the evaluation of 2013-02")
    assert rules["not_worse"]["rows"] == pytest.approx(1_000 * (2 / 1.645 * 2.486) ** 2, rel=0.01)
    assert "accuracy was 0.7 in the evaluation of 2013-02" in rules["better_than_a_coin"]["given"]
    assert found["assumptions"]["base_rate"] == 0.13


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"file": "none.yaml"}, "There is no file"),
        ({"rows": 0}, "--rows must be at least 1"),
        ({"base_rate": 1.2}, "base rate must be above 0 and below 1"),
    ],
)
def test_a_wrong_call_exits_with_2(
    policy: Path, capsys: pytest.CaptureFixture[str], given: dict[str, Any], words: str
) -> None:
    """One line on standard error."""
    with pytest.raises(SystemExit) as caught:
        check(arguments(policy, **given) if "file" not in given else Namespace(**{**vars(arguments(policy)), **given}))
    printed = capsys.readouterr()

    assert (caught.value.code, printed.out) == (2, "")
    assert words in printed.err


def test_a_model_without_an_evaluation_exits_with_2(
    policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is nothing to take a spread from."""
    ledger = Ledger(tmp_path / "ledger", "model/late")
    ledger.append(kind="training", key="k", body={})
    with pytest.raises(SystemExit) as caught:
        check(arguments(policy, model="late", ledger_root=str(ledger.root)))

    assert caught.value.code == 2
    assert "has no recorded evaluation" in capsys.readouterr().err
