"""Checking the rows that a training is about to take: counted where they lie, judged check by check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core import data_check_rules as rules
from airflow_provider_mlops.core.data_checks import (
    TRAIN,
    Check,
    DataChecks,
    DuplicatesCheck,
    GroupsCheck,
    LabelsCheck,
    OverlapCheck,
    RowCountCheck,
    TimeOrderCheck,
)
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.evidence import accepted_rows
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import RuleResult, Verdict
from airflow_provider_mlops.hooks.row_files import row_files
from airflow_provider_mlops.hooks.snapshot_set import Cut
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    from airflow_provider_mlops.backends.check_counts import RowSet

BASELINE_MARK, WARNINGS_MARK = "no_baseline", "warnings"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRows:
    """What a training takes, and what it is tested on.

    :param dataset: name of the dataset.
    :param train: ``{"partition_key", "snapshot_id"}`` of each training snapshot, oldest first; at least one.
    :param test: the same of the test snapshot.
    :param since: training rows are from this time on (ISO 8601); None for whole snapshots.
    :param cutoff: training rows are before this time (ISO 8601), test rows are not; None for whole snapshots.
    :param time_column: the column that the cutoff cuts by.
    """

    dataset: str
    train: Sequence[Mapping[str, str]]
    test: Mapping[str, str]
    cutoff: str | None = None
    since: str | None = None
    time_column: str | None = None

    def to_record(self) -> dict[str, Any]:
        """Return the JSON-safe form that records hold."""
        found = {"train": [dict(item) for item in self.train], "test": dict(self.test), "cutoff": self.cutoff}
        return found if self.since is None else {**found, "since": self.since}


def check_training_rows(checks: DataChecks, rows: TrainingRows, storage: Storage, records: Sequence[Record]) -> Verdict:
    """Judge training rows by the checks of a file.

    :param checks: the checks.
    :param rows: which rows.
    :param storage: where the snapshots lie.
    :param records: records of the dataset's ledger, for the row counts before.
    :return: the verdict, a rule for each check; marked ``warnings``, and ``no_baseline`` when there were too few
        partitions to judge a row count by.
    :raises BadInput: when a column is missing.
    :raises EvidenceBroken: when a snapshot is missing or was changed.
    """
    from airflow_provider_mlops.backends.check_counts import open_rows

    with ExitStack() as stack:
        since = Cut(rows.time_column, rows.since)
        opened = {
            item["partition_key"]: stack.enter_context(row_files(storage, rows.dataset, item["snapshot_id"], since))
            for item in rows.train
        }
        partitions = {key: found.files for key, found in opened.items()}
        test_files = stack.enter_context(row_files(storage, rows.dataset, rows.test["snapshot_id"])).files
        train_files = [file for files in partitions.values() for file in files]
        spill = stack.enter_context(storage.staging())
        cut = (rows.time_column, _microseconds(rows.cutoff)) if rows.cutoff and rows.time_column else None
        sets = stack.enter_context(open_rows(train_files, test_files, spill, cut=cut))
        judge = _Judge(*sets, partitions=partitions, before=cut[1] if cut else None, rows=rows, records=records)
        results = [rules.with_severity(judge.result(check), check) for check in checks.checks]
    marks = {
        BASELINE_MARK: judge.no_baseline,
        WARNINGS_MARK: any(result.reason.startswith("warning:") for result in results),
    }
    return Verdict.from_rules(results, marks=(mark for mark, holds in marks.items() if holds))


@dataclass(slots=True)
class _Judge:
    """Counts what a check asks for, and hands the numbers to its rule."""

    train: RowSet
    test: RowSet
    partitions: Mapping[str, Sequence[Path]]
    before: int | None
    rows: TrainingRows
    records: Sequence[Record]
    no_baseline: bool = False

    def result(self, check: Check) -> RuleResult:
        match check:
            case RowCountCheck():
                return self._row_count(check)
            case DuplicatesCheck():
                counts = {one.name: (one.rows(), one.distinct(check.columns)) for one in (self.train, self.test)}
                return rules.judge_duplicates(check, counts)
            case OverlapCheck():
                shared = self.test.shared_with(self.train, check.key)
                missing = self.test.without(check.key) + self.train.without(check.key)
                return rules.judge_overlap(check, rows=self.test.rows(), shared=shared, missing=missing)
            case TimeOrderCheck():
                return self._time_order(check)
            case LabelsCheck():
                classes = check.classes is not None
                sides = {
                    one.name: one.labels(check.column, check.annotation_id, classes=classes)
                    for one in (self.train, self.test)
                }
                return rules.judge_labels(check, sides)
            case GroupsCheck():
                return self._groups(check)
        raise BadInput(f"Check {check.name!r} is of an unknown kind.")

    def _row_count(self, check: RowCountCheck) -> RuleResult:
        from airflow_provider_mlops.statistics.data_checks import judge_row_count

        counts = accepted_rows(self.records)
        key = self.rows.test["partition_key"]
        before = [(name, count) for name, count in counts.items() if name < key and count is not None]
        # The whole partition is compared with whole partitions, also where only its end is tested on.
        found = counts.get(key)
        result, few = judge_row_count(check, self.test.rows() if found is None else found, before)
        self.no_baseline |= few
        return result

    def _time_order(self, check: TimeOrderCheck) -> RuleResult:
        from airflow_provider_mlops.backends.check_counts import spans_of

        spans = spans_of(self.partitions, check.column, self.before)
        train, test = self.train.span(check.column, TRAIN), self.test.span(check.column, "the test")
        return rules.judge_time_order(check, spans, train, test)

    def _groups(self, check: GroupsCheck) -> RuleResult:
        from airflow_provider_mlops.statistics.data_checks import judge_groups

        counts = _named(self.test.groups(check.column))
        reference = check.reference
        shares = _named(self.train.groups(check.column)) if isinstance(reference, str) else dict(reference)
        return judge_groups(check, counts, shares)


def _named(counts: Mapping[Any, int]) -> dict[str, int]:
    return {"(missing)" if value is None else str(value)[:100]: count for value, count in counts.items()}


def _microseconds(moment: str) -> int:
    found = datetime.fromisoformat(moment)
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    delta = found - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
