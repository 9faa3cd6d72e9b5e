"""Snapshots that Spark takes: the ones that are there already."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops import sources
from airflow_provider_mlops.backends import spark_text
from airflow_provider_mlops.backends.spark_csv_split import in_partitions
from airflow_provider_mlops.core.partition import Partition
from tests.conftest import MakeLab
from tests.support.lab import DATASET
from tests.support.synthetic import rows_of

pytestmark = pytest.mark.usefixtures("local_spark")


def sorted_frames(partition: Partition) -> Iterator[Any]:
    """Yield a month as Spark gives it."""
    from airflow_provider_mlops.backends.spark_session import spark_session

    frame = spark_session().createDataFrame(pa.Table.from_pandas(rows_of(partition.key), preserve_index=False))
    yield frame.orderBy("row_id")


def test_spark_finds_the_snapshot_that_was_taken_without_it(make_lab: MakeLab) -> None:
    """One id and one folder, whichever engine read the files; what each read stands in the record."""
    lab = make_lab("empty")
    rows = pa.Table.from_pandas(rows_of("2020-01"), preserve_index=False)
    (lab.root / "data").mkdir()
    for number, start in enumerate(range(0, rows.num_rows, 300)):
        pq.write_table(rows.slice(start, 300), lab.root / "data" / f"{number}.parquet", row_group_size=100)
    source = sources.files("data/*.parquet", format="parquet")
    spark = lab.run("snapshot", partition_key="2020-01", source=source, engine="spark")
    plain = lab.run("snapshot", partition_key="2020-01", source=source)
    assert spark["rows"] == rows.num_rows
    assert plain == spark
    assert lab.records("snapshot", f"dataset/{DATASET}")[0].body["engine"] == "spark"
    assert len(list((lab.storage / "snapshots" / DATASET).iterdir())) == 1


CSV = 'id,code,at,note\n1,007,2020-01-01,"two\nlines, and ""quotes"""\n2,,2020-01-02,\u00e4\n'
LINES = (
    '{"id": 1, "deep": {"a": [1, 2]}, "note": "\u00e4"}\n\n{"id": 2, "deep": null, "note": "x"}\n',
    '{"id": 3, "deep": {"a": []}, "note": null}',
)
MANY = "".join(f'{{"id": {number}}}\n' for number in range(999))
SPLIT = 4_096
"""Bytes of a partition: small files are split into many."""


@pytest.fixture
def small_partitions() -> Iterator[None]:
    """Let Spark read small files as it reads large ones."""
    from airflow_provider_mlops.backends.spark_session import spark_session

    conf, name = spark_session().conf, "spark.sql.files.maxPartitionBytes"
    before = conf.get(name)
    conf.set(name, str(SPLIT))
    yield
    conf.set(name, before)


@pytest.mark.parametrize(
    ("format", "files"),
    [
        ("csv", {"a.csv": "id,code,at,note\n", "b.csv": CSV, "c.csv": CSV.replace("\n2,", "\n3,")}),
        (
            "jsonl",
            {"a.jsonl": LINES[0], "b.jsonl": LINES[1], "c.jsonl": MANY},
        ),
    ],
)
def test_spark_reads_text_as_it_is_read_without_spark(make_lab: MakeLab, format: str, files: dict[str, str]) -> None:
    """Quotes over lines, codes with zeros, nested values, empty lines, a last line without its end: one id."""
    lab = make_lab("empty")
    for name, text in files.items():
        (lab.root / name).write_text(text)
    source = sources.files(f"*.{format}", format=format)
    asked = {"partition_key": "2020-01", "source": source, "time_column": None}
    spark = lab.run("snapshot", **asked, engine="spark")
    plain = lab.run("snapshot", **asked)
    assert plain == spark
    assert spark["rows"] > 3


def lines_of(note: str, end: str = "\n") -> str:
    """A CSV file of several partitions; each line has its number in the note."""
    return f"id,code,note{end}" + "".join(f"{number},0{number},{note.format(number)}{end}" for number in range(999))


@pytest.mark.parametrize(
    ("text", "options", "split"),
    [
        (lines_of("x{}"), {}, True),
        (lines_of("x{}", "\r\n") + "\r\n" * SPLIT, {}, True),
        (lines_of('"a, ""b"" {}"'), {}, True),
        (lines_of('a "b" {}'), {"quote": ""}, True),
        (lines_of("x{}").replace(",", "\t"), {"delimiter": "\t"}, True),
        ("\ufeff" + lines_of("\u00e4{}"), {}, True),
        (lines_of("\u00e4{}"), {"encoding": "latin-1"}, True),
        (lines_of("x{}").replace("x500", '"two\nlines"'), {}, False),
        (lines_of("x{}").replace("x500", 'a " sign').replace("x600", 'a " sign'), {}, False),
        ("\n" * SPLIT + lines_of("x{}"), {}, False),
        (lines_of("x{}"), {"encoding": "shift_jis"}, False),
    ],
    ids=["plain", "empty lines", "quotes", "no quotes", "tabs", "byte order mark", "latin", "a value of two lines",
         "quotes within values", "empty lines before the header", "an encoding with quotes in signs"],
)  # fmt: skip
@pytest.mark.usefixtures("small_partitions")
def test_csv_is_split_where_no_value_spans_lines(
    make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch, text: str, options: dict[str, str], split: bool
) -> None:
    """The snapshot is the one that is taken without Spark, in one partition or many."""
    lab, parts = make_lab("empty"), []
    (lab.root / "rows.csv").write_bytes(text.encode(options.get("encoding", "utf-8")))

    def counted(lines: Any, **how: Any) -> Any:
        found = in_partitions(lines, **how)
        parts.append(found.rdd.getNumPartitions())
        return found

    monkeypatch.setattr(spark_text, "in_partitions", counted)
    asked = {"partition_key": "2020-01", "source": sources.files("*.csv", format="csv", options=options)}
    spark, plain = (lab.run("snapshot", **asked, time_column=None, engine=engine) for engine in ("spark", "auto"))

    assert spark["rows"] == 999
    assert plain == spark
    assert [count > 1 for count in parts] == [split]


@pytest.mark.usefixtures("small_partitions")
def test_a_bad_line_of_a_later_partition_is_named(make_lab: MakeLab) -> None:
    """By its place in the file."""
    lab = make_lab("empty")
    (lab.root / "rows.csv").write_text(lines_of("x{}").replace("\n900,", "\n900,more,"))
    source = sources.files("*.csv", format="csv")
    with pytest.raises(AirflowFailException, match=r"rows\.csv, line 902: .*Expected 3 columns, got 4"):
        lab.run("snapshot", partition_key="2020-01", source=source, engine="spark", time_column=None)
    assert lab.snapshot_folders() == []


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("rows.csv", "a,b\n1,2\n3\n", r"rows\.csv, line 3: .*Expected 2 columns, got 1"),
        ("rows.csv", 'a,b\n1,2\n3,"4\n', "a quote is opened and never closed"),
        ("rows.jsonl", '{"a": 1}\n{"a": "x"}\n', r"rows\.jsonl, line 2: .*changed from number to string\. "),
        ("rows.jsonl", '{"a": 1}\n{"a": \n', r"rows\.jsonl, line 2: "),
    ],
)
def test_a_bad_line_is_named_with_spark_too(make_lab: MakeLab, name: str, text: str, words: str) -> None:
    """File, line and what is wrong; nothing is stored."""
    lab = make_lab("empty")
    (lab.root / name).write_text(text)
    source = sources.files("rows.*", format=name.partition(".")[2])
    with pytest.raises(AirflowFailException, match=words):
        lab.run("snapshot", partition_key="2020-01", source=source, engine="spark", time_column=None)
    assert lab.snapshot_folders() == []


def test_functions_yield_what_they_yield(make_lab: MakeLab) -> None:
    """A function reads by itself; sorted Spark frames are rows like others."""
    lab = make_lab("empty")
    found = lab.run("snapshot", partition_key="2020-01", source=f"{__name__}:sorted_frames", engine="spark")
    assert found["rows"] == len(rows_of("2020-01"))


@pytest.mark.parametrize(
    ("source", "engine", "reason"),
    [
        (sources.sql("warehouse", "SELECT 1 ORDER BY 1"), "spark", "JDBC reader binds no parameters"),
        (sources.dvc("rows.parquet.dvc"), "spark", "what DVC tracks lies on this machine"),
        (sources.files("*.csv", format="csv", options={"encoding": "utf-16"}), "spark", "reads no CSV in utf-16"),
        (sources.files("*.zst", format="jsonl"), "spark", "does not unpack .*rows.jsonl.zst"),
        (sources.files("*.yaml", format="csv"), "flink", "Engine 'flink' is not known"),
    ],
)
def test_what_spark_does_not_read(make_lab: MakeLab, source: dict[str, Any], engine: str, reason: str) -> None:
    """It is refused with the way out; nothing is stored."""
    lab = make_lab("empty")
    for name in ("rows.csv", "rows.jsonl.zst"):
        (lab.root / name).write_text("a\n1\n")
    with pytest.raises(AirflowFailException, match=reason):
        lab.run("snapshot", partition_key="2020-01", source=source, engine=engine)
    assert lab.records("snapshot", f"dataset/{DATASET}") == []
