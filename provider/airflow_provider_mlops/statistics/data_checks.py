"""Judging a row count by those before it, and the shares of groups by a reference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from airflow_provider_mlops.core.data_checks import GroupsCheck, RowCountCheck
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.statistics.multiplicity import holm

MAX_NAMED = 5
_MAD_TO_SD = 1.4826
_ROUNDING = 1e-12
"""What the difference of two shares may be off: 0.55 - 0.5 is more than 0.05."""


def robust_interval(counts: Sequence[int], *, alpha: float, spread: float) -> tuple[float, float]:
    """Predict where one more count falls, whatever a single odd one among those before was.

    Median and median absolute deviation take the place of mean and standard deviation in Student's prediction
    interval. The deviation of a few like counts says little, so that it is never taken for smaller than ``spread``.

    :param counts: counts before, at least 2.
    :param alpha: how often a usual count may fall outside.
    :param spread: least standard deviation, as a share of the median.
    :return: lower and upper end; the lower one is not below 0.
    """
    values = np.asarray(counts, dtype=float)
    middle = float(np.median(values))
    deviation = max(_MAD_TO_SD * float(np.median(np.abs(values - middle))), spread * middle)
    reach = float(special.stdtrit(len(values) - 1, 1 - alpha / 2)) * deviation * float(np.sqrt(1 + 1 / len(values)))
    return max(0.0, middle - reach), middle + reach


def judge_row_count(check: RowCountCheck, rows: int, before: Sequence[tuple[str, int]]) -> tuple[RuleResult, bool]:
    """Judge a row count by the accepted partitions before it.

    :param check: the check.
    :param rows: rows of the partition.
    :param before: partition key and rows of each accepted partition before it, oldest first.
    :return: the result, and whether there were too few partitions to judge by.
    """
    seen = list(before)[-check.partitions :]
    numbers = {"kind": check.kind, "rows": rows, "n": len(seen), "partitions": [key for key, _ in seen]}
    if len(seen) < check.at_least:
        reason = f"not judged: of {check.at_least} accepted partitions that are needed before it there are {len(seen)}"
        outcome = Outcome.PASS if check.first == "pass" else Outcome.INCONCLUSIVE
        return RuleResult(rule=check.name, outcome=outcome, reason=reason, numbers=numbers), True
    low, high = robust_interval([count for _, count in seen], alpha=check.alpha, spread=check.spread)
    numbers |= {"low": low, "high": high, "alpha": check.alpha, "method": "median and MAD, Student's t"}
    where = f"{low:,.0f} to {high:,.0f}, from the last {len(seen)} accepted partitions"
    if low <= rows <= high:
        reason, outcome = f"{rows:,} rows are within {where}", Outcome.PASS
    else:
        reason, outcome = f"{rows:,} rows are not within {where}", Outcome.FAIL
    return RuleResult(rule=check.name, outcome=outcome, reason=reason, numbers=numbers), False


@dataclass(frozen=True, slots=True)
class _Group:
    name: str
    share: float
    reference: float
    p: float
    detectable: float

    @property
    def difference(self) -> float:
        return self.share - self.reference


def judge_groups(
    check: GroupsCheck, counts: Mapping[str, int], reference: Mapping[str, int] | Mapping[str, float]
) -> RuleResult:
    """Judge the shares of groups by those of a reference.

    A group fails when its share differs by more than matters and, after Holm's adjustment over all groups, by more
    than chance. Rows that belong together (of one day, one person) make chance look smaller than it is; then
    ``max_difference`` alone decides.

    :param check: the check.
    :param counts: test rows of each group; a missing value is a group too.
    :param reference: training rows of each group where the check's reference is ``train``, else shares.
    :return: FAIL naming the groups that differ; INCONCLUSIVE when there are too few rows to see what matters.
    """
    n, total = sum(counts.values()), float(sum(reference.values()))
    numbers = {"kind": check.kind, "n": n, "alpha": check.alpha, "max_difference": check.max_difference}
    if n < check.min_rows or total <= 0:
        reason = f"{n:,} test rows cannot say what the shares of {check.column} are, {check.min_rows:,} are needed"
        return RuleResult(rule=check.name, outcome=Outcome.INCONCLUSIVE, reason=reason, numbers=numbers)
    sample = total if check.reference == "train" else None
    names = sorted(set(counts) | set(reference))
    groups = [
        _group(name, counts.get(name, 0), n, float(reference.get(name, 0)) / total, sample, check.alpha / len(names))
        for name in names
    ]
    adjusted = holm([group.p for group in groups])
    proved = [
        (group, p)
        for group, p in zip(groups, adjusted, strict=True)
        if p < check.alpha and abs(group.difference) > check.max_difference + _ROUNDING
    ]
    proved.sort(key=lambda pair: -abs(pair[0].difference))
    widest = max(groups, key=lambda group: abs(group.difference))
    detectable = max(group.detectable for group in groups)
    numbers |= {
        "groups": len(groups),
        "largest_difference": widest.difference,
        "detectable": detectable,
        "different": [
            {"group": g.name, "share": g.share, "reference": g.reference, "adjusted_p": float(p)}
            for g, p in proved[: 4 * MAX_NAMED]
        ],
    }
    if proved:
        said = [f"{g.name}: {g.share:.4g} instead of {g.reference:.4g}" for g, _ in proved[:MAX_NAMED]]
        more = f" and {len(proved) - MAX_NAMED} more" if len(proved) > MAX_NAMED else ""
        reason, outcome = f"shares of {check.column} differ: {'; '.join(said)}{more}", Outcome.FAIL
    elif detectable > check.max_difference:
        outcome = Outcome.INCONCLUSIVE
        reason = (
            f"no share of {check.column} is proved different, but {n:,} rows show differences from {detectable:.4g} on "
            f"only, {check.max_difference:.4g} matters"
        )
    else:
        outcome = Outcome.PASS
        reason = (
            f"shares of {len(groups)} groups of {check.column} are those of the reference: the largest difference is "
            f"{abs(widest.difference):.4g} ({widest.name}), {check.max_difference:.4g} may be"
        )
    return RuleResult(rule=check.name, outcome=outcome, reason=reason, numbers=numbers)


def _group(name: str, count: int, n: int, reference: float, sample: float | None, alpha: float) -> _Group:
    """Compare a share with a known one (exact binomial tails) or with that of a sample (pooled z)."""
    share = count / n
    if sample is None:
        p = _binomial(count, n, reference)
        deviation = float(np.sqrt(reference * (1 - reference) / n))
    else:
        pooled = (count + reference * sample) / (n + sample)
        deviation = float(np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / sample)))
        p = 1.0 if deviation == 0 else float(2 * special.ndtr(-abs(share - reference) / deviation))
    detectable = float(-special.ndtri(alpha / 2)) * deviation
    return _Group(name, share, reference, p, detectable)


def _binomial(count: int, n: int, share: float) -> float:
    lower = float(special.bdtr(count, n, share))
    upper = float(special.bdtrc(count - 1, n, share)) if count > 0 else 1.0
    return min(1.0, 2 * min(lower, upper))
