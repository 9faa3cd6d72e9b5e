"""The specification of profiles: what a reference freezes, so that every profile made by it can be compared and merged.

**Edges.** A number falls into the first bin whose upper edge is not below it: a bin holds its upper edge, and the last
bin is open. Infinities and nulls are counted apart, in no bin. The edges are quantiles of the reference, 1,024 of them
unless ties make fewer, among them the nine by which PSI and Jensen-Shannon are computed; in the tails they follow ever
rarer values, and beyond the reference's ends they widen by powers of two. A quantile read from a profile lies in the
right bin, which holds a thousandth of the reference; a sketch such as KLL or a t-digest would be closer to a law that
moved far away, but merging those depends on the order, and equal rows must give equal profiles.

**Categories.** The most frequent of the reference are counted one by one, the rest of what it knew as ``other``,
anything else as ``new``.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, cast

import numpy as np

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.columns import BinnedNumbers, Categories, Kind, Numbers, Summary
from airflow_provider_mlops.statistics.distances import quantile_edges

Role = Literal["feature", "score", "label"]

SCHEMA = 1
GRID = 1_024
LISTED = 1_000
KNOWN = 100_000
SLICE_VALUES = 50
REST = "(other)"
NEW = "(new)"


@dataclass(frozen=True, slots=True, eq=False)
class NumberSpec:
    """How a numeric column is counted.

    :param role: what the column is to the model.
    :param edges: upper edges of all bins but the last, rising, finite.
    :param coarse: positions among them of the edges that PSI and Jensen-Shannon are computed by.
    """

    kind: ClassVar[Kind] = "numeric"

    role: Role
    edges: FloatArray
    coarse: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-safe values."""
        return {"kind": "numeric", "role": self.role, "edges": self.edges.tolist(), "coarse": list(self.coarse)}


@dataclass(frozen=True, slots=True)
class CategorySpec:
    """How a categorical column is counted.

    :param role: what the column is to the model.
    :param listed: the categories that are counted one by one, sorted.
    :param known: the other ones that the reference had, sorted.
    :param complete: whether ``known`` names all of them; else nothing can be called new.
    """

    kind: ClassVar[Kind] = "categorical"

    role: Role
    listed: tuple[str, ...]
    known: tuple[str, ...] = ()
    complete: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-safe values."""
        named = {"listed": list(self.listed), "known": list(self.known), "complete": self.complete}
        return {"kind": "categorical", "role": self.role, **named}


ColumnSpec = NumberSpec | CategorySpec


@dataclass(frozen=True, eq=False)
class ProfileSpec:
    """What every profile that is compared with one reference has in common.

    :param columns: how each column is counted.
    :param slices: declared slices: the values of each column by which rows are counted apart, too.
    """

    columns: Mapping[str, ColumnSpec]
    slices: Mapping[str, tuple[str, ...]]

    @cached_property
    def hash(self) -> str:
        """Hash of the specification; profiles of another one cannot be merged or compared."""
        return sha256_of(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-safe values."""
        columns = {name: column.to_dict() for name, column in self.columns.items()}
        return {"schema": SCHEMA, "columns": columns, "slices": {k: list(v) for k, v in self.slices.items()}}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "ProfileSpec":
        """Read what `to_dict` wrote.

        :param content: JSON-safe values.
        :return: the specification.
        :raises EvidenceBroken: when it is none, or of a later version.
        """
        if content.get("schema") != SCHEMA:
            raise EvidenceBroken(f"A profile specification has the schema {content.get('schema')!r}, not {SCHEMA}.")
        try:
            columns = {name: _column(item) for name, item in content["columns"].items()}
            return cls(columns, {name: tuple(values) for name, values in content["slices"].items()})
        except (KeyError, TypeError, ValueError, AttributeError) as err:
            raise EvidenceBroken(f"A profile specification cannot be read: {err!r}.") from err


def freeze(
    columns: Iterable[tuple[str, Summary]],
    *,
    roles: Mapping[str, Role] | None = None,
    slices: Mapping[str, Iterable[str]] | None = None,
    grid: int = GRID,
) -> ProfileSpec:
    """Freeze the specification by a reference.

    :param columns: the reference's columns, one at a time.
    :param roles: which of them are scores or labels; the others are features.
    :param slices: values by which rows are counted apart, by column; at most 50 a column, all others count as one.
    :param grid: wished number of bins of a numeric column, at least 10.
    :return: the specification.
    :raises BadInput: when a column to slice by has no value, or more than 50, or a column is known by its bins only.
    """
    found: dict[str, ColumnSpec] = {}
    for name, column in columns:
        role: Role = (roles or {}).get(name, "feature")
        if isinstance(column, BinnedNumbers):
            raise BadInput(f"Column {name!r} is known by its bins only; a specification is frozen by values.")
        found[name] = _numbers(column, role, grid) if isinstance(column, Numbers) else _categories(column, role)
    declared = {name: tuple(sorted(set(map(str, values)))) for name, values in (slices or {}).items()}
    for name, values in declared.items():
        if not 0 < len(values) <= SLICE_VALUES:
            raise BadInput(f"Slice column {name!r} has {len(values):,} values; it must have 1 to {SLICE_VALUES}.")
    return ProfileSpec(found, declared)


def _numbers(column: Numbers, role: Role, grid: int) -> NumberSpec:
    finite = column.ordered[np.isfinite(column.ordered)] if column.infinite else column.ordered
    if not len(finite):
        return NumberSpec(role, np.empty(0), ())
    coarse = quantile_edges(finite)
    # A negative zero is the same edge, and would be another text.
    edges = np.unique(np.concatenate([coarse, quantile_edges(finite, grid), *_tails(finite)])) + 0.0
    return NumberSpec(role, edges, tuple(np.searchsorted(edges, coarse).tolist()))


def _tails(ordered: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return edges in the tails: ever rarer values of the reference to its ends, and ever wider steps beyond them."""
    rare = (len(ordered) / 2.0 ** np.arange(10, 21)).astype(np.int64)
    inside = ordered[np.concatenate([rare, [0], len(ordered) - 1 - rare, [len(ordered) - 1]])]
    with np.errstate(over="ignore", invalid="ignore"):
        steps = (ordered[len(ordered) * 3 // 4] - ordered[len(ordered) // 4]) * 2.0 ** np.arange(-4, 13)
        beyond = np.concatenate([ordered[0] - steps, ordered[-1] + steps])
    return inside, beyond[np.isfinite(beyond)]


def _categories(column: Categories, role: Role) -> CategorySpec:
    names = sorted(column.counts, key=lambda name: (-column.counts[name], name))
    known = names[LISTED : LISTED + KNOWN]
    complete = len(names) <= LISTED + KNOWN
    return CategorySpec(role, tuple(sorted(names[:LISTED])), tuple(sorted(known)), complete)


def _column(item: Mapping[str, Any]) -> ColumnSpec:
    role = cast("Role", str(item["role"]))
    if item["kind"] == "categorical":
        return CategorySpec(role, tuple(item["listed"]), tuple(item["known"]), bool(item["complete"]))
    edges = np.array(item["edges"], dtype=np.float64)
    if item["kind"] != "numeric" or not all(map(math.isfinite, edges)) or np.any(np.diff(edges) <= 0):
        raise ValueError("edges do not rise")
    return NumberSpec(role, edges, tuple(int(position) for position in item["coarse"]))
