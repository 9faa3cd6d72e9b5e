"""What a second training says."""

from typing import Any

import pytest

from airflow_provider_mlops.core.determinism import check_asked, check_required, finding, measured_difference
from airflow_provider_mlops.core.errors import BadInput, Refused

SAME: dict[str, Any] = {"parameters": True, "predictions": True, "largest_difference": 0.0, "threshold": True}


@pytest.mark.parametrize(
    ("changes", "agrees", "measured", "required"),
    [
        ({}, "parameters", False, True),
        ({"parameters": False}, "predictions", False, False),
        ({"parameters": False, "predictions": False, "largest_difference": 0.25}, "neither", True, False),
        ({"threshold": False}, "parameters", True, False),
    ],
)
def test_findings(changes: dict[str, Any], agrees: str, measured: bool, required: bool) -> None:
    """Whoever requires determinism wants equal parameters; other predictions explain a replay that differs."""
    body = {"determinism": finding(**{**SAME, **changes})}

    assert body["determinism"]["agrees"] == agrees
    assert (measured_difference(body) is not None) == measured
    if required:
        check_required("require", body)
    else:
        with pytest.raises(Refused, match="does not repeat itself"):
            check_required("require", body)
    check_required("verify", body)


def test_what_was_not_compared() -> None:
    """It explains nothing, and does not meet the requirement."""
    assert measured_difference({}) is None
    with pytest.raises(Refused, match="it was not compared"):
        check_required("require", {})


def test_words() -> None:
    """Nothing said is trust; other words are refused."""
    assert [check_asked(word) for word in (None, "", "trust", "verify")] == ["trust", "trust", "trust", "verify"]
    with pytest.raises(BadInput, match="determinism='sure'"):
        check_asked("sure")
