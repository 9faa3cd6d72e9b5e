"""Names of predictions and logs, and from when on labels are due."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_mlops.core import prediction_log as log
from airflow_provider_mlops.core.errors import BadInput


def test_prediction_ids() -> None:
    """An id follows from model, content of the version, dataset and row, and from nothing else."""
    (found,) = log.prediction_ids("m", "sha256:1", "d", ["r"])

    assert found == hashlib.sha256(b'["m","sha256:1","d"]r').hexdigest()
    assert log.prediction_ids("m", "sha256:1", "d", ["x", "r"])[1] == found
    assert found not in log.prediction_ids("m", "sha256:2", "d", ["r"]) + log.prediction_ids(
        "m", "sha256:1", "e", ["r"]
    )


def test_paths_keep_what_belongs_together_apart() -> None:
    """Log, labels and unfinished parts lie side by side in the folder of model and partition."""
    log_id = log.log_id({"model": "m"})
    digits = log_id.removeprefix("sha256:")

    assert log.log_path("m", "2013-01", log_id) == f"predictions/m/2013-01/{digits}"
    assert log.labels_path("m", "2013-01", log_id) == f"predictions/m/2013-01/labels-{digits}"
    assert log.part_path("m", "2013-01", log_id, 3) == f"predictions/m/2013-01/scoring-{digits}-00003"


def test_matured_at() -> None:
    """Labels are due once the maturity has passed since the end of the partition."""
    assert log.matured_at("2013-01-31", timedelta(days=2)) == datetime(2013, 2, 3, tzinfo=UTC)
    assert log.matured_at("2013-02", timedelta(0)) == datetime(2013, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("maturity", [timedelta(seconds=-1), 3, None, timedelta.max])
def test_maturity_must_be_one(maturity: Any) -> None:
    """What is no time span, or ends after the calendar, is refused."""
    with pytest.raises(BadInput, match="maturity"):
        log.matured_at("2013-01", maturity)


@pytest.mark.parametrize("arm", ["", " ", None, 3, "a\nb", "x" * 101])
def test_arm_must_be_a_short_text(arm: Any) -> None:
    """An arm stands in every row and record: no other thing than a short printable text."""
    with pytest.raises(BadInput, match="arm"):
        log.check_arm(arm)
    assert log.check_arm("challenger b") == "challenger b"
