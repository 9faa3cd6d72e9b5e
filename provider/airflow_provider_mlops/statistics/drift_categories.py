"""Categories that are new, and categories that are gone: findings beside the test of the whole distribution.

A column of many categories always shows some that the other sample lacks. What counts is how many more rows they have
than chance would give, which the samples themselves tell.
"""

import math
from collections.abc import Mapping

import numpy as np
from scipy import special

from airflow_provider_mlops.core.drift_policy import DriftPolicy
from airflow_provider_mlops.statistics import distances, effect_bounds
from airflow_provider_mlops.statistics.finding import SHOWN, ColumnTest, Finding, listed, with_test

NEW, VANISHED = "new_categories", "vanished_categories"


def compare_categories_seen(
    name: str, was: Mapping[str, int], now: Mapping[str, int], policy: DriftPolicy
) -> list[Finding]:
    """Find categories that only one of two samples has.

    :param name: the column.
    :param was: rows by category in the reference, nulls apart, at least one.
    :param now: rows by category now, nulls apart, at least one.
    :param policy: when a difference counts.
    :return: a finding ``name:new`` and one ``name:vanished``, each where there is such a category.
    """
    thresholds = policy.thresholds_of(name)
    appeared, gone = sorted(set(now) - set(was)), sorted(set(was) - set(now))
    findings = []
    if appeared:
        findings.append(_new(name, was, now, appeared, thresholds[NEW]))
    if gone:
        findings.append(_vanished(name, was, now, gone, thresholds[VANISHED]))
    return findings


def _new(name: str, was: Mapping[str, int], now: Mapping[str, int], appeared: list[str], threshold: float) -> Finding:
    """Compare with how often a row of the reference is the only one of its category: what chance would give."""
    n, m = sum(was.values()), sum(now.values())
    rows, singles = sum(now[key] for key in appeared), sum(count == 1 for count in was.values())
    share, usual = rows / m, singles / n
    pooled = (rows + singles) / (n + m)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    effect = max(0.0, share - usual)
    test = ColumnTest(
        # Only more of them than usual is a finding.
        p_value=distances.two_shares(singles, n, rows, m) if share > usual else 1.0,
        effect="share in new categories",
        threshold=threshold,
        smallest=lambda alpha: float(-special.ndtri(alpha / 2)) * error,
        method="new_categories",
        bounds=lambda alpha: {NEW: (effect_bounds.share_bound(singles, n, rows, m, alpha), threshold)},
    )
    text = f"{name} has {share:.1%} of its rows in categories that are new, by chance {usual:.1%} would be"
    text += listed(":", appeared)
    numbers = {"n_reference": n, "n_current": m, "share": share, "by_chance": usual, "categories": appeared[:SHOWN]}
    return with_test(name, text, {NEW: effect}, {NEW: threshold}, test, numbers, rule=f"{name}:new")


def _vanished(name: str, was: Mapping[str, int], now: Mapping[str, int], gone: list[str], threshold: float) -> Finding:
    """Compare with how many rows would be of categories that the current sample misses by its size alone."""
    n, m = sum(was.values()), sum(now.values())
    shares = np.fromiter(was.values(), dtype=np.float64, count=len(was)) / n
    # A category misses all of m rows with this probability; its weight is its share.
    usual = float(np.sum(shares * np.exp(m * np.log1p(-np.minimum(shares, 1 - 1e-12)))))
    share = sum(was[key] for key in gone) / n
    effect = max(0.0, share - usual)
    test = ColumnTest(
        # Markov's bound: careful, and exact enough where it matters, since large categories never vanish by chance.
        p_value=min(1.0, usual / share),
        effect="share in vanished categories",
        threshold=threshold,
        smallest=lambda alpha: min(1.0, usual / alpha),
        method="vanished_categories",
        bounds=lambda alpha: {VANISHED: (max(0.0, share - usual / alpha), threshold)},
    )
    text = f"{name} has lost categories that had {share:.1%} of the reference, by chance {usual:.1%} would be lost"
    text += listed(":", gone)
    numbers = {"n_reference": n, "n_current": m, "share": share, "by_chance": usual, "categories": gone[:SHOWN]}
    return with_test(name, text, {VANISHED: effect}, {VANISHED: threshold}, test, numbers, rule=f"{name}:vanished")
