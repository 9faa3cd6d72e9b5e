"""The gate under attack, on a real MLflow: what was lost, forged or made hostile is never a PASS."""

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

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
