"""How a snapshot may differ from its contract."""

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_mlops.core.contract import Contract, SeenColumn, contract_of, seen_columns
from airflow_provider_mlops.core.contract_diff import compare_contract, contract_rule, diff_lines
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.verdict import Outcome

COLUMNS = {
    "id": {"type": "string", "nullable": False},
    "temperature": {"type": "double", "unit": "°F"},
    "origin": {"type": "string", "categories": ["EWR", "JFK"]},
}
SEEN = {
    "id": SeenColumn(name="id", type="string"),
    "temperature": SeenColumn(name="temperature", type="double", nulls=3, low=10.0, high=100.0),
    "origin": SeenColumn(name="origin", type="string", values=frozenset({"EWR", "JFK"})),
}


def contract(**more: Any) -> Contract:
    """Read a contract."""
    return Contract.from_mapping({"schema": 1, "name": "flights", "version": 1, "columns": COLUMNS, **more})


def seen(**changes: SeenColumn | None) -> dict[str, SeenColumn]:
    """Change what the snapshot has; None takes a column away."""
    return {name: column for name, column in {**SEEN, **changes}.items() if column is not None}


def outcomes(verdict: Any) -> dict[str, str]:
    """Return what did not pass."""
    return {rule.rule: rule.outcome.value for rule in verdict.rules if rule.outcome is not Outcome.PASS}


def test_what_fits_passes() -> None:
    """Nothing differs: no line, and one rule for the validation."""
    verdict = compare_contract(contract(), seen())

    assert (verdict.outcome, verdict.marks, diff_lines(verdict)) == (Outcome.PASS, (), [])
    assert contract_rule(verdict).reason == "contract: the columns are those of the contract"


def test_mapping_is_read_again() -> None:
    """What a record holds is the contract."""
    assert Contract.from_mapping(contract().to_mapping()) == contract()


@pytest.mark.parametrize(
    ("changes", "rule", "line"),
    [
        ({"temperature": None}, "removed", "- removed: temperature (double)"),
        ({"wind": SeenColumn(name="wind", type="double")}, "added", "+ added: wind (double)"),
        (
            {"temperature": SeenColumn(name="temperature", type="string")},
            "types",
            "~ types: temperature: double -> string",
        ),
        (
            {"id": SeenColumn(name="id", type="string", nulls=2)},
            "nulls",
            "~ nulls: id: 2 values are missing, none may be",
        ),
        (
            {"origin": SeenColumn(name="origin", type="string", values=frozenset({"JFK", "BOS"}))},
            "categories",
            "~ categories: origin: new 'BOS'",
        ),
        (
            {"origin": SeenColumn(name="origin", type="string", values=frozenset({"JFK"}), more_values=True)},
            "categories",
            "~ categories: origin: new  and more",
        ),
    ],
)
def test_each_difference_fails_and_is_named(changes: dict[str, Any], rule: str, line: str) -> None:
    """Removed, added, retyped, null where none may be, a new category."""
    verdict = compare_contract(contract(), seen(**changes))

    assert outcomes(verdict) == {rule: "FAIL"}
    assert diff_lines(verdict) == [line]
    assert contract_rule(verdict).outcome is Outcome.FAIL


def test_added_columns_may_be_allowed() -> None:
    """Then they are told and marked."""
    wind = SeenColumn(name="wind", type="double")
    verdict = compare_contract(contract(additive="allowed"), seen(wind=wind))

    assert (verdict.outcome, verdict.marks) == (Outcome.PASS, ("columns_added",))
    assert diff_lines(verdict) == ["+ added: wind (double)"]


@pytest.mark.parametrize(
    ("old", "new", "last", "words"),
    [
        ("temperature", SeenColumn(name="temperature_f", type="double"), {}, "looks renamed to temperature_f"),
        (
            "temperature",
            SeenColumn(name="dry_bulb", type="float", low=12.0, high=99.0),
            SEEN,
            "97% of the values' range",
        ),
        (
            "origin",
            SeenColumn(name="airport", type="string", values=frozenset({"EWR", "JFK"})),
            {},
            "100% of the values",
        ),
    ],
)
def test_renamed_columns_are_recognised(old: str, new: SeenColumn, last: Any, words: str) -> None:
    """By their names, by the range of their values, or by their categories; a rename is refused all the same."""
    verdict = compare_contract(contract(additive="allowed"), seen(**{old: None, new.name: new}), last=last)

    assert outcomes(verdict) == {"removed": "FAIL"}
    assert words in verdict.rules[0].reason


def test_another_type_is_no_rename() -> None:
    """A text does not look like a number, whatever its name."""
    new = SeenColumn(name="temperature_f", type="string")
    verdict = compare_contract(contract(), seen(temperature=None, temperature_f=new))

    assert "renamed" not in verdict.rules[0].reason


def test_categories_that_nobody_read_are_undecided() -> None:
    """Never a pass."""
    verdict = compare_contract(contract(), seen(origin=SeenColumn(name="origin", type="string")))

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert contract_rule(verdict).reason == "contract: ~ categories: the values of origin were not read"


def test_missing_categories_are_told_and_pass() -> None:
    """A month in which nobody flew from JFK breaks nothing."""
    verdict = compare_contract(contract(), seen(origin=replace(SEEN["origin"], values=frozenset({"EWR"}))))

    assert verdict.outcome is Outcome.PASS
    assert verdict.rules[4].numbers["not_seen"] == {"origin": ["'JFK'"]}


def test_a_unit_changes_only_with_the_version() -> None:
    """Rows of before and after look alike and mean different things."""
    celsius = {**COLUMNS, "temperature": {"type": "double", "unit": "°C"}}
    unsaid = compare_contract(contract(columns=celsius), seen(), before=contract())
    said = compare_contract(contract(columns=celsius, version=2), seen(), before=contract())

    assert outcomes(unsaid) == {"units": "FAIL"}
    assert "°F -> °C (raise the version" in unsaid.rules[5].reason
    assert (said.outcome, said.marks) == (Outcome.PASS, ("contract_changed",))
    assert diff_lines(said) == ["~ units: temperature: °F -> °C"]


def test_contract_of_an_accepted_snapshot() -> None:
    """Its columns and types; a column without null must stay so, where there was a row at all."""
    manifest = {
        "columns": [
            {"name": "id", "type": "string", "nulls": 0},
            {"name": "x", "type": "double", "nulls": 1, "min": 1.0, "max": 2.0},
        ]
    }
    columns = seen_columns(manifest)
    made = contract_of("flights", columns.values(), rows=5)

    assert (made.columns["id"].nullable, made.columns["x"].nullable) == (False, True)
    assert all(column.nullable for column in contract_of("flights", columns.values(), rows=0).columns.values())
    assert compare_contract(made, columns).outcome is Outcome.PASS
    assert (columns["x"].low, columns["x"].high) == (1.0, 2.0)


def test_a_category_twice_is_refused() -> None:
    """It is a slip of whoever wrote it."""
    with pytest.raises(BadInput, match="'origin' names a category twice"):
        contract(columns={"origin": {"type": "string", "categories": ["a", "a"]}})


@pytest.mark.parametrize(
    ("new", "low", "high", "renamed"),
    [
        ("wind", 10.0, 100.0, True),  # the same range under another name
        ("wind", 28.0, 100.0, True),  # four fifths of it: the edge
        ("wind", 28.1, 100.0, False),
        ("wind", 200.0, 300.0, False),
        ("wind", None, None, False),  # no value, so no range
        ("wind", "nan", "nan", False),  # a manifest names what JSON has no number for
        ("temperature_f", 200.0, 300.0, True),
        ("TEMPERATURE", None, None, True),
    ],
)
def test_what_looks_renamed_at_the_edge(new: str, low: Any, high: Any, renamed: bool) -> None:
    """Names that are alike, or four fifths of the range of values in common; unknown ranges tell nothing."""
    other = SeenColumn(name=new, type="double", low=low, high=high)
    verdict = compare_contract(contract(), seen(temperature=None, **{new: other}), last=SEEN)

    assert (f"looks renamed to {new}" in verdict.rules[0].reason) is renamed
    assert verdict.outcome is Outcome.FAIL


def test_a_range_of_one_value() -> None:
    """Of a column that holds one value the range has no width: the same value is the same range, another is none."""
    last = {**SEEN, "temperature": SeenColumn(name="temperature", type="double", low=5.0, high=5.0)}
    for value, renamed in ((5.0, True), (6.0, False)):
        wind = SeenColumn(name="wind", type="double", low=value, high=value)
        verdict = compare_contract(contract(), seen(temperature=None, wind=wind), last=last)
        assert ("looks renamed" in verdict.rules[0].reason) is renamed


def test_each_new_column_is_one_renamed_column() -> None:
    """The most alike pair first: two columns do not look renamed to the same one."""
    two = {"delay_dep": {"type": "double"}, "delay_arr": {"type": "double"}}
    found = {"delay_arrival": SeenColumn(name="delay_arrival", type="double")}
    lines = diff_lines(compare_contract(contract(columns=two, additive="allowed"), found))

    assert lines[0] == "- removed: delay_dep (double)"
    assert "delay_arr (double); looks renamed to delay_arrival" in lines[1]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("int32", "int64"),
        ("int64", "double"),
        ("decimal128(10, 2)", "decimal128(12, 2)"),
        ("timestamp[us, tz=UTC]", "timestamp[us]"),
        ("timestamp[us]", "timestamp[ns]"),
        ("string", "null"),
        ("list<int64>", "list<int32>"),
    ],
)
def test_any_other_type_is_another(old: str, new: str) -> None:
    """Wider, of another unit, without its zone, or of nothing but nulls: the contract is what says that it may be."""
    stated = contract(columns={"x": {"type": old}})

    assert outcomes(compare_contract(stated, {"x": SeenColumn(name="x", type=new)})) == {"types": "FAIL"}
    assert compare_contract(stated, {"x": SeenColumn(name="x", type=old)}).outcome is Outcome.PASS


@pytest.mark.parametrize(("nulls", "nullable", "outcome"), [(0, False, "PASS"), (1, False, "FAIL"), (1, True, "PASS")])
def test_one_missing_value_is_enough(nulls: int, nullable: bool, outcome: str) -> None:
    """Where none may be missing."""
    stated = contract(columns={"x": {"type": "double", "nullable": nullable}})

    assert compare_contract(stated, {"x": SeenColumn(name="x", type="double", nulls=nulls)}).outcome.value == outcome


@pytest.mark.parametrize(
    ("stated", "found", "outcome"),
    [
        ([0, 1], {0.0, 1.0}, "PASS"),
        ([0, 1], {True, False}, "PASS"),
        ([0, 1], {"0", "1"}, "FAIL"),
        ([0, 1], {0, 1, "NaN"}, "FAIL"),
        ([0.5], {0.5000001}, "FAIL"),
        (["a"], {"A"}, "FAIL"),
        (["a"], {"a "}, "FAIL"),
        (["é"], {"e\u0301"}, "FAIL"),
        (["a"], set(), "PASS"),
    ],
)
def test_categories_are_equal_or_new(stated: list[Any], found: set[Any], outcome: str) -> None:
    """Numbers by their value, texts sign by sign; no value is no new one, not-a-number is."""
    column = {"x": {"type": "double", "categories": stated}}
    verdict = compare_contract(
        contract(columns=column), {"x": SeenColumn(name="x", type="double", values=frozenset(found))}
    )

    assert verdict.outcome.value == outcome


@pytest.mark.parametrize(
    ("before", "now", "version", "outcome"),
    [
        ("m", "m", 1, "PASS"),
        ("m", "km", 1, "FAIL"),
        ("m", "km", 2, "PASS"),
        ("m", "", 1, "FAIL"),
        ("", "m", 1, "FAIL"),
        ("m", "M", 1, "FAIL"),
    ],
)
def test_units_are_notes_that_bind(before: str, now: str, version: int, outcome: str) -> None:
    """Added, taken away or written otherwise: the meaning may be another, so that the version says it."""

    def of(unit: str, number: int) -> Contract:
        return contract(columns={"x": {"type": "double", **({"unit": unit} if unit else {})}}, version=number)

    columns = {"x": SeenColumn(name="x", type="double")}
    assert compare_contract(of(now, version), columns, before=of(before, 1)).outcome.value == outcome
    assert compare_contract(of(now, 1), columns).outcome is Outcome.PASS  # nothing came before


def test_a_version_that_goes_back_raises_nothing() -> None:
    """A lower number is no consent to another unit."""
    old = contract(columns={"x": {"type": "double", "unit": "m"}}, version=3)
    new = contract(columns={"x": {"type": "double", "unit": "km"}}, version=2)

    assert outcomes(compare_contract(new, {"x": SeenColumn(name="x", type="double")}, before=old)) == {"units": "FAIL"}


def test_many_differences_are_bounded() -> None:
    """A thousand new columns are counted, and few named."""
    many = {f"x{number}": SeenColumn(name=f"x{number}", type="double") for number in range(1_000)}
    verdict = compare_contract(contract(), seen(**many))

    assert "and 990 more" in verdict.rules[1].reason
    assert diff_lines(verdict)[49:] == ["+ added: x49 (double)", "+ added: and 950 more"]
    assert len(contract_rule(verdict).reason) < 1_000


def test_what_it_fails_by_is_told_first() -> None:
    """However many columns may be added: the one that has another type is the reason."""
    new = {f"x{place:02d}": SeenColumn(name=f"x{place:02d}", type="double") for place in range(99)}
    verdict = compare_contract(
        contract(additive="allowed"), seen(temperature=SeenColumn(name="temperature", type="string"), **new)
    )
    reason, lines = contract_rule(verdict).reason, diff_lines(verdict)

    assert reason.startswith("contract: ~ types: temperature: double -> string; + added: x00 (double); ")
    assert reason.endswith("; and more in the record of the contract")
    assert lines[50:] == ["+ added: and 49 more", "~ types: temperature: double -> string"]
