"""The gate under attack, on a real MLflow: what was lost, forged or made hostile is never a PASS."""

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_provider_mlops.statistics import gate
from tests.conftest import MakeLab
from tests.support.lab import Lab

POLICY = """\
schema: 1
name: attacked
rules:
  - {name: auc_minimum, kind: minimum, metric: roc_auc, value: 0.6}
  - {name: auc_non_inferior, kind: non_inferior, metric: roc_auc, margin: 0.05}
"""


def judged(lab: Lab, policy: str, **evaluate: Any) -> dict[str, Any]:
    """Evaluate the lab's candidate anew, and gate it by a policy."""
    (lab.root / "policy.yaml").write_text(policy)
    found = lab.run("evaluate", manifest_hash=lab.facts["train"]["manifest_hash"], **evaluate)
    return lab.run("gate", evaluation_id=found["evaluation_id"])


@pytest.mark.parametrize("attack", ["version", "alias"])
def test_a_champion_deleted_from_the_registry_does_not_open_the_gate(make_lab: MakeLab, attack: str) -> None:
    """The ledger still knows that there was one: undecided, until the alias stands again or a human approves."""
    lab = make_lab("challenged")
    if attack == "version":
        lab.client.delete_model_version(lab.model, "1")
    else:
        lab.client.delete_registered_model_alias(lab.model, "champion")
    found = judged(lab, POLICY, metrics=["roc_auc"])

    assert (found["champion_version"], found["verdict"]["outcome"]) == (None, "INCONCLUSIVE")
    assert found["verdict"]["marks"] == []
    assert "set the alias champion again" in found["verdict"]["reasons"][0]
    with pytest.raises(AirflowSkipException, match="The gate said INCONCLUSIVE"):
        lab.run("promote", gate_record=found["record"])
    assert "champion" not in lab.aliases()


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("os:system", "must take labels, scores and weights"),
        ("builtins:exec", "no source to hash"),
        ("numpy:add", "must take labels, scores and weights|no source to hash"),
        ("broken_metric:share", "cannot be imported: RuntimeError: not today"),
    ],
)
def test_a_metric_that_is_none_is_refused_for_good(
    make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch, metric: str, message: str
) -> None:
    """Functions of the system, of no source, of a module that cannot be imported: no retry, and nothing is recorded."""
    lab = make_lab("evaluated")
    (lab.root / "broken_metric.py").write_text("raise RuntimeError('not today')\n")
    monkeypatch.syspath_prepend(str(lab.root))
    rule = f"{{name: own, kind: minimum, metric: '{metric}', higher_is_better: true, value: 0.1}}"
    (lab.root / "policy.yaml").write_text(f"schema: 1\nname: own\nrules:\n  - {rule}\n")

    with pytest.raises(AirflowFailException, match=message):
        lab.run("gate", evaluation_id=lab.facts["evaluate"]["evaluation_id"])
    assert lab.records("gate") == []


def test_of_two_gates_at_once_the_later_counts_the_look_of_the_other(
    make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Candidates that are judged at the same moment cannot share the last look that is allowed."""
    lab = make_lab("challenged")
    (lab.root / "policy.yaml").write_text(f"{POLICY}  - {{name: looks, kind: max_looks, value: 2}}\n")
    ids = []
    for strength in (0.5, 0.7):
        trained = lab.run("train", partition_key="2020-03", train_params={"strength": strength})
        lab.run("register", manifest_hash=trained["manifest_hash"])
        found = lab.run("evaluate", manifest_hash=trained["manifest_hash"], metrics=["roc_auc"])
        ids.append(found["evaluation_id"])
    judge, meanwhile = gate.judge, ids[1:]

    def overtaken(*args: Any, **keys: Any) -> Any:
        verdict = judge(*args, **keys)
        if meanwhile:
            lab.run("gate", evaluation_id=meanwhile.pop())
        return verdict

    monkeypatch.setattr(gate, "judge", overtaken)
    first = lab.run("gate", evaluation_id=ids[0])

    looks = {record.body["evaluation_id"]: record.body["looks"] for record in lab.records("gate")}
    assert [looks[found] for found in ids] == [3, 2]
    assert first["verdict"]["outcome"] == "INCONCLUSIVE"
    assert "look 3 at these test rows" in first["verdict"]["reasons"][0]
