"""A profile: what rows look like, in counts and moments that can be added up; see `profile_spec` for what is counted.

Profiles of parts of the rows merge into the profile of all of them: every count to the unit, moments to rounding,
whatever the order and the grouping. Days make weeks, and a trailing window costs its days, not its rows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Self

import numpy as np

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.statistics.arrays import IntArray
from airflow_provider_mlops.statistics.moments import Moments
from airflow_provider_mlops.statistics.profile_spec import SCHEMA

NEW_NAMES = 20


@dataclass(frozen=True, slots=True, eq=False)
class NumberProfile:
    """A numeric column, counted.

    :param bins: finite values per bin, one bin more than edges.
    :param at_edges: how many of them equal the upper edge of their bin, the last bin apart.
    :param nulls: nulls (NaN is one).
    :param below: negative infinities.
    :param above: positive infinities.
    :param moments: of the finite values.
    :param smallest: smallest finite value, None without one.
    :param largest: largest finite value.
    :param absent: rows of data that did not have the column, or had it with another type.
    """

    bins: IntArray
    at_edges: IntArray
    nulls: int = 0
    below: int = 0
    above: int = 0
    moments: Moments = field(default_factory=Moments)
    smallest: float | None = None
    largest: float | None = None
    absent: int = 0

    def merge(self, other: Self) -> "NumberProfile":
        """Return the profile of both sets of rows.

        :param other: by the same specification.
        """
        return NumberProfile(
            bins=self.bins + other.bins,
            at_edges=self.at_edges + other.at_edges,
            nulls=self.nulls + other.nulls,
            below=self.below + other.below,
            above=self.above + other.above,
            moments=self.moments.merge(other.moments),
            smallest=min((v for v in (self.smallest, other.smallest) if v is not None), default=None),
            largest=max((v for v in (self.largest, other.largest) if v is not None), default=None),
            absent=self.absent + other.absent,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-safe values; moments that are not finite as None."""
        moments = [self.moments.mean, self.moments.m2, self.moments.m3, self.moments.m4]
        return {
            "bins": self.bins.tolist(),
            "at_edges": self.at_edges.tolist(),
            "nulls": self.nulls,
            "infinite": [self.below, self.above],
            "moments": moments if np.all(np.isfinite(moments)) else None,
            "range": [self.smallest, self.largest],
            "absent": self.absent,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "NumberProfile":
        """Read what `to_dict` wrote.

        :param content: JSON-safe values.
        """
        bins, at_edges = (np.array(content[name], dtype=np.int64) for name in ("bins", "at_edges"))
        powers = content["moments"] or [np.nan] * 4
        (below, above), (smallest, largest) = content["infinite"], content["range"]
        moments = Moments(int(bins.sum()), *powers)
        return cls(bins, at_edges, content["nulls"], below, above, moments, smallest, largest, content["absent"])


@dataclass(frozen=True, slots=True, eq=False)
class CategoryProfile:
    """A categorical column, counted.

    :param counts: rows per listed category.
    :param other: rows of the other categories that the reference knew.
    :param new: rows of categories that it did not know.
    :param new_names: the first twenty of these, by name.
    :param nulls: nulls.
    :param absent: rows of data that did not have the column, or had it with another type.
    """

    counts: IntArray
    other: int = 0
    new: int = 0
    new_names: tuple[str, ...] = ()
    nulls: int = 0
    absent: int = 0

    def merge(self, other: Self) -> "CategoryProfile":
        """Return the profile of both sets of rows.

        :param other: by the same specification.
        """
        return CategoryProfile(
            counts=self.counts + other.counts,
            other=self.other + other.other,
            new=self.new + other.new,
            new_names=tuple(sorted({*self.new_names, *other.new_names})[:NEW_NAMES]),
            nulls=self.nulls + other.nulls,
            absent=self.absent + other.absent,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-safe values."""
        return {
            "counts": self.counts.tolist(),
            "other": self.other,
            "new": self.new,
            "new_names": list(self.new_names),
            "nulls": self.nulls,
            "absent": self.absent,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "CategoryProfile":
        """Read what `to_dict` wrote.

        :param content: JSON-safe values.
        """
        counts = np.array(content["counts"], dtype=np.int64)
        return cls(counts, **{name: content[name] for name in ("other", "new", "nulls", "absent")},
                   new_names=tuple(content["new_names"]))  # fmt: skip


ColumnProfile = NumberProfile | CategoryProfile


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """What rows look like.

    :param spec_hash: hash of the specification that it was made by.
    :param rows: number of rows.
    :param columns: the columns, counted.
    :param slices: profiles of the rows of each declared slice, by column and value; its own columns alone.
    """

    spec_hash: str
    rows: int
    columns: Mapping[str, ColumnProfile]
    slices: Mapping[str, Mapping[str, "Profile"]] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """Hash of the profile: what records cite."""
        return sha256_of(self.to_dict())

    def merge(self, other: "Profile") -> "Profile":
        """Return the profile of both sets of rows.

        :param other: another one by the same specification.
        :return: the profile.
        :raises BadInput: when it was made by another specification.
        """
        if self.spec_hash != other.spec_hash:
            raise BadInput(
                f"Profiles by the specifications {self.spec_hash[:19]} and {other.spec_hash[:19]} cannot be merged: "
                "their bins differ. Make both by one."
            )
        columns = {name: _merged(column, other.columns[name]) for name, column in self.columns.items()}
        slices = {
            name: {value: part.merge(other.slices[name][value]) for value, part in parts.items()}
            for name, parts in self.slices.items()
        }
        return Profile(self.spec_hash, self.rows + other.rows, columns, slices)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-safe values."""
        columns = {name: column.to_dict() for name, column in self.columns.items()}
        slices = {name: {value: part.to_dict() for value, part in parts.items()} for name, parts in self.slices.items()}
        return {"schema": SCHEMA, "spec": self.spec_hash, "rows": self.rows, "columns": columns, "slices": slices}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Profile":
        """Read what `to_dict` wrote.

        :param content: JSON-safe values.
        :return: the profile.
        :raises EvidenceBroken: when it is none, or of a later version.
        """
        if content.get("schema") != SCHEMA:
            raise EvidenceBroken(f"A profile has the schema {content.get('schema')!r}, not {SCHEMA}.")
        try:
            columns = {name: _column(item) for name, item in content["columns"].items()}
            slices = {
                name: {value: cls.from_dict(part) for value, part in parts.items()}
                for name, parts in content["slices"].items()
            }
            return cls(str(content["spec"]), int(content["rows"]), columns, slices)
        except (KeyError, TypeError, ValueError, AttributeError) as err:
            raise EvidenceBroken(f"A profile cannot be read: {err!r}.") from err


def merged(profiles: Iterable[Profile]) -> Profile:
    """Merge profiles, the days of a window say.

    :param profiles: at least one, all by one specification.
    :return: the profile of all rows.
    :raises BadInput: when there is none, or they were made by several specifications.
    """
    each = list(profiles)
    if not each:
        raise BadInput("There is no profile to merge.")
    return reduce(Profile.merge, each)


def _merged(one: ColumnProfile, other: ColumnProfile) -> ColumnProfile:
    if isinstance(one, NumberProfile) and isinstance(other, NumberProfile):
        return one.merge(other)
    if isinstance(one, CategoryProfile) and isinstance(other, CategoryProfile):
        return one.merge(other)
    raise EvidenceBroken("Two profiles by one specification hold columns of different kinds.")


def _column(content: Mapping[str, Any]) -> ColumnProfile:
    return (NumberProfile if "bins" in content else CategoryProfile).from_dict(content)
