"""What a suite must be before anything is judged by it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.suite import quarantine_positions, read_suite, suite_hash

NOT_NULL = "expect_column_values_to_not_be_null"


def item(column: str = "x", kind: str = NOT_NULL, **more: Any) -> dict[str, Any]:
    """Make an entry."""
    kwargs = {"column": column, **more.pop("kwargs", {})}
    return {"type": kind, "kwargs": kwargs, **more}


def nested(depth: int) -> list[Any]:
    """Make a list of a list of a list."""
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


def suite(*expectations: Any, **more: Any) -> dict[str, Any]:
    """Read a suite."""
    return suite_with(expectations, more)


def suite_with(expectations: Sequence[Any], more: Mapping[Any, Any]) -> dict[str, Any]:
    """Read a suite with keys of any type."""
    return read_suite({"name": "s", "expectations": list(expectations), **more}, "here")


def test_severities_are_filled_in() -> None:
    """What does not say is critical; one percent of the rows may be set aside."""
    read = suite(item("x"), item("y", severity="quarantine"))

    assert [entry["severity"] for entry in read["expectations"]] == ["critical", "quarantine"]
    assert read["quarantine"] == {"max_share": 0.01}
    assert quarantine_positions(read) == [1]


def test_hash_is_of_what_is_judged_by() -> None:
    """Ids, notes and descriptions do not change it; severity and share do."""
    plain = suite_hash(suite(item()))

    assert suite_hash(suite(item(severity="critical", description="why", meta={"a": 1}, id="1-2"), id="3")) == plain
    assert suite_hash(suite(item(severity="warning"))) != plain
    aside = item(severity="quarantine")
    assert suite_hash(suite(aside)) != suite_hash(suite(aside, quarantine={"max_share": 0.5}))


def test_empty_is_refused_unless_it_is_allowed() -> None:
    """Saying that it is not allowed is saying nothing; allowing it is another suite."""
    plain = suite(item())

    assert "allow_empty" not in plain
    assert suite(item(), allow_empty=False) == plain
    assert suite_hash(suite(item(), allow_empty=True)) != suite_hash(plain)


@pytest.mark.parametrize(
    ("expectations", "more", "words"),
    [
        ([item(kind="expect_table_row_count_to_be_between", severity="quarantine")], {}, "or warning\\.$"),
        (
            [item(kind="expect_column_mean_to_be_between", severity="quarantine")],
            {},
            "expectation 1: expect_column_mean",
        ),
        ([item(severity="quarantine", kwargs={"mostly": 0.9})], {}, "mostly=0.9"),
        ([item(severity="info")], {}, "severity 'info' must be one of: critical, warning, quarantine"),
        ([item(meta={"severity": "bad"})], {}, "severity 'bad'"),
        ([item(), item("y"), item(severity="warning")], {}, "expectation 3 .* stands there twice, first as number 1"),
        ([item()], {"quarantine": {"max_share": 0.1}}, "no expectation with that severity"),
        ([item(severity="quarantine")], {"quarantine": {"share": 0.1}}, "exactly the key max_share"),
        ([item(severity="quarantine")], {"quarantine": {"max_share": 1.5}}, "max_share=1.5"),
        ([item(severity="quarantine")], {"quarantine": {"max_share": float("nan")}}, "max_share=nan"),
        ([item(severity="quarantine")], {"quarantine": {"max_share": True}}, "max_share=True"),
        ([item()], {"allow_empty": "yes"}, "allow_empty='yes' must be true or false"),
        ([item()], {"allow_empty": 1}, "allow_empty=1 must be true or false"),
        ([item()], {"allow_empty": None}, "allow_empty=None must be true or false"),
        ([item(kwargs={"mostly": float("nan")})], {}, "nan, which JSON cannot hold"),
        ([item()], {"allow_emtpy": True}, "unknown key 'allow_emtpy'; known are: .* Did you mean allow_empty?"),
        ([item()], {1: 2, "quarantin": {}}, "unknown key 1; known are: allow_empty, expectations, name, quarantine"),
        ([item(severty="warning")], {}, "expectation 1: unknown key 'severty'; .* Did you mean severity?"),
        ([{"expectation_type": NOT_NULL, "kwargs": {}}], {}, "unknown key 'expectation_type'; known are: .*, type"),
        ([{**item(), 1: 2, "zz": 3}], {}, "unknown key 1"),
        ([item(kwargs={"x": nested(2_000)})], {}, "nests lists and mappings too deeply, or refers to itself"),
        ([item(meta=[1])], {}, r"meta must be a mapping, not \[1\]"),
        ([item(kind=f"{NOT_NULL[:-1]}", severity="quarantine")], {}, f"Did you mean {NOT_NULL}?"),
    ],
)
def test_what_is_wrong_is_named(expectations: list[Any], more: dict[Any, Any], words: str) -> None:
    """Each error names the suite, the entry and the way out, before anything is judged."""
    with pytest.raises(BadInput, match=words) as caught:
        suite_with(expectations, more)
    assert "here" in str(caught.value)
