"""What was seen in a column of accepted snapshots: the facts that a suite is proposed from."""

from collections.abc import Sequence
from dataclasses import dataclass

INTEGER, FLOAT, BOOLEAN, TEXT, TIME, OTHER = "integer", "float", "boolean", "text", "time", "other"
MOST_VALUES = 20
"""A column with more different values is no set of categories."""
MOST_SHAPES = 8
"""Different shapes of short codes that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSeen:
    """A column of one snapshot.

    :param name: its name.
    :param kind: ``integer``, ``float``, ``boolean``, ``text``, ``time`` or ``other``.
    :param type: logical type, as the manifest names it.
    :param rows: rows of the snapshot.
    :param nulls: rows without a value; NaN counts as none.
    :param low: least finite number, None without one.
    :param high: greatest finite number, None without one.
    :param infinite: whether an infinite number was among the values.
    :param values: the different values, sorted, None where there are more than `MOST_VALUES`.
    :param unique: whether no value stands there twice.
    :param shapes: the different shapes of the texts (`shape_of`), None where there are more than `MOST_SHAPES`.
    """

    name: str
    kind: str
    type: str
    rows: int
    nulls: int
    low: float | int | None = None
    high: float | int | None = None
    infinite: bool = False
    values: tuple[str | int | bool, ...] | None = None
    unique: bool = False
    shapes: tuple[tuple[tuple[str, int], ...], ...] | None = None


@dataclass(frozen=True, slots=True)
class SnapshotSeen:
    """A snapshot, seen column by column.

    :param snapshot_id: its id.
    :param partition: the partition that it stands for.
    :param rows: its rows.
    :param columns: its columns, in order.
    """

    snapshot_id: str
    partition: str
    rows: int
    columns: Sequence[ColumnSeen]


def shape_of(text: str) -> tuple[tuple[str, int], ...]:
    """Return the shape of a short code: runs of capitals, small letters, digits, and other characters as they are.

    :param text: the code.
    :return: ``(kind, length)`` of each run; kind is ``A``, ``a``, ``9`` or a character.
    """
    runs: list[tuple[str, int]] = []
    for char in text:
        kind = "9" if char in "0123456789" else "A" if "A" <= char <= "Z" else "a" if "a" <= char <= "z" else char
        if runs and runs[-1][0] == kind:
            runs[-1] = (kind, runs[-1][1] + 1)
        else:
            runs.append((kind, 1))
    return tuple(runs)
