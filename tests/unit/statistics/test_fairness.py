"""Fairness measures have the values of fairlearn and AIF360."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from aif360.sklearn import metrics as aif360
from fairlearn import metrics as fairlearn

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics import fairness

Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]

BETWEEN = [
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equal_opportunity_difference",
    "equalized_odds_difference",
]
AGAINST = [
    ("disparate_impact", "disparate_impact_ratio"),
    ("statistical_parity_difference", "statistical_parity_difference"),
    ("equal_opportunity_difference", "equal_opportunity_difference"),
    ("average_odds_difference", "average_odds_difference"),
]


def rows(seed: int, n: int = 800) -> Rows:
    random = np.random.default_rng(seed)
    labels, decisions = ((random.random(n) < share).astype(int) for share in (0.4, 0.5))
    origin = random.choice(np.array(["EWR", "JFK", "LGA"], dtype=object), n)
    carrier = random.choice(np.array(["AA", "UA"], dtype=object), n)
    return labels, decisions, origin, carrier, random.uniform(0.5, 2, n)


@pytest.fixture(params=range(4))
def data(request: pytest.FixtureRequest) -> Iterator[Rows]:
    """Random rows."""
    return rows(request.param)  # type: ignore[return-value]


@pytest.mark.parametrize("name", BETWEEN)
@pytest.mark.parametrize("weighted", [False, True])
def test_between_groups_equals_fairlearn(data: Rows, name: str, weighted: bool) -> None:
    """Without a reference, with and without weights."""
    labels, decisions, origin, _, mass = data
    weights = mass if weighted else None
    theirs = getattr(fairlearn, name)(labels, decisions, sensitive_features=origin, sample_weight=weights)

    assert getattr(fairness, name)(labels, decisions, groups=origin, weights=weights) == pytest.approx(
        theirs, abs=1e-12
    )


@pytest.mark.parametrize("name", BETWEEN)
def test_intersections_equal_fairlearn(data: Rows, name: str) -> None:
    """Columns by name are groups of their intersections, as a frame of features is for fairlearn."""
    labels, decisions, origin, carrier, _ = data
    columns = {"origin": origin, "carrier": carrier}
    theirs = getattr(fairlearn, name)(labels, decisions, sensitive_features=pd.DataFrame(columns))

    assert getattr(fairness, name)(labels, decisions, groups=columns) == pytest.approx(theirs, abs=1e-12)


def test_false_positive_rate_difference_equals_fairlearn(data: Rows) -> None:
    """Fairlearn generates it from the rate."""
    labels, decisions, origin, _, _ = data
    theirs = fairlearn.false_positive_rate_difference(labels, decisions, sensitive_features=origin)

    assert fairness.false_positive_rate_difference(labels, decisions, groups=origin) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize(("ours", "theirs"), AGAINST)
@pytest.mark.parametrize("weighted", [False, True])
def test_against_a_reference_equals_aif360(data: Rows, ours: str, theirs: str, weighted: bool) -> None:
    """The unprivileged are all others, the sign is theirs."""
    labels, decisions, origin, _, mass = data
    weights = mass if weighted else None
    expected = getattr(aif360, theirs)(
        pd.Series(labels), decisions, prot_attr=origin, priv_group="JFK", sample_weight=weights
    )
    measured = getattr(fairness, ours)(labels, decisions, groups=origin, reference="JFK", weights=weights)

    assert measured == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("ours", "theirs"), AGAINST)
def test_intersections_equal_aif360(data: Rows, ours: str, theirs: str) -> None:
    """A privileged group of two columns."""
    labels, decisions, origin, carrier, _ = data
    joined = np.array([f"{first}/{second}" for first, second in zip(origin, carrier, strict=True)])
    expected = getattr(aif360, theirs)(pd.Series(labels), decisions, prot_attr=joined, priv_group="JFK/AA")
    columns = {"origin": origin, "carrier": carrier}
    measured = getattr(fairness, ours)(labels, decisions, groups=columns, reference="origin=JFK, carrier=AA")

    assert measured == pytest.approx(expected, abs=1e-12)


def test_false_positive_rate_against_a_reference() -> None:
    """All others minus the reference, by hand."""
    labels, decisions = [0, 0, 0, 0], [1, 0, 0, 0]

    assert fairness.false_positive_rate_difference(labels, decisions, groups=list("aabb"), reference="b") == 0.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fairness.equal_opportunity_difference([1, 0], [1, 0], groups=["a", "b"]), "no rows of the class"),
        (lambda: fairness.demographic_parity_ratio([1, 0], [0, 0], groups=["a", "b"]), "No row is decided for"),
        (lambda: fairness.demographic_parity_ratio([1, 0], [0.3, 0], groups=["a", "b"]), "neither 0 nor 1"),
        (lambda: fairness.demographic_parity_ratio([], [], groups=[]), "no rows"),
        (
            lambda: fairness.demographic_parity_ratio([1, 0], [1, 0], groups=["a", "b"], weights=[1, np.nan]),
            "NaN or infinite",
        ),
    ],
)
def test_what_has_no_value_is_not_measurable(call: Callable[[], Any], message: str) -> None:
    """No rate of nothing, no decision that is none."""
    with pytest.raises(NotMeasurable, match=message):
        call()


def test_an_unknown_reference_is_refused_and_the_groups_are_named() -> None:
    """The error shows what there is."""
    with pytest.raises(BadInput, match="no group 'TEB'; there are: EWR, JFK"):
        fairness.disparate_impact([1, 0], [1, 0], groups=["EWR", "JFK"], reference="TEB")
