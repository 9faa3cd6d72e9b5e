"""Has a column changed its unit? Known conversions are tried backwards, and a free factor is fitted."""

import math
from dataclasses import dataclass

import numpy as np

from airflow_provider_mlops.statistics import distances
from airflow_provider_mlops.statistics.arrays import FloatArray

_PAIRS = (
    ("miles", "kilometres", 1.609344),
    ("nautical miles", "kilometres", 1.852),
    ("inches", "centimetres", 2.54),
    ("inches", "millimetres", 25.4),
    ("metres", "feet", 3.28084),
    ("kilograms", "pounds", 2.204623),
    ("ounces", "grams", 28.349523),
    ("gallons", "litres", 3.785412),
    ("metres a second", "kilometres an hour", 3.6),
    ("hectopascals", "inches of mercury", 0.02953),
    ("days", "hours", 24.0),
    ("hours", "minutes", 60.0),
    ("hours", "seconds", 3600.0),
    ("shares", "percent", 100.0),
    ("tens", "units", 10.0),
    ("thousands", "units", 1000.0),
    ("millions", "units", 1e6),
)
_AFFINE = (
    ("degrees Celsius", "degrees Fahrenheit", 1.8, 32.0),
    ("degrees Fahrenheit", "degrees Celsius", 1 / 1.8, -32 / 1.8),
    ("degrees Celsius", "kelvins", 1.0, 273.15),
    ("kelvins", "degrees Celsius", 1.0, -273.15),
)
_KEEPS = 0.35
"""What may be left of the distance once the conversion is undone."""
_NEAR = 0.03
_NAMED = 0.1
_FAR = 0.8
TURNED = "sign turned"
_RANKS = np.linspace(0.02, 0.98, 49)


@dataclass(frozen=True, slots=True)
class Conversion:
    """How values became others: ``scale`` times the old one, plus ``offset``.

    :param scale: the factor.
    :param offset: what is added.
    :param words: from which unit to which, empty where no known conversion fits.
    :param left: Kolmogorov-Smirnov distance once it is undone.
    """

    scale: float
    offset: float
    words: str
    left: float


def find_conversion(reference: FloatArray, current: FloatArray) -> Conversion | None:
    """Look for the change of unit that explains a difference.

    A conversion counts when undoing it takes away most of the distance, and more than moving the values does. In a
    column that is centred at zero, a wider spread and a change of unit look alike: there only a known factor counts.

    :param reference: sorted finite values.
    :param current: sorted finite values.
    :return: the conversion that explains most, None when none does.
    """
    if min(len(reference), len(current)) < 30 or reference[0] == reference[-1] or current[0] == current[-1]:
        return None
    apart = distances.ks_statistic(reference, current)
    noise = 1.63 * math.sqrt((len(reference) + len(current)) / (len(reference) * len(current)))
    bound = max(_KEEPS * apart, min(noise, 0.5 * apart))
    shift = float(np.median(current) - np.median(reference))
    moved = distances.ks_statistic(reference, np.sort(current - shift))
    # A name is a claim, so that it must explain nearly all: seasons move temperatures by the factor of a mile, too.
    # Only what has an offset besides is hit by no season when values lie far apart.
    strict, far = max(_NAMED * apart, noise), apart >= _FAR
    limits = {
        item: bound if not item.words or (far and item.offset) else strict for item in _candidates(reference, current)
    }
    found = [item for item, limit in limits.items() if item.left <= limit]
    if not found:
        return None
    best = min(found, key=lambda item: (not item.words, not item.offset, item.left))
    if best.words and far:  # moving the values would explain it as well, but no season moves them that far
        return best
    if best.left > max(moved, noise) or (not best.words and moved <= bound):
        return None
    return best


def _candidates(reference: FloatArray, current: FloatArray) -> list[Conversion]:
    was, now = np.quantile(reference, _RANKS), np.quantile(current, _RANKS)
    found = [_undone(reference, current, scale, offset, f"{a} -> {b}") for a, b, scale, offset in _AFFINE]
    if float(np.median(reference)) * float(np.median(current)) < 0:
        found.append(_undone(reference, current, -1.0, 0.0, TURNED))
    power = float(was @ was)
    scale = float(was @ now) / power if power > 0 else 0.0
    if scale <= 0 or not math.isfinite(scale) or 0.9 < scale < 1.1:
        return found
    centred = abs(float(np.median(reference))) < 0.25 * float(was[36] - was[12])
    pairs = (*_PAIRS, *((b, a, 1 / factor) for a, b, factor in _PAIRS))
    close = [item for item in pairs if abs(scale / item[2] - 1) <= _NEAR]
    # Around zero a spread that grew looks like a factor: a small one is taken for what it looks like.
    close = [item for item in close if not centred or not 0.5 < item[2] < 2]
    found += [_undone(reference, current, factor, 0.0, f"{a} -> {b}") for a, b, factor in close]
    if not centred:
        found.append(_undone(reference, current, scale, 0.0, ""))
    return found


def _undone(reference: FloatArray, current: FloatArray, scale: float, offset: float, words: str) -> Conversion:
    back = np.sort((current - offset) / scale)
    return Conversion(scale, offset, words, distances.ks_statistic(reference, back))
