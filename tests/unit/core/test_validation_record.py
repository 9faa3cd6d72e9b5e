"""What a validation asks, and what its page says at the top."""

import pytest

from airflow_provider_mlops.core.validation_record import page_facts, question, question_of

BODY = {
    "snapshot_id": "s",
    "accepted_snapshot_id": None,
    "partition_key": "2013-01",
    "rows": 0,
    "suite": "suite.yaml",
    "suite_hash": "h",
    "contract": None,
    "contract_hash": None,
    "engine": "auto",
    "quarantine": None,
}


@pytest.mark.parametrize(
    ("contract", "engine"), [(None, "auto"), ("c", "auto"), ("last", "auto"), (None, "spark"), ("c", "spark")]
)
def test_a_record_states_its_question(contract: str | None, engine: str) -> None:
    """So that the same one is not judged again, and another one is."""
    asked = question("s", "h", contract, engine)

    assert question_of({**BODY, "contract_hash": contract, "engine": engine}) == asked
    assert (asked == question_of(BODY)) is (contract is None and engine == "auto")


def test_a_record_of_an_early_release() -> None:
    """It named neither contract nor engine; its key was the same."""
    assert question_of({"snapshot_id": "s", "suite_hash": "h"}) == {"snapshot": "s", "suite": "h"}


def test_the_page_says_what_there_is() -> None:
    """No rows are a fact, no contract is none; what was set aside is told with its place."""
    assert page_facts("flights", BODY) == [
        ("Dataset", "flights"),
        ("Partition", "2013-01"),
        ("Rows", 0),
        ("Snapshot", "s"),
        ("Suite", "suite.yaml"),
    ]
    aside = {"quarantine": {"rows": 2, "uri": "file:///q", "snapshot_id": "q"}}
    assert dict(page_facts("flights", BODY | aside))["Rows set aside lie in"] == "file:///q"
