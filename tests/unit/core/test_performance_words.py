"""A performance verdict in words: what is only estimated is never told without what speaks against it."""

from typing import Any

import pytest

from airflow_provider_mlops.core.performance_words import lines_of, short_estimate

INTERVAL = {"value": 0.8, "low": 0.75, "high": 0.85}
ROWS = {"served": 500, "failed": 0, "mature": 300, "labelled": 290, "unlabelled": 10}


def body(**estimated: Any) -> dict[str, Any]:
    """Make the body of a record with an estimate."""
    found = {
        "assumes": "assumes no concept drift",
        "problem": None,
        "broken_assumptions": [],
        "outside": 0.012,
        "most_outside": 0.05,
        "assumptions": {"labelled_window": {"p_value": 0.4}},
        "window": {"accuracy": INTERVAL},
        "track_record": {"level": 0.9, "estimates": 20, "inside": 18},
        **estimated,
    }
    partitions = {"mature": ["d1"], "waiting": ["d2"], "other_versions": []}
    realised = {"accuracy": {"now": INTERVAL, "promotion": None}}
    return {"rows": ROWS, "partitions": partitions, "realised": realised, "estimated": found}


def test_support_stands_beside_the_track_record() -> None:
    """How often estimates held, and whether scores like these were seen before, are told one after the other."""
    lines = list(lines_of(body()))

    assert lines[-3:] == [
        "Track record: 18 of 20 estimates held, 90% should.",
        "Support: 1.2% of their scores are unlike those that were held out, 5% may be.",
        "An estimate assumes no concept drift.",
    ]


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"problem": "9.0% of the scores are unlike them."}, "not to be believed: 9.0% of the scores are unlike them."),
        ({"assumptions": {"labelled_window": None}}, "; no labelled rows have tested it yet."),
        ({"assumptions": None, "outside": None}, "; no labelled rows have tested it yet."),
    ],
)
def test_what_speaks_against_an_estimate_is_told(changes: dict[str, Any], end: str) -> None:
    """A test that failed, and one that nobody could make."""
    assert list(lines_of(body(**changes)))[-1].endswith(end)


def test_a_record_of_an_earlier_release_is_told_too() -> None:
    """It does not say how much may be outside."""
    old = body()
    del old["estimated"]["most_outside"], old["estimated"]["broken_assumptions"]

    assert not any(line.startswith("Support") for line in lines_of(old))
    assert short_estimate(old) is not None


def test_what_travels_between_tasks_says_what_speaks_against_it() -> None:
    """The estimate with its problem and its support; nothing where nothing was estimated."""
    found = short_estimate(body(problem="they do not hold"))

    assert found == {
        "assumes": "assumes no concept drift",
        "problem": "they do not hold",
        "outside": 0.012,
        "metrics": {"accuracy": INTERVAL},
        "inside": 18,
        "estimates": 20,
    }
    assert short_estimate({"estimated": None}) is None
