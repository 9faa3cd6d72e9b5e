"""Values by their place, on a real local Spark: those of a sorted list, however few may be sorted at once."""

import math
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_mlops.backends import spark_ranks
from airflow_provider_mlops.backends.spark_session import spark_session

pytestmark = pytest.mark.usefixtures("local_spark")


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("double", [math.sin(number) for number in range(60)]),
        ("double", [*[math.inf] * 10, *[-math.inf] * 10, *[0.0] * 10, *[-0.0] * 10, *[1.5] * 20]),
        ("float", [number / 8 for number in range(60)]),
        ("bigint", [2**60 + number % 7 for number in range(60)]),
        ("decimal(20,0)", [2**64 - 1 - number for number in range(60)]),
    ],
    ids=["spread", "ties and infinities", "single", "more digits than a float has", "unsigned"],
)
def test_places(kind: str, values: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts are counted until few values are left; a null has no place."""
    monkeypatch.setattr(spark_ranks, "_FEW", 20)
    rows = [Decimal(value) if kind.startswith("decimal") else value for value in values]
    column = spark_session().createDataFrame([(value,) for value in [None, *reversed(rows), None]], f"v {kind}")
    ranks = [0, 31, 59]

    assert spark_ranks.values_at(column, len(values), ranks) == [sorted(values)[rank] for rank in ranks]
