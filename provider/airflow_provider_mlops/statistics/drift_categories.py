"""Categories that are new, and categories that are gone: findings beside the test of the whole distribution.

A column of many categories always shows some that the other sample lacks. What counts is how many more rows they have
than chance would give: as many as there are rows in a sample that are the only ones of their category (Good 1953).
"""

import math
from collections.abc import Mapping

from scipy import special

from airflow_provider_mlops.core.drift_policy import DriftPolicy
from airflow_provider_mlops.statistics import effect_bounds
from airflow_provider_mlops.statistics.finding import SHOWN, ColumnTest, Finding, listed, with_test
from airflow_provider_mlops.statistics.profile_spec import NEW as UNNAMED

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
    findings = []
    if not now.keys() <= was.keys():
        text = f"{name} has {{share:.1%}} of its rows in categories that are new, {{usual:.1%}} would be by chance"
        findings.append(_unseen(name, "new", text, now, was, NEW, thresholds[NEW]))
    if not was.keys() <= now.keys():
        text = f"{name} has lost categories that had {{share:.1%}} of the reference, {{usual:.1%}} would be by chance"
        findings.append(_unseen(name, "vanished", text, was, now, VANISHED, thresholds[VANISHED]))
    return findings


def _unseen(
    name: str, what: str, text: str, has: Mapping[str, int], lacks: Mapping[str, int], effect: str, threshold: float
) -> Finding:
    """Compare the rows whose category the other sample lacks with its rows that are the only ones of theirs.

    When nothing differs, a row of one sample is as likely unknown to the other as each row of that is to the rest.
    """
    n, m = sum(has.values()), sum(lacks.values())
    unseen = sorted(has.keys() - lacks.keys())
    rows, singles = sum(has[key] for key in unseen), sum(count == 1 for count in lacks.values())
    share, usual = rows / n, singles / m
    pooled = (rows + singles) / (n + m)
    # Rows of one category are unseen together; how often two are of one, the categories of two rows tell.
    together = 2 * sum(count == 2 for count in lacks.values()) / m**2
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m) + together)
    test = ColumnTest(
        # Only more of them than usual is a finding.
        p_value=2 * float(special.ndtr((usual - share) / error)) if share > usual else 1.0,
        effect=f"share in {effect.replace('_', ' ')}",
        threshold=threshold,
        smallest=lambda alpha: float(-special.ndtri(alpha / 2)) * error,
        method=effect,
        bounds=lambda alpha: {effect: (effect_bounds.share_bound(singles, m, rows, n, alpha), threshold)},
    )
    numbers = {"share": share, "by_chance": usual, "categories": unseen[:SHOWN], "count": len(unseen)}
    sentence = text.format(share=share, usual=usual) + listed(":", [key for key in unseen if key != UNNAMED])
    size = {effect: max(0.0, share - usual)}
    return with_test(name, sentence, size, {effect: threshold}, test, numbers, rule=f"{name}:{what}")
