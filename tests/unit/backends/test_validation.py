"""Judging Parquet files by a suite, and setting rows aside."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_mlops.backends import validation_rows, validation_whole
from airflow_provider_mlops.backends.validation import REASONS, judge, split_rows
from airflow_provider_mlops.core.errors import BadInput

TABLE = pa.table({"x": [1.0, 2.0, None, 9.0, 2.0], "t": ["a", "b", "b", None, "c"]})


def suite(*expectations: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """A suite of expectations, each a type and its arguments."""
    return {"name": "s", "expectations": [{"type": kind, "kwargs": kwargs} for kind, kwargs in expectations]}


def written(folder: Path, table: pa.Table, parts: int = 2) -> list[Path]:
    """Write a table as some Parquet files."""
    size = -(-table.num_rows // parts) or 1
    files = [folder / f"part-{number}.parquet" for number in range(parts)]
    for number, file in enumerate(files):
        pq.write_table(table.slice(number * size, size), file)
    return files


BETWEEN = ("expect_column_values_to_be_between", {"column": "x", "min_value": 0, "max_value": 5})
UNIQUE = ("expect_column_values_to_be_unique", {"column": "x"})
NOT_NULL = ("expect_column_values_to_not_be_null", {"column": "t"})
MEAN = ("expect_column_mean_to_be_between", {"column": "x", "min_value": 3.5, "max_value": 3.5})


def test_findings_stand_in_the_order_of_the_suite(tmp_path: Path) -> None:
    """One finding for each expectation, with the figures of all files together."""
    found = judge(written(tmp_path, TABLE), suite(BETWEEN, UNIQUE, NOT_NULL, MEAN), seed="s")
    assert [item.position for item in found] == [0, 1, 2, 3]
    assert [item.holds for item in found] == [False, False, False, True]
    assert found[0].numbers["unexpected_count"] == 1
    assert found[0].numbers["missing_count"] == 1
    assert found[0].partial_unexpected == [9.0]
    assert found[3].numbers["observed_value"] == 3.5
    assert {item.sample_rows for item in found} == {None}


def test_missing_column_is_an_error_of_that_expectation(tmp_path: Path) -> None:
    """It is not judged, and says why; the others are judged."""
    found = judge(
        written(tmp_path, TABLE), suite(BETWEEN, ("expect_column_values_to_be_null", {"column": "z"})), seed="s"
    )
    assert [item.holds for item in found] == [False, None]
    assert found[1].error


def test_unknown_engine(tmp_path: Path) -> None:
    """An engine that there is not is named."""
    with pytest.raises(BadInput, match="Engine 'magic'"):
        judge(written(tmp_path, TABLE), suite(BETWEEN), seed="s", engine="magic")


def test_rows_are_split_in_order(tmp_path: Path) -> None:
    """Each row goes to one side; those set aside name the expectations that they break."""
    pairs = list(split_rows(written(tmp_path, TABLE), suite(BETWEEN, MEAN, UNIQUE, NOT_NULL), [3, 0, 2]))
    kept, apart = (pa.concat_tables([pair[side] for pair in pairs]) for side in (0, 1))
    assert kept.to_pydict() == {"x": [1.0, None], "t": ["a", "b"]}
    assert apart.to_pydict() == {"x": [2.0, 9.0, 2.0], "t": ["b", None, "c"], REASONS: [[2], [0, 3], [2]]}


@pytest.mark.parametrize(
    ("position", "words"),
    [(1, "expectation 2: expect_column_mean_to_be_between does not name rows"), (7, "no expectation 8")],
)
def test_only_row_level_expectations_split(tmp_path: Path, position: int, words: str) -> None:
    """A mean says nothing about a single row."""
    with pytest.raises(BadInput, match=words):
        split_rows(written(tmp_path, TABLE), suite(BETWEEN, MEAN), [0, position])


JSON = ("expect_column_values_to_be_json_parseable", {"column": "t"})
CASELESS = ("expect_column_values_to_match_regex", {"column": "t", "regex": "(?i)^[AB]$"})
DIVERGENCE = (
    "expect_column_kl_divergence_to_be_less_than",
    {"column": "t", "partition_object": {"values": ["a", "b"], "weights": [0.5, 0.5]}, "threshold": 0.6},
)
CONDITION = {"row_condition": "x < 5", "condition_parser": "pandas"}


def test_one_engine_for_what_is_compiled_and_another_for_the_rest(tmp_path: Path) -> None:
    """What no SQL says the same, Great Expectations judges: on all rows while they are few."""
    found = judge(written(tmp_path, TABLE), suite(BETWEEN, JSON, CASELESS, DIVERGENCE), seed="s")
    assert [item.engine for item in found] == ["duckdb", *["great_expectations"] * 3]
    assert [item.holds for item in found] == [False, False, False, False]
    assert found[1].numbers == {
        "element_count": 5,
        "missing_count": 1,
        "missing_percent": 20.0,
        "unexpected_count": 4,
        "unexpected_percent": 100.0,
        "unexpected_percent_total": 80.0,
        "unexpected_percent_nonmissing": 100.0,
    }
    assert found[2].partial_unexpected == ["c"]
    assert {item.sample_rows for item in found} == {None}


def test_rows_judged_alone_are_judged_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The counts of the parts are those of the whole, and a column of numbers with nulls is one in each part."""
    table = pa.table({"k": pa.array([1, 2, 3, None, 5, 6, 7], pa.int64()), "t": [*"aBcdAb", None]})
    expected = suite(
        ("expect_column_values_to_match_regex", {"column": "k", "regex": r"^\d\.0$"}),
        ("expect_column_values_to_match_regex", {"column": "t", "regex": "(?i)^[ab]$", "mostly": 4 / 6}),
    )
    whole = judge(written(tmp_path, table, 1), expected, seed="s")
    monkeypatch.setattr(validation_rows, "PART_ROWS", 2)
    parts = judge(written(tmp_path, table, 2), expected, seed="s")
    assert [item.to_dict() for item in parts] == [item.to_dict() for item in whole]
    assert [item.holds for item in whole] == [True, True]


@pytest.mark.filterwarnings("ignore:.*row_condition:DeprecationWarning", "ignore:.*condition_parser:DeprecationWarning")
def test_a_sample_decides_what_a_bound_proves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row that breaks what all must keep is proof, and a share far from the limit; a close one is not."""
    monkeypatch.setattr(validation_whole, "SAMPLE_ROWS", 200)
    table = pa.table({"x": [float(number % 10) for number in range(1000)], "t": ["a", "b"] * 500})
    low = {"column": "x", "min_value": 0, "max_value": 3, **CONDITION}
    expected = suite(
        ("expect_column_values_to_be_between", low),
        ("expect_column_values_to_be_between", {**low, "mostly": 0.3}),
        ("expect_column_values_to_be_between", {**low, "mostly": 0.8}),
        ("expect_column_values_to_be_between", {**low, "max_value": 9}),
        ("expect_column_mean_to_be_between", {"column": "x", "min_value": 0, "max_value": 9, **CONDITION}),
        ("expect_column_mean_to_be_between", {"column": "x", "min_value": 0, "max_value": 9}),
    )
    found = judge(written(tmp_path, table), expected, seed="one")
    assert [item.holds for item in found] == [False, True, None, None, None, True]
    assert [item.sample_rows for item in found] == [*[200] * 5, None]
    again = judge(written(tmp_path, table, 5), expected, seed="one")
    assert [item.to_dict() for item in again] == [item.to_dict() for item in found]
    other = judge(written(tmp_path, table), expected, seed="two")
    assert other[1].numbers != found[1].numbers


def test_sample_holds_each_row_as_likely() -> None:
    """A sample has as many rows as asked for, from everywhere, and the same ones whatever the machine."""
    drawn = validation_rows.sampled_rows(1_000_000, 1_000, "seed")
    assert len(set(drawn.tolist())) == 1_000
    assert abs(drawn.mean() / 500_000 - 1) < 0.1
    assert drawn[:3].tolist() == [826, 953, 1160]


def test_expectation_that_stands_twice(tmp_path: Path) -> None:
    """It is an error, as it is to Great Expectations, whose answer would be of one of them."""
    with pytest.raises(BadInput, match=r"Suite 's': expectation 3 \(expect_column_values_to_be_between\) stands"):
        judge(written(tmp_path, TABLE), suite(BETWEEN, UNIQUE, BETWEEN), seed="s")


@pytest.mark.parametrize(
    "refused",
    [("expect_magic", {}), ("expect_column_values_to_be_between", {"column": "x", "mostly": 7, "min_value": 1})],
)
def test_what_great_expectations_refuses(tmp_path: Path, refused: tuple[str, dict[str, Any]]) -> None:
    """An unknown expectation, or an argument out of range, is an error."""
    with pytest.raises(BadInput, match=f"{refused[0]}|refuses"):
        judge(written(tmp_path, TABLE), suite(BETWEEN, refused), seed="s")


def test_numbers_that_no_float_comes_near(tmp_path: Path) -> None:
    """A text of 400 digits is a whole number in JSON and YAML; no value equals it."""
    wanted = ("expect_column_values_to_be_in_set", {"column": "x", "value_set": [10**400, 2.0]})
    assert [item.holds for item in judge(written(tmp_path, TABLE), suite(wanted), seed="s")] == [False]


HOSTILE = "x\"; DROP TABLE t; --'é\n" + "y" * 300


def test_names_and_values_are_never_statements(tmp_path: Path) -> None:
    """Quotes, semicolons, line breaks and two names that differ in case only are names and values, no SQL."""
    table = pa.table({HOSTILE: ["a'; --", "b"], "A": [1, 2], "a": [3, 4], "rn": [5, 5]})
    folder = tmp_path / "it's [a] *folder?"
    folder.mkdir()
    found = judge(
        written(folder, table),
        suite(
            ("expect_column_values_to_be_in_set", {"column": HOSTILE, "value_set": ["a'; --", "b"]}),
            ("expect_column_max_to_be_between", {"column": "A", "max_value": 2}),
            ("expect_column_max_to_be_between", {"column": "a", "max_value": 2}),
            ("expect_column_values_to_be_unique", {"column": "rn"}),
            ("expect_column_values_to_be_null", {"column": "RN"}),
        ),
        seed="s",
    )
    assert [item.holds for item in found] == [True, True, False, False, None]
    assert "There is no column 'RN'" in str(found[4].error)


def test_findings_are_bounded(tmp_path: Path) -> None:
    """However many rows break an expectation, and however long their texts are, a finding stays small."""
    table = pa.table({"t": ["z" * 5000 + str(number % 400) for number in range(1000)]})
    found = judge(
        written(tmp_path, table),
        suite(
            ("expect_column_values_to_be_in_set", {"column": "t", "value_set": ["a"]}),
            ("expect_column_values_to_be_unique", {"column": "t"}),
            ("expect_column_distinct_values_to_be_in_set", {"column": "t", "value_set": ["a"]}),
            ("expect_column_most_common_value_to_be_in_set", {"column": "t", "value_set": ["a"]}),
            ("expect_column_values_to_be_json_parseable", {"column": "t"}),
        ),
        seed="s",
    )
    assert [item.holds for item in found] == [False] * 5
    for item in found:
        assert len(json.dumps({**item.to_dict(), "kwargs": {}})) < 10_000
        assert len(item.partial_unexpected) <= 20


def test_rows_set_aside_by_every_kind_of_rule(tmp_path: Path) -> None:
    """Keys over several columns, patterns of Python, in several files; the others keep their types."""
    table = pa.table(
        {
            "k": pa.array([1, 1, 2, 2, 3, None, None], pa.int32()),
            "t": pa.array(["a", "a", "A", "b", "c!", None, None]).dictionary_encode(),
            "at": pa.array([1, 2, 3, 4, 5, 6, 7], pa.timestamp("ms")),
        }
    )
    expected = suite(
        ("expect_compound_columns_to_be_unique", {"column_list": ["k", "t"], "ignore_row_if": "never"}),
        ("expect_column_values_to_match_regex", {"column": "t", "regex": "(?i)^[a-z]$"}),
        ("expect_column_values_to_be_between", {"column": "k", "max_value": 2, "mostly": 0.1}),
    )
    pairs = list(split_rows(written(tmp_path, table, 3), expected, [0, 1, 2]))
    kept, apart = (pa.concat_tables([pair[side] for pair in pairs]) for side in (0, 1))
    assert kept.column("t").to_pylist() == ["A", "b"]
    assert apart.column(REASONS).to_pylist() == [[0], [0], [1, 2], [0], [0]]
    assert kept.schema == table.schema
    assert kept.num_rows + apart.num_rows == table.num_rows


def test_no_row_set_aside(tmp_path: Path) -> None:
    """Nothing to split by, or nothing that breaks: every row is kept."""
    for positions in ([], [0]):
        pairs = list(
            split_rows(
                written(tmp_path, TABLE),
                suite(("expect_column_values_to_be_between", {"column": "x", "min_value": 0})),
                positions,
            )
        )
        assert sum(pair[0].num_rows for pair in pairs) == TABLE.num_rows
        assert sum(pair[1].num_rows for pair in pairs) == 0


@pytest.mark.parametrize("pattern", ["a%b", "a_b", "a\\%b", "", "%", "_", "A%", "%\n%", "[a]%", "%'%", "\u00e9"])
def test_like_is_that_of_databases(tmp_path: Path, pattern: str) -> None:
    """Great Expectations has no LIKE on pandas and leaves it to the database: one that tells capitals is asked."""
    texts = ["a%b", "a_b", "AXB", "a\\%b", "", "\u00e9", "a\nb", "'", None]
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("PRAGMA case_sensitive_like = ON")
        database.execute("CREATE TABLE t (a TEXT)")
        database.executemany("INSERT INTO t VALUES (?)", [(text,) for text in texts])
        (unlike,) = database.execute("SELECT count(*) FROM t WHERE NOT (a LIKE ?)", (pattern,)).fetchone()
    kwargs = {"column": "a", "like_pattern": pattern}
    kinds = ("expect_column_values_to_match_like_pattern", "expect_column_values_to_not_match_like_pattern")
    files = written(tmp_path, pa.table({"a": texts}))

    found = judge(files, suite(*((kind, kwargs) for kind in kinds)), seed="s")

    assert [item.numbers["unexpected_count"] for item in found] == [unlike, 8 - unlike]


def test_rows_cannot_be_set_aside_twice(tmp_path: Path) -> None:
    """Rows that were set aside already have the column of the reasons: a second one would make both unreadable."""
    files = written(tmp_path, TABLE.append_column(REASONS, pa.array(["x"] * TABLE.num_rows)))
    with pytest.raises(BadInput, match=f"have a column {REASONS!r} already.*rename it"):
        split_rows(files, suite(BETWEEN), [0])


def test_nanoseconds_count(tmp_path: Path) -> None:
    """The latest time is held against its limit as exactly as every time is."""
    late = pa.array([1_577_880_000_000_000_001], pa.timestamp("ns"))
    files = written(tmp_path, pa.table({"t": late, "z": late.cast(pa.timestamp("ns", "UTC"))}), parts=1)
    kinds = ("expect_column_max_to_be_between", "expect_column_values_to_be_between")
    for column, zone in (("t", ""), ("z", "+00:00")):
        kwargs = {"column": column, "max_value": f"2020-01-01T12:00:00{zone}"}
        found = judge(files, suite(*((kind, kwargs) for kind in kinds)), seed="s")
        assert [(item.holds, item.engine) for item in found] == [(False, "duckdb")] * 2


def test_nanoseconds_that_duckdb_would_round_are_left_to_great_expectations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before 2.0 it reads times with a zone to the microsecond, and two of them would be one."""
    monkeypatch.setattr(duckdb, "__version__", "1.4.4")
    late = pa.array([1_577_880_000_000_000_001, 1_577_880_000_000_000_002], pa.timestamp("ns", "UTC"))
    files = written(tmp_path, pa.table({"z": late, "u": late.cast(pa.timestamp("us", "UTC"), safe=False)}))
    limit = {"max_value": "2020-01-01T12:00:00+00:00"}
    between, unique = "expect_column_values_to_be_between", "expect_column_values_to_be_unique"
    judged = suite((between, {"column": "z", **limit}), (unique, {"column": "z"}), (unique, {"column": "u"}))

    found = judge(files, judged, seed="s")

    assert [item.holds for item in found] == [False, True, False]
    assert [item.engine for item in found] == ["great_expectations", "great_expectations", "duckdb"]


def test_rows_cannot_be_set_aside_by_a_missing_column(tmp_path: Path) -> None:
    """What cannot be judged sets nothing aside in silence."""
    with pytest.raises(BadInput, match="could not be judged: There is no column 'z'"):
        list(split_rows(written(tmp_path, TABLE), suite(("expect_column_values_to_be_null", {"column": "z"})), [0]))


@pytest.mark.parametrize("name", ["a[1]*?", "it's", "é {x}"])
def test_paths_are_no_patterns(tmp_path: Path, name: str) -> None:
    """Signs that mean something to SQL or to a glob are signs of a path."""
    (tmp_path / name).mkdir()
    assert judge(written(tmp_path / name, TABLE), suite(UNIQUE), seed="s")[0].holds is False


def test_path_with_a_backslash(tmp_path: Path) -> None:
    """DuckDB takes it for a separator: the error says so."""
    (tmp_path / "a\\b").mkdir()
    with pytest.raises(BadInput, match=r"has a backslash in its path, .*move the storage root"):
        judge(written(tmp_path / "a\\b", TABLE), suite(UNIQUE), seed="s")


def test_a_misspelt_column_is_named_with_the_one_that_was_meant(tmp_path: Path) -> None:
    """It is an error of the expectation, whatever its severity."""
    table = pa.table({"signal": [1.0], "late": [0]})
    (found,) = judge(
        written(tmp_path, table), suite(("expect_column_values_to_not_be_null", {"column": "signa"})), seed="s"
    )

    assert found.error == "There is no column 'signa'; the rows have: signal, late. Did you mean signal?"
