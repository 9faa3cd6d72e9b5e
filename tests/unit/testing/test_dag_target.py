"""Attacks on a Dag's own tasks."""

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_provider_mlops.core import promotion
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.hooks.ledger import model_ledger
from airflow_provider_mlops.operators.evaluate import EvaluateModelOperator
from airflow_provider_mlops.operators.gate import GateModelOperator
from airflow_provider_mlops.operators.promote import PromoteModelOperator
from airflow_provider_mlops.statistics import gate
from airflow_provider_mlops.testing import attack_dag

PASSES = Verdict.from_rules([RuleResult(rule="broken", outcome=Outcome.PASS, reason="Always.")])
XCOM = "{{ ti.xcom_pull(task_ids='before')['id'] }}"
QUICK = ("nan_scores", "unknown_policy_key", "truncated_scores", "missing_facts")


def lifecycle(policy: str, **gated: Any) -> DAG:
    """Return a Dag that evaluates, judges and promotes, wired by templates."""
    with DAG("lifecycle", schedule=None) as dag:
        evaluate = EvaluateModelOperator(task_id="evaluate", model_name="m", manifest_hash=XCOM)
        judged = GateModelOperator(task_id="gate", model_name="m", evaluation_id=XCOM, policy=policy, **gated)
        promote = PromoteModelOperator(task_id="promote", model_name="m", gate_record=XCOM)
        evaluate >> judged >> promote
    return dag


def test_nothing_passes_and_nothing_is_promoted(policy: Path) -> None:
    """The gate of a Dag is run as it is declared; the honest rows pass it."""
    report = attack_dag(lifecycle(policy.name), root=policy.parent, attacks=[*QUICK, "dead_registry"])

    report.raise_if_passed()
    assert [finding.outcome for finding in report.control] == ["PASS"]
    assert {finding.attack: finding.outcome for finding in report} == {
        "nan_scores": "INCONCLUSIVE",
        "unknown_policy_key": "REFUSED",
        "truncated_scores": "REFUSED",
        "missing_facts": "INCONCLUSIVE",
        "dead_registry": "REFUSED",
    }
    assert {finding.task for finding in report} == {"gate"}


def test_a_gate_that_fails_its_task_is_read_by_its_record(policy: Path) -> None:
    """What it does on a refusal is the Dag's business; the verdict stands in the ledger."""
    dag = lifecycle(str(policy), on_refusal="fail")
    (finding,) = attack_dag(dag, attacks=["nan_scores"]).findings

    assert finding.outcome == "INCONCLUSIVE"


def test_a_broken_judge_is_found(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kit complains about each attack that reaches the judge."""
    monkeypatch.setattr(gate, "judge", lambda *_, **__: PASSES)
    report = attack_dag(lifecycle(str(policy)), attacks=QUICK)

    assert {finding.attack for finding in report.passed} == {"nan_scores", "missing_facts"}


def test_rules_of_promotion_that_ignore_the_gate_are_found(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused candidate must not be promoted either."""
    monkeypatch.setattr(promotion, "decide_promotion", lambda **_: PASSES)
    report = attack_dag(lifecycle(str(policy)), attacks=["nan_scores"])

    assert "the rules of promotion would promote it" in report.passed[0].reason


@pytest.mark.parametrize(
    ("operator", "kind", "words"),
    [
        (EvaluateModelOperator, "evaluation", "recorded an evaluation without a registry"),
        (PromoteModelOperator, "promotion", "recorded a promotion"),
    ],
)
def test_a_step_that_does_without_the_registry_is_found(
    policy: Path, monkeypatch: pytest.MonkeyPatch, operator: type[Any], kind: str, words: str
) -> None:
    """Neither an evaluation nor a promotion may be recorded while nobody answers."""

    def careless(self: Any, context: Any, run: Any) -> dict[str, Any]:
        ledger = model_ledger(self.model_name, self.ledger_root)
        body = {"evaluation_id": "made up", "alias": "champion", "version": "2"}
        ledger.append(kind=kind, key="careless", body=body, outcome="PASS")
        return {}

    monkeypatch.setattr(operator, "step", careless)
    report = attack_dag(lifecycle(str(policy)), attacks=["dead_registry"])

    assert words in report.passed[0].reason


def test_a_dag_without_a_gate_is_refused() -> None:
    """There is nothing that could hold a candidate back."""
    with DAG("open", schedule=None) as dag:
        PromoteModelOperator(task_id="promote", model_name="m", gate_record=XCOM)

    with pytest.raises(BadInput, match="'open' has no GateModelOperator"):
        attack_dag(dag)


@pytest.mark.parametrize(
    ("named", "words"), [("{{ params.policy }}", "is a template; give attack_dag"), ("none.yaml", "give root=")]
)
def test_a_policy_that_cannot_be_found_is_asked_for(named: str, words: str) -> None:
    """An attack on nothing proves nothing."""
    with pytest.raises(BadInput, match=words):
        attack_dag(lifecycle(named))


def test_a_policy_can_be_given(policy: Path) -> None:
    """For gates whose policy is known at run time only."""
    report = attack_dag(lifecycle("{{ params.policy }}"), policy=policy, attacks=["nan_scores"])

    assert [finding.outcome for finding in report] == ["INCONCLUSIVE"]


def test_the_dag_is_left_as_it_was(policy: Path) -> None:
    """The tasks that run are copies."""
    dag = lifecycle(str(policy))
    attack_dag(dag, attacks=["nan_scores"])

    judged = dag.task_dict["gate"]
    assert isinstance(judged, GateModelOperator)
    assert (judged.evaluation_id, judged.ledger_root, judged.model_name) == (XCOM, None, "m")
