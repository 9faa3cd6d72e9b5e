"""How the categories of a column changed. Names of categories with few rows are never shown: they may name persons."""

import math
from collections.abc import Iterable, Mapping

from airflow_provider_mlops.statistics.column_change import Change
from airflow_provider_mlops.statistics.columns import Categories
from airflow_provider_mlops.statistics.profile_spec import NEW

FEWEST_ROWS = 5
"""A category with fewer rows on both sides is counted, never named."""
_NAMED = 5
_LOOKED_AT = 30
_SHARE = 0.02


def category_changes(reference: Categories, current: Categories) -> list[Change]:
    """Say how the categories changed.

    :param reference: the reference's categories.
    :param current: the categories now.
    :return: renamed, new, vanished and swapped categories; the shares that moved most, where none of these explains
        it all.
    """
    was, now = _shares(reference), _shares(current)
    if not was or not now:
        return []
    error = 3 * math.sqrt(0.25 / min(reference.counts.total(), current.counts.total()))
    came = [name for name in now if name not in was]
    went = [name for name in was if name not in now]
    renamed = _renamed(went, came, was, now, error)
    changes = [
        Change("renamed_category", f"{_short(old)} is now written {_short(new)}", {"from": old, "to": new, **figures})
        for old, new, figures in renamed
        if _many(reference, current, old) and _many(reference, current, new)
    ]
    gone_by_name = {name for pair in renamed for name in pair[:2]}
    for kind, names, shares in (("new_category", came, now), ("vanished_category", went, was)):
        if left := [name for name in names if name not in gone_by_name]:
            changes.append(_listed(kind, left, shares, reference, current))
    swaps = _swapped(was, now, error)
    changes += [
        Change(
            "swapped_categories",
            f"{_short(a)} and {_short(b)} have changed places: {was[a]:.1%} and {was[b]:.1%} before, "
            f"{now[a]:.1%} and {now[b]:.1%} now",
            {"first": a, "second": b, "before": [was[a], was[b]], "after": [now[a], now[b]]},
        )
        for a, b in swaps
        if _many(reference, current, a) and _many(reference, current, b)
    ]
    told = gone_by_name | {name for pair in swaps for name in pair}
    return changes + _moved(was, now, told, reference, current)


def _shares(side: Categories) -> dict[str, float]:
    total = side.counts.total()
    return {name: count / total for name, count in side.counts.items() if count}


def _renamed(
    went: list[str], came: list[str], was: Mapping[str, float], now: Mapping[str, float], error: float
) -> list[tuple[str, str, Mapping[str, float]]]:
    """Pair what went with what came: written alike, or as frequent as before and large enough not to be chance."""
    found: list[tuple[str, str, Mapping[str, float]]] = []
    left = sorted(came, key=lambda name: -now[name])[:_LOOKED_AT]
    for old in sorted(went, key=lambda name: -was[name])[:_LOOKED_AT]:
        alike = [new for new in left if _plain(new) == _plain(old)]
        same = [new for new in left if was[old] >= _SHARE and abs(now[new] - was[old]) <= max(error, 0.1 * was[old])]
        if pick := next(iter([*alike, *same]), None):
            left.remove(pick)
            found.append((old, pick, {"before": was[old], "after": now[pick]}))
    return found


def _swapped(was: Mapping[str, float], now: Mapping[str, float], error: float) -> list[tuple[str, str]]:
    both = sorted((name for name in was if name in now), key=lambda name: (-max(was[name], now[name]), name))
    found: list[tuple[str, str]] = []
    taken: set[str] = set()
    for place, a in enumerate(both[:_LOOKED_AT]):
        for b in both[place + 1 : _LOOKED_AT]:
            apart = abs(was[a] - was[b])
            if apart < max(_SHARE, error) or {a, b} & taken:
                continue
            off = max(abs(now[a] - was[b]), abs(now[b] - was[a]))
            if off <= max(error, 0.2 * apart) and off < apart / 2:
                found.append((a, b))
                taken |= {a, b}
    return found


def _listed(
    kind: str, names: Iterable[str], shares: Mapping[str, float], reference: Categories, current: Categories
) -> Change:
    names = sorted(names, key=lambda name: (-shares[name], name))
    share = sum(shares[name] for name in names)
    shown = [name for name in names if _many(reference, current, name)][:_NAMED]
    word = "new" if kind == "new_category" else "gone"
    named = ", ".join(f"{_said(name)} ({shares[name]:.1%})" for name in shown)
    more = len(names) - len(shown)
    rest = f"{' and ' if shown else ''}{more:,} {'more' if shown else 'rare ones'}" if more else ""
    text = f"{word}: {named}{rest}" + (f"; {share:.1%} of the rows together" if more or len(shown) > 1 else "")
    return Change(kind, text, {"count": len(names), "share": share, "named": shown})


def _moved(
    was: Mapping[str, float], now: Mapping[str, float], told: set[str], reference: Categories, current: Categories
) -> list[Change]:
    both = [name for name in was if name in now and name not in told and _many(reference, current, name)]
    movers = sorted(both, key=lambda name: (-abs(now[name] - was[name]), name))[:3]
    movers = [name for name in movers if abs(now[name] - was[name]) >= _SHARE]
    if not movers:
        return []
    text = ", ".join(f"{_short(name)} from {was[name]:.1%} to {now[name]:.1%}" for name in movers)
    return [Change("shares", f"shares moved: {text}", {name: [was[name], now[name]] for name in movers})]


def _many(reference: Categories, current: Categories, name: str) -> bool:
    return max(reference.counts.get(name, 0), current.counts.get(name, 0)) >= FEWEST_ROWS


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _said(name: str) -> str:
    # A profile counts them together, without their names.
    return "what the reference has never had" if name == NEW else _short(name)


def _short(name: str) -> str:
    return f"'{name if len(name) <= 40 else name[:37] + '...'}'"
