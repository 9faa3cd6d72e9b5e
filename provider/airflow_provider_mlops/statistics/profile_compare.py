"""Whether two profiles of the same rows say the same: counts to the unit, moments to rounding."""

import math
from collections.abc import Iterator

from airflow_provider_mlops.statistics.moments import Moments
from airflow_provider_mlops.statistics.profile import NumberProfile, Profile

ROUNDING = 1e-9
"""By how much moments may differ, against their scale: the order of adding is that of the engine."""


def differences(one: Profile, other: Profile, where: str = "") -> list[str]:
    """Say in what two profiles differ.

    :param one: a profile.
    :param other: another one, of the same rows.
    :param where: start of each sentence, the slice that they are of.
    :return: one sentence each, empty where they say the same.
    """
    return list(_differences(one, other, where))


def _differences(one: Profile, other: Profile, where: str) -> Iterator[str]:
    if one.spec_hash != other.spec_hash:
        yield f"{where}the specifications are {one.spec_hash} and {other.spec_hash}"
        return
    if one.rows != other.rows:
        yield f"{where}there are {one.rows:,} and {other.rows:,} rows"
    for name, column in one.columns.items():
        was, now = column.to_dict(), other.columns[name].to_dict()
        parts = [key for key in was if key != "moments" and was[key] != now.get(key)]
        if parts:
            yield f"{where}column {name} differs in {', '.join(parts)}"
        elif isinstance(column, NumberProfile) and not _alike(column.moments, _moments(other, name)):
            yield f"{where}column {name} differs in moments"
    for column_name, values in one.slices.items():
        for value, part in values.items():
            yield from _differences(part, other.slices[column_name][value], f"{where}{column_name}={value}: ")


def _moments(profile: Profile, name: str) -> Moments:
    column = profile.columns[name]
    return column.moments if isinstance(column, NumberProfile) else Moments()


def _alike(one: Moments, other: Moments) -> bool:
    """Compare each power against what values of this spread could make of it."""
    if one.n != other.n:
        return False
    spread = one.spread if one.n else 0.0
    pairs = [(one.mean, other.mean, max(abs(one.mean), spread))]
    pairs += [(getattr(one, f"m{power}"), getattr(other, f"m{power}"), one.n * spread**power) for power in (2, 3, 4)]
    # Powers that are not finite are equal where both are not: NaN compares with nothing.
    return all(a == b or (math.isnan(a) and math.isnan(b)) or abs(a - b) <= ROUNDING * scale for a, b, scale in pairs)
