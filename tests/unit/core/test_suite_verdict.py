"""From findings to a verdict, by severity."""

from typing import Any

import pytest

from airflow_provider_mlops.core.expectation import Judged
from airflow_provider_mlops.core.suite import read_suite
from airflow_provider_mlops.core.suite_report import gx_shaped
from airflow_provider_mlops.core.suite_verdict import Aside, judge_suite, must_split
from airflow_provider_mlops.core.verdict import Outcome

KIND = "expect_column_values_to_not_be_null"
PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


def suite(*severities: str, **more: Any) -> dict[str, Any]:
    """Make a suite of one column for each severity."""
    entries = [
        {"type": KIND, "kwargs": {"column": f"c{number}"}, "severity": severity}
        for number, severity in enumerate(severities)
    ]
    return read_suite({"name": "s", "expectations": entries, **more}, "here")


def found(*holds: bool | str | None, sample_rows: int | None = None) -> list[Judged]:
    """Make findings; a text is an error."""
    return [
        Judged(
            position=position,
            type=KIND,
            kwargs={"column": f"c{position}"},
            holds=None if isinstance(value, str) else value,
            error=value if isinstance(value, str) else None,
            numbers={} if isinstance(value, str) else {"element_count": 100, "unexpected_count": 0 if value else 7},
            engine="duckdb",
            sample_rows=sample_rows,
        )
        for position, value in enumerate(holds)
    ]


@pytest.mark.parametrize(
    ("severity", "holds", "outcome", "marks"),
    [
        ("critical", True, PASS, ()),
        ("critical", False, FAIL, ()),
        ("critical", None, INCONCLUSIVE, ()),
        ("critical", "no such column", FAIL, ()),
        ("warning", True, PASS, ()),
        ("warning", False, PASS, ("warnings",)),
        ("warning", None, PASS, ("warnings",)),
        ("warning", "no such column", FAIL, ()),
        ("quarantine", True, PASS, ()),
        ("quarantine", False, FAIL, ()),
        ("quarantine", None, INCONCLUSIVE, ()),
        ("quarantine", "no such column", FAIL, ()),
    ],
)
def test_severity_decides(severity: str, holds: Any, outcome: Outcome, marks: tuple[str, ...]) -> None:
    """Nothing but a finding that holds, or a warning, passes: what nobody could look at never does."""
    verdict = judge_suite(found(holds), suite(severity))

    assert (verdict.outcome, verdict.marks) == (outcome, marks)


def test_a_sample_is_marked_and_counted() -> None:
    """What a sample cannot decide says how many rows were seen."""
    verdict = judge_suite(found(None, sample_rows=1_000), suite("critical"))

    assert verdict.marks == ("sampled",)
    assert "cannot be decided by 1,000 sampled rows" in verdict.rules[0].reason
    assert verdict.rules[0].reason.endswith('; engine="spark" looks at all')


@pytest.mark.parametrize(
    ("holds", "positions"),
    [((False, True), []), ((True, False), [1]), ((True, None), [1]), ((True, True), []), ((True, "error"), [])],
)
def test_rows_are_split_by_what_breaks(holds: tuple[Any, ...], positions: list[int]) -> None:
    """Only for quarantined expectations; where one of them cannot be judged, none is split by."""
    assert must_split(found(*holds), suite("critical", "quarantine")) == positions


@pytest.mark.parametrize(
    ("rows", "of_rows", "share", "outcome", "words"),
    [
        (1, 100, 0.01, PASS, "1 of 100 rows (0.01) are set aside, at most 0.01 may be"),
        (2, 100, 0.01, FAIL, "2 of 100 rows (0.02) would have to be set aside, at most 0.01 may be: none is"),
        (29, 100, 0.29, PASS, "29 of 100 rows (0.29) are set aside, at most 0.29 may be"),
        (100, 100, 1.0, FAIL, "100 of 100 rows (1) would have to be set aside: no row would be left"),
    ],
)
def test_share_that_is_set_aside(rows: int, of_rows: int, share: float, outcome: Outcome, words: str) -> None:
    """The share is a rule of its own; where every row breaks, nothing can go on."""
    aside = Aside(rows=rows, of_rows=of_rows, max_share=share, by_position={0: rows})
    verdict = judge_suite(found(True), suite("quarantine", quarantine={"max_share": share}), aside=aside)

    assert (verdict.outcome, verdict.marks) == (outcome, ("quarantine",))
    assert words in verdict.rules[-1].reason
    assert verdict.rules[0].numbers["rows_set_aside"] == rows


def test_rows_that_are_left_must_hold() -> None:
    """A quarantined expectation that is still broken after the split fails: a row was not set aside."""
    verdict = judge_suite(
        found(False), suite("quarantine"), aside=Aside(rows=1, of_rows=200, max_share=0.01, by_position={0: 1})
    )
    assert verdict.outcome is FAIL


def test_report_has_the_shape_of_gx() -> None:
    """Results, statistics and what the engine said; undecided is no success."""
    report = gx_shaped(found(True, False, None, "gone"), suite(*["critical"] * 4), {"rows": 100})

    assert [entry["success"] for entry in report["results"]] == [True, False, False, False]
    assert report["statistics"]["success_percent"] == 25
    assert report["results"][3]["exception_info"] == {
        "raised_exception": True,
        "exception_message": "gone",
        "exception_traceback": None,
    }
    assert report["results"][1]["expectation_config"]["kwargs"] == {"column": "c1"}
