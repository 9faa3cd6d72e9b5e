"""Judging on a real local Spark: the findings of the other engines."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_mlops.backends.validation import judge
from tests.support.conditions import SOME, about, compared, missing
from tests.support.expectations import MOST_USED, rows, same_cases
from tests.support.verdicts import suite_of

pytestmark = pytest.mark.usefixtures("local_spark")
COUNTS = ("element_count", "missing_count", "unexpected_count")
CASES: list[tuple[str, dict[str, Any]]] = [
    ("expect_column_values_to_not_be_null", {"column": "f", "mostly": 0.85}),
    ("expect_column_values_to_not_be_null", {"column": "f", "mostly": 0.86}),
    ("expect_column_values_to_be_unique", {"column": "i"}),
    ("expect_column_values_to_be_unique", {"column": "n"}),
    ("expect_column_values_to_be_between", {"column": "f", "min_value": 0, "max_value": 3}),
    ("expect_column_values_to_be_between", {"column": "at", "max_value": "2013-01-09 00:00:00", "strict_max": True}),
    ("expect_column_values_to_be_in_set", {"column": "code", "value_set": ["A0", "B1", 3], "mostly": 0.3}),
    ("expect_column_values_to_be_in_set", {"column": "n", "value_set": [0, 1, 2.0, "a"]}),
    ("expect_column_values_to_not_be_in_set", {"column": "t", "value_set": ["日本"]}),
    ("expect_column_values_to_match_regex", {"column": "code", "regex": "^[AB][0-9]$"}),
    ("expect_column_value_lengths_to_be_between", {"column": "t", "max_value": 6}),
    ("expect_column_values_to_be_of_type", {"column": "i", "type_": "int64"}),
    ("expect_column_values_to_be_of_type", {"column": "n", "type_": "int64"}),
    ("expect_column_mean_to_be_between", {"column": "n", "min_value": 2.4, "max_value": 2.4}),
    ("expect_column_max_to_be_between", {"column": "i", "min_value": 19, "max_value": 19}),
    ("expect_column_distinct_values_to_be_in_set", {"column": "small", "value_set": [0, 1, 2, 3]}),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "at", "column_B": "later", "or_equal": True}),
    ("expect_compound_columns_to_be_unique", {"column_list": ["code", "small"]}),
    ("expect_table_row_count_to_be_between", {"min_value": 20, "max_value": 20}),
    ("expect_table_columns_to_match_ordered_list", {"column_list": rows(1).column_names}),
    ("expect_column_values_to_not_be_null", {"column": "nowhere"}),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Rows of every kind in two files, in a folder whose name is a pattern."""
    folder = tmp_path_factory.mktemp("rows") / "a*[b]"
    folder.mkdir()
    found = [folder / "first.parquet", folder / "second.parquet"]
    for file, part in zip(found, (rows().slice(0, 7), rows().slice(7)), strict=True):
        pq.write_table(part, file)
    return found


def test_same_findings_as_duckdb(files: list[Path]) -> None:
    """Nulls, NaN, ``mostly`` at the share, times, types of the files: verdicts, errors and counts are the same."""
    suite = {"name": "s", "expectations": [{"type": kind, "kwargs": kwargs} for kind, kwargs in CASES]}
    ours, theirs = judge(files, suite, seed="s"), judge(files, suite, seed="s", engine="spark")
    assert {item.engine for item in theirs} == {"spark"}
    assert {item.sample_rows for item in theirs} == {None}
    for one, other in zip(ours, theirs, strict=True):
        assert (other.type, other.holds, bool(other.error)) == (one.type, one.holds, bool(one.error)), one.kwargs
        for name in COUNTS:
            if name in other.numbers and name in one.numbers:
                assert other.numbers[name] == one.numbers[name], (one.type, name)
        assert len(other.partial_unexpected) <= 20
        json.dumps(other.to_dict())


def chosen_cases(kind: str, files: list[Path]) -> list[dict[str, Any]]:
    """Of the cases of a type the first and the last that keeps it, and that breaks it, by each choice of arguments."""
    every = list({json.dumps(kwargs): kwargs for one, kwargs in same_cases() if one == kind}.values())
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for item in judge(files, {"name": "s", "expectations": [{"type": kind, "kwargs": one} for one in every]}, seed="s"):
        found.setdefault((item.holds, *sorted(item.kwargs)), []).append(dict(item.kwargs))
    ends = [case for cases in found.values() for case in (cases[0], cases[-1])]
    return [json.loads(case) for case in dict.fromkeys(map(json.dumps, ends))]


@pytest.mark.parametrize("kind", MOST_USED)
def test_what_is_used_most_is_judged_alike(kind: str, files: list[Path]) -> None:
    """On rows that keep it, that break it and on the edge: nulls, NaN, ties, limits met exactly, shares too."""
    asked = [{"type": kind, "kwargs": kwargs} for kwargs in chosen_cases(kind, files)]
    suite = {"name": "s", "expectations": asked}
    ours, theirs = judge(files, suite, seed="s"), judge(files, suite, seed="s", engine="spark")

    assert {item.holds for item in ours} == {True, False}
    assert [(item.holds, item.error, item.kwargs) for item in theirs] == [
        (item.holds, None, item.kwargs) for item in ours
    ]


@pytest.mark.parametrize("n", [0, 1])
def test_no_row_and_one(n: int, tmp_path: Path) -> None:
    """The smallest tables there are: the findings are those of the other engine."""
    pq.write_table(rows(n), tmp_path / "t.parquet")
    cases = {kind: {"type": kind, "kwargs": kwargs} for kind, kwargs in same_cases() if kind in MOST_USED}
    suite = {"name": "s", "expectations": list(cases.values())}
    ours, theirs = (judge([tmp_path / "t.parquet"], suite, seed="s", engine=engine) for engine in ("auto", "spark"))

    assert [(item.type, item.holds, item.error) for item in theirs] == [
        (item.type, item.holds, item.error) for item in ours
    ]


def test_times_of_nanoseconds_with_and_without_a_zone(tmp_path: Path) -> None:
    """Spark has no nanoseconds: such times are read to the microsecond."""
    table = pa.table(
        {
            "plain": pa.array([1_357_000_000_123_456_789], pa.timestamp("ns")),
            "zoned": pa.array([1_357_000_000_123_456_789], pa.timestamp("ns", "UTC")),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    limits = {"min_value": "2013-01-01 00:26:40", "max_value": "2013-01-01 00:26:41"}
    kind = "expect_column_values_to_be_between"
    zoned = {name: f"{value}+00:00" for name, value in limits.items()}
    suite = {
        "name": "s",
        "expectations": [
            {"type": kind, "kwargs": {"column": "plain", **limits}},
            {"type": kind, "kwargs": {"column": "zoned", **zoned}},
        ],
    }
    for engine in ("auto", "spark"):
        assert [item.holds for item in judge([tmp_path / "t.parquet"], suite, seed="s", engine=engine)] == [True, True]


def test_the_same_rows_meet_a_condition(files: list[Path]) -> None:
    """A row without a value meets ``!=`` and ``NOT_IN``, and an empty set is one, as on the other engines."""
    met = [
        compared("n", "!=", 2),
        compared("n", "<", 2.5),
        compared("t", "NOT_IN", ["ab", "o'clock"]),
        compared("t", "NOT_IN", []),
        compared("t", "IN", []),
        compared("bn", "!=", True),
        missing("f", is_null=True),
        SOME,
    ]
    suite = suite_of(about([("expect_column_values_to_be_null", {"column": "i"})], *met))
    ours, theirs = judge(files, suite, seed="s"), judge(files, suite, seed="s", engine="spark")

    for one, other in zip(ours, theirs, strict=True):
        assert (other.holds, other.error, other.kwargs) == (one.holds, None, one.kwargs)
        assert other.numbers["element_count"] == one.numbers["element_count"], one.kwargs


def test_expectations_about_the_rows_that_meet_a_condition(files: list[Path]) -> None:
    """Counted in SQL, judged by Great Expectations, and by a column that there is not."""
    suite = suite_of(
        [
            *about([case for case in CASES[::2] if "type" not in case[0]], SOME),
            *about(CASES[:1], missing("nowhere", is_null=True)),
            *CASES[:1],
        ]
    )
    ours, theirs = judge(files, suite, seed="s"), judge(files, suite, seed="s", engine="spark")

    assert [(item.type, item.holds, bool(item.error), item.kwargs) for item in theirs] == [
        (item.type, item.holds, bool(item.error), item.kwargs) for item in ours
    ]
    assert {item.engine for item in theirs} == {"spark"}
    assert "There is no column 'nowhere'" in str(theirs[-2].error)


HOSTILE = ("o'clock", "c\\n", "\\' OR true --", "\\", "'", "ä\\u00e4", "%_`\n")


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_of_a_suite_are_never_statements(text: str, tmp_path: Path) -> None:
    """Quotes and backslashes, which begin an escape to Spark, are those of the text, and end none."""
    pq.write_table(pa.table({"a": [text, "x"], "b": ["u", "v"]}), tmp_path / "rows.parquet")
    pairs = {"column_A": "a", "column_B": "b", "value_pairs_set": [[text, "u"]]}
    values = {"column": "a", "value_set": [text, "x"]}
    suite = suite_of(
        [
            ("expect_column_pair_values_to_be_in_set", pairs),
            ("expect_column_pair_values_to_be_in_set", {**pairs, "value_pairs_set": [[text, "u"], ["x", "v"]]}),
            ("expect_column_values_to_be_in_set", values),
            *about(
                [("expect_column_values_to_be_null", {"column": "b"})],
                compared("a", "==", text),
            ),
        ]
    )
    for engine in ("auto", "spark"):
        found = judge([tmp_path / "rows.parquet"], suite, seed="s", engine=engine)
        assert [item.holds for item in found] == [False, True, True, False], engine
        assert [item.numbers["unexpected_count"] for item in found] == [1, 0, 0, 1], engine
