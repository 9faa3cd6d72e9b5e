"""The signature beside a model, and what it lets through."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.models import Model, infer_signature

from airflow_provider_mlops.backends.signature import input_schema, refusal, wrong_frames
from airflow_provider_mlops.core.errors import EvidenceBroken

# MLflow warns that whole numbers cannot be missing.
pytestmark = pytest.mark.filterwarnings("ignore:Hint. Inferred schema contains integer")
ROWS = pd.DataFrame(
    {
        "count": np.arange(6),
        "share": np.linspace(0, 1, 6),
        "name": ["a", "b", "c"] * 2,
        "day": pd.date_range("2020-01-01", periods=6),
    }
)


def described(folder: Path, rows: pd.DataFrame = ROWS) -> Path:
    """Write the file that MLflow keeps beside a model."""
    Model(signature=infer_signature(rows)).save(str(folder / "MLmodel"))
    return folder / "MLmodel"


def test_good_rows_pass_and_broken_rows_do_not(tmp_path: Path) -> None:
    """Each column missing, and each column of another type, is refused with the column's name."""
    schema = input_schema(described(tmp_path), list(ROWS))
    assert refusal(schema, ROWS) is None
    faults = [fault for fault, _ in wrong_frames(ROWS)]
    assert len(faults) == 2 * len(ROWS.columns) == len(set(faults))
    for fault, frame in wrong_frames(ROWS):
        assert fault.split("'")[1] in str(refusal(schema, frame))
        assert len(frame) == 5


def test_optional_column_is_let_through(tmp_path: Path) -> None:
    """MLflow takes a column with nulls for optional: whether its lack matters, only the model knows."""
    rows = ROWS.assign(share=[None, *ROWS["share"][1:]])
    schema = input_schema(described(tmp_path, rows), list(rows))
    through = [fault for fault, frame in wrong_frames(rows) if refusal(schema, frame) is None]
    assert through == ["the column 'share' missing"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (ROWS.assign(day=ROWS["day"].dt.tz_localize("UTC")), "timezone-naive"),
        (ROWS.astype({"name": "category"}), "Incompatible input types for column name"),
    ],
)
def test_types_that_mlflow_cannot_serve(tmp_path: Path, rows: pd.DataFrame, words: str) -> None:
    """MLflow refuses the very rows whose signature it wrote when they have time zones or pandas categories."""
    assert words in str(refusal(input_schema(described(tmp_path, rows), list(rows)), rows))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "MLmodel cannot be read"),
        ("{", "MLmodel cannot be read"),
        ("flavors: {}\n", "MLmodel has no signature with named inputs"),
        (None, "MLmodel cannot be read"),
    ],
)
def test_file_without_a_signature(tmp_path: Path, text: Any, words: str) -> None:
    """An empty, broken or missing file is broken evidence."""
    if text is not None:
        (tmp_path / "MLmodel").write_text(text)
    with pytest.raises(EvidenceBroken, match=words):
        input_schema(tmp_path / "MLmodel", list(ROWS))


def test_signature_of_other_columns(tmp_path: Path) -> None:
    """The signature must name what the record names."""
    with pytest.raises(EvidenceBroken, match="are not the recorded features"):
        input_schema(described(tmp_path), ["count", "share"])
