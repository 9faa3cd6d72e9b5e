"""`airflow mlops policy backtest` on recorded evaluations: real trainings, real scores, no model and no MLflow."""

import json
from argparse import Namespace
from typing import Any

import pytest

from airflow_provider_mlops.cli.policy_backtest import backtest
from airflow_provider_mlops.core.verdict import Verdict
from tests.conftest import MakeLab
from tests.support.lab import Lab

OTHER = """\
schema: 1
name: other
rules:
  - {{name: auc_minimum, kind: minimum, metric: roc_auc, value: {value}}}
"""


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """Two promotable candidates, one of them promoted, and one that is always wrong."""
    lab = make_lab("challenged")
    lab.judge("2020-02", run_id="worse", train_params={"sign": -1})
    return lab


def run(lab: Lab, policy: str = "", *, code: int = 0, **given: Any) -> dict[str, Any]:
    """Back-test a policy without MLflow; return what the command writes as JSON."""
    path = lab.root / "policy.yaml"
    if policy:
        path = lab.root / "new.yaml"
        path.write_text(policy)
    options: dict[str, Any] = {"since": None, "until": None, "storage_root": None, "ledger_root": None, "json": True}
    found = Namespace(**{**options, "policy": str(path), "model": lab.model, **given})
    if code:
        with pytest.raises(SystemExit) as caught:
            backtest(found)
        assert caught.value.code == code
    else:
        backtest(found)
    return vars(found)


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Read the JSON."""
    return dict(json.loads(capsys.readouterr().out))


@pytest.fixture(autouse=True)
def without_mlflow(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the registry away, and the models with it."""
    lab.connect(monkeypatch, host="http://127.0.0.1:1")
    (lab.root / "mlflow.db").unlink()


def test_the_same_policy_gives_the_recorded_verdicts_to_the_last_digit(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scores, seeds, looks and facts are those of the time."""
    run(lab)
    found = printed(capsys)
    recorded = {record.body["evaluation_id"]: record.body for record in lab.records("gate")}

    assert len(found["cases"]) == len(recorded) == 3
    for case in found["cases"]:
        body = recorded[case["evaluation_id"]]
        assert Verdict.from_dict(case["verdict"]) == Verdict.from_dict(body["verdict"])
        assert (case["looks"], case["changed"], case["reason"]) == (body["looks"], False, "")
    assert (found["summary"]["changed"], found["summary"]["not_judged"]) == (0, 0)


def test_a_stricter_policy_would_have_blocked_the_promotion(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """The table names the first reason, the line below counts."""
    run(lab, OTHER.format(value=0.99), json=False)
    out = capsys.readouterr().out
    head = out.splitlines()[0]

    assert head.split() == ["partition", "candidate", "champion", "recorded", "new", "what", "changed"]
    assert "PASS (promoted)" in out
    assert "auc_minimum: roc_auc of the candidate is" in out
    assert "Policy other would have blocked 1 of 1 promotion, would have let through 0 of 1 refused candidate;" in out


def test_a_milder_policy_would_have_let_through_the_refused(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """What blocked then is named as no longer blocking."""
    run(lab, OTHER.format(value=0.01))
    found = printed(capsys)
    (changed,) = [case for case in found["cases"] if case["changed"]]

    assert found["summary"]["let_through"] == 1
    assert (changed["recorded"], changed["verdict"]["outcome"], changed["promoted"]) == ("FAIL", "PASS", False)
    assert changed["reason"].startswith("no longer: roc_auc of the candidate is")


def test_partitions_can_be_chosen(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """Both ends are included; where nothing is left, the call was wrong."""
    run(lab, since="2020-03")
    assert [case["partition_key"] for case in printed(capsys)["cases"]] == ["2020-03"]
    run(lab, since="2021-01", code=2)
    assert f"the evaluations of model '{lab.model}' are of 2020-02 to 2020-03" in capsys.readouterr().err


def test_changed_and_missing_scores_are_not_judged(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """They are listed with their problem; the others are judged; the exit code says that something is amiss."""
    first, second, _ = (record.body["scores_id"].removeprefix("sha256:") for record in lab.records("evaluation"))
    (lab.storage / "evaluations" / lab.model / first / "manifest.json").unlink()
    (file,) = (lab.storage / "evaluations" / lab.model / second).glob("*.parquet")
    file.write_bytes(file.read_bytes()[:-8])
    run(lab, code=1)
    out = capsys.readouterr()
    found = json.loads(out.out)
    problems = [case["problem"] for case in found["cases"]]

    assert "Nothing is stored at" in problems[0]
    assert "was changed" in problems[1]
    assert problems[2] is None
    assert found["summary"]["judged"] == 1
    assert "2 of 3 evaluations could not be judged" in out.err


def test_a_column_or_fact_that_was_not_recorded_decides_nothing(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """As in the gate: what is not known is INCONCLUSIVE."""
    rule = "  - {name: by_colour, kind: minimum, metric: roc_auc, value: 0.01, slice: colour}\n"
    run(lab, OTHER.format(value=0.01) + rule)
    found = printed(capsys)

    assert {case["verdict"]["outcome"] for case in found["cases"]} == {"INCONCLUSIVE"}
    assert found["summary"]["undecided_promotions"] == 1


def test_nothing_is_written(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """A back-test is no gate: no record, no look at the test rows."""
    before = [record.hash for record in lab.ledger().records()]
    run(lab, OTHER.format(value=0.99))
    capsys.readouterr()

    assert [record.hash for record in lab.ledger().records()] == before
