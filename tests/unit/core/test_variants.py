"""Which altered rows may be asked for."""

from typing import Any

import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.variants import read_variants


def test_nothing_is_asked_for() -> None:
    """No altered rows is a valid wish."""
    assert read_variants(None, None) == {}
    assert read_variants({}, {}) == {}


def test_name_is_the_kind_unless_it_is_said() -> None:
    """Two variants of one kind are told apart by their names."""
    stress = {"noise": {"scale": 1}, "strong": {"kind": "noise", "scale": 3, "columns": "a"}}
    assert read_variants(stress, None) == {
        "noise": {"kind": "noise", "scale": 1.0},
        "strong": {"kind": "noise", "scale": 3.0, "columns": ["a"]},
    }


def test_every_kind_is_read() -> None:
    """Kinds and settings come out in one form, ordered by name, whatever the order they were given in."""
    found = read_variants(
        {
            "rare_category": {"column": "carrier"},
            "out_of_range": {"factor": 2, "columns": ["a", "b"]},
            "missing": {"share": 0.1},
        },
        {"age": {"column": "age", "values": {1: 2}}},
    )
    assert list(found.items()) == [
        ("age", {"kind": "counterfactual", "column": "age", "values": {"1": "2"}}),
        ("missing", {"kind": "missing", "share": 0.1}),
        ("out_of_range", {"kind": "out_of_range", "columns": ["a", "b"], "factor": 2.0}),
        ("rare_category", {"kind": "rare_category", "column": "carrier"}),
    ]


@pytest.mark.parametrize(
    ("stress", "says"),
    [
        ([], r"stress must be a mapping"),
        ({"noise": 1}, r"stress\['noise'\] must be a mapping"),
        ({"nois": {"scale": 1}}, r"of the kind 'nois'; it must be one of: noise, missing, out_of_range, rare_category"),
        ({"noise": {"scale": 1, "sacle": 2}}, r"unknown key 'sacle'; valid keys: columns, scale"),
        ({"noise": {}}, r"lacks the key 'scale'"),
        ({"noise": {"scale": 0}}, r"scale must be"),
        ({"noise": {"scale": float("nan")}}, r"scale"),
        ({"noise": {"scale": 1, "columns": []}}, r"columns must be"),
        ({"missing": {"share": 0}}, r"share is 0, which alters nothing"),
        ({"missing": {"share": 1.5}}, r"share must be from 0 to 1"),
        ({"out_of_range": {"factor": -1}}, r"factor must be"),
        ({"rare_category": {"column": 3}}, r"column must be a text"),
        ({"a:b": {"kind": "noise", "scale": 1}}, r"'a:b' in stress must not hold a colon"),
        ({3: {"kind": "noise", "scale": 1}}, r"name in stress must be a text"),
    ],
)
def test_bad_stress_is_refused(stress: Any, says: str) -> None:
    """The error names the variant and the key."""
    with pytest.raises(BadInput, match=says):
        read_variants(stress, None)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (1, r"must be a mapping"),
        ({"column": "sex"}, r"lacks the key 'values'"),
        ({"column": "sex", "values": {}}, r"must map values to other values"),
        ({"column": "sex", "values": {"f": "f"}}, r"maps 'f' to itself"),
        ({"column": "sex", "values": {"f": "m"}, "kind": "noise"}, r"unknown key 'kind'"),
    ],
)
def test_bad_counterfactual_is_refused(spec: Any, says: str) -> None:
    """The error names the variant and the key."""
    with pytest.raises(BadInput, match=says):
        read_variants(None, {"sex": spec})


def test_one_name_for_two_variants_is_refused() -> None:
    """A policy names a variant; it must know which one it gets."""
    with pytest.raises(BadInput, match="'noise' stands in stress and in counterfactuals"):
        read_variants({"noise": {"scale": 1}}, {"noise": {"column": "sex", "values": {"f": "m"}}})
