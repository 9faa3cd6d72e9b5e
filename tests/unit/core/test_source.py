"""The specification of a source: plain values in, a checked source out, the wrong key named."""

import json
from typing import Any

import pytest

from airflow_provider_mlops import sources
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.source import (
    DvcSource,
    FilesSource,
    FunctionSource,
    SnapshotsSource,
    SqlSource,
    parse_source,
    source_hash,
)

QUERY = "SELECT id FROM t ORDER BY id"
BUILT = [
    (sources.sql("db", QUERY, parameters={"a": 1}, schema={"id": "int64"}), SqlSource),
    (sources.sql("db", "SELECT id FROM t", order_by=["id", "b desc"]), SqlSource),
    (sources.files("s3://b/*.csv", "csv", conn_id="aws", options={"delimiter": ";"}), FilesSource),
    (sources.function("a.b:c", {"x": [1]}), FunctionSource),
    (sources.snapshots("flights", window=6, since="2013-01", include_current=True), SnapshotsSource),
    (sources.dvc("data/x.parquet.dvc"), DvcSource),
]


@pytest.mark.parametrize(("source", "kind"), BUILT)
def test_what_the_functions_build_is_a_source(source: dict[str, Any], kind: type) -> None:
    """JSON-safe, read back as its kind, with one hash, and with a title that holds no parameter."""
    again = json.loads(json.dumps(source))

    assert again == source
    assert type(parse_source(source)) is kind
    assert source_hash(parse_source(source)) == source_hash(parse_source(again))


def test_an_import_path_is_a_function() -> None:
    """As it was before there were other kinds: one hash for both forms."""
    assert parse_source("a.b:c") == parse_source(sources.function("a.b:c")) == FunctionSource(function="a.b:c")


def test_the_hash_knows_every_value() -> None:
    """Another parameter is another source."""
    one, two = (parse_source(sources.sql("db", QUERY, parameters={"a": n})) for n in (1, 2))

    assert source_hash(one) != source_hash(two)
    assert one.title == two.title == "sql:db"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (None, "a mapping, not a NoneType"),
        (["a:b"], "a mapping, not a list"),
        ({}, "has the kind None; it must be one of: sql, files, function, snapshots, dvc"),
        ({"kind": "sqll"}, "has the kind 'sqll'"),
        ({"kind": ["sql"]}, r"has the kind \['sql'\]"),
        ({"kind": "sql", "conn_id": "db"}, "source of kind 'sql' needs 'query'"),
        ({"kind": "sql", "conn_id": "db", "querry": "x"}, "unknown key 'querry'; did you mean 'query'"),
        ({"kind": "sql", "conn_id": "db", "query": "x", "zzz": 1}, "unknown key 'zzz'; known are: conn_id, query"),
        ({"kind": "sql", "conn_id": "", "query": "x"}, "conn_id is ''; it must be text"),
        ({"kind": "sql", "conn_id": "db", "query": 1}, "query is 1; it must be text"),
        ({"kind": "sql", "conn_id": "db", "query": "x", "schema": {"a": 1}}, "it must be a mapping of texts"),
        ({"kind": "sql", "conn_id": "db", "query": "x", "parameters": [1]}, "it must be a mapping"),
        ({"kind": "sql", "conn_id": "db", "query": "x", "parameters": {"start": 1}}, "a plain name other than start"),
        ({"kind": "sql", "conn_id": "db", "query": "x", "parameters": {"a b": 1}}, "'a b' must be a plain name"),
        ({"kind": "sql", "conn_id": "db", "query": "x", "parameters": {"a": [1]}}, "'a' is a list; use text"),
        ({"kind": "sql", "conn_id": "db", "query": "x", "parameters": {"a": float("nan")}}, "which JSON cannot hold"),
        ({"kind": "sql", "conn_id": "db", "query": "x", "order_by": "id"}, "it must be a list of texts"),
        ({"kind": "sql", "conn_id": "db", "query": "x", "order_by": ["id; DROP TABLE t"]}, "is not a column name"),
        ({"kind": "sql", "conn_id": "db", "query": "x", "order_by": ["(SELECT 1)"]}, "is not a column name"),
        ({"kind": "files", "url": "x", "format": "xlsx"}, "format 'xlsx' is unknown"),
        ({"kind": "function", "function": "a:b", "kwargs": 1}, "it must be a mapping"),
        ({"kind": "snapshots", "dataset": "d", "window": 0}, "window=0 must be at least 1"),
        ({"kind": "snapshots", "dataset": "d", "window": "6"}, "window is '6'; it must be int"),
        ({"kind": "snapshots", "dataset": "d", "window": True}, "window is True; it must be int"),
        ({"kind": "snapshots", "dataset": "d", "since": "last year"}, "is neither a month"),
        ({"kind": "snapshots", "dataset": "d", "include_current": "yes"}, "it must be true or false"),
        ({"kind": "dvc", "path": "x.csv"}, "is not the path of a .dvc file"),
        ({"kind": "dvc", "path": "../x.csv.dvc"}, "is not the path of a .dvc file"),
        ({"kind": "dvc", "path": "s3://b/x.csv.dvc"}, "is not the path of a .dvc file"),
    ],
)
def test_what_is_wrong_is_named(source: Any, words: str) -> None:
    """The kind, the key, the value and what it must be."""
    with pytest.raises(BadInput, match=words):
        parse_source(source)
