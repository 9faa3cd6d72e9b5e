"""Checks of training data against test data and against what came before: their kinds, as a file states them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.suite import CRITICAL

TRAIN, TEST = "train", "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What every check has.

    :param name: short name, unique in the file.
    :param severity: ``critical`` or ``warning``.
    """

    name: str
    severity: str = CRITICAL
    kind: ClassVar[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCountCheck(Check):
    """The test partition has about as many rows as the accepted partitions before it.

    :param partitions: how many of them to look at.
    :param at_least: how many are needed to judge.
    :param alpha: how often a usual count may fall outside the interval.
    :param spread: least relative spread that is taken for usual.
    :param first: ``pass`` or ``inconclusive``, while there are fewer than ``at_least``.
    """

    kind: ClassVar[str] = "row_count"
    partitions: int = 6
    at_least: int = 3
    alpha: float = 0.05
    spread: float = 0.02
    first: str = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicatesCheck(Check):
    """Few rows stand there twice, neither in what is trained on nor in what is tested on.

    :param columns: columns by which rows are the same; None for all.
    :param max_share: share of the rows that may repeat another one.
    """

    kind: ClassVar[str] = "duplicates"
    columns: tuple[str, ...] | None = None
    max_share: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapCheck(Check):
    """What is tested on was not trained on.

    :param key: columns that name a row.
    :param max_share: share of the test rows whose key may occur among the training rows.
    """

    kind: ClassVar[str] = "overlap"
    key: tuple[str, ...]
    max_share: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOrderCheck(Check):
    """Training ends before the test begins, and each partition before the next one.

    :param column: column with the row's time.
    """

    kind: ClassVar[str] = "time_order"
    column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsCheck(Check):
    """Labels are the known ones, of each there are enough, and few are missing.

    :param column: the label column.
    :param classes: every class; None for a label that is a number.
    :param min_rows: rows that each class must have, in training and in test rows each.
    :param min_coverage: least share of the rows that has a label.
    :param annotation_id: column whose values name an annotation, and may not repeat; None without one.
    """

    kind: ClassVar[str] = "labels"
    column: str
    classes: tuple[Any, ...] | None = None
    min_rows: int = 1
    min_coverage: float = 0.0
    annotation_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupsCheck(Check):
    """The groups of a column have about the shares that they have in a reference.

    :param column: the column.
    :param reference: ``train``, or the shares of a population by group.
    :param alpha: how often equal shares may be taken for different, over all groups.
    :param max_difference: difference of a share that does not matter.
    :param min_rows: test rows that are needed to judge.
    """

    kind: ClassVar[str] = "groups"
    column: str
    reference: str | Mapping[str, float] = TRAIN
    alpha: float = 0.01
    max_difference: float = 0.05
    min_rows: int = 100


KINDS: Mapping[str, type[Check]] = {
    kind.kind: kind for kind in (RowCountCheck, DuplicatesCheck, OverlapCheck, TimeOrderCheck, LabelsCheck, GroupsCheck)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataChecks:
    """The checks of a file.

    :param name: name of the file's checks.
    :param checks: the checks, in order.
    :param hash: content hash of the file.
    """

    name: str
    checks: tuple[Check, ...]
    hash: str

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> "DataChecks":
        """Read the form that the file has.

        :param data: a mapping that fits ``data_checks.schema.json``.
        :return: the checks.
        :raises BadInput: naming the check that is not right.
        """
        checks = tuple(_check(item) for item in data["checks"])
        names = [check.name for check in checks]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise BadInput(f"the check {twice[0]!r} is there twice; each needs a name of its own.")
        return cls(name=data["name"], checks=checks, hash=sha256_of(data))


def _check(item: Mapping[str, Any]) -> Check:
    kind = KINDS[item["kind"]]
    known = {field.name for field in fields(kind)}
    if unknown := sorted(set(item) - known - {"kind"}):
        raise BadInput(
            f"check {item['name']!r} has the unknown key {unknown[0]!r}; "
            f"a check {item['kind']} has: {', '.join(sorted(known))}."
        )
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in item.items() if name != "kind"
    }
    try:
        check = kind(**values)
    except TypeError:
        needed = {"overlap": "key"}.get(item["kind"], "column")
        raise BadInput(f"check {item['name']!r} of the kind {item['kind']} needs {needed}.") from None
    _look_closely(check)
    return check


def _look_closely(check: Check) -> None:
    if isinstance(check, GroupsCheck) and isinstance(check.reference, Mapping):
        total = sum(check.reference.values())
        if abs(total - 1) > 1e-6:
            raise BadInput(f"check {check.name!r}: the shares of the reference add up to {total:.6g}, not to 1.")
    if isinstance(check, RowCountCheck) and check.at_least > check.partitions:
        raise BadInput(
            f"check {check.name!r} looks at {check.partitions} partitions and needs {check.at_least} to judge."
        )
    if isinstance(check, LabelsCheck) and check.classes is not None and len(set(check.classes)) < len(check.classes):
        raise BadInput(f"check {check.name!r} names a class twice.")
