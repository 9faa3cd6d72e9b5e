"""The parts of a drift policy beside its thresholds: severity, rows that hang together, references."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from airflow_provider_mlops.core import reading
from airflow_provider_mlops.core.errors import BadInput


class DriftKind(StrEnum):
    """What is compared with what; verdicts of different kinds are never mixed up.

    - ``feature``: the features with those that the champion was trained or tested on.
    - ``recent_change``: the features with those of the partitions just before.
    - ``prediction``: the scores of the prediction log with the champion's on its test rows.
    - ``confidence``: how sure those scores are, from 0.5 to 1.
    - ``label``: the matured labels with those that the champion was trained on.
    - ``skew``: the features as they were served with those of the training data of the same partitions.
    """

    FEATURE = "feature"
    RECENT_CHANGE = "recent_change"
    PREDICTION = "prediction"
    CONFIDENCE = "confidence"
    LABEL = "label"
    SKEW = "skew"


DRIFT_WORDS: Mapping[str, str] = {
    DriftKind.FEATURE: "drift of features",
    DriftKind.RECENT_CHANGE: "recent change of features",
    DriftKind.PREDICTION: "drift of predictions",
    DriftKind.CONFIDENCE: "drift of confidence",
    DriftKind.LABEL: "shift of labels",
    DriftKind.SKEW: "skew between training and serving",
}
"""What a verdict of each kind is about, for people."""


class Data(StrEnum):
    """What a check reads.

    - ``rows``: the values of both sides.
    - ``profile``: stored profiles of both, by bins that the reference froze; no row is read.
    """

    ROWS = "rows"
    PROFILE = "profile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Severity:
    """How much of the model's importance may drift before the whole verdict is FAIL.

    :param max: share of all weights that the drifted features may have, at least 0 and below 1.
    :param weights: weight by feature; None for the champion's permutation importance.
    """

    max: float
    weights: Mapping[str, float] | None = None


class BlockKind(StrEnum):
    """What makes a block of rows that hang together.

    - ``clusters``: the rows with one value of a column: a customer, a session.
    - ``days``: the rows of some days of a time column.
    - ``blocks``: rows that stand next to each other in the snapshot.
    """

    CLUSTERS = "clusters"
    DAYS = "days"
    BLOCKS = "blocks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """Rows that are not independent: whole blocks of them are permuted between reference and current.

    :param kind: what makes a block.
    :param column: column of the clusters or of the time; None for ``blocks``, and for the time column that the
        champion's training names.
    :param days: length of a block of ``days``.
    :param rows: length of a block of ``blocks``.
    """

    kind: BlockKind
    column: str | None = None
    days: float = 1.0
    rows: int = 1


class Origin(StrEnum):
    """Which rows are the reference.

    - ``training``: what the champion was trained on.
    - ``test``: the accepted snapshot that the champion was tested on.
    - ``rolling``: the partitions just before the judged ones; a monitor of its own, "recent change".
    """

    TRAINING = "training"
    TEST = "test"
    ROLLING = "rolling"


class Match(StrEnum):
    """Which rows of the reference are of the same season as the judged ones.

    - ``none``: all.
    - ``weekday``: those of the weekdays that are judged.
    - ``month_last_year``: those of the judged months, a year before.
    """

    NONE = "none"
    WEEKDAY = "weekday"
    MONTH_LAST_YEAR = "month_last_year"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceChoice:
    """What is compared with.

    :param of: which rows.
    :param match: which of them.
    :param partitions: how many partitions a rolling reference has.
    """

    of: Origin = Origin.TRAINING
    match: Match = Match.NONE
    partitions: int = 28


def read_severity(value: Any, where: str) -> Severity:
    """Read ``{"max", "weights"}``; weights are ``importance`` or a weight by feature.

    :param value: what was loaded.
    :param where: what it is, for the error message.
    :return: the severity.
    :raises BadInput: when it is anything else.
    """
    reading.check_keys(value, where, allowed=("max", "weights"), required=("max",))
    if not 0 <= reading.number(value["max"], f"{where}: max") < 1:
        raise BadInput(f"{where}: max must be at least 0 and below 1, not {value['max']!r}.")
    given = value.get("weights", "importance")
    if given == "importance":
        return Severity(max=float(value["max"]))
    weights = reading.numbers(given, f"{where}: weights")
    if not weights or min(weights.values()) < 0 or sum(weights.values()) <= 0:
        raise BadInput(f"{where}: weights must be 'importance', or weights of at least 0 of which one is above 0.")
    return Severity(max=float(value["max"]), weights=weights)


def read_blocks(value: Any, where: str) -> Blocks:
    """Read which rows hang together.

    :param value: ``{"kind": "clusters", "column"}``, ``{"kind": "days", "column", "days"}`` or
        ``{"kind": "blocks", "rows"}``.
    :param where: what it is, for the error message.
    :return: the blocks.
    :raises BadInput: when it is anything else.
    """
    keys = {"clusters": ("column",), "days": ("column", "days"), "blocks": ("rows",)}
    needed = {"clusters": ("column",), "days": (), "blocks": ("rows",)}
    reading.check_keys(value, where, allowed=("kind", "column", "days", "rows"), required=("kind",))
    kind = reading.one_of(*keys)(value["kind"], f"{where}: kind")
    reading.check_keys(value, f"{where} of {kind}", allowed=("kind", *keys[kind]), required=("kind", *needed[kind]))
    return Blocks(
        kind=BlockKind(kind),
        column=reading.text(value["column"], f"{where}: column") if "column" in value else None,
        days=reading.above_zero(value.get("days", 1.0), f"{where}: days"),
        rows=reading.count(value.get("rows", 1), f"{where}: rows"),
    )


def read_calibration(value: Any, where: str) -> int:
    """Read ``{"partitions": number}``: how many accepted partitions before the judged ones show what is usual.

    :param value: what was loaded.
    :param where: what it is, for the error message.
    :return: the number of partitions.
    :raises BadInput: when it is anything else.
    """
    reading.check_keys(value, where, allowed=("partitions",), required=("partitions",))
    return reading.count(value["partitions"], f"{where}: partitions")


def read_reference(value: Any, where: str) -> ReferenceChoice:
    """Read what is compared with.

    :param value: ``training``, ``test`` or ``rolling``; or ``{"of", "match", "partitions"}``.
    :param where: what it is, for the error message.
    :return: the choice.
    :raises BadInput: when it is anything else.
    """
    mapping = {"of": value} if isinstance(value, str) else value
    reading.check_keys(mapping, where, allowed=("of", "match", "partitions"))
    of = Origin(reading.one_of(*Origin)(mapping.get("of", "training"), f"{where}: of"))
    if "partitions" in mapping and of is not Origin.ROLLING:
        raise BadInput(f"{where}: partitions is for a rolling reference only.")
    return ReferenceChoice(
        of=of,
        match=Match(reading.one_of(*Match)(mapping.get("match", "none"), f"{where}: match")),
        partitions=reading.count(mapping.get("partitions", 28), f"{where}: partitions"),
    )
