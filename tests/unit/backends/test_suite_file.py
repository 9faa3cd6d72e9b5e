"""Suites from files and functions."""

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.backends.suite_file import call_suite, load_suite
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.suite import suite_hash

NOT_NULL = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "x"}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "must have exactly the keys name and expectations"),
        ("name: s", "must have exactly the keys"),
        ("name: s\nexpectations: {}", "must have exactly the keys"),
        ("name: s\nexpectations: []\nextra: 1", "unknown key 'extra'; known are"),
        ("name: ''\nexpectations: [3]", "the name must be a text"),
        ("name: s\nexpectations: []", "an empty suite would pass anything"),
        ("name: s\nexpectations: [3]", "expectation 1: must have a type"),
        ("name: s\nexpectations: [{type: a}]", "expectation 1: must have a type"),
        ("name: s\nexpectations: [{type: a, kwargs: {}, sevrity: warning}]", "unknown key 'sevrity'"),
        ("name: s\nexpectations: [{type: a, kwargs: {}, severity: fatal}]", "severity 'fatal' must be one of"),
        (
            "name: s\nexpectations: [{type: a, kwargs: {x: 2013-01-01}}]",
            'x is a date, which JSON cannot hold; write it as a text: "2013-01-01"',
        ),
        ("name: s\nexpectations: [{type: a, kwargs: &a {x: *a}}]", "refers to itself: an alias stands within"),
        ("name: s\nexpectations: &a [*a]", "refers to itself"),
        ("a: [", "not valid YAML"),
    ],
)
def test_malformed_suites(tmp_path: Path, text: str, words: str) -> None:
    """A suite that is not what it must be is named with its file and entry."""
    path = tmp_path / "suite.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=words) as caught:
        load_suite(path)
    assert str(path) in str(caught.value)


def test_a_byte_order_mark_is_no_part_of_a_suite(tmp_path: Path) -> None:
    """Editors of Windows write one."""
    text = '{"name": "s", "expectations": [{"type": "a", "kwargs": {}}]}'
    for name in ("suite.json", "suite.yaml"):
        (tmp_path / name).write_text(text, encoding="utf-8-sig")
        assert load_suite(tmp_path / name)["name"] == "s"


def test_missing_suite(tmp_path: Path) -> None:
    """So is a file that does not exist."""
    for name in ("no.yaml", "no.json"):
        with pytest.raises(BadInput, match=name):
            load_suite(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "is not valid JSON"), ('{"name": "s", "name": "t", "expectations": []}', "the key 'name' is there twice")],
)
def test_malformed_json(tmp_path: Path, text: str, words: str) -> None:
    """JSON is read as strictly as YAML."""
    path = tmp_path / "suite.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=words):
        load_suite(path)


def written_by_gx() -> Any:
    """Make a suite with Great Expectations itself."""
    import great_expectations as gx

    gx.get_context(mode="ephemeral")
    suite = gx.ExpectationSuite(name="s", meta={"author": "me"})
    suite.add_expectation(gx.expectations.ExpectColumnValuesToNotBeNull(column="x", severity="warning"))
    suite.add_expectation(
        gx.expectations.ExpectColumnValuesToBeBetween(column="x", min_value=1e-05, meta={"severity": "quarantine"})
    )
    return suite


def built_with_gx() -> Any:
    """Add to a suite, as its documentation does, where nobody has made a context."""
    import great_expectations as gx

    suite = gx.ExpectationSuite(name="s")
    suite.add_expectation(gx.expectations.ExpectColumnValuesToNotBeNull(column="x"))
    return suite


def test_a_suite_that_gx_writes_is_read(tmp_path: Path) -> None:
    """Its random ids and notes do not change the hash; its small numbers stay numbers; quarantine stands under meta."""
    hashes = []
    for number in range(2):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(written_by_gx().to_json_dict()))
        suite = load_suite(path)
        hashes.append(suite_hash(suite))
    assert hashes[0] == hashes[1]
    assert [item["severity"] for item in suite["expectations"]] == ["warning", "quarantine"]
    assert suite["expectations"][1]["kwargs"]["min_value"] == 1e-05


def test_a_function_returns_a_suite() -> None:
    """A mapping, or a suite of Great Expectations, which needs no context for it; anything else is named."""
    from great_expectations.data_context.data_context.context_factory import project_manager

    assert call_suite(lambda: {"name": "s", "expectations": [NOT_NULL]}, "m:f")["expectations"][0]["severity"]
    assert call_suite(written_by_gx, "m:f")["name"] == "s"
    project_manager.set_project(None)
    assert len(call_suite(built_with_gx, "m:f")["expectations"]) == 1
    with pytest.raises(BadInput, match=r"Suite m:f returned a list"):
        call_suite(list, "m:f")
    with pytest.raises(BadInput, match=r"Suite m:f must have exactly"):
        call_suite(dict, "m:f")
