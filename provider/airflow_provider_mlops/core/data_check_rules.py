"""Judging training data: duplicates, overlap, order in time and labels, as functions of what was counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from airflow_provider_mlops.core.data_checks import Check, DuplicatesCheck, LabelsCheck, OverlapCheck, TimeOrderCheck
from airflow_provider_mlops.core.suite import WARNING
from airflow_provider_mlops.core.verdict import Outcome, RuleResult

MAX_NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The times of some rows.

    :param name: partition, or ``train`` and ``test``.
    :param first: earliest time in microseconds since 1970, None where no row has a time.
    :param last: latest time.
    :param missing: rows without a time.
    """

    name: str
    first: int | None
    last: int | None
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCounts:
    """The labels of some rows.

    :param rows: how many rows.
    :param counts: rows of each label, at most 1,000 labels.
    :param missing: rows without a label.
    :param repeated_ids: rows whose annotation has occurred before.
    :param missing_ids: labelled rows without an annotation.
    """

    rows: int
    counts: Mapping[Any, int]
    missing: int
    repeated_ids: int = 0
    missing_ids: int = 0


def with_severity(result: RuleResult, check: Check) -> RuleResult:
    """Let a warning pass, told.

    :param result: what a check said.
    :param check: the check.
    :return: the same, or PASS with a reason that starts with ``warning:``.
    """
    if check.severity != WARNING or result.outcome is Outcome.PASS:
        return result
    return replace(result, outcome=Outcome.PASS, reason=f"warning: {result.reason}")


def judge_duplicates(check: DuplicatesCheck, counts: Mapping[str, tuple[int, int]]) -> RuleResult:
    """Judge how many rows repeat another one.

    :param check: the check.
    :param counts: rows, and different rows among them, of ``train`` and ``test``.
    :return: FAIL when the share is too large on either side, or a side has no rows.
    """
    if empty := [side for side, (rows, _) in counts.items() if not rows]:
        shares = dict.fromkeys(empty, 1.0)
        return _result(check, Outcome.FAIL, f"there are no {' and no '.join(empty)} rows", shares=shares)
    by = f"by {', '.join(check.columns)}" if check.columns else "in every column"
    shares = {side: (rows - different) / rows for side, (rows, different) in counts.items()}
    said = [
        f"{rows - different:,} of {rows:,} {side} rows ({shares[side]:.4g})"
        for side, (rows, different) in counts.items()
    ]
    reason = f"{' and '.join(said)} repeat another one {by}, at most {check.max_share:.4g} may"
    broken = any(share > check.max_share for share in shares.values())
    return _result(check, Outcome.FAIL if broken else Outcome.PASS, reason, shares=shares)


def judge_overlap(check: OverlapCheck, *, rows: int, shared: int, missing: int) -> RuleResult:
    """Judge how many test rows were trained on.

    :param check: the check.
    :param rows: test rows.
    :param shared: test rows whose key occurs among the training rows.
    :param missing: test and training rows without a key: nobody can say whether they are the same.
    :return: FAIL when the share is too large or there are no test rows, INCONCLUSIVE when keys are missing.
    """
    key = ", ".join(check.key)
    share = shared / rows if rows else 1.0
    reason = f"{shared:,} of {rows:,} test rows ({share:.4g}) were trained on by {key}"
    numbers = {"rows": rows, "shared": shared, "share": share, "missing_keys": missing}
    if not rows:
        return _result(check, Outcome.FAIL, "there are no test rows", **numbers)
    if share > check.max_share:
        return _result(check, Outcome.FAIL, f"{reason}, at most {check.max_share:.4g} may be", **numbers)
    if missing:
        return _result(check, Outcome.INCONCLUSIVE, f"{reason}, but {missing:,} rows have no {key}", **numbers)
    return _result(check, Outcome.PASS, reason, **numbers)


def judge_time_order(check: TimeOrderCheck, partitions: Sequence[Span], train: Span, test: Span) -> RuleResult:
    """Judge whether time runs from each training partition to the next, and on to the test.

    :param check: the check.
    :param partitions: the training partitions, in order.
    :param train: all training rows.
    :param test: the test rows.
    :return: FAIL when a later part begins before an earlier one ends, INCONCLUSIVE when times are missing.
    """
    # A partition without rows lies between none: its neighbours are compared with each other.
    timed = [span for span in partitions if span.last is not None]
    pairs = [*pairwise(timed), (train, test)]
    broken = [
        f"{earlier.name} ends at {_moment(earlier.last)}, {later.name} begins at {_moment(later.first)}"
        for earlier, later in pairs
        if earlier.last is not None and later.first is not None and earlier.last >= later.first
    ]
    missing = train.missing + test.missing
    numbers = {"train_last": _moment(train.last), "test_first": _moment(test.first), "missing": missing}
    if broken:
        return _result(check, Outcome.FAIL, f"time goes back: {'; '.join(broken[:MAX_NAMED])}", **numbers)
    if missing or train.last is None or test.first is None:
        lacks = "there are no test rows" if test.first is None else "there are no training rows"
        reason = f"{missing:,} rows have no {check.column}" if missing else lacks
        return _result(check, Outcome.INCONCLUSIVE, reason, **numbers)
    ends = f"training ends at {_moment(train.last)}, the test begins at {_moment(test.first)}"
    order = f"; {len(partitions)} partitions in order" if len(partitions) > 1 else ""
    return _result(check, Outcome.PASS, f"{ends}{order}", **numbers)


def judge_labels(check: LabelsCheck, sides: Mapping[str, LabelCounts]) -> RuleResult:
    """Judge labels: the known classes, enough of each, few missing, each annotation once.

    :param check: the check.
    :param sides: labels of the ``train`` and ``test`` rows.
    :return: FAIL naming what is wrong.
    """
    found = [finding for side, counts in sides.items() for finding in _label_findings(check, side, counts)]
    coverage = {side: _coverage(counts) for side, counts in sides.items()}
    shown = {
        side: {str(label)[:60]: number for label, number in list(counts.counts.items())[:MAX_NAMED]}
        for side, counts in sides.items()
    }
    numbers = {"coverage": coverage, "classes": shown if check.classes is not None else {}}
    if found:
        return _result(check, Outcome.FAIL, "; ".join(found[:MAX_NAMED]), **numbers)
    said = ", ".join(f"{share:.4g} of the {side} rows have a label" for side, share in coverage.items())
    classes = f", all {len(check.classes)} classes occur" if check.classes is not None else ""
    return _result(check, Outcome.PASS, f"{said}{classes}", **numbers)


def _label_findings(check: LabelsCheck, side: str, found: LabelCounts) -> list[str]:
    findings = []
    if check.classes is not None:
        if strange := sorted(str(label)[:60] for label in found.counts if label not in check.classes):
            findings.append(f"{side} has the unknown classes {', '.join(strange[:MAX_NAMED])}")
        few = [label for label in check.classes if found.counts.get(label, 0) < check.min_rows]
        findings += [
            f"{side} has {found.counts.get(label, 0):,} rows of class {label}, {check.min_rows:,} are needed"
            for label in few
        ]
    if (coverage := _coverage(found)) < check.min_coverage or found.rows == found.missing:
        findings.append(f"{coverage:.4g} of the {side} rows have a label, {check.min_coverage:.4g} must")
    if found.repeated_ids:
        findings.append(f"{found.repeated_ids:,} {side} rows repeat an annotation ({check.annotation_id})")
    if found.missing_ids:
        findings.append(f"{found.missing_ids:,} labelled {side} rows have no {check.annotation_id}")
    return findings


def _coverage(found: LabelCounts) -> float:
    return (found.rows - found.missing) / found.rows if found.rows else 0.0


def _moment(microseconds: int | None) -> str | None:
    if microseconds is None:
        return None
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)).isoformat()
    except OverflowError:  # a year that no calendar has
        return f"{microseconds} us"


def _result(check: Check, outcome: Outcome, reason: str, **numbers: Any) -> RuleResult:
    return RuleResult(rule=check.name, outcome=outcome, reason=reason, numbers={"kind": check.kind, **numbers})
