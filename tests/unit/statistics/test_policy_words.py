"""What a policy demands, in words."""

import re
from typing import Any

import pytest

from airflow_provider_mlops.core.policy import Policy
from airflow_provider_mlops.core.rules import KINDS
from airflow_provider_mlops.statistics.policy_words import demand, dependence_text, outcomes_text

AUC = {"metric": "roc_auc"}
EACH_KIND: dict[str, dict[str, Any]] = {
    "min_rows": {"rows": 5000, "positives": 500},
    "max_looks": {"value": 3},
    "data_age": {"min_days": 20, "max_age_days": 1.5},
    "leakage": {"max_row_overlap": 7, "max_entity_overlap": 0, "time_ordered": False},
    "infrastructure": {"p95_latency_ms": 50, "peak_memory_mib": 900},
    "artifact_scan": {"trusted_types": ["functools.partial", "a.B"]},
    "minimum": {**AUC, "value": 0.6},
    "maximum": {"metric": "brier", "value": 0.2},
    "non_inferior": {**AUC, "margin": 0.01, "slice": "origin", "values": ["EWR", "JFK", "LGA"], "min_rows": 500},
    "superior": {"metric": "log_loss", "by": 0.01, "against": "golden"},
    "block_if_worse": {**AUC, "margin": 0.02, "slice": "carrier", "min_rows": 300},
    "fairness": {"metric": "demographic_parity_ratio", "value": 0.8, "group": ["sex", "age"], "min_rows": 50},
    "flip_rate": {"variant": "swapped", "value": 0.01, "threshold": "operating"},
    "stress": {"metric": "f1", "threshold": 0.3, "variant": "noise", "margin": 0.02},
}
WORDS = """
min_rows: There must be at least 5,000 labelled test rows, 500 of them positive.
max_looks: The same test rows may be looked at for at most 3 candidates.
data_age: The test rows must span at least 20 days, and the newest labelled row must be at most 1.5 days old.
leakage: At most 7 test rows may stand among the training rows too, no entity of the test rows may be known from
    the training, no single feature may have a ROC-AUC above 0.999.
infrastructure: The model must load from the registry's bytes in a clean process, accept its signature, reject a
    wrong one and predict the probe rows as it did in training; the upper 95 % bound of its 95th percentile of
    latency must keep 50 ms; its process must keep 900 MiB of memory.
artifact_scan: No file of the model may be a pickle, nor may one be of an unknown format; no type may be beyond skops'
    own list but functools.partial and a.B.
minimum: The lower 95 % bound of the candidate's ROC-AUC must reach 0.6.
maximum: The upper 95 % bound of the candidate's Brier score must keep 0.2.
non_inferior: The candidate's ROC-AUC must not be lower than the champion's by 0.01 or more, judged on the 95 %
    bound of the paired difference, for every value of 'origin' (EWR, JFK and LGA must be there), each with at
    least 500 rows.
superior: The candidate's log-loss must be lower than the golden version's by more than 0.01, judged on the 95 %
    bound of the paired difference.
block_if_worse: For no value of 'carrier' may the candidate's ROC-AUC be proved worse than the champion's by
    more than 0.02, at 95 % after Holm's correction for the number of values; values with fewer than 300 rows
    are not assessed.
fairness: The share of positive decisions of each group of 'sex' x 'age', compared with the largest group, must
    have a ratio of at least 0.8, proved by the 95 % bound of each; a breach must be proved after Holm's correction
    for the number of groups; groups with fewer than 50 rows have too few rows to say.
flip_rate: The upper 95 % bound of the share of rows whose decision at each model's operating threshold changes
    when they are altered as 'swapped' must keep 0.01.
stress: On the rows disturbed as 'noise' the candidate's F1 at threshold 0.3 must not be worse than on the
    undisturbed ones by 0.02 or more, judged on the 95 % bound of the paired difference.
"""


def words_of(kind: str) -> str:
    """Return the sentence that a rule of a kind must give."""
    (found,) = re.findall(rf"^{kind}: ((?:.*\n)(?: +.*\n)*)", WORDS, re.MULTILINE)
    return " ".join(found.split())


def policy(*rules: dict[str, Any], **more: Any) -> Policy:
    """Read a policy of these rules."""
    return Policy.from_mapping({"schema": 1, "name": "p", "rules": list(rules), **more})


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_said_in_a_sentence(kind: str) -> None:
    """A new kind of rule needs its words."""
    found = policy({"name": "r", "kind": kind, **EACH_KIND[kind]})

    assert demand(found.rules[0], found.alpha) == words_of(kind)


def test_the_level_follows_alpha() -> None:
    """One-sided 0.01 is a 99 % bound."""
    found = policy({"name": "r", "kind": "minimum", **AUC, "value": 0.6}, alpha=0.01)

    assert "99 % bound" in demand(found.rules[0], found.alpha)


def test_a_metric_of_ones_own_is_named_as_it_is() -> None:
    """Its direction comes from the rule; its module is not imported for the words."""
    rule = {"name": "r", "kind": "non_inferior", "metric": "shop.no:cost", "margin": 2, "higher_is_better": False}

    assert "candidate's shop.no:cost must not be higher" in demand(policy(rule).rules[0], 0.05)


def test_parameters_of_a_metric_are_named() -> None:
    """Recall at a precision means nothing without the precision."""
    rule = {"name": "r", "kind": "minimum", "metric": "recall_at_precision", "value": 0.3, "params": {"precision": 0.9}}

    assert "recall at a fixed precision (precision 0.9)" in demand(policy(rule).rules[0], 0.05)


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        ({}, "What follows a refusal, the gate's task says (on_refusal, routes)."),
        ({"fail": "fail", "inconclusive": "route"}, "FAIL fails the task, INCONCLUSIVE runs the steps of its route."),
        ({"fail": "skip"}, "FAIL skips what follows, INCONCLUSIVE does what the gate's task says."),
    ],
)
def test_what_follows_a_refusal_is_said(outcomes: dict[str, str], words: str) -> None:
    """FAIL and INCONCLUSIVE may be handled apart."""
    rule = {"name": "r", "kind": "max_looks", "value": 1}

    assert outcomes_text(policy(rule, outcomes=outcomes)) == words


@pytest.mark.parametrize(
    ("dependence", "words"),
    [
        (None, ""),
        ({"cluster": "customer"}, "Rows of one value of 'customer' belong together and are resampled together."),
        (
            {"time": "day", "block_days": 7},
            "Rows of one block of 7 days of 'day' belong together and are resampled together.",
        ),
    ],
)
def test_rows_that_belong_together_are_said(dependence: dict[str, Any] | None, words: str) -> None:
    """Clusters and blocks of time."""
    more = {"dependence": dependence} if dependence else {}

    assert dependence_text(policy({"name": "r", "kind": "max_looks", "value": 1}, **more)) == words
