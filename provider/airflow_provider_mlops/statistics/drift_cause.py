"""How a column changed: nulls, unit, one value for many, clipping, place, spread; categories that came, went, swapped.

A drift verdict says that a distribution moved, and how far. Here is said in which way, from the same summaries.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from airflow_provider_mlops.statistics import distances
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.category_changes import category_changes
from airflow_provider_mlops.statistics.column_change import Change
from airflow_provider_mlops.statistics.columns import Categories, Numbers, Summary
from airflow_provider_mlops.statistics.unit_changes import TURNED, Conversion, find_conversion

_STANDS_OUT = 0.05
_ALONE = 2.5
_CUT, _BEYOND = 0.02, 0.005
_WIDER, _NARROWER = 1.25, 0.8
_MOVED = 0.1
_MISSING = 0.02
_LEAST_KS = 0.02


def changes_of(reference: Summary, current: Summary, *, units: bool = True) -> list[Change]:
    """Say how a column changed, the plainest explanation first.

    :param reference: the column in the reference.
    :param current: the column now.
    :param units: whether its unit may have changed; scores and labels have none.
    :return: the changes; empty where nothing of note is seen.
    """
    if reference.kind != current.kind:
        kinds = {"numeric": "numbers", "categorical": "categories"}
        return [Change("structure", f"held {kinds[reference.kind]} and now holds {kinds[current.kind]}")]
    changes = _nulls(reference, current)
    if isinstance(reference, Numbers) and isinstance(current, Numbers):
        return changes + _numbers(reference, current, units=units)
    if isinstance(reference, Categories) and isinstance(current, Categories):
        return changes + category_changes(reference, current)
    return changes  # of binned numbers the bins are all there is


SHARP = frozenset(
    (
        "unit_change",
        "scale",
        "filled_value",
        "clipping",
        "rounded",
        "constant",
        "renamed_category",
        "swapped_categories",
    )
)
_SLOW = frozenset(("unit_change", "scale", "filled_value", "clipping", "location", "spread", "shape", "shares"))


def merged(against_reference: Sequence[Change], since_before: Sequence[Change]) -> list[Change]:
    """Put together how a column differs from the reference and how it stepped from one partition to the next.

    Seasons move a column away from its reference; a step from the partition just before shows a break by itself. Where
    there is such a break, what the reference alone would suggest about place and width is left out.

    :param against_reference: changes from the reference.
    :param since_before: changes from the partition before.
    :return: the breaks first.
    """
    breaks = [replace(change, text=f"{change.text} (from the partition before)") for change in since_before]
    breaks = [change for change in breaks if change.kind in SHARP]
    known = {change.kind for change in breaks}
    rest = [item for item in against_reference if item.kind not in known and not (breaks and item.kind in _SLOW)]
    return [*breaks, *rest]


def _nulls(reference: Summary, current: Summary) -> list[Change]:
    was, now = _null_share(reference), _null_share(current)
    if was is None or now is None or abs(now - was) < _MISSING:
        return []
    return [Change("null_rate", f"null in {now:.1%} of the rows, before in {was:.1%}", {"before": was, "after": now})]


def _null_share(side: Summary) -> float | None:
    return side.nulls / side.rows if side.rows else None


def _numbers(reference: Numbers, current: Numbers, *, units: bool) -> list[Change]:
    was, now = finite(reference), finite(current)
    changes = []
    if current.infinite and not reference.infinite:
        figures = {"count": current.infinite}
        changes.append(Change("infinite", f"{current.infinite:,} values are infinite, none was", figures))
    if not len(was) or not len(now):
        return changes
    if now[0] == now[-1] and was[0] != was[-1]:
        return [*changes, Change("constant", f"every value is {now[0]:g} now", {"value": float(now[0])})]
    if units and (conversion := find_conversion(was, now)) is not None:
        return [*changes, _unit(conversion)]
    if (rounded := _rounded(was, now)) is not None:
        changes.append(rounded)
    elif (stuck := _one_value(was, now)) is not None:
        changes.append(stuck)
        if stuck.kind == "filled_value":
            was, now = (_without(side, stuck.numbers["value"]) for side in (was, now))
    placed = _placed(was, now)
    if not placed and not changes and (apart := distances.ks_statistic(was, now)) >= _noise(was, now):
        return [Change("shape", f"another shape at the same place and width (KS {apart:.3f})", {"ks": apart})]
    return changes + placed


def _unit(found: Conversion) -> Change:
    numbers = {"scale": found.scale, "offset": found.offset, "ks_left": found.left, "units": found.words}
    left = f"undone, a KS of {found.left:.3f} is left"
    if found.words == TURNED:
        return Change("unit_change", f"the sign of the values has turned; {left}", numbers)
    plus = "" if not found.offset else f" {'plus' if found.offset > 0 else 'minus'} {abs(found.offset):.5g}"
    how = f"values are {found.scale:.4g} times what they were{plus}"
    if found.words:
        return Change("unit_change", f"unit change: {how}, as {found.words}; {left}", numbers)
    return Change("unit_change" if not 0.5 < found.scale < 2 else "scale", f"{how}; {left}", numbers)


def _one_value(was: FloatArray, now: FloatArray) -> Change | None:
    """Find the value that many rows have now: a limit where the reference went beyond it, or what fills gaps."""
    values, counts = np.unique(now, return_counts=True)
    before = (np.searchsorted(was, values, "right") - np.searchsorted(was, values, "left")) / len(was)
    rise = counts / len(now) - before
    place = int(np.argmax(rise))
    value, share = float(values[place]), float(counts[place] / len(now))
    beyond = {
        "above": float(np.mean(was > value)) if value == now[-1] else 0.0,
        "below": float(np.mean(was < value)) if value == now[0] else 0.0,
    }
    side = max(beyond, key=lambda name: beyond[name])
    numbers = {"value": value, "before": float(before[place]), "after": share}
    if beyond[side] >= _BEYOND and rise[place] >= min(_CUT, beyond[side] / 2) and len(values) > 20:
        text = f"clipped at {value:g}: {share:.1%} of the values lie there, {beyond[side]:.1%} lay {side} it before"
        return Change("clipping", text, {**numbers, "side": side, "beyond": beyond[side]})
    others = np.delete(counts, place)
    alone = not len(others) or counts[place] >= _ALONE * others.max()
    if rise[place] >= _STANDS_OUT and len(values) > 20 and alone:
        text = f"{share:.1%} of the values are {value:g}, before {before[place]:.1%}: it may stand for what is missing"
        return Change("filled_value", text, numbers)
    return None


def _rounded(was: FloatArray, now: FloatArray) -> Change | None:
    shares = [float(np.mean(side == np.round(side))) for side in (was, now)]
    if shares[0] < 0.5 and shares[1] >= 0.99:
        return Change("rounded", f"whole numbers only; before {shares[0]:.1%} were whole", {"before": shares[0]})
    return None


def _placed(was: FloatArray, now: FloatArray) -> list[Change]:
    """Describe place and spread, in standard deviations and by the quartiles."""
    spread, middle = float(np.std(was)), (float(np.median(was)), float(np.median(now)))
    changes = []
    moved = (middle[1] - middle[0]) / spread if spread > 0 else 0.0
    if abs(moved) >= _MOVED:
        text = f"the median moved from {middle[0]:.4g} to {middle[1]:.4g}, by {moved:+.2f} standard deviations"
        changes.append(Change("location", text, {"before": middle[0], "after": middle[1], "sigmas": moved}))
    widths = [float(np.subtract(*np.quantile(side, (0.75, 0.25)))) for side in (was, now)]
    if min(widths) <= 0:
        widths = [float(np.std(side)) for side in (was, now)]
    ratio = widths[1] / widths[0] if widths[0] > 0 else 1.0
    if not _NARROWER < ratio < _WIDER:
        word = "wider" if ratio > 1 else "narrower"
        changes.append(
            Change("spread", f"{word}: the spread is {ratio:.2f} times what it was", {"ratio": ratio, "widths": widths})
        )
    return changes


def _without(values: FloatArray, value: float) -> FloatArray:
    """Leave a value out, unless there is no other."""
    kept = values[values != value]
    return kept if len(kept) else values


def _noise(was: FloatArray, now: FloatArray) -> float:
    """Return the distance that chance alone seldom reaches, at most one time in a hundred."""
    return max(_LEAST_KS, distances.smallest_ks(0.01, len(was), len(now)))


def finite(side: Numbers) -> FloatArray:
    """Return the finite values, sorted.

    :param side: a numeric column.
    """
    return np.asarray(side.ordered[np.isfinite(side.ordered)])
