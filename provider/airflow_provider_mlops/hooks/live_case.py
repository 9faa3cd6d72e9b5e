"""A served version as its monitoring policy judges it: its labelled rows of today beside those at promotion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.dependence import stored_dependence
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.evaluation import Contender
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.core.performance_policy import PerformancePolicy
from airflow_provider_mlops.core.performance_window import PerformanceWindow
from airflow_provider_mlops.core.prediction_log import score_columns
from airflow_provider_mlops.core.promotion_level import PromotionLevel
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.live_rows import LiveRows, dependence_columns
from airflow_provider_mlops.hooks.prediction_log import Labelled, read_labelled, read_predictions
from airflow_provider_mlops.hooks.scores_store import recorded_scores
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.statistics.performance import TASKS, Case, Side
from airflow_provider_mlops.statistics.score_table import ScoreTable
from airflow_provider_mlops.statistics.slicing import Rows, rows_together


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A served version, and what is to be judged about it.

    :param storage: where logs, scores and snapshots lie.
    :param model_name: name of the registered model.
    :param training: the record of the version's training.
    :param level: the evaluation at promotion.
    :param window: the partitions.
    :param policy: the monitoring policy.
    :param seed: hash of all that is judged; seeds derive from it.
    """

    storage: Storage
    model_name: str
    training: Record
    level: PromotionLevel
    window: PerformanceWindow
    policy: PerformancePolicy
    seed: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LiveCase:
    """The rows of a served version.

    :param served: the version.
    :param rows: all rows of its newest partitions: scores, latencies, errors.
    :param labelled: rows of its newest partitions with mature labels, those without a label too.
    :param usable: mask of the labelled rows that have a score and a label.
    :param classes: the classes of a multiclass model, in the order of its scores; else None.
    :param counts: rows by what is known about them.
    :param case: what the statistics judge.
    """

    served: Served
    rows: LiveRows
    labelled: LiveRows
    usable: Any
    classes: Sequence[Any] | None
    counts: Mapping[str, int]
    case: Case

    @classmethod
    def read(cls, served: Served) -> LiveCase:
        """Read the rows.

        :param served: the version.
        :return: its rows.
        :raises BadInput: when the model's task cannot be monitored.
        :raises EvidenceBroken: when a log, its labels or the scores at promotion are missing or were changed.
        """
        numpy = load("numpy", "parquet")
        contender = Contender(served.training, served.window.version)
        check_task(served.model_name, contender)
        storage, window, policy = served.storage, served.window, served.policy
        logs, scores = [one.predictions for one in window.served], score_columns(contender.classes)
        names = list(dict.fromkeys(("score", *scores, "latency_ms")))
        rows = LiveRows.of(read_predictions(storage, [log], names) for log in logs)
        columns = list(dict.fromkeys(("row_id", "score", *scores, *dependence_columns(policy.dependence))))
        mature = [one for one in window.mature if isinstance(one, Labelled)] if policy.labelled_rules else []
        labelled = LiveRows.of(read_labelled(storage, [one], columns) for one in mature)
        scored = ~numpy.isnan(labelled.numbers("score"))
        known = ~numpy.isnan(labelled.labels(contender.classes))
        counts = {
            "served": len(rows),
            "failed": int(numpy.isnan(rows.numbers("score")).sum()),
            "mature": len(labelled),
            "labelled": int((scored & known).sum()),
            "unlabelled": int((scored & ~known).sum()),
            **{name: _told(mature, name) for name in ("censored", "missing")},
        }
        now = _now(served, labelled, scored & known, counts, contender)
        who = f"version {window.version}"
        then = promotion_side(storage, served.model_name, served.level)
        case = Case(
            policy=policy,
            task=contender.task,
            who=who,
            now=now,
            then=then,
            seed=served.seed,
            classes=contender.classes,
        )
        return cls(
            served=served,
            rows=rows,
            labelled=labelled,
            usable=scored & known,
            classes=contender.classes,
            counts=counts,
            case=case,
        )


def check_task(model_name: str, contender: Contender) -> None:
    """Refuse a model whose performance cannot be monitored.

    :param model_name: name of the registered model.
    :param contender: the version.
    :raises BadInput: when its task is another one.
    """
    if contender.task not in TASKS:
        raise BadInput(
            f"Model {model_name!r} is of the task {contender.task!r}; performance is monitored for: {', '.join(TASKS)}."
        )


def _told(mature: Sequence[Labelled], name: str) -> int:
    """Add up what the joins said about rows without a label; zero where they said nothing."""
    return sum(int(one.labels.body.get(name) or 0) for one in mature if one.labels is not None)


def _now(served: Served, labelled: LiveRows, usable: Any, counts: Mapping[str, int], contender: Contender) -> Side:
    """Take the labelled rows; where they are too few, or few of all, nothing is judged on them."""
    if not served.window.mature:
        return Side(problem=served.window.missing())
    rows = labelled.where(usable)
    if not len(rows):
        return Side(problem=f"None of the {counts['mature']:,} rows with mature labels has a score and a label.")
    return labelled_side(rows, served.policy, contender, counts["unlabelled"])


def labelled_side(rows: LiveRows, policy: PerformancePolicy, contender: Contender, unlabelled: int) -> Side:
    """Make labelled rows what is judged; where they are too few, or few of all, they say so.

    :param rows: rows with ``score`` and ``label``, and the column by which they depend on one another.
    :param policy: the monitoring policy.
    :param contender: the version.
    :param unlabelled: how many scored rows have no label.
    :return: the rows.
    """
    share, problem = len(rows) / max(1, len(rows) + unlabelled), ""
    if len(rows) < policy.min_rows:
        problem = f"{len(rows):,} labelled rows are fewer than the policy's min_rows {policy.min_rows:,}."
    elif share < policy.min_labelled:
        problem = (
            f"{share:.1%} of the scored rows have a label, the policy's min_labelled is {policy.min_labelled:.1%}: "
            "those that have one may be no random sample."
        )
    try:
        clusters = rows.clusters(policy.dependence)
    except NotMeasurable as error:
        return Side(problem=str(error))
    table = ScoreTable(
        labels=rows.labels(contender.classes),
        candidate=rows.scores(contender.classes),
        task=contender.task,
        thresholds={} if contender.threshold is None else {"candidate": contender.threshold},
    )
    return Side(rows=Rows(table, clusters), problem=problem)


def promotion_side(storage: Storage, model_name: str, level: PromotionLevel) -> Side:
    """Read the rows that a version was promoted on.

    :param storage: where scores lie.
    :param model_name: name of the registered model.
    :param level: the evaluation at promotion.
    :return: the rows.
    :raises EvidenceBroken: when the scores are missing or were changed.
    """
    evaluation = level.evaluation
    if evaluation is None:
        return Side(problem=level.problem)
    body = evaluation.body
    table = recorded_scores(storage, model_name, body)
    try:
        return Side(rows=Rows(table, rows_together(stored_dependence(body), table)))
    except NotMeasurable as error:
        return Side(problem=str(error))
