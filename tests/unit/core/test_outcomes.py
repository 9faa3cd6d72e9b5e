"""Which steps follow a verdict."""

from typing import Any

import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.outcomes import Steering, steering
from airflow_provider_mlops.core.policy import Outcomes
from airflow_provider_mlops.core.verdict import Outcome

AFTER = {"promote", "notify", "ask"}


NOTHING_SAID = Outcomes()


def steer(said: Outcomes = NOTHING_SAID, **arguments: Any) -> Steering:
    """Combine, with what a Dag usually has."""
    return steering(said, **{"on_refusal": "skip", "routes": None, "after": AFTER, **arguments})


def test_without_a_word_every_refusal_skips() -> None:
    """PASS goes on with everything."""
    found = steer()

    assert found.follow(Outcome.PASS) == AFTER
    assert found.follow(Outcome.FAIL) == found.follow(Outcome.INCONCLUSIVE) == frozenset()
    assert not found.fails(Outcome.FAIL)


def test_a_route_runs_instead_of_the_others() -> None:
    """INCONCLUSIVE has a way of its own; on PASS it is left out."""
    found = steer(routes={"inconclusive": "ask", "fail": ["notify"]})

    assert found.follow(Outcome.INCONCLUSIVE) == {"ask"}
    assert found.follow(Outcome.FAIL) == {"notify"}
    assert found.follow(Outcome.PASS) == {"promote"}


def test_the_policy_has_the_last_word() -> None:
    """It fails the task though the Dag has a route, for one outcome and not the other."""
    found = steer(Outcomes(fail="fail", inconclusive="skip"), routes={"fail": ["notify"], "inconclusive": ["ask"]})

    assert found.fails(Outcome.FAIL)
    assert not found.fails(Outcome.INCONCLUSIVE)
    assert found.follow(Outcome.INCONCLUSIVE) == frozenset()


def test_on_refusal_counts_where_nobody_else_says_anything() -> None:
    """The operator's argument is the default of both outcomes, and PASS never fails."""
    found = steer(on_refusal="fail")

    assert found.fails(Outcome.FAIL)
    assert found.fails(Outcome.INCONCLUSIVE)
    assert not found.fails(Outcome.PASS)


@pytest.mark.parametrize(
    ("said", "arguments", "message"),
    [
        (NOTHING_SAID, {"on_refusal": "ignore"}, "on_refusal='ignore' must be one of: skip, fail"),
        (NOTHING_SAID, {"routes": {"passed": ["ask"]}}, "unknown key 'passed'; valid keys: pass, fail, inconclusive"),
        (NOTHING_SAID, {"routes": {"fail": ["gone"]}}, "routes names 'gone', .* these do: ask, notify, promote"),
        (Outcomes(inconclusive="route"), {}, r"routes INCONCLUSIVE; give the gate routes=\{'inconclusive'"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_judged(
    said: Outcomes, arguments: dict[str, Any], message: str
) -> None:
    """The Dag's author reads which word is wrong."""
    with pytest.raises(BadInput, match=message):
        steer(said, **arguments)
