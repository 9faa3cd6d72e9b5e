"""Row conditions: DuckDB judges the rows that Great Expectations judges on pandas, and sets the same ones aside."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_mlops.backends import validation_rows, validation_whole
from airflow_provider_mlops.backends.duckdb_columns import NoColumn, NotCompiled, columns_of
from airflow_provider_mlops.backends.duckdb_condition import condition
from airflow_provider_mlops.backends.duckdb_schema import PLANS
from airflow_provider_mlops.backends.great_expectations import broken_rows
from airflow_provider_mlops.backends.validation import REASONS, judge, split_rows
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.expectation import ROW_LEVEL
from tests.support.conditions import CONDITIONS, SOME, about, compared, conditions, joined, missing
from tests.support.expectations import cases_by_type, rows
from tests.support.verdicts import CACHED_WRONGLY, assert_same, in_duckdb, in_pandas, suite_of

pytestmark = pytest.mark.filterwarnings("ignore:This pattern is interpreted:UserWarning")  # of pandas: groups

BROKEN_IN_PANDAS = "expect_column_pair_values_to_be_in_set"
"""Great Expectations on pandas takes other rows, or none, for those that meet its condition."""
CASES = {
    kind: cases
    for kind, cases in cases_by_type().items()
    if kind != BROKEN_IN_PANDAS and kind not in PLANS and not kind.startswith("expect_table_column")
}


def written(folder: Path, table: pa.Table) -> Path:
    """The rows as a file."""
    file = folder / "rows.parquet"
    pq.write_table(table, file, row_group_size=4)
    return file


def test_the_same_rows_meet_a_condition(tmp_path: Path) -> None:
    """Counted by an expectation that looks at all rows that do; values that are missing, too."""
    cases = about([("expect_column_values_to_be_null", {"column": "i"})], *conditions())
    ours = in_duckdb(rows(), cases, tmp_path)
    assert len(ours) == len(cases) > 150
    assert_same(ours, in_pandas(rows(), cases))


@pytest.mark.parametrize("kind", sorted(CASES))
def test_same_verdicts_about_the_rows_that_meet_a_condition(kind: str, tmp_path: Path) -> None:
    """Single values, keys, figures of a column and the number of rows."""
    size = 3 if CACHED_WRONGLY in kind else 6  # these are asked one by one
    cases = about(CASES[kind][:: max(1, len(CASES[kind]) // size)][:size], *CONDITIONS)
    ours = in_duckdb(rows(), cases, tmp_path)
    assert len(ours) >= len(cases) / 2
    assert_same(ours, in_pandas(rows(), cases))


def test_pairs_that_pandas_takes_from_other_rows(tmp_path: Path) -> None:
    """Rows 0 to 4 have pairs of the set but for row 3; the others are not asked."""
    pairs = {"column_A": "code", "column_B": "small", "value_pairs_set": [["A0", 0], ["B1", 1], ["A2", 2], ["A1", 4]]}
    cases = about([(BROKEN_IN_PANDAS, pairs)], compared("i", "<", 5))
    found = in_duckdb(rows(), cases, tmp_path)[0]
    assert (found.holds, found.numbers["element_count"], found.numbers["unexpected_count"]) == (False, 5, 1)
    assert found.partial_unexpected == [["B0", 3]]


@pytest.mark.parametrize("kind", sorted(ROW_LEVEL & set(CASES)))
def test_the_same_rows_are_set_aside(kind: str, tmp_path: Path) -> None:
    """A row that does not meet the condition breaks nothing, and is no other one's double."""
    suite = suite_of(about(CASES[kind][:3], SOME))
    table = rows()
    positions = range(len(suite["expectations"]))
    apart = pa.concat_tables(aside for _, aside in split_rows([written(tmp_path, table)], suite, positions))

    theirs: dict[int, list[int]] = {}
    for position in positions:
        for row in broken_rows(table.to_pandas(), suite, position):
            theirs.setdefault(row, []).append(position)
    assert dict(zip(apart.column("i").to_pylist(), apart.column(REASONS).to_pylist(), strict=True)) == theirs


def test_many_rows_are_judged_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A condition is no reason to look at a sample: figures in the scan, and what only Python knows part by part."""
    monkeypatch.setattr(validation_whole, "SAMPLE_ROWS", 50)
    monkeypatch.setattr(validation_rows, "PART_ROWS", 30)
    table = pa.table({"x": [float(n) for n in range(200)], "t": [*["{}"] * 150, *["no"] * 50], "k": [None, 1] * 100})
    low = compared("x", "<", 150)
    json = ("expect_column_values_to_be_json_parseable", {"column": "t"})
    mean = ("expect_column_mean_to_be_between", {"column": "x", "min_value": 74.5, "max_value": 74.5})
    old = {"row_condition": 'col("x") < 150', "condition_parser": "great_expectations"}
    cases = [*about([json, mean], low), *about([json], missing("k", is_null=True)), (json[0], {**json[1], **old})]
    with pytest.warns(DeprecationWarning, match="row_condition|condition_parser"):
        found = judge([written(tmp_path, table)], suite_of(cases), seed="s")

    assert [item.holds for item in found] == [True, True, False, True]
    assert [item.engine for item in found] == ["great_expectations", "duckdb", *["great_expectations"] * 2]
    assert [item.sample_rows for item in found] == [None] * 4
    assert [item.numbers.get("element_count") for item in found] == [150, None, 100, 150]


@pytest.mark.parametrize(
    "wanted",
    [
        "i > 3",
        {"type": "pass_through", "pass_through_filter": "i > i.mean()"},
        compared("t", "<", "b"),  # pandas compares texts with missing ones, and fails
        compared("t", "==", 1),
        compared("i", "==", "1"),
        compared("i", "==", True),
        compared("b", "==", 1),
        compared("g", "==", 0.1),  # pandas rounds the tenth
        compared("m", "==", 0.1),
        compared("at", ">", "2013-01-02"),
        compared("f", "<", float("inf")),
        compared("f", "IN", 1),
        compared("f", "LIKE", 1),
        compared("f", "==", None),
        compared("t", "==", "a\x00"),
        {**compared("i", "<", 3), "note": "x"},
        {**missing("i", is_null=True), "is_null": 1},
        joined("and"),
        joined("xor", SOME),
        {"type": "nullity", "column": "i", "is_null": True},
        {"type": ["and"], "conditions": []},
        [SOME],
    ],
    ids=str,
)
def test_conditions_that_are_not_compiled(wanted: Any, tmp_path: Path) -> None:
    """What pandas may see otherwise is left to it, and what is no condition is refused there."""
    with pytest.raises(NotCompiled):
        condition(columns_of([written(tmp_path, rows())]), {"row_condition": wanted})


def test_a_condition_of_a_missing_column(tmp_path: Path) -> None:
    """It is not judged, and named with the column that was meant; rows cannot be set aside by it."""
    suite = suite_of(about([("expect_column_values_to_be_null", {"column": "i"})], missing("codee", is_null=False)))
    file = written(tmp_path, rows())
    with pytest.raises(NoColumn, match="no column 'codee'"):
        condition(columns_of([file]), suite["expectations"][0]["kwargs"])

    (found,) = judge([file], suite, seed="s")
    assert found.holds is None
    assert "Did you mean code?" in str(found.error)
    with pytest.raises(BadInput, match="There is no column 'codee'"):
        list(split_rows([file], suite, [0]))


def test_a_condition_about_the_columns_is_refused(tmp_path: Path) -> None:
    """Great Expectations knows none there."""
    with pytest.raises(BadInput, match="refuses its kwargs"):
        judge(
            [written(tmp_path, rows())], suite_of(about([("expect_column_to_exist", {"column": "i"})], SOME)), seed="s"
        )
