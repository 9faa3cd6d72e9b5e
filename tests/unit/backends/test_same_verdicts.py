"""DuckDB finds what Great Expectations finds on pandas: verdict, counts and observed value of each expectation."""

import inspect
import math
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_mlops.backends.duckdb_columns import NotCompiled, columns_of
from airflow_provider_mlops.backends.duckdb_judge import COMPILED, judge_compiled
from airflow_provider_mlops.backends.duckdb_plan import Scan
from airflow_provider_mlops.backends.duckdb_session import session
from airflow_provider_mlops.backends.duckdb_text import re2
from airflow_provider_mlops.core import suite_suggest
from tests.support.expectations import LEFT_TO_PYTHON, MOST_USED, PATTERNS, Case, cases_by_type, rows
from tests.support.verdicts import CACHED_WRONGLY, assert_same, in_duckdb, in_pandas, suite_of

pytestmark = pytest.mark.filterwarnings("ignore:This pattern is interpreted:UserWarning")  # of pandas: groups

ONLY_SQL = {
    "expect_column_values_to_match_like_pattern",
    "expect_column_values_to_match_like_pattern_list",
    "expect_column_values_to_not_match_like_pattern",
    "expect_column_values_to_not_match_like_pattern_list",
}
"""Great Expectations does not judge these on pandas at all."""


CASES = cases_by_type()


@pytest.mark.parametrize("kind", sorted(CASES))
def test_same_on_rows_of_every_kind(kind: str, tmp_path: Path) -> None:
    """Nulls, NaN, ties, ``mostly`` exactly at the share, a column without a value, texts of many scripts."""
    ours = in_duckdb(rows(), CASES[kind], tmp_path)
    theirs = in_pandas(rows(), CASES[kind])
    assert_same(ours, theirs)
    assert len(ours) >= len(CASES[kind]) / 2
    assert {item.holds for item in theirs if item.position in ours} >= {True, False}


@pytest.mark.parametrize("n", [0, 1])
def test_same_on_no_row_and_on_one(n: int, tmp_path: Path) -> None:
    """The smallest tables there are."""
    cases = [case for kind in sorted(CASES) if CACHED_WRONGLY not in kind for case in CASES[kind][::9]]
    assert_same(in_duckdb(rows(n), cases, tmp_path), in_pandas(rows(n), cases))


@pytest.mark.parametrize("values", [[1.0, math.nan, math.nan, None], [1.0, math.nan, 3.0, math.nan]])
def test_nan_is_missing_whatever_the_file_states(values: list[float | None], tmp_path: Path) -> None:
    """The statistics of a file pass NaN over; what DuckDB concludes from them must not make it a value."""
    table = pa.table({"x": pa.array(values, pa.float64()), "g": pa.array(values, pa.float32())})
    pq.write_table(table, tmp_path / "x.parquet")
    kinds = ("expect_column_values_to_not_be_null", "expect_column_values_to_be_null")
    cases: list[Case] = [(kind, {"column": name, "mostly": 0.7}) for kind in kinds for name in ("x", "g")]
    cases += [("expect_column_max_to_be_between", {"column": name, "max_value": 2}) for name in ("x", "g")]
    with session([tmp_path / "x.parquet"]) as opened:
        found = judge_compiled(Scan(opened, columns_of([tmp_path / "x.parquet"])), suite_of(cases))
    assert_same(found, in_pandas(table, cases))
    assert [item.holds for item in found.values()][:2] == [False, False]


def test_what_is_used_most_and_what_is_proposed_is_compiled() -> None:
    """And so compared, on rows that keep it, break it and sit on its edge; `suite suggest` proposes nothing else."""
    proposed = set(re.findall(r'"(expect_\w+)"', inspect.getsource(suite_suggest)))

    assert len(MOST_USED) == 30
    assert len(proposed) >= 8
    assert {*MOST_USED, *proposed} <= set(CASES)


def test_every_compiled_type_is_compared() -> None:
    """A type that is compiled and not compared could answer anything; there are more than 30."""
    assert set(CASES) | ONLY_SQL == COMPILED
    assert len(COMPILED) > 45


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_are_translated(pattern: str) -> None:
    """What the two engines find alike runs in the scan."""
    assert re2(pattern)


@pytest.mark.parametrize("pattern", [*LEFT_TO_PYTHON, "(", None])
def test_patterns_left_to_python(pattern: str | None) -> None:
    """What RE2 lacks, or means otherwise, is never guessed."""
    with pytest.raises(NotCompiled):
        re2(pattern)


VALUES = st.one_of(st.none(), st.floats(-4, 4, width=16), st.just(math.nan))
TEXT = st.one_of(st.none(), st.text("ab1 ÄZ\n日'", max_size=4))
LIMITS = st.tuples(st.integers(-3, 0), st.integers(1, 3), st.booleans())


@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(
    drawn=st.lists(st.tuples(VALUES, st.one_of(st.none(), st.integers(-3, 3)), TEXT), min_size=1, max_size=12),
    limits=LIMITS,
    mostly=st.sampled_from([0.25, 1 / 3, 0.5, 2 / 3, 0.9, 1.0]),
    pattern=st.sampled_from(PATTERNS),
    names=st.lists(st.text("ab1 ÄZ\n日'", max_size=4), min_size=1, max_size=4),
)
def test_same_on_drawn_rows(
    drawn: list[Any],
    limits: tuple[int, int, bool],
    mostly: float,
    pattern: str,
    names: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Whatever the rows are."""
    low, high, strict = limits
    x, k, t = zip(*drawn, strict=True)
    table = pa.table({"x": pa.array(x, pa.float64()), "k": pa.array(k, pa.int64()), "t": pa.array(t, pa.string())})
    edges = {"min_value": low, "max_value": high, "strict_min": strict}
    cases: list[Case] = []
    for column in ("x", "k"):
        cases += [("expect_column_values_to_be_between", {"column": column, **edges, "mostly": mostly})]
        cases += [
            (f"expect_column_{name}_to_be_between", {"column": column, **edges}) for name in ("mean", "max", "sum")
        ]
        cases += [("expect_column_values_to_be_unique", {"column": column, "mostly": mostly})]
        cases += [
            ("expect_column_values_to_be_in_set", {"column": column, "value_set": [low, high, 0.5], "mostly": mostly})
        ]
    cases += [("expect_column_values_to_match_regex", {"column": "t", "regex": pattern, "mostly": mostly})]
    cases += [("expect_column_value_lengths_to_be_between", {"column": "t", "max_value": high, "mostly": mostly})]
    named = [*names, *(text for text in t[:3] if text is not None)]
    cases += [
        (f"expect_column_values_to_{kind}", {"column": "t", "value_set": named, "mostly": mostly})
        for kind in ("be_in_set", "not_be_in_set")
    ]
    cases += [
        ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "x", "column_B": "k", "mostly": mostly})
    ]
    cases += [("expect_compound_columns_to_be_unique", {"column_list": ["x", "k", "t"], "mostly": mostly})]
    assert_same(in_duckdb(table, cases, tmp_path_factory.mktemp("drawn")), in_pandas(table, cases))
