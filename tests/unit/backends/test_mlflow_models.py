"""Saving models: what is said of types that nobody named as trusted."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from airflow_provider_mlops.backends.mlflow_models import save_sklearn
from airflow_provider_mlops.core.errors import BadInput


def logarithm(values: np.ndarray) -> np.ndarray:
    """Return what a pipeline of a user may do."""
    return np.log1p(values)


def test_untrusted_types_are_named_with_the_way_out(tmp_path: Path) -> None:
    """The first model of nearly everyone ends here: each type in full, and the argument of ours that takes them."""
    rows, labels = np.arange(20.0).reshape(10, 2), np.arange(10) % 2
    model = make_pipeline(FunctionTransformer(logarithm), LogisticRegression()).fit(rows, labels)

    with pytest.raises(BadInput) as caught:
        save_sklearn(model, tmp_path / "model", sample=rows, trusted_types=[])

    assert str(caught.value) == (
        "The model cannot be saved: it holds types that skops does not trust by itself: "
        f"{__name__}.logarithm. Name those that you trust in trusted_types."
    )
