"""Canonical JSON and the hashes over it."""

import hashlib
import json
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_mlops.core.canonical import canonical_json, json_safe, sha256_bytes, sha256_of
from airflow_provider_mlops.core.errors import BadInput

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(VALUES)
def test_the_text_reads_back_as_the_same_value(value: object) -> None:
    """Nothing is lost on the way to canonical JSON and back."""
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(st.text(), SCALARS))
def test_the_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    """Two mappings with the same members have one text."""
    assert canonical_json(dict(reversed(value.items()))) == canonical_json(value)


def test_the_text_has_one_form() -> None:
    """Sorted keys, no space, UTF-8 as it is, floats in their shortest form."""
    assert canonical_json({"b": [1, 2.50, None], "a": "é", "c": True}) == '{"a":"é","b":[1,2.5,null],"c":true}'


def test_tuples_are_lists_and_text_enums_are_text() -> None:
    """What our own values hold can be written as it is."""

    class Word(StrEnum):
        PASS = "PASS"

    assert canonical_json({"a": (1, Word.PASS)}) == '{"a":[1,"PASS"]}'


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": [0, float("nan")]}, "$.a[1]"),
        ({"a": {"b": float("inf")}}, "$.a.b"),
        ({"a": b"bytes"}, "$.a"),
        ([{"a": object()}], "$[0].a"),
        ({"a": {1: "x"}}, "$.a"),
        ({"a": {1, 2}}, "$.a"),
    ],
)
def test_what_json_cannot_hold_is_refused_with_its_path(value: object, path: str) -> None:
    """The message says where the value stands."""
    with pytest.raises(BadInput) as caught:
        json_safe(value)

    assert f"{path} " in str(caught.value)


def test_hashes_are_sha256_with_their_name() -> None:
    """A hash says which one it is, and is that of the canonical text."""
    assert sha256_bytes(b"x") == "sha256:" + hashlib.sha256(b"x").hexdigest()
    assert sha256_of({"b": 1, "a": 2}) == sha256_bytes(b'{"a":2,"b":1}')


def test_an_integer_and_a_float_have_different_hashes() -> None:
    """1 and 1.0 are equal in Python but not the same evidence."""
    assert sha256_of(1) != sha256_of(1.0)
