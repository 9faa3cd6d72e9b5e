"""Profiles as the drift check takes columns: counts in place of values, where reference rows are not at hand."""

from collections import Counter
from collections.abc import Iterator

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.statistics.columns import BinnedNumbers, Categories, ColumnPair, Summary
from airflow_provider_mlops.statistics.profile import CategoryProfile, ColumnProfile, NumberProfile, Profile
from airflow_provider_mlops.statistics.profile_spec import NEW, REST, CategorySpec, ColumnSpec, NumberSpec, ProfileSpec


def profile_pairs(reference: Profile, current: Profile, spec: ProfileSpec) -> Iterator[ColumnPair]:
    """Pair the columns of two profiles for `drift.detect_drift`.

    PSI, Jensen-Shannon, chi-squared and Cramer's V come from counts in any case, and are what rows would give but for
    rare categories that are counted together. The KS distance is bounded from both sides: its p-value comes from the
    lower bound, what could have been seen from the upper one. The Wasserstein distance is bounded from both sides as
    well: from below it proves, from above it rules out.

    :param reference: the reference's profile.
    :param current: the profile to judge, of a day or a window.
    :param spec: the specification of both.
    :return: pairs; a column that a side lacks in every row is None there.
    :raises BadInput: when a profile was made by another specification.
    """
    for profile in (reference, current):
        if profile.spec_hash != spec.hash:
            raise BadInput(
                f"A profile by the specification {profile.spec_hash[:19]} cannot be compared by {spec.hash[:19]}: "
                "the bins differ. Profile the rows again."
            )
    for name, item in spec.columns.items():
        yield name, summary_of_profile(item, reference.columns[name]), summary_of_profile(item, current.columns[name])


def summary_of_profile(spec: ColumnSpec, column: ColumnProfile) -> Summary | None:
    """Turn a column of a profile into what the drift check compares; rows without the column count as nulls.

    :param spec: the column's specification.
    :param column: the column, counted.
    :return: its summary; None when every row lacks it.
    :raises BadInput: when specification and column are of different kinds.
    """
    if isinstance(spec, NumberSpec) and isinstance(column, NumberProfile):
        found: Summary = _numbers(spec, column)
    elif isinstance(spec, CategorySpec) and isinstance(column, CategoryProfile):
        found = _categories(spec, column)
    else:
        raise BadInput(f"A {spec.kind} column was counted as another kind.")
    return None if column.absent and found.rows == column.absent else found


def _numbers(spec: NumberSpec, column: NumberProfile) -> BinnedNumbers:
    return BinnedNumbers(
        edges=spec.edges,
        coarse=spec.coarse,
        bins=column.bins,
        at_edges=column.at_edges,
        below=column.below,
        above=column.above,
        nulls=column.nulls + column.absent,
        moments=column.moments,
        smallest=float("-inf") if column.smallest is None else column.smallest,
        largest=float("inf") if column.largest is None else column.largest,
    )


def _categories(spec: CategorySpec, column: CategoryProfile) -> Categories:
    counts = Counter(dict(zip(spec.listed, column.counts.tolist(), strict=True)))
    counts[REST] += column.other
    counts[NEW] += column.new
    return Categories(+counts, column.nulls + column.absent)
