"""Every bad input, through each kind of source into a snapshot and on to its suite: kept and judged, or named."""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops import sources
from airflow_provider_mlops.backends.parquet import read_snapshot
from airflow_provider_mlops.core.errors import TransientError
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.operators.snapshot import SnapshotDatasetOperator
from tests.conftest import MakeLab
from tests.support.lab import DATASET, Lab
from tests.support.sources import Lines

CHAIN = f"dataset/{DATASET}"
KEY = "2020-01"
NAN = float("nan")
LATE, EARLY = 2**62, -(2**62)
LONG = "größe 身長 🚂 " + "x" * 3_000
HOSTILE_NAMES = ["a.b", "`a`", 'say "a"', "a'; DROP TABLE rows; --", "../up", "a\nb", "c0", "{a}", "", "A.B"]

FRAMES: dict[str, Any] = {}
"""What the function of this module yields, by name; filled by the test that runs."""


def frames(partition: Partition, *, name: str) -> Iterator[Any]:
    """Yield the frames of a test."""
    yield from FRAMES[name]


class Sources:
    """Makes a source of each kind of what it is to give.

    :param lab: where the files lie.
    :param request: fixtures that a kind needs.
    """

    def __init__(self, lab: Lab, request: pytest.FixtureRequest, patches: pytest.MonkeyPatch) -> None:
        self._lab, self._request, self._patches = lab, request, patches
        (lab.root / "data").mkdir()

    def take(self, kind: str, given: Any, *, schema: Mapping[str, str] | None = None, **more: Any) -> dict[str, Any]:
        """Take a snapshot.

        :param kind: a database, a format of files, ``function`` or ``dvc``; with ``-spark`` read by Spark.
        :param given: a query, a table (or several), or the text of a file.
        :param schema: types that the source states.
        """
        form, _, engine = kind.partition("-")
        if engine:
            self._request.getfixturevalue("local_spark")
            more["engine"] = engine
        source = getattr(self, f"_{form}")(given)
        if schema:
            source["schema"] = dict(schema)
        return self._lab.run("snapshot", partition_key=KEY, source=source, time_column=None, **more)

    def _sqlite(self, query: str) -> dict[str, Any]:
        path = self._lab.root / "lite.db"
        sqlite3.connect(path).close()
        self._patches.setenv("AIRFLOW_CONN_LITE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
        return sources.sql("lite", query)

    def _postgres(self, query: str) -> dict[str, Any]:
        server = self._request.getfixturevalue("postgres_server")
        self._patches.setenv("AIRFLOW_CONN_WAREHOUSE", server.connection())
        return sources.sql("warehouse", query)

    def _parquet(self, given: Any) -> dict[str, Any]:
        for number, table in enumerate(given if isinstance(given, list) else [given]):
            pq.write_table(table, self._lab.root / "data" / f"{number}.parquet")
        return sources.files("data/*.parquet", "parquet")

    def _csv(self, text: str) -> dict[str, Any]:
        (self._lab.root / "data" / "rows.csv").write_text(text, newline="")
        return sources.files("data/*.csv", "csv")

    def _jsonl(self, text: str) -> dict[str, Any]:
        (self._lab.root / "data" / "rows.jsonl").write_text(text, newline="")
        return sources.files("data/*.jsonl", "jsonl")

    def _function(self, given: Any) -> dict[str, Any]:
        self._patches.setitem(FRAMES, KEY, given if isinstance(given, list) else [given])
        return sources.function(f"{__name__}:frames", {"name": KEY})

    def _dvc(self, text: str) -> dict[str, Any]:
        digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
        (self._lab.root / "data" / "rows.csv").write_text(text, newline="")
        (self._lab.root / "data" / "rows.csv.dvc").write_text(f"outs:\n- md5: {digest}\n  path: rows.csv\n")
        return sources.dvc("data/rows.csv.dvc")


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """An empty lab."""
    return make_lab("empty")


@pytest.fixture
def source(lab: Lab, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Sources:
    """The sources of this test."""
    return Sources(lab, request, monkeypatch)


KEYS = pa.table({"key": pa.array([1.0, NAN, None])})
DATES = pa.table({"at": pa.array([LATE, EARLY, 253_402_300_799_999_999, None], pa.timestamp("us"))})
DECIMALS = pa.table({"price": pa.array([Decimal("0.10"), Decimal("-99999999.99"), None], pa.decimal128(10, 2))})
NESTED = pa.table(
    {
        "lists": pa.array([[1, None], [], None]),
        "deep": pa.array([[["a"]], [[], None], None]),
        "record": pa.array([{"a": 1, "b": [1]}, {"a": None, "b": None}, None]),
    }
)
NAMES = pa.table({name: ["x", "y"] for name in [LONG, *HOSTILE_NAMES]})
TWICE = pa.table([pa.array([1]), pa.array([2])], names=["id", "id"])
MANY_DIGITS = pa.table({"d": pa.array([Decimal("1" * 50)], pa.decimal256(50, 0))})
OTHERS = [pa.table({"x": [1]}), pa.table({"x": ["a"]})]
EMPTY = pa.table({"id": pa.array([], pa.int64())})


def csv_of(names: list[str]) -> str:
    """Write a header of these names, and two rows."""
    quoted = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    return f"{quoted}\n{','.join('x' * len(names))}\n{','.join('y' * len(names))}\n"


def selected(names: list[str], value: str = "'x'") -> str:
    """Write a query that gives these names."""
    quoted = ", ".join(f'{value} AS "{name.replace(chr(34), chr(34) * 2)}"' for name in names)
    return f"SELECT {quoted} ORDER BY 1"


PLAIN_NAMES = [name for name in [LONG, *HOSTILE_NAMES] if name]
SHORT_NAMES = [name for name in ["größe 身長 🚂", *HOSTILE_NAMES] if name]

KEPT: list[tuple[str, str, Any, dict[str, str], dict[str, tuple[str, Any]]]] = [
    # NaN in keys: a value where the source can tell it from nothing.
    ("nan", "parquet", KEYS, {}, {"key": ("double", [1.0, "nan", None])}),
    ("nan", "parquet-spark", KEYS, {}, {"key": ("double", [1.0, "nan", None])}),
    ("nan", "function", KEYS, {}, {"key": ("double", [1.0, "nan", None])}),
    ("nan", "function", pd.DataFrame({"key": [1.0, NAN, None]}), {}, {"key": ("double", [1.0, None, None])}),
    ("nan", "csv", "key,n\n1.5,1\nNaN,2\n,3\n", {}, {"key": ("double", [1.5, None, None])}),
    ("nan", "csv-spark", "key,n\n1.5,1\nNaN,2\n,3\n", {}, {"key": ("double", [1.5, None, None])}),
    ("nan", "dvc", "key,n\n1.5,1\nNaN,2\n,3\n", {}, {"key": ("double", [1.5, None, None])}),
    ("nan", "jsonl", '{"key": 1.5}\n{"key": NaN}\n{"key": null}', {}, {"key": ("double", [1.5, "nan", None])}),
    ("nan", "jsonl-spark", '{"key": 1.5}\n{"key": NaN}\n{"key": null}', {}, {"key": ("double", [1.5, "nan", None])}),
    (
        "nan",
        "postgres",
        "SELECT * FROM (VALUES (1::float8, 1), ('NaN', 2), (NULL, 3)) AS v(key, n) ORDER BY n",
        {},
        {"key": ("double", [1.0, "nan", None])},
    ),
    (
        "nan",
        "sqlite",
        "SELECT 1.0 AS key, 1 AS n UNION ALL SELECT 9e999 - 9e999, 2 ORDER BY n",
        {},
        {"key": ("double", [1.0, None])},
    ),
    # Mixed types: a CSV has text only, so that a column of both is one of text.
    ("mixed", "csv", "x\n1\na\n", {}, {"x": ("string", ["1", "a"])}),
    ("mixed", "csv-spark", "x\n1\na\n", {}, {"x": ("string", ["1", "a"])}),
    ("mixed", "dvc", "x\n1\na\n", {}, {"x": ("string", ["1", "a"])}),
    # Dates that pandas, Python or no calendar has.
    ("dates", "parquet", DATES, {}, {"at": ("timestamp[us]", [LATE, EARLY, 253_402_300_799_999_999, None])}),
    ("dates", "parquet-spark", DATES, {}, {"at": ("timestamp[us]", [LATE, EARLY, 253_402_300_799_999_999, None])}),
    ("dates", "function", DATES, {}, {"at": ("timestamp[us]", [LATE, EARLY, 253_402_300_799_999_999, None])}),
    ("dates", "csv", "at\n2020-02-30\n", {}, {"at": ("string", ["2020-02-30"])}),
    ("dates", "jsonl", '{"at": "2020-02-30"}', {}, {"at": ("string", ["2020-02-30"])}),
    ("dates", "postgres", "SELECT date '0001-01-01' AS at ORDER BY at", {}, {"at": ("date32[day]", [-719_162])}),
    # Names of any script and length, and such as mean something elsewhere.
    ("names", "parquet", NAMES, {}, dict.fromkeys(NAMES.column_names, ("string", ["x", "y"]))),
    ("names", "parquet-spark", NAMES, {}, dict.fromkeys(NAMES.column_names, ("string", ["x", "y"]))),
    ("names", "function", NAMES, {}, dict.fromkeys(NAMES.column_names, ("string", ["x", "y"]))),
    ("names", "csv", csv_of(PLAIN_NAMES), {}, dict.fromkeys(PLAIN_NAMES, ("string", ["x", "y"]))),
    ("names", "csv-spark", csv_of(PLAIN_NAMES), {}, dict.fromkeys(PLAIN_NAMES, ("string", ["x", "y"]))),
    ("names", "dvc", csv_of(PLAIN_NAMES), {}, dict.fromkeys(PLAIN_NAMES, ("string", ["x", "y"]))),
    (
        "names",
        "jsonl",
        json.dumps(dict.fromkeys(PLAIN_NAMES, "x")),
        {},
        dict.fromkeys(PLAIN_NAMES, ("string", ["x"])),
    ),
    ("names", "sqlite", selected(PLAIN_NAMES), {}, dict.fromkeys(PLAIN_NAMES, ("string", ["x"]))),
    ("names", "postgres", selected(SHORT_NAMES), {}, dict.fromkeys(SHORT_NAMES, ("string", ["x"]))),
    # Decimals: exact where the source states them, or the schema does.
    ("decimals", "parquet", DECIMALS, {}, {"price": ("decimal128(10, 2)", DECIMALS["price"].to_pylist())}),
    ("decimals", "parquet-spark", DECIMALS, {}, {"price": ("decimal128(10, 2)", DECIMALS["price"].to_pylist())}),
    ("decimals", "function", DECIMALS, {}, {"price": ("decimal128(10, 2)", DECIMALS["price"].to_pylist())}),
    ("decimals", "parquet", MANY_DIGITS, {}, {"d": ("decimal256(50, 0)", [Decimal("1" * 50)])}),
    ("decimals", "csv", "p\n0.10\n", {"p": "decimal128(10, 2)"}, {"p": ("decimal128(10, 2)", [Decimal("0.10")])}),
    ("decimals", "jsonl", '{"p": "0.10"}', {"p": "decimal128(10, 2)"}, {"p": ("decimal128(10, 2)", [Decimal("0.10")])}),
    (
        "decimals",
        "postgres",
        "SELECT 0.1::numeric(10, 2) AS p ORDER BY p",
        {},
        {"p": ("decimal128(10, 2)", [Decimal("0.10")])},
    ),
    (
        "decimals",
        "sqlite",
        "SELECT '0.10' AS p ORDER BY p",
        {"p": "decimal128(10, 2)"},
        {"p": ("decimal128(10, 2)", [Decimal("0.10")])},
    ),
    # Lists in lists, and records.
    ("nested", "parquet", NESTED, {}, {"deep": ("list<list<string>>", NESTED["deep"].to_pylist())}),
    ("nested", "parquet-spark", NESTED, {}, {"deep": ("list<list<string>>", NESTED["deep"].to_pylist())}),
    ("nested", "function", NESTED, {}, {"deep": ("list<list<string>>", NESTED["deep"].to_pylist())}),
    ("nested", "jsonl", '{"deep": [["a"]]}\n{"deep": [[], null]}\n{"deep": null}\n', {}, {
        "deep": ("list<list<string>>", NESTED["deep"].to_pylist())
    }),
    ("nested", "jsonl-spark", '{"deep": [["a"]]}\n{"deep": [[], null]}\n{"deep": null}\n', {}, {
        "deep": ("list<list<string>>", NESTED["deep"].to_pylist())
    }),
    ("nested", "postgres", "SELECT ARRAY[[1,2]] AS deep ORDER BY 1", {}, {"deep": ("string", ["{{1,2}}"])}),
]  # fmt: skip

REFUSED: list[tuple[str, str, Any, dict[str, str], str]] = [
    ("mixed", "function", pd.DataFrame({"x": [1, "a"]}), {}, "Frame 1 of the source cannot be stored: .*column x"),
    ("mixed", "sqlite", "SELECT 1 AS x UNION ALL SELECT 'a' ORDER BY 1", {}, "Column 'x' mixes int and text: row 2"),
    (
        "mixed",
        "postgres",
        "SELECT x FROM (SELECT 1 AS x UNION ALL SELECT 'a') v ORDER BY 1",
        {},
        "refused the query: invalid input syntax for type integer",
    ),
    ("mixed", "jsonl", '{"x": 1}\n{"x": "a"}\n', {}, r"rows\.jsonl, line 2: .*\(/x\) changed from number to string"),
    ("mixed", "jsonl-spark", '{"x": 1}\n{"x": "a"}\n', {}, r"rows\.jsonl, line 2: .*changed from number to string"),
    ("mixed", "parquet", OTHERS, {}, r"1\.parquet .*column 'x' is string"),
    ("mixed", "parquet-spark", OTHERS, {}, r"1\.parquet .*column 'x' is string"),
    ("mixed", "csv", "x\n1\na\n", {"x": "int64"}, r"rows\.csv, line 3: Column 'x': .*invalid value 'a'"),
    ("mixed", "dvc", "x\n1\na\n", {"x": "int64"}, r"rows\.csv, line 3: Column 'x': .*invalid value 'a'"),
    ("dates", "csv", "at\n2020-02-30\n", {"at": "date32"}, r"rows\.csv, line 2: Column 'at': .*2020-02-30"),
    ("dates", "csv-spark", "at\n2020-02-30\n", {"at": "date32"}, r"rows\.csv, line 2: Column 'at': .*2020-02-30"),
    ("dates", "dvc", "at\n2020-02-30\n", {"at": "date32"}, r"rows\.csv, line 2: Column 'at': .*2020-02-30"),
    ("dates", "jsonl", '{"at": "2020-02-30"}', {"at": "timestamp[us]"}, r"rows\.jsonl, line 1: .*2020-02-30"),
    ("dates", "sqlite", "SELECT '2020-02-30' AS at ORDER BY at", {"at": "date32"}, "Column 'at', rows 1 to 1: "),
    ("dates", "postgres", "SELECT timestamptz 'infinity' AS at ORDER BY at", {}, "Column 'at'.*'infinity'"),
    ("dates", "postgres", "SELECT '2020-02-30'::date AS at ORDER BY at", {}, "date/time field value out of range"),
    ("twice", "sqlite", "SELECT 1 AS id, 2 AS id ORDER BY 1", {}, "The query gives the column 'id' more than once"),
    ("twice", "postgres", "SELECT 1 AS id, 2 AS id ORDER BY 1", {}, "The query gives the column 'id' more than once"),
    ("twice", "parquet", TWICE, {}, "Column names must be unique; 'id'"),
    ("twice", "parquet-spark", TWICE, {}, "Column names must be unique; 'id'"),
    ("twice", "function", TWICE, {}, "Column names must be unique; 'id'"),
    ("twice", "function", pd.DataFrame([[1, 2]], columns=["id", "id"]), {}, "Column names must be unique; 'id'"),
    ("twice", "csv", "id,id\n1,2\n", {}, r"rows\.csv gives the column 'id' more than once"),
    ("twice", "csv-spark", "id,id\n1,2\n", {}, r"rows\.csv gives the column 'id' more than once"),
    ("twice", "dvc", "id,id\n1,2\n", {}, r"rows\.csv gives the column 'id' more than once"),
    ("twice", "jsonl", '{"id": 1}\n{"id": 1, "id": 2}\n', {}, r"rows\.jsonl, line 2: .*specified twice"),
    ("twice", "jsonl-spark", '{"id": 1}\n{"id": 1, "id": 2}\n', {}, r"rows\.jsonl, line 2: .*specified twice"),
    ("decimals", "postgres", "SELECT 0.1::numeric AS p ORDER BY p", {}, "numeric without precision and scale"),
    ("decimals", "csv", "p\n0.105\n", {"p": "decimal128(10, 2)"}, r"rows\.csv, line 2: Column 'p'"),
    ("decimals", "parquet-spark", MANY_DIGITS, {}, "Spark cannot read .*50"),
    ("rows", "sqlite", "SELECT 1 AS id WHERE 0 ORDER BY 1", {}, "'sql:lite' gave no rows for 2020-01.* allow_empty"),
    ("rows", "postgres", "SELECT 1 AS id WHERE false ORDER BY 1", {}, "'sql:warehouse' gave no rows for 2020-01"),
    ("rows", "parquet", EMPTY, {}, "gave no rows for 2020-01"),
    ("rows", "parquet-spark", EMPTY, {}, "gave no rows for 2020-01"),
    ("rows", "function", EMPTY, {}, "gave no rows for 2020-01"),
    ("rows", "csv", "id\n", {}, "gave no rows for 2020-01"),
    ("rows", "csv-spark", "id\n", {}, "gave no rows for 2020-01"),
    ("rows", "dvc", "id\n", {}, "gave no rows for 2020-01"),
    ("rows", "jsonl", "\n\n", {}, "gave no rows for 2020-01"),
    ("rows", "jsonl-spark", "\n\n", {}, "gave no rows for 2020-01"),
    ("line", "csv", "a,b\n1,2\n3,4,5\n", {}, r"rows\.csv, line 3: .*Expected 2 columns, got 3"),
    ("line", "csv-spark", "a,b\n1,2\n3,4,5\n", {}, r"rows\.csv, line 3: .*Expected 2 columns, got 3"),
    ("line", "dvc", "a,b\n1,2\n3,4,5\n", {}, r"rows\.csv, line 3: .*Expected 2 columns, got 3"),
    ("line", "jsonl", '{"a": 1}\n{"a": \n', {}, r"rows\.jsonl, line 2: JSON parse error"),
    ("line", "jsonl-spark", '{"a": 1}\n{"a": \n', {}, r"rows\.jsonl, line 2: JSON parse error"),
]  # fmt: skip


def named(table: list[Any]) -> list[str]:
    """Name the cases: what is wrong, and where it comes from."""
    return [f"{what}-{kind}-{number}" for number, (what, kind, *_) in enumerate(table)]


def plain(array: pa.ChunkedArray) -> list[Any]:
    """Return values that can be compared: a time as its number, NaN as a word."""
    if pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
        array = array.cast(pa.int64() if pa.types.is_timestamp(array.type) else pa.int32())
    return ["nan" if isinstance(value, float) and value != value else value for value in array.to_pylist()]  # noqa: PLR0124


@pytest.mark.parametrize(("_what", "kind", "given", "schema", "columns"), KEPT, ids=named(KEPT))
def test_what_is_kept(
    source: Sources, _what: str, kind: str, given: Any, schema: dict[str, str], columns: dict[str, tuple[str, Any]]
) -> None:
    """As it is: names, types and values; the snapshot proves itself."""
    taken = source.take(kind, given, schema=schema)
    table = read_snapshot(Path(taken["uri"]), taken["snapshot_id"])
    stated = {
        item["name"]: item["type"] for item in json.loads((Path(taken["uri"]) / "manifest.json").read_text())["columns"]
    }

    assert {name: (stated[name], plain(table[name])) for name in columns} == columns


@pytest.mark.parametrize(("_what", "kind", "given", "schema", "words"), REFUSED, ids=named(REFUSED))
def test_what_is_refused(
    lab: Lab, source: Sources, _what: str, kind: str, given: Any, schema: dict[str, str], words: str
) -> None:
    """For good and in a line that names where it is; nothing is stored, recorded or left."""
    before = lab.census()
    with pytest.raises(AirflowFailException, match=words) as found:
        source.take(kind, given, schema=schema)

    assert len(str(found.value)) < 1_000
    assert lab.census() == before
    assert list(lab.storage.glob(".staging/*")) == []


JUDGED: list[tuple[str, pa.Table, list[dict[str, Any]], str]] = [
    (
        "nan",
        pa.table({"key": pa.array([1.0, NAN, NAN, None])}),
        [
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "key"}},
            {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "key"}, "severity": "warning"},
        ],
        "3 of 4 values",
    ),
    (
        "dates",
        DATES,
        [
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "at", "mostly": 0.75}},
            {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "at"}},
        ],
        "",
    ),
    (
        "names",
        NAMES,
        [
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": name}}
            for name in (LONG, "a.b", "A.B", "`a`", "../up")
        ],
        "",
    ),
    (
        "decimals",
        DECIMALS,
        [
            {"type": "expect_column_values_to_be_between", "kwargs": {"column": "price", "max_value": 0.1}},
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "price", "mostly": 0.6}},
        ],
        "",
    ),
    (
        "nested",
        NESTED,
        [
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": name, "mostly": 0.6}}
            for name in NESTED.column_names
        ],
        "",
    ),
]


@pytest.mark.parametrize("engine", ["auto", "spark"])
@pytest.mark.parametrize(("_what", "table", "expectations", "broken"), JUDGED, ids=[name for name, *_ in JUDGED])
def test_what_the_suite_says_of_it(
    lab: Lab,
    source: Sources,
    _what: str,
    table: pa.Table,
    expectations: list[dict[str, Any]],
    broken: str,
    engine: str,
    request: pytest.FixtureRequest,
) -> None:
    """Each engine judges what was kept; what columns are is compared with the partition before; the page is written."""
    if engine == "spark":
        request.getfixturevalue("local_spark")
    taken = source.take("parquet", table)
    (lab.root / "suite.json").write_text(json.dumps({"name": "s", "expectations": expectations}))
    asked = {"snapshot_id": taken["snapshot_id"], "suite": "suite.json", "engine": engine, "contract": "last"}
    if broken:
        with pytest.raises(AirflowFailException, match=broken):
            lab.run("validate", partition_key=KEY, **asked)
    else:
        lab.run("validate", partition_key=KEY, **asked)
        lab.run("validate", partition_key="2020-02", **asked)  # whose contract is what this one was
    record = lab.records("validation", CHAIN)[-1]
    report = json.loads((Path(record.body["report_uri"]) / "result.json").read_text())

    assert record.outcome == ("FAIL" if broken else "PASS")
    assert [item["exception_info"]["raised_exception"] for item in report["results"]] == [False] * len(expectations)
    assert (Path(record.body["report_uri"]) / "data_docs.html").stat().st_size < 1_000_000


def test_an_expectation_about_no_name(lab: Lab, source: Sources) -> None:
    """A snapshot may have such a column; Great Expectations knows none, and that is an error of the suite."""
    taken = source.take("parquet", pa.table({"": [1], "x": [1]}))
    (lab.root / "suite.yaml").write_text(
        "name: s\nexpectations: [{type: expect_column_values_to_not_be_null, kwargs: {column: ''}}]\n"
    )
    with pytest.raises(AirflowFailException, match="refuses its kwargs"):
        lab.run("validate", partition_key=KEY, snapshot_id=taken["snapshot_id"])


class Meddler(Lines):
    """A log that lets somebody write to the source once it says that it is being read.

    :param words: part of the line after which it is done.
    :param act: what is done.
    """

    def __init__(self, words: str, act: Callable[[], object]) -> None:
        super().__init__()
        self._words, self._act = words, act

    def info(self, text: str, *args: Any, **more: Any) -> None:
        """Keep a line, and act once."""
        super().info(text, *args, **more)
        if self._words in text and self._words:
            self._words = ""
            self._act()


@pytest.mark.parametrize("change", ["written to", "removed", "joined by another"])
@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl", "parquet-spark", "csv-spark", "jsonl-spark"])
def test_files_that_change_while_they_are_read(
    lab: Lab, source: Sources, monkeypatch: pytest.MonkeyPatch, kind: str, change: str
) -> None:
    """Whatever the format and whoever reads it: nothing is taken, and the next try finds the files at rest."""
    given: Any = {"parquet": pa.table({"x": [1]}), "csv": "x\n1\n", "jsonl": '{"x": 1}\n'}[kind.partition("-")[0]]

    def act() -> None:
        (file,) = (lab.root / "data").iterdir()
        if change == "removed":
            file.unlink()
        elif change == "written to":
            file.write_bytes(file.read_bytes() + b"\n")
        else:
            file.with_stem("another").write_bytes(file.read_bytes())

    with monkeypatch.context() as patches:
        patches.setattr(SnapshotDatasetOperator, "log", Meddler("files, %.1f MB", act))
        with pytest.raises(TransientError, match=r"while data/.* was read; the task will try again"):
            source.take(kind, given)
    assert lab.snapshot_folders() == list(lab.storage.glob(".staging/*")) == []
    assert lab.records("snapshot", CHAIN) == []


def test_a_tracked_file_that_changes_while_it_is_read(
    lab: Lab, source: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes are no more those that the pointer names."""
    file = lab.root / "data" / "rows.csv"
    meddler = Meddler("Reading the bytes of", lambda: file.write_text("x\n2\n"))
    monkeypatch.setattr(SnapshotDatasetOperator, "log", meddler)
    with pytest.raises(AirflowFailException, match=r"EvidenceBroken: .*has the MD5"):
        source.take("dvc", "x\n1\n")
    assert lab.snapshot_folders() == []


@pytest.mark.parametrize(
    ("step", "arguments", "words"),
    [
        ("validate", {"dataset": "../x"}, "Dataset name '../x' must be of"),
        ("validate", {"snapshot_id": "../../x"}, "knows no snapshot '../../x'"),
        ("check", {"dataset": "../x"}, "Dataset name '../x' must be of"),
        ("snapshot", {"source": sources.files("../../*.csv", "csv")}, "must not be empty or hold '..'"),
        ("snapshot", {"source": sources.dvc("../x.dvc")}, "is not the path of a .dvc file"),
        ("snapshot", {"source": sources.snapshots("../x")}, "Dataset name '../x' must be of"),
        ("snapshot", {"source": "../x:read"}, "is not an import path"),
        ("snapshot", {"partition_key": "../2020-01"}, "is neither a month"),
    ],
)
def test_names_that_climb(lab: Lab, step: str, arguments: dict[str, Any], words: str) -> None:
    """Out of the storage, the ledger or the folder of a source: refused by name, and nothing outside is looked at."""
    taken = lab.accept(KEY)
    before = lab.census()
    defaults = {"snapshot_id": taken} if step == "validate" else {}
    with pytest.raises(AirflowFailException, match=words):
        lab.run(step, **{"partition_key": KEY, **defaults, **arguments})
    assert lab.census() == before
