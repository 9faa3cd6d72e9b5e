"""The rule about a model's files."""

from typing import Any

import pytest

from airflow_provider_mlops.core.rules import ArtifactScan
from airflow_provider_mlops.statistics.artifact_rule import judge_artifacts

FOUND = {"files": [{"path": "model.skops"}], "pickles": [], "untrusted_types": [], "unknown": [], "error": None}
PICKLE = {"path": "model.pkl", "opcodes": ["REDUCE"]}


@pytest.mark.parametrize(
    ("changes", "rule", "outcome", "reason"),
    [
        ({}, {}, "PASS", "The 1 files of the model hold no pickle"),
        ({"pickles": [PICKLE]}, {}, "FAIL", "holds a pickle, which runs code when it is loaded: model.pkl"),
        ({"pickles": [PICKLE]}, {"allow_pickle": True}, "PASS", "pickles, which the policy allows"),
        ({"untrusted_types": ["a.B"]}, {}, "FAIL", "holds types that the policy does not name: a.B"),
        ({"untrusted_types": ["a.B"]}, {"trusted_types": ("a.B",)}, "PASS", "types that the policy names"),
        ({"untrusted_types": ["a.B", "c.D"]}, {"trusted_types": ("a.B",)}, "FAIL", "does not name: c.D"),
        ({"unknown": ["x.bin"]}, {"allow_pickle": True}, "FAIL", "holds files of an unknown format: x.bin"),
        ({"files": []}, {}, "INCONCLUSIVE", "nothing was found"),
        ({"pickles": None}, {}, "INCONCLUSIVE", "could not be looked at"),
        ({"error": "It is gone."}, {}, "INCONCLUSIVE", "It is gone."),
    ],
)
def test_what_is_found_decides(changes: dict[str, Any], rule: dict[str, Any], outcome: str, reason: str) -> None:
    """What nobody has allowed is FAIL, what nobody looked at is INCONCLUSIVE."""
    found = judge_artifacts(ArtifactScan(name="files", **rule), {"artifacts": {**FOUND, **changes}})
    assert found.outcome == outcome
    assert reason in found.reason


@pytest.mark.parametrize("facts", [{}, {"artifacts": None}, {"artifacts": "ok"}])
def test_nobody_looked(facts: dict[str, Any]) -> None:
    """An evaluation of an older version has no word on the files."""
    assert judge_artifacts(ArtifactScan(name="files"), facts).outcome == "INCONCLUSIVE"
