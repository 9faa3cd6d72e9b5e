"""Names of environment variables that a training in a process of its own may get."""

from typing import Any

import pytest

from airflow_provider_mlops.core.env_names import check_env_names, passed_on
from airflow_provider_mlops.core.errors import BadInput


def test_names_are_sorted_and_stand_once() -> None:
    """Another order is no other training; none are none."""
    assert check_env_names(["B", "A", "B"]) == ["A", "B"]
    assert check_env_names(None) == check_env_names(()) == []


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("AWS_PROFILE", "must be a list of names of environment variables, not a str"),
        ({"A": "1"}, "not a dict"),
        (3, "not a int"),
        (["A=hunter2"], "item 1 is no name of an environment variable; a value is never given"),
        (["A", ""], "item 2"),
        (["A", None], "item 2"),
        (["A\nB"], "item 1"),
        (["A" * 300], "item 1"),
        ([f"A{number}" for number in range(101)], "has 101 names; at most 100"),
    ],
)
def test_what_is_no_list_of_names_is_refused(names: Any, words: str) -> None:
    """The message does not repeat it: it may be a secret."""
    with pytest.raises(BadInput, match=words) as raised:
        check_env_names(names)
    assert "hunter2" not in str(raised.value)


def test_what_is_not_listed_does_not_pass() -> None:
    """Neither a secret nor what merely begins like a name that passes."""
    there = {"PATH": "/bin", "PATHS": "x", "LC_ALL": "C", "LCX": "x", "OMP_PLACES": "cores", "AWS_PROFILE": "p"}

    assert passed_on(there, ()) == {"PATH": "/bin", "LC_ALL": "C", "OMP_PLACES": "cores"}
    assert passed_on(there, ["AWS_PROFILE"])["AWS_PROFILE"] == "p"
    with pytest.raises(BadInput, match="MISSING is not set"):
        passed_on(there, ["MISSING"])
