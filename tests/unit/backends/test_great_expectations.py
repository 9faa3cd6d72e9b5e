"""Suites and their verdicts, with the real Great Expectations."""

import logging
import os
from typing import Any

import numpy as np
import pandas as pd
import pytest

from airflow_provider_mlops.backends.great_expectations import judge_frame, library
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.suite_verdict import judge_suite
from airflow_provider_mlops.core.verdict import Outcome

ROWS = pd.DataFrame({"x": [1.0, 2.0, 3.0, np.nan], "t": ["a", "b", "b", None]})


def judge(*expectations: dict[str, Any], rows: pd.DataFrame = ROWS) -> Any:
    """Judge the rows."""
    suite = {"name": "s", "expectations": [{"severity": "critical", **item} for item in expectations]}
    return judge_suite(judge_frame(rows, suite), suite)


def between(low: float, high: float, **more: Any) -> dict[str, Any]:
    """Expect a range of x."""
    kwargs = {"column": "x", "min_value": low, "max_value": high}
    return {"type": "expect_column_values_to_be_between", "kwargs": kwargs, **more}


def test_all_hold() -> None:
    """A suite that holds passes, one rule for each expectation."""
    verdict = judge(between(0, 9), {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "x"}})
    assert (verdict.outcome, len(verdict.rules), verdict.marks) == (Outcome.PASS, 2, ())


def test_broken_expectation_fails() -> None:
    """The reason names column, expectation, its limits and how many values break it."""
    verdict = judge(between(0, 9), between(0, 2))
    assert verdict.outcome is Outcome.FAIL
    assert [rule.outcome for rule in verdict.rules] == [Outcome.PASS, Outcome.FAIL]
    reason = verdict.rules[1].reason
    assert reason.startswith("x: expect_column_values_to_be_between")
    assert '"max_value": 2' in reason
    assert "1 of 4 values" in reason


def test_broken_warning_passes_and_is_marked() -> None:
    """A warning is told and lets the rows through."""
    verdict = judge(between(0, 2, severity="warning"))
    assert (verdict.outcome, verdict.marks) == (Outcome.PASS, ("warnings",))
    assert verdict.rules[0].reason.startswith("warning: x:")


@pytest.mark.parametrize(
    "expectation",
    [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "missing"}},
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "t", "min_value": 0, "max_value": 1}},
    ],
)
@pytest.mark.parametrize("severity", ["critical", "warning"])
def test_what_cannot_be_judged_fails(expectation: dict[str, Any], severity: str) -> None:
    """A missing column, or text where a number is expected, is FAIL at every severity: nothing was judged."""
    verdict = judge({**expectation, "severity": severity})
    assert verdict.outcome is Outcome.FAIL
    assert "could not be judged" in verdict.rules[0].reason


def test_why_it_could_not_be_judged_is_said() -> None:
    """In the words of what was raised, be it for one figure of the expectation or for all of it."""
    ranges = {"quantiles": [0.5], "value_ranges": [[0, 10**400]]}
    quantiles = {"column": "x", "quantile_ranges": ranges}
    verdict = judge({"type": "expect_column_quantile_values_to_be_between", "kwargs": quantiles})
    assert "could not be judged: int too large" in verdict.rules[0].reason


def test_all_null_column_does_not_pass_for_good() -> None:
    """A column without a value breaks the expectation that it has some."""
    verdict = judge(
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "x"}}, rows=ROWS.assign(x=np.nan)
    )
    assert verdict.outcome is Outcome.FAIL


def test_verdicts_stay_with_their_expectation() -> None:
    """Expectations that differ in a limit only are judged one by one, in the suite's order."""
    verdict = judge(between(0, 9), between(0, 2, severity="warning"), between(0, 8), between(0, 1))
    assert [rule.outcome for rule in verdict.rules] == [Outcome.PASS, Outcome.PASS, Outcome.PASS, Outcome.FAIL]
    assert [rule.reason.startswith("warning") for rule in verdict.rules] == [False, True, False, False]


@pytest.mark.parametrize("severity", ["critical", "warning"])
def test_same_expectation_twice(severity: str) -> None:
    """One that stands twice is an error: Great Expectations would drop one of them, and with it its severity."""
    with pytest.raises(BadInput, match=r"Suite 's': expectation \d \(expect_column_values_to_be_between\) stands"):
        judge(between(0, 9), between(0, 9, severity=severity), between(0, 2))


def test_unknown_expectation() -> None:
    """A name that Great Expectations does not know is named."""
    with pytest.raises(BadInput, match="Great Expectations has no expectation 'expect_magic'"):
        judge({"type": "expect_magic", "kwargs": {}})


def test_wrong_kwargs() -> None:
    """Arguments that it refuses are told."""
    with pytest.raises(BadInput, match=r"refuses its kwargs \{'colum': 'x'\}: "):
        judge({"type": "expect_column_values_to_be_unique", "kwargs": {"colum": "x"}})
    with pytest.raises(BadInput, match=r"'expect_column_values_to_be_between' refuses its kwargs .*: int too large"):
        judge(between(0, 10**400))


@pytest.mark.parametrize("asked", [logging.NOTSET, logging.DEBUG])
def test_its_notes_are_no_lines_of_ours(asked: int) -> None:
    """Airflow's commands write logs where their JSON goes; who asks Airflow for these notes gets them."""
    log = logging.getLogger("great_expectations")
    before = log.level
    try:
        log.setLevel(asked)
        library().get_context(mode="ephemeral")
        noted = logging.getLogger("great_expectations.data_context.types.base").isEnabledFor(logging.INFO)
    finally:
        log.setLevel(before)
    assert noted is (asked == logging.DEBUG)


def test_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Great Expectations is imported with its analytics switched off, whatever the environment says."""
    monkeypatch.setenv("GX_ANALYTICS_ENABLED", "true")
    library()
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
