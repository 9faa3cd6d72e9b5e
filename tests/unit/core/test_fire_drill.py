"""Fire drills: what is asked for, and when a drill has failed."""

import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.fire_drill import Drill, Shift, judge_drill, share_of, shifts_of
from airflow_provider_mlops.core.verdict import Outcome

QUIET = {"2013-01": "PASS"}


def drill(effect: float = 3.0, rang: bool = True, **outcomes: str) -> Drill:
    found = {int(rows[1:]): outcome for rows, outcome in outcomes.items()} or {1000: "FAIL" if rang else "PASS"}
    return Drill(
        shift=Shift.NULLS, feature="x", effect=effect, rang=rang, outcomes=found, rows=1000, days=10, reason="no drift"
    )


def test_a_drill_passes_when_the_alarm_rings_and_only_then() -> None:
    """What must ring and does not is FAIL; what is too small decides nothing."""
    assert judge_drill([drill()], QUIET).outcome is Outcome.PASS
    assert judge_drill([drill(rang=False)], QUIET).outcome is Outcome.FAIL
    assert judge_drill([drill(effect=0.5, rang=False)], QUIET).outcome is Outcome.INCONCLUSIVE


def test_what_could_not_be_tried_never_passes() -> None:
    """No column, no history, an alarm for nothing: none of them is proof."""
    nothing = Drill(shift=Shift.SWAPPED_CATEGORY, feature=None, outcomes={})

    assert judge_drill([nothing], QUIET).outcome is Outcome.INCONCLUSIVE
    assert judge_drill([drill()], {}).outcome is Outcome.INCONCLUSIVE
    assert judge_drill([drill()], {"2013-01": "FAIL"}).outcome is Outcome.INCONCLUSIVE


def test_the_time_to_detect_counts_from_where_every_larger_number_rings() -> None:
    """A lucky alarm on few rows, with silence after it, is no detection."""
    found = drill(n125="FAIL", n250="PASS", n500="FAIL", n1000="FAIL")

    assert found.rows_to_detect == 500
    assert found.days_to_detect == pytest.approx(5)
    assert drill(rang=False, n1000="PASS").rows_to_detect is None


def test_a_form_is_read() -> None:
    """Names with commas, each once; nothing means all; nonsense is named."""
    assert shifts_of(" nulls, unit_change,nulls ") == [Shift.NULLS, Shift.UNIT_CHANGE]
    assert shifts_of("") == list(Shift)
    assert share_of("0.25") == pytest.approx(0.25)
    with pytest.raises(BadInput, match="'fire' must be one of: nulls, unit_change"):
        shifts_of(["fire"])
    for size in ("0", "1.1", "nan", "many"):
        with pytest.raises(BadInput, match="share of the rows"):
            share_of(size)
