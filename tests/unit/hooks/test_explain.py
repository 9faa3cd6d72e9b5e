"""Tests of the explanation of an evaluation: one mapping for both methods, the change paired."""

import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from airflow_provider_mlops.core.canonical import canonical_json
from airflow_provider_mlops.core.errors import BadInput, MissingBackend
from airflow_provider_mlops.hooks.explain import explain

RANDOM = np.random.default_rng(2)
FRAME = pd.DataFrame(RANDOM.normal(size=(3_000, 3)), columns=["a", "b", "c"])
LABELS = (RANDOM.random(3_000) < 1 / (1 + np.exp(-FRAME["a"] - FRAME["b"]))).astype(float)


def fit(*columns: str) -> LogisticRegression:
    """Fit a model of some columns."""
    return LogisticRegression().fit(FRAME[list(columns)], LABELS)


def test_both_models_are_measured_and_the_change_is_candidate_minus_champion() -> None:
    """The shared features have a change, the others are listed."""
    found = explain(fit("a", "b"), fit("a", "c"), FRAME[["a", "b"]], LABELS, champion_features=FRAME[["a", "c"]])

    assert (found["method"], found["metric"], found["rows"], found["repeats"]) == ("permutation", "log_loss", 2_000, 5)
    assert found["change"] == {"a": found["candidate"]["a"][0] - found["champion"]["a"][0]}
    assert (found["candidate_only"], found["champion_only"]) == (["b"], ["c"])
    assert found["candidate"]["a"][0] > 0.05


def test_the_change_is_paired() -> None:
    """The same model against itself changes nothing at all."""
    model = fit("a", "b", "c")

    assert explain(model, model, FRAME, LABELS, seed=9)["change"] == {"a": 0.0, "b": 0.0, "c": 0.0}


def test_a_first_model_has_no_champion() -> None:
    """There is nothing to compare with, and nothing is listed as its own."""
    found = explain(fit("a"), None, FRAME[["a"]], LABELS)

    assert found["champion"] is None
    assert (found["change"], found["candidate_only"], found["champion_only"]) == ({}, [], [])


def test_the_same_seed_gives_the_same_record() -> None:
    """As the ledger would hash it; another seed draws other rows."""
    model = fit("a", "b", "c")
    first, again, other = (explain(model, model, FRAME, LABELS, seed=seed) for seed in (1, 1, 2))

    assert canonical_json(first) == canonical_json(again)
    assert first["candidate"] != other["candidate"]


def test_shap_gives_the_same_mapping() -> None:
    """With its own name of what is measured."""
    found = explain(fit("a", "b", "c"), fit("a", "b", "c"), FRAME, LABELS, method="shap", rows=60)

    assert (found["method"], found["metric"], found["rows"]) == ("shap", "mean_abs_shap", 30)
    assert found["candidate"]["a"][0] > found["candidate"]["c"][0]
    assert found["change"]["a"] == 0


def test_shap_that_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra of its own."""
    monkeypatch.setitem(sys.modules, "shap", None)

    with pytest.raises(MissingBackend, match=r"pip install 'airflow-provider-mlops\[shap\]'"):
        explain(fit("a"), None, FRAME[["a"]], LABELS, method="shap")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "lime"}, "must be one of: permutation, shap"),
        ({"metric": "accuracy"}, "only by log_loss or brier"),
        ({"champion_features": FRAME.head(5)}, "rows that pair up"),
        ({"repeats": 0}, "at least one repeat"),
    ],
)
def test_a_question_without_an_answer_is_refused(options: dict[str, Any], message: str) -> None:
    """The error names what is wrong."""
    with pytest.raises(BadInput, match=message):
        explain(fit("a"), fit("a"), FRAME[["a"]], LABELS, **options)


def test_no_rows_are_refused() -> None:
    """An empty frame explains nothing."""
    with pytest.raises(BadInput, match="0 feature rows"):
        explain(fit("a"), None, FRAME[["a"]].head(0), LABELS.head(0))
