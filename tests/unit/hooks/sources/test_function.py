"""Functions as sources: arguments, what they yield, and the hash of their code."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from airflow_provider_mlops import sources
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.partition import Partition
from tests.support.sources import opened
from tests.support.synthetic import read_partition

HERE = "tests.unit.hooks.sources.test_function"


def frames(partition: Partition, *, rows: int, word: str = "x") -> Iterator[pd.DataFrame]:
    """Yield one frame."""
    yield pd.DataFrame({"key": [partition.key] * rows, "word": word})


def one_frame(partition: Partition) -> pd.DataFrame:
    """Return a frame instead of yielding it."""
    return pd.DataFrame({"key": [partition.key]})


def number(partition: Partition) -> Any:
    """Return no frames."""
    return 3


def test_arguments_reach_the_function(tmp_path: Path) -> None:
    """The partition, and the keyword arguments of the source."""
    with opened(sources.function(f"{HERE}:frames", {"rows": 2, "word": "y"}), tmp_path) as reading:
        (frame,) = reading.rows
    assert frame.to_dict("list") == {"key": ["2020-01"] * 2, "word": ["y", "y"]}


def test_both_forms_are_the_same(tmp_path: Path) -> None:
    """An import path alone is a function without arguments."""
    path = f"{read_partition.__module__}:{read_partition.__name__}"
    with opened(path, tmp_path) as one, opened(sources.function(path), tmp_path) as other:
        assert one.facts == other.facts
        assert one.facts["source_code_hash"].startswith("sha256:")


@pytest.mark.parametrize(
    ("name", "kwargs", "words"),
    [
        ("frames", {}, "cannot be called with a partition and these kwargs: missing a required .*'rows'"),
        ("frames", {"rows": 1, "raws": 2}, "unexpected keyword argument 'raws'"),
        ("one_frame", {}, "gave a DataFrame; it must yield frames"),
        ("number", {}, "gave a int; it must yield frames"),
        ("nothing", {}, "has no function 'nothing'"),
    ],
)
def test_what_cannot_be_called_is_named(name: str, kwargs: dict[str, Any], words: str, tmp_path: Path) -> None:
    """Before any row is read."""
    with pytest.raises(BadInput, match=words), opened(sources.function(f"{HERE}:{name}", kwargs), tmp_path):
        pass
