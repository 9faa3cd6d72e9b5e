"""Files by glob: order, formats, bad lines with file and number, files that change, addresses that climb."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_mlops import sources
from airflow_provider_mlops.backends import csv_files, json_lines
from airflow_provider_mlops.core.errors import BadInput, TransientError
from tests.support.sources import opened, read, rows_of

CSV = "id,name,at,score\n1,a,2020-01-01 00:00:00,0.5\n2,b,2020-01-02 00:00:00,1\n"
JSONL = '{"id": 1, "name": "a", "score": 0.5}\n{"id": 2, "score": 1.0, "name": null}\n'


def write(folder: Path, **texts: str) -> None:
    """Write files; `__` in a name is a dot."""
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / name.replace("__", ".")).write_text(text, newline="")


def test_files_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    """Whatever order the file system lists them in; the key of the partition picks the folder."""
    for number in (10, 2, 1):
        write(tmp_path / "2020-01", **{f"part-{number:02}__csv": f"id\n{number}\n"})
    write(tmp_path / "2020-01", notes__txt="no rows")
    table = read(sources.files("2020-01/*.csv", "csv"), tmp_path)

    assert table["id"].to_pylist() == [1, 2, 10]


def test_folders_below_are_matched(tmp_path: Path) -> None:
    """`**` goes down; the whole path is the name that counts."""
    for day in ("b", "a"):
        write(tmp_path / day, x__csv=f"id\n{ord(day)}\n")

    assert read(sources.files("**/*.csv", "csv"), tmp_path)["id"].to_pylist() == [97, 98]


def test_an_absolute_path_and_a_url(tmp_path: Path) -> None:
    """The bundle is where relative paths begin, no more."""
    write(tmp_path / "data", x__csv=CSV)
    for url in (f"{tmp_path}/data/x.csv", f"file://{tmp_path}/data/x.csv", "data/x.csv"):
        assert read(sources.files(url, "csv"), tmp_path).num_rows == 2


def test_links_to_files_are_followed(tmp_path: Path) -> None:
    """Mounted volumes are full of them: none is passed over, and what counts is the file behind it."""
    write(tmp_path / "data", a__csv="id\n1\n")
    write(tmp_path / "elsewhere", b__csv="id\n2\n")
    (tmp_path / "data" / "b.csv").symlink_to(tmp_path / "elsewhere" / "b.csv")
    (tmp_path / "data" / "folder.csv").symlink_to(tmp_path / "elsewhere")
    with opened(sources.files("data/*.csv", "csv"), tmp_path) as reading:
        assert rows_of(reading)["id"].to_pylist() == [1, 2]
        os.utime(tmp_path / "elsewhere" / "b.csv", (0, 0))
        with pytest.raises(TransientError, match=r"data/b\.csv was changed while"):
            reading.check()


def test_a_link_that_leads_nowhere_is_an_error(tmp_path: Path) -> None:
    """Its rows are missing."""
    write(tmp_path / "data", a__csv="id\n1\n")
    (tmp_path / "data" / "b.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(BadInput, match=r"data/b\.csv is a link that leads nowhere"):
        read(sources.files("data/*.csv", "csv"), tmp_path)
    write(tmp_path, gone__csv="id\n2\n")
    with opened(sources.files("data/*.csv", "csv"), tmp_path) as reading:
        (tmp_path / "gone.csv").unlink()
        with pytest.raises(TransientError, match=r"data/b\.csv was changed while"):  # as every file that goes meanwhile
            reading.check()


@pytest.mark.parametrize("url", ["s3://no_such@bucket/*.csv", "s3://bucket/*.csv"])
def test_a_misspelt_connection_is_an_error(url: str, tmp_path: Path) -> None:
    """The Amazon provider would take whatever credentials the machine has."""
    with pytest.raises(BadInput, match="There is no connection 'no_such'"):
        read(sources.files(url, "csv", conn_id=None if "@" in url else "no_such"), tmp_path)


@pytest.mark.parametrize("url", ["data/*.csv", "nowhere/*.csv"])
def test_nothing_matched_is_an_error(url: str, tmp_path: Path) -> None:
    """An empty folder is not an empty partition; the error says where it was looked for."""
    write(tmp_path / "data", x__txt="")
    with pytest.raises(BadInput, match=rf"No file matches .* in {tmp_path}; nothing to take for 2020-01"):
        read(sources.files(url, "csv"), tmp_path)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("../secret/*.csv", "must not be empty or hold '..'"),
        ("data/../../etc/*", "must not be empty or hold '..'"),
        ("s3://bucket/a/../b", "must not be empty or hold '..'"),
        ("data\\..\\x", "must not be empty or hold '..'"),
        ("file://", "must not be empty"),
        ("data/\x00.csv", "control characters"),
        ("s3://user:hunter22@bucket/x.csv", "put them into a connection"),
        ("nosuch://bucket/x.csv", "cannot be opened"),
    ],
)
def test_an_address_that_is_refused(url: str, words: str, tmp_path: Path) -> None:
    """Nothing climbs out of its folder, and no password is repeated."""
    with pytest.raises(BadInput, match=words) as caught:
        read(sources.files(url, "csv"), tmp_path)
    assert "hunter22" not in str(caught.value)


# --- CSV ---------------------------------------------------------------------------------------------------------


def test_types_of_csv_are_those_of_the_first_file(tmp_path: Path) -> None:
    """Inferred once, times in microseconds; a fraction of a second later is no other type."""
    write(tmp_path / "data", a__csv=CSV, b__csv="id,name,at,score\n3,c,2020-01-03 00:00:00.25,2\n")
    table = read(sources.files("data/*.csv", "csv"), tmp_path)

    assert [str(kind) for kind in table.schema.types] == ["int64", "string", "timestamp[us]", "double"]
    assert table["at"][2].as_py().microsecond == 250_000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,b\n1,2\n\n3,4,5\n", r"a\.csv, line 4: CSV parse error: Expected 2 columns, got 3"),
        ('id,b\n1,"two\nlines"\n3,"x"\n4\n', r"a\.csv, line 5: .*Expected 2 columns, got 1"),
        ("id,b\n1,\n", r"a\.csv: column 'b' has no value in its first 4 MiB.* name it: schema"),
        ("id,b\n1,\udcff\n", r"a\.csv: column 'b' is not utf8 text; set options encoding"),
        ('id,b\n1,"x\n2,y\n', r"a\.csv: a quote is opened and never closed"),
        ("id,id\n1,2\n", r"a\.csv gives the column 'id' more than once"),
        ("", r"a\.csv is empty: not even a header"),
    ],
)
def test_a_bad_csv_is_named_with_its_line(text: str, words: str, tmp_path: Path) -> None:
    """File and line as an editor counts them."""
    (tmp_path / "a.csv").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BadInput, match=words):
        read(sources.files("*.csv", "csv"), tmp_path)


@pytest.mark.parametrize("packed", [False, True])
def test_a_value_of_another_type_is_named(packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Integers in the first block, a word much later, also in a compressed file."""
    monkeypatch.setattr(csv_files, "BLOCK", 4096)
    text = ("id,b\n" + "".join(f"{n},{n}\n" for n in range(5000)) + "5000,word\n").encode()
    name = "a.csv.gz" if packed else "a.csv"
    (tmp_path / name).write_bytes(gzip.compress(text) if packed else text)
    with pytest.raises(
        BadInput, match=rf"{name}, line 5002: Column 'b': .*invalid value 'word'\. Name its type in schema"
    ):
        read(sources.files(f"*{name[1:]}", "csv"), tmp_path)

    table = read(sources.files(f"*{name[1:]}", "csv", schema={"b": "string"}), tmp_path)
    assert table["b"][5000].as_py() == "word"


def test_other_columns_in_a_later_file(tmp_path: Path) -> None:
    """Files of one dataset have one header."""
    write(tmp_path, a__csv="id,b\n1,2\n", b__csv="b,id\n1,2\n")
    with pytest.raises(BadInput, match=r"b\.csv has the columns \['b', 'id'\], the first file has \['id', 'b'\]"):
        read(sources.files("*.csv", "csv"), tmp_path)


def test_options_of_csv(tmp_path: Path) -> None:
    """Another delimiter, quote, encoding and word for a missing value."""
    (tmp_path / "a.csv").write_bytes("id;name\n1;'Zoë;x'\n-;-\n".encode("latin-1"))
    options = {"delimiter": ";", "quote": "'", "encoding": "latin-1", "null_values": ["-"]}

    assert read(sources.files("*.csv", "csv", options=options), tmp_path).to_pylist() == [
        {"id": 1, "name": "Zoë;x"},
        {"id": None, "name": None},
    ]


@pytest.mark.parametrize(
    ("format", "options", "words"),
    [
        ("csv", {"delimeter": ";"}, "has the unknown key 'delimeter'"),
        ("csv", {"delimiter": ";;"}, "delimiter=';;' must be one text"),
        ("csv", {"null_values": "x"}, "null_values='x' must be a list of texts"),
        ("csv", {"encoding": "klingon"}, "is not klingon: .* set options encoding"),
        ("jsonl", {"delimiter": ";"}, "A source of format 'jsonl' takes no options"),
    ],
)
def test_options_that_are_refused(format: str, options: dict[str, Any], words: str, tmp_path: Path) -> None:
    """An unknown key is an error, not a shrug."""
    write(tmp_path, a__csv=CSV)
    with pytest.raises(BadInput, match=words):
        read(sources.files("*.csv", format, options=options), tmp_path)


@pytest.mark.parametrize("format", ["csv", "jsonl"])
@pytest.mark.parametrize("broken", [b"id\n1\n", gzip.compress(b'{"id": 1}\n' * 10_000)[:-20]])
def test_what_cannot_be_unpacked_is_named(format: str, broken: bytes, tmp_path: Path) -> None:
    """No compressed file at all, or one that is cut off: trying again would not help."""
    (tmp_path / f"a.{format}.gz").write_bytes(broken)
    with pytest.raises(BadInput, match=rf"a\.{format}\.gz is no whole gzip file"):
        read(sources.files("*.gz", format), tmp_path)


def test_a_row_longer_than_a_block_is_an_error(tmp_path: Path) -> None:
    """What Arrow says of it helps nobody."""
    write(tmp_path, a__csv=f"text\n{'x' * (9 << 20)}\n")
    with pytest.raises(BadInput, match=r"a\.csv: a row is longer than 4 MiB, or a quote is .* Parquet or JSON lines"):
        read(sources.files("*.csv", "csv"), tmp_path)


# --- JSON lines --------------------------------------------------------------------------------------------------


def test_json_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small blocks give the same rows; text that looks like a time stays text, unless the schema says otherwise."""
    rows = [f'{{"id": {n}, "at": "2020-01-01 00:00:{n % 60:02}", "score": {n}.5}}' for n in range(200)]
    write(tmp_path, a__jsonl="\n".join(rows), b__jsonl=rows[0] + "\n\n" + rows[1] + "\n")
    whole = read(sources.files("*.jsonl", "jsonl"), tmp_path)
    monkeypatch.setattr(json_lines, "BLOCK", 100)

    assert whole.num_rows == 202
    assert read(sources.files("*.jsonl", "jsonl"), tmp_path).equals(whole)
    assert str(whole.schema.field("at").type) == "string"
    timed = read(sources.files("*.jsonl", "jsonl", schema={"at": "timestamp[us]"}), tmp_path)
    assert str(timed.schema.field("at").type) == "timestamp[us]"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (JSONL + "\n{broken\n", r"a\.jsonl, line 4: JSON parse error"),
        (JSONL + '{"id": "x"}\n', r"a\.jsonl, line 3: .*Column\(/id\) changed from number to string"),
        (JSONL + '{"id": 3, "other": 1}\n', r"a\.jsonl, line 3: .*unexpected field\. Columns and types are those"),
        (JSONL + "[1]\n", r"a\.jsonl, line 3: .*"),
        (JSONL + '{"id": 1, "id": 2}\n', r"a\.jsonl, line 3: .*specified twice"),
        ('{"id": 1, "b": null}\n', r"a\.jsonl: column 'b' is null throughout its first"),
    ],
)
def test_bad_json_is_named_with_its_line(
    text: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File and line, whatever block it stands in."""
    monkeypatch.setattr(json_lines, "BLOCK", 60)
    write(tmp_path, a__jsonl=text)
    with pytest.raises(BadInput, match=words):
        read(sources.files("*.jsonl", "jsonl"), tmp_path)


def test_a_type_that_changes_at_once_is_named_with_its_line(tmp_path: Path) -> None:
    """Where the types are still being learnt, too: blank lines, line ends of other systems and a later error count."""
    write(tmp_path, a__jsonl='{"id": 1}\r\n\r\n{"id": 2}\r\n{"id": "x"}\r\n{"id": 4}\r\n{broken\r\n')
    with pytest.raises(
        BadInput, match=r"a\.jsonl, line 4: .*\(/id\) changed from number to string\. Columns and types"
    ):
        read(sources.files("*.jsonl", "jsonl"), tmp_path)


@pytest.mark.parametrize(
    ("values", "kind"), [("[9223372036854775807]", "int64"), ("[1e300, 2.5]", "double"), ("[1.0, null]", "double")]
)
def test_numbers_of_json(values: str, kind: str, tmp_path: Path) -> None:
    """Whole ones are whole, as far as they go."""
    write(tmp_path, a__jsonl="".join(f'{{"n": {json.dumps(value)}}}\n' for value in json.loads(values)))
    assert str(read(sources.files("*.jsonl", "jsonl"), tmp_path).schema.field("n").type) == kind


def test_digits_of_json_are_not_lost(tmp_path: Path) -> None:
    """A float would end such a number in zeros: two keys would be one. Its type must be named."""
    write(tmp_path, a__jsonl='{"id": 12345678901234567890}\n{"id": 12345678901234567891}\n')
    with pytest.raises(BadInput, match=r"a\.jsonl: column 'id' holds whole numbers that no int64 holds.*\"uint64\""):
        read(sources.files("*.jsonl", "jsonl"), tmp_path)
    table = read(sources.files("*.jsonl", "jsonl", schema={"id": "uint64"}), tmp_path)
    assert table["id"].to_pylist() == [12345678901234567890, 12345678901234567891]


# --- Parquet -----------------------------------------------------------------------------------------------------


def test_parquet_is_offered_for_copying_and_for_casting(tmp_path: Path) -> None:
    """Bytes are copied as they are, unless the source states other types."""
    pq.write_table(pa.table({"id": [1, 2]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"id": [3]}), tmp_path / "b.parquet")
    with opened(sources.files("*.parquet", "parquet"), tmp_path) as reading:
        assert [path.name for path in reading.parquet] == ["a.parquet", "b.parquet"]
    with opened(sources.files("*.parquet", "parquet", schema={"id": "float64"}), tmp_path) as reading:
        assert reading.parquet == []
        assert rows_of(reading)["id"].to_pylist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"id": "int8"}, r"b\.parquet cannot be read as Parquet of the stated types: .*999"),
        ({"di": "int8"}, r"a\.parquet has no column 'di', which schema names; it has: id"),
    ],
)
def test_parquet_of_other_types(schema: dict[str, str], words: str, tmp_path: Path) -> None:
    """A type that loses a value, and a column that is not there."""
    pq.write_table(pa.table({"id": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"id": [999]}), tmp_path / "b.parquet")
    with pytest.raises(BadInput, match=words):
        read(sources.files("*.parquet", "parquet", schema=schema), tmp_path)


def test_parquet_files_that_differ(tmp_path: Path) -> None:
    """Another type in a later file, and a file that is none."""
    pq.write_table(pa.table({"id": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"id": ["x"]}), tmp_path / "b.parquet")
    source = sources.files("*.parquet", "parquet", schema={"id": "int64"})
    with pytest.raises(BadInput, match=r"b\.parquet has another schema .*column 'id' of type string, there .*int64"):
        read(source, tmp_path)
    (tmp_path / "b.parquet").write_text("no parquet")
    with pytest.raises(BadInput, match=r"b\.parquet cannot be read as Parquet"):
        read(source, tmp_path)


# --- Files that change -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["changed", "removed", "appeared"])
def test_a_source_that_changes_while_it_is_read(what: str, tmp_path: Path) -> None:
    """One state of the files, or an error that names the file; a retry may find them at rest."""
    write(tmp_path, a__csv="id\n1\n", b__csv="id\n2\n")
    with opened(sources.files("*.csv", "csv"), tmp_path) as reading:
        next(reading.rows)
        if what == "changed":
            write(tmp_path, a__csv="id\n9\n")
            os.utime(tmp_path / "a.csv", (1, 1))
        elif what == "removed":
            (tmp_path / "a.csv").unlink()
        else:
            write(tmp_path, c__csv="id\n3\n")
        list(reading.rows)
        with pytest.raises(TransientError, match=rf"\w\.csv (was )?{what} while \*\.csv was read"):
            reading.check()


def test_a_file_that_vanishes_before_its_turn(tmp_path: Path) -> None:
    """It was in the listing."""
    write(tmp_path, a__csv="id\n1\n", b__csv="id\n2\n")
    with opened(sources.files("*.csv", "csv"), tmp_path) as reading:
        (tmp_path / "b.csv").unlink()
        with pytest.raises(TransientError, match=r"b\.csv was removed while"):
            list(reading.rows)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["007", "12"], ["007", "12"]),
        (["12345678901234567890", "", "7"], ["12345678901234567890", "", "7"]),
        (["9223372036854775807", "-5"], [9223372036854775807, -5]),
        (["12345678901234567890", "0.5"], [12345678901234567890.0, 0.5]),
        (["1", "2", "00"], ["1", "2", "00"]),
        (["-01.5", "2"], ["-01.5", "2"]),
        (['"0123"', ""], ["0123", ""]),
        (["0", "0.5", "-0.25"], [0.0, 0.5, -0.25]),
        (["0", "10", ""], [0, 10, None]),
    ],
)
def test_codes_keep_their_zeros(values: list[str], found: list[Any], tmp_path: Path) -> None:
    """Digits that begin with a zero are text in a CSV; a plain zero, or one before a point, is a number."""
    write(tmp_path, a__csv="code,x\n" + "".join(f"{value},1\n" for value in values))
    table = read(sources.files("*.csv", "csv"), tmp_path)
    assert table["code"].to_pylist() == found
    assert table.schema.field("x").type == pa.int64()


def test_codes_are_numbers_where_the_schema_says_so(tmp_path: Path) -> None:
    """What a source states is not guessed at; a file after the first one has the first one's types."""
    write(tmp_path, a__csv="code\n007\n", b__csv="code\n12\n")
    assert read(sources.files("*.csv", "csv", schema={"code": "int64"}), tmp_path)["code"].to_pylist() == [7, 12]
    assert read(sources.files("*.csv", "csv"), tmp_path)["code"].to_pylist() == ["007", "12"]


def test_header_only(tmp_path: Path) -> None:
    """A file with nothing but a header has no rows, and no types but those that are stated; the next file has them."""
    write(tmp_path, a__csv="code,name\n")
    for schema, kinds in ({}, ["null", "null"]), ({"code": "int8"}, ["int8", "null"]):
        table = read(sources.files("*.csv", "csv", schema=schema), tmp_path)
        assert (table.num_rows, [str(kind) for kind in table.schema.types]) == (0, kinds)
    write(tmp_path, b__csv="code,name\n1,x\n")
    assert read(sources.files("*.csv", "csv"), tmp_path).to_pylist() == [{"code": 1, "name": "x"}]
    write(tmp_path, b__csv="code,label\n1,x\n")
    with pytest.raises(BadInput, match=r"b\.csv has the columns \['code', 'label'\], the first file has"):
        read(sources.files("*.csv", "csv"), tmp_path)
