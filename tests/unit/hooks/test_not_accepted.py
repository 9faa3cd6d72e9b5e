"""What is said where a partition has no accepted snapshot."""

from pathlib import Path

import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.hooks.not_accepted import not_accepted


def test_the_partitions_that_have_one_are_named_in_bounds(tmp_path: Path) -> None:
    """Years of days do not fill the log: the newest, and from when on there are others."""
    Ledger(tmp_path, "dataset/flights").append(kind="snapshot", key="k", body={})
    days = [f"2013-01-{day:02d}" for day in range(1, 32)]

    few = str(not_accepted("2013-02", "flights", {"2013-01"}, str(tmp_path)))
    many = str(not_accepted("2013-02-01", "flights", days, str(tmp_path)))

    assert few == (
        "Partition '2013-02' of dataset 'flights' has no accepted snapshot; it has: 2013-01. "
        "Take and validate one first."
    )
    assert "it has: 19 from 2013-01-01 on, and 2013-01-20, 2013-01-21" in many
    assert "it has: none." in str(not_accepted("2013-02", "flights", (), str(tmp_path)))


def test_a_misspelt_dataset_is_told_as_such(tmp_path: Path) -> None:
    """It has no partition at all, which does not help who looks for the letter."""
    Ledger(tmp_path, "dataset/flights").append(kind="snapshot", key="k", body={})

    with pytest.raises(BadInput, match=r"Dataset 'flight' has no record .* Did you mean flights\?"):
        not_accepted("2013-02", "flight", (), str(tmp_path))
