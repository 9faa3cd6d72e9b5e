"""How far a replayed training agrees with its record."""

from typing import Any

import pytest

from airflow_provider_mlops.core.replay import Level, compare_training, replay_verdict
from airflow_provider_mlops.core.verdict import Outcome

RECORD: dict[str, Any] = {
    "model_digest": "sha256:m",
    "prediction_digest": "sha256:p",
    "environment": {"python": "3.12.1", "distributions": {"numpy": "1.26"}},
    "manifest": {"code_files": {"include.training": "0", "include.features": "0"}},
}
REPLAYED = {**{k: v for k, v in RECORD.items() if k != "manifest"}, "code_files": RECORD["manifest"]["code_files"]}


@pytest.mark.parametrize(
    ("changed", "level", "words"),
    [
        ({}, Level.L0, []),
        ({"model_digest": "sha256:x"}, Level.L1, ["model digest: recorded sha256:m, replayed sha256:x"]),
        (
            {"model_digest": "sha256:x", "prediction_digest": "sha256:x"},
            Level.NONE,
            ["model digest: recorded sha256:m, replayed sha256:x", "predictions on the probe rows differ"],
        ),
        ({"code_files": {"include.training": "1", "include.features": "0"}}, Level.L0, ["code differs", "training"]),
        ({"code_files": {"include.training": "0"}}, Level.L0, ["code differs from the record in include.features"]),
        (
            {"environment": {"python": "3.12.1", "distributions": {"numpy": "2.0"}}},
            Level.L0,
            ["environment: numpy was 1.26, is 2.0"],
        ),
        (
            {"environment": {"python": "3.12.1", "distributions": {}}},
            Level.L0,
            ["environment: numpy was 1.26, is None"],
        ),
    ],
)
def test_levels(changed: dict[str, Any], level: Level, words: list[str]) -> None:
    """The same digest is L0, the same predictions L1; what differs is listed, causes first, at every level."""
    found, differences = compare_training(RECORD, {**REPLAYED, **changed})
    assert found is level
    assert bool(differences) == bool(words)
    assert all(word in "; ".join(differences) for word in words)


THRESHOLD = {"value": 0.4, "metric": "f1", "params": {}, "validation_rows": 100, "achieved": 0.7}


@pytest.mark.parametrize(
    ("recorded", "replayed", "words"),
    [
        (THRESHOLD, {**THRESHOLD, "value": 0.5}, "operating threshold: recorded 0.4, replayed 0.5"),
        (THRESHOLD, None, "operating threshold: recorded 0.4, replayed None"),
        (THRESHOLD, {**THRESHOLD, "achieved": 0.6}, "operating threshold: recorded 0.4, replayed 0.4"),
    ],
)
def test_operating_threshold_is_compared(recorded: Any, replayed: Any, words: str) -> None:
    """The same model with another threshold is not the recorded one; with the same threshold it is."""
    record = {**RECORD, "operating_threshold": recorded}
    level, differences = compare_training(record, {**REPLAYED, "operating_threshold": replayed})
    assert (level, differences) == (Level.NONE, [words])
    assert compare_training(record, {**REPLAYED, "operating_threshold": recorded}) == (Level.L0, [])


def test_record_from_before_there_were_thresholds() -> None:
    """It is replayed as one without."""
    assert compare_training(RECORD, {**REPLAYED, "operating_threshold": None}) == (Level.L0, [])


@pytest.mark.parametrize(
    ("level", "outcome"),
    [
        (Level.L0, Outcome.PASS),
        (Level.L1, Outcome.PASS),
        (Level.NONE, Outcome.FAIL),
        (Level.NO_RECORD, Outcome.INCONCLUSIVE),
    ],
)
def test_verdicts(level: Level, outcome: Outcome) -> None:
    """Agreement passes, another model fails, and nothing to compare with is inconclusive; the reason names causes."""
    verdict = replay_verdict(level, ["code differs from the record in m"])
    assert verdict.outcome is outcome
    assert "code differs from the record in m" in verdict.rules[0].reason
    assert verdict.rules[0].numbers == {"level": level.value}
