"""The cause of another model that no record explains: the training is repeated, by hand and in a backfill alike."""

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from sklearn.linear_model import LogisticRegression

from tests.conftest import MakeLab
from tests.support.lab import Lab

FIT = LogisticRegression.fit


def differences(lab: Lab, by_hand: bool) -> list[dict[str, str]]:
    """Replay the model of the second month; return what its certificate says is not as recorded."""
    if by_hand:
        lab.run("replay", run_type="manual", version="1", on_difference="record")
    else:
        with pytest.raises(AirflowFailException, match="does not give the recorded model"):
            lab.run("train", partition_key="2020-02", run_type="backfill", run_id="audit")
    (record,) = lab.records("certificate")
    assert record.outcome == "FAIL"
    found: list[dict[str, str]] = record.body["differences"]
    return found


@pytest.mark.parametrize("by_hand", [True, False], ids=["replay", "backfill"])
def test_a_training_that_does_not_repeat_itself(
    make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch, by_hand: bool
) -> None:
    """The library gives another model each time: nondeterminism is measured, and nothing else is named."""
    lab, calls = make_lab("promoted"), []

    def fit(self: Any, *arguments: Any) -> Any:
        calls.append(1)
        FIT(self, *arguments).coef_ *= 1 + len(calls)
        return self

    monkeypatch.setattr(LogisticRegression, "fit", fit)
    (difference,) = differences(lab, by_hand)

    assert difference["cause"] == "nondeterminism measured"
    assert difference["detail"].startswith("two trainings in one process, on the same rows, gave different predictions")


@pytest.mark.parametrize("by_hand", [True, False], ids=["replay", "backfill"])
def test_a_training_that_repeats_itself(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch, by_hand: bool) -> None:
    """The library was changed behind its version: the cause is unknown, and what it is not is said."""
    lab = make_lab("promoted")

    def fit(self: Any, *arguments: Any) -> Any:
        FIT(self, *arguments).coef_ *= -1
        return self

    monkeypatch.setattr(LogisticRegression, "fit", fit)
    (difference,) = differences(lab, by_hand)

    assert difference["cause"] == "unknown"
    assert difference["detail"] == "data, code and environment are the recorded ones, and the training repeats itself"
