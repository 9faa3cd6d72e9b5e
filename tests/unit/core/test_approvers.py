"""Who may approve."""

from typing import Any

import pytest

from airflow_provider_mlops.core.approvers import Approver, check_four_eyes, check_member, members_of, read_groups
from airflow_provider_mlops.core.errors import BadInput, Refused

ANN = Approver("4", "ann", ("Ann@Example.com",))
GROUPS = read_groups(
    {"owners": [{"id": 4, "name": "ann", "also": "Ann@Example.com"}, "bob"], "risk": ["carl", {"id": "bob"}]}, "groups"
)


def test_groups_name_people_as_the_auth_manager_does() -> None:
    """FAB's numbers become text; the id alone is a person; who is in two groups is asked once."""
    assert GROUPS["owners"] == (ANN, Approver("bob", "bob"))
    assert [member.id for member in members_of(GROUPS, ["owners", "risk"], "groups")] == ["4", "bob", "carl"]


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        (["ann"], "mapping from group names"),
        ({"owners": []}, "at least one member"),
        ({"owners": "ann"}, "list of at least one member"),
        ({"owners": ["ann", "ann"]}, "names 'ann' twice"),
        ({"owners": [{"name": "ann"}]}, "lacks the key 'id'"),
        ({"owners": [{"id": "a", "role": "x"}]}, "unknown key 'role'"),
        ({"owners": [True]}, "must be a mapping"),
        ({"owners": [""]}, "must be a text"),
        ({"": ["ann"]}, "must be a text"),
    ],
)
def test_a_mapping_that_names_nobody_is_an_error(groups: Any, words: str) -> None:
    """An empty group would let anybody or nobody in."""
    with pytest.raises(BadInput, match=words):
        read_groups(groups, "groups")


def test_a_group_that_does_not_exist_is_named_with_its_neighbour() -> None:
    """A typo must not open the question to everybody."""
    with pytest.raises(BadInput, match=r"no group 'owner'; it has: owners, risk\. Did you mean owners"):
        members_of(GROUPS, ["owner"], "The mapping")


def test_only_a_member_answers() -> None:
    """The id counts, not the name, which may be chosen freely."""
    check_member({"id": "4", "name": "other"}, [ANN])
    check_member({"id": "x", "name": "x"}, None)
    for user in ({"id": "5", "name": "ann"}, {}):
        with pytest.raises(Refused, match="may not answer, only: ann"):
            check_member(user, [ANN])


@pytest.mark.parametrize("involved", ["ann", "ANN ", "4", "ann@example.com"])
def test_who_has_a_part_may_not_approve(involved: str) -> None:
    """By id, by name, or by a further name such as the address of the commits."""
    with pytest.raises(Refused, match="ann wrote the change and may not approve it"):
        check_four_eyes({"id": "4", "name": "ann"}, {involved: "wrote the change"}, [ANN])

    check_four_eyes({"id": "bob", "name": "bob"}, {involved: "wrote the change"}, [ANN])


def test_nobody_is_no_approver() -> None:
    """Airflow answers in nobody's name after a timeout."""
    with pytest.raises(Refused, match="Nobody is named"):
        check_four_eyes({"id": None, "name": ""}, {})
