"""Profiles for readers: what one says of each column, and how far two are apart."""

from typing import Any

from airflow_provider_mlops.core.drift_policy import DriftPolicy
from airflow_provider_mlops.statistics.columns import BinnedNumbers, Categories
from airflow_provider_mlops.statistics.drift import find
from airflow_provider_mlops.statistics.profile import Profile
from airflow_provider_mlops.statistics.profile_distances import quantile
from airflow_provider_mlops.statistics.profile_findings import profile_pairs, summary_of_profile
from airflow_provider_mlops.statistics.profile_spec import ProfileSpec

SHARES = (0.0, 0.05, 0.5, 0.95, 1.0)
MOST = 5


def columns_of(profile: Profile, spec: ProfileSpec) -> list[dict[str, Any]]:
    """Say what a profile knows of each column.

    :param profile: the profile.
    :param spec: its specification.
    :return: of each column ``column``, ``role``, ``kind``, ``values``, ``nulls``; of numbers ``mean``, ``spread`` and
        the two ends of ``quantiles`` (smallest, 5 %, median, 95 %, largest); of categories the ``top`` five.
    """
    found = []
    for name, item in spec.columns.items():
        column = summary_of_profile(item, profile.columns[name])
        facts: dict[str, Any] = {"column": name, "role": item.role, "kind": item.kind, "values": 0, "nulls": 0}
        facts |= {"mean": None, "spread": None, "quantiles": None, "top": None}
        if column is None:
            facts["nulls"] = profile.rows
        elif isinstance(column, BinnedNumbers):
            facts |= {"values": column.present, "nulls": column.nulls}
            if column.moments.n:
                facts |= {"mean": column.moments.mean, "spread": column.moments.spread}
                facts["quantiles"] = [list(quantile(column, share)) for share in SHARES[1:-1]]
                ends = [[column.smallest] * 2, [column.largest] * 2]
                facts["quantiles"] = [ends[0], *facts["quantiles"], ends[1]]
        elif isinstance(column, Categories):
            facts |= {"values": column.counts.total(), "nulls": column.nulls}
            ordered = sorted(column.counts.items(), key=lambda pair: (-pair[1], pair[0]))
            facts["top"] = [list(pair) for pair in ordered[:MOST]]
        found.append(facts)
    return found


def effects_between(was: Profile, now: Profile, spec: ProfileSpec) -> list[dict[str, Any]]:
    """Measure how far two profiles are apart; nothing is judged.

    :param was: one profile.
    :param now: the other one.
    :param spec: the specification of both.
    :return: of each thing there is to say ``rule``, ``text`` and ``effects`` by name (None: it has none), the largest
        first.
    :raises BadInput: when one was made by another specification.
    """
    policy = DriftPolicy.from_mapping({"schema": 1, "name": "effects", "min_rows": 1})
    _, findings = find(profile_pairs(was, now, spec), policy)
    return [
        {"rule": item.rule, "text": item.text, "effects": item.numbers.get("effects")}
        for item in sorted(findings, key=lambda item: (-item.size, item.rule))
    ]
