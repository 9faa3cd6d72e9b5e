# ruff: noqa: INP001
"""Questions to a ledger, from Python."""

# [START example_ledger]
from airflow_provider_mlops.hooks.ledger import model_ledger


def refusals(model_name: str) -> list[str]:
    """Return why candidates were refused, oldest first."""
    gates = model_ledger(model_name).records("gate")
    return [
        f"{gate.body['partition_key']} {rule['rule']}: {rule['reason']}"
        for gate in gates
        if gate.mode == "live"
        for rule in gate.body["verdict"]["rules"]
        if rule["outcome"] != "PASS"
    ]


# [END example_ledger]
