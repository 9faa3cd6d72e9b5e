"""An evaluation: who is scored, what is asked, how it reads."""

from typing import Any

import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.evaluation import (
    CANDIDATE,
    CHAMPION,
    GOLDEN,
    METRICS_OF,
    Asked,
    Contender,
    check_comparable,
    models_of,
    moment,
    names_of,
    summary_lines,
)
from airflow_provider_mlops.core.manifest import TASKS
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.statistics.metrics import METRICS


def contender(name: str = "a", version: str | None = "1", **body: Any) -> Contender:
    """Return a model; `task` goes into its manifest, everything else into its record."""
    manifest = {"task": body.pop("task")} if "task" in body else {}
    body = {"manifest": manifest, "manifest_hash": name, "model_digest": f"d{name}", "fit_seconds": 1, **body}
    record = Record(
        chain="model/m",
        seq=1,
        prev_hash=None,
        kind="training",
        key="k",
        mode="live",
        time="2020-01-01T00:00:00Z",
        outcome=None,
        body=body,
        run={},
        hash="h",
    )
    return Contender(record, version)


def test_first_records_are_read() -> None:
    """A training that says neither task nor classes nor threshold is binary and has no threshold."""
    found = contender()
    assert (found.task, found.classes, found.threshold) == ("binary", None, None)
    assert found.identity() == {"version": "1", "model_digest": "da", "manifest_hash": "a"}


def test_classes_count_where_there_are_several() -> None:
    """Two classes need no names: there is one score per row."""
    assert contender(task="binary", classes=[0, 1]).classes is None
    assert contender(task="multiclass", classes=["x", "y", "z"]).classes == ["x", "y", "z"]


def test_threshold_is_the_frozen_one() -> None:
    """The operating threshold is read from the training record."""
    assert contender(operating_threshold={"value": 0.31, "metric": "f1"}).threshold == 0.31


def test_what_was_not_asked_for_is_not_in_the_decision() -> None:
    """Ids of evaluations that ask for nothing new are those of the first release."""
    asked = Asked(metrics=("roc_auc",), slices=("origin",))
    assert asked.decision() == {"slices": ["origin"], "metrics": ["roc_auc"]}
    assert models_of({CANDIDATE: contender("a")}) == {"candidate": "a", "champion": None}


def test_everything_asked_for_is_in_the_decision() -> None:
    """Each argument that changes scores or metrics makes another decision."""
    more: list[dict[str, Any]] = [
        {"columns": ("day",)},
        {"weight": "w"},
        {"entity": "plane"},
        {"variants": {"noise": {"kind": "noise", "scale": 1.0}}},
        {"slices": ("origin",)},
        {"metrics": ("brier",)},
    ]
    decisions = [Asked(**{"metrics": ("roc_auc",), **item}).decision() for item in ({}, *more)]
    assert all(decisions.count(decision) == 1 for decision in decisions)
    both = {CANDIDATE: contender("a"), CHAMPION: contender("b"), GOLDEN: contender("c")}
    assert models_of(both) == {"candidate": "a", "champion": "b", "golden": "c"}


def test_columns_are_kept_once() -> None:
    """A column that is a slice and a group stands once among the kept ones."""
    asked = Asked(metrics=(), slices=("a", "b"), columns=("b", "c"), weight="w", entity="e")
    assert asked.kept == ("a", "b", "c")
    assert asked.needed == ("a", "b", "c", "w", "e")


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        ({"task": "regression"}, {}, "The task of the champion, version 1, are binary"),
        (
            {"task": "multiclass", "classes": ["a", "b"]},
            {"task": "multiclass", "classes": ["a", "c"]},
            "The classes of the champion",
        ),
    ],
)
def test_scores_that_mean_something_else_are_not_compared(
    one: dict[str, Any], other: dict[str, Any], says: str
) -> None:
    """Models of another task, or of other classes, are refused."""
    with pytest.raises(BadInput, match=says):
        check_comparable({CANDIDATE: contender(**one), CHAMPION: contender(**other)})
    check_comparable({CANDIDATE: contender(**one), CHAMPION: contender(**one)})


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("2020-01-01", "2020-01-01T00:00:00+00:00"),
        ("2020-01-01T02:00:00+02:00", "2020-01-01T00:00:00+00:00"),
        ("2020-01-01T00:00:00.5Z", "2020-01-01T00:00:00.500000+00:00"),
    ],
)
def test_times_are_in_utc(given: str, found: str) -> None:
    """One moment has one text, so that it makes one key."""
    assert moment(given, "as_of") == found


@pytest.mark.parametrize("given", ["", "today", None, 3, "{{ dag_run.run_after }}"])
def test_what_is_no_time_is_refused(given: Any) -> None:
    """A template that was not rendered is no time either."""
    with pytest.raises(BadInput, match="as_of must be a time in ISO 8601"):
        moment(given, "as_of")


def test_names_may_be_none_or_one() -> None:
    """A single text is one name, not its letters."""
    assert (names_of((), "slices"), names_of(None, "slices"), names_of("origin", "slices")) == ((), (), ("origin",))
    with pytest.raises(BadInput, match="slices"):
        names_of(["a", "a"], "slices")


def test_every_task_has_metrics() -> None:
    """The default metrics of each task exist."""
    assert set(METRICS_OF) == set(TASKS)
    assert {name for names in METRICS_OF.values() for name in names} <= set(METRICS)


LEAKAGE_LINE = (
    "Leakage: 2 of 12,345 test rows were trained on; 3 values of plane too; training rows are NOT all older; "
    "best feature alone delay with ROC-AUC 1.000."
)


def figure(value: float) -> dict[str, Any]:
    """Return a measured number."""
    return {"value": value, "low": value - 0.01, "high": value + 0.01, "n": 9, "method": "m"}


def test_summary_is_a_table() -> None:
    """A person reads who was compared on what, each metric on a line of its own, and what leaked."""
    body = {
        "partition_key": "2013-02",
        "candidate": {"version": "3"},
        "champion": {"version": "2"},
        "golden": {"version": "1"},
        "rows": 12345,
        "positives": 2345,
        "metrics": {
            "roc_auc": {
                "candidate": figure(0.7),
                "champion": figure(0.65),
                "difference": figure(0.05),
                "golden": figure(0.6),
            },
            "f1": {"candidate": None, "champion": None, "difference": None, "reason": "One class only."},
        },
        "leakage": {
            "test_rows": 12345,
            "row_overlap": 2,
            "entity_column": "plane",
            "entity_overlap": 3,
            "time_ordered": False,
            "single_feature": {"feature": "delay", "auc": 0.9999},
        },
    }
    assert list(summary_lines(body)) == [
        "Version 3 against champion 2 and golden version 1 on 12,345 rows of 2013-02, 2,345 of them positive.",
        "metric   candidate                champion                 difference               golden",
        "roc_auc  0.7000 [0.6900, 0.7100]  0.6500 [0.6400, 0.6600]  0.0500 [0.0400, 0.0600]  0.6000 [0.5900, 0.6100]",
        "f1       not measured             not measured             not measured             not measured",
        "f1: One class only.",
        LEAKAGE_LINE,
    ]


def test_summary_of_the_first_records() -> None:
    """Records of the first release, without a champion, are read too."""
    body = {
        "partition_key": "2013-02",
        "candidate": {"version": None},
        "champion": None,
        "rows": 10,
        "positives": 5,
        "metrics": {"brier": {"candidate": figure(0.1), "champion": None, "difference": None}},
    }
    assert list(summary_lines(body)) == [
        "The candidate (not registered) against champion (none) on 10 rows of 2013-02, 5 of them positive.",
        "metric  candidate",
        "brier   0.1000 [0.0900, 0.1100]",
    ]
