"""Certificates: the level that holds, what is required, and what excuses the rest."""

import pytest

from airflow_provider_mlops.core.certificate import (
    LEVELS,
    MEANINGS,
    Cause,
    Difference,
    check_require,
    level_reached,
    reproduced,
)
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.replay import Level


@pytest.mark.parametrize(
    ("model", "metrics", "verdict", "level"),
    [
        (Level.L0, True, True, Level.L0),
        (Level.L1, False, False, Level.L1),
        (Level.NONE, True, False, Level.L2),
        (Level.NONE, False, True, Level.L3),
        (Level.NONE, False, False, Level.NONE),
        (Level.NONE, None, None, Level.NONE),
        (Level.ERASED, True, True, Level.L2),
        (Level.NO_RECORD, True, True, Level.NO_RECORD),
    ],
)
def test_the_strictest_level_that_holds_counts(
    model: Level, metrics: bool | None, verdict: bool | None, level: Level
) -> None:
    """Models before metrics, metrics before the verdict; what was not compared proves nothing."""
    assert level_reached(model, metrics, verdict) is level


@pytest.mark.parametrize("required", LEVELS)
@pytest.mark.parametrize("level", LEVELS)
def test_a_stricter_level_satisfies_a_looser_requirement(level: Level, required: Level) -> None:
    """L0 satisfies every requirement, L3 only its own."""
    expected = "PASS" if LEVELS.index(level) <= LEVELS.index(required) else "FAIL"

    assert reproduced(level, required, []).outcome == expected


def test_erased_rows_excuse_and_changed_code_does_not() -> None:
    """What was lawfully erased contradicts no record; code that changed does not reproduce it."""
    erased = Difference(Cause.DATA_ERASED, "3 rows were lawfully erased")
    changed = Difference(Cause.CODE, "code differs from the record in training")

    assert reproduced(Level.NONE, Level.L1, [erased]).outcome == "INCONCLUSIVE"
    assert reproduced(Level.NONE, Level.L1, [changed]).outcome == "FAIL"
    assert "3 rows" in reproduced(Level.NONE, Level.L1, [erased]).reason
    assert reproduced(Level.NO_RECORD, Level.L1, []).outcome == "INCONCLUSIVE"


def test_an_unknown_requirement_is_refused() -> None:
    """The levels that may be required are named."""
    assert check_require("L2") is Level.L2
    for value in ("L9", "none", "erased", ""):
        with pytest.raises(BadInput, match="L0, L1, L2, L3"):
            check_require(value)


def test_every_level_has_a_meaning() -> None:
    """A certificate never shows a level that it does not explain."""
    assert set(MEANINGS) == set(Level)
