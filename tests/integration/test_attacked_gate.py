"""The gate under attack, on a real MLflow: what was lost, forged or made hostile is never a PASS."""

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

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
    gate = judged(lab, POLICY, metrics=["roc_auc"])

    assert (gate["champion_version"], gate["verdict"]["outcome"]) == (None, "INCONCLUSIVE")
    assert gate["verdict"]["marks"] == []
    assert "set the alias champion again" in gate["verdict"]["reasons"][0]
    with pytest.raises(AirflowSkipException, match="The gate said INCONCLUSIVE"):
        lab.run("promote", gate_record=gate["record"])
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
