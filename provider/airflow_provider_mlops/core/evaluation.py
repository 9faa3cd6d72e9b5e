"""An evaluation: who is scored, what is asked of the test rows, and how its record reads."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from airflow_provider_mlops.core import reading
from airflow_provider_mlops.core.dependence import Dependence
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.manifest import BINARY, MULTICLASS, REGRESSION, task_of
from airflow_provider_mlops.core.record import Record

CANDIDATE, CHAMPION, GOLDEN = "candidate", "champion", "golden"
METRICS_OF: Mapping[str, tuple[str, ...]] = {
    BINARY: ("roc_auc", "brier", "log_loss"),
    MULTICLASS: ("multiclass_accuracy", "macro_f1", "multiclass_log_loss"),
    REGRESSION: ("rmse", "mae", "r2"),
}


@dataclass(frozen=True, slots=True)
class Contender:
    """A model that is scored.

    :param training: its training record.
    :param version: its version in the registry, None when it was never registered.
    :param bases: manifests of what it goes on from: their rows it has learned too.
    """

    training: Record
    version: str | None
    bases: Sequence[Mapping[str, Any]] = ()

    @property
    def manifest(self) -> Mapping[str, Any]:
        """The manifest of its training."""
        found: Mapping[str, Any] = self.training.body["manifest"]
        return found

    @property
    def manifest_hash(self) -> str:
        """Which model it is."""
        return str(self.training.body["manifest_hash"])

    @property
    def task(self) -> str:
        """``binary``, ``multiclass`` or ``regression``; trainings without a word on it are binary."""
        return task_of(self.manifest)

    @property
    def classes(self) -> list[Any] | None:
        """The classes in the order of the scores, None where there is one score per row."""
        return self.training.body.get("classes") if self.task == MULTICLASS else None

    @property
    def threshold(self) -> float | None:
        """The operating threshold that its training froze, if it did."""
        frozen = self.training.body.get("operating_threshold")
        return None if frozen is None else float(frozen["value"])

    @property
    def called(self) -> str:
        """How it is called in logs and errors, after its role."""
        return "not registered" if self.version is None else f"version {self.version}"

    def identity(self) -> dict[str, Any]:
        """Return how a record names it."""
        body = self.training.body
        return {
            "version": self.version,
            "model_digest": body["model_digest"],
            "manifest_hash": body["manifest_hash"],
        }


Contenders = Mapping[str, Contender]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of the test rows.

    :param metrics: metrics to measure.
    :param slices: columns that a policy slices by.
    :param columns: further columns to keep: groups, clusters, the time.
    :param weight: column with the weight of each row.
    :param entity: column that says whom or what a row is about.
    :param variants: altered rows by name, as `core.variants.read_variants` gives them.
    :param dependence: rows that belong together; their column is kept.
    :param allow_pickle: whether adopted models that are no skops archives may be loaded.
    """

    metrics: tuple[str, ...]
    slices: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    weight: str | None = None
    entity: str | None = None
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    dependence: Dependence | None = None
    allow_pickle: bool = False

    @property
    def kept(self) -> tuple[str, ...]:
        """The columns that are kept as text, each once."""
        together = (self.dependence.column,) if self.dependence else ()
        return tuple(dict.fromkeys((*self.slices, *self.columns, *together)))

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that the test rows must have besides those of the models."""
        return (*self.kept, *(name for name in (self.weight, self.entity) if name is not None))

    def decision(self) -> dict[str, Any]:
        """Return what of it decides, JSON-safe; what was not asked for is not in it, so that old ids stay."""
        asked: dict[str, Any] = {"columns": list(self.columns), "weight": self.weight, "entity": self.entity}
        asked["variants"] = {name: dict(spec) for name, spec in self.variants.items()}
        asked["dependence"] = self.dependence.to_dict() if self.dependence else None
        asked["allow_pickle"] = self.allow_pickle
        given = {name: value for name, value in asked.items() if value}
        return {"slices": list(self.slices), "metrics": list(self.metrics), **given}


def models_of(contenders: Contenders) -> dict[str, Any]:
    """Return which models are scored, JSON-safe; the golden version only where there is one, so that old ids stay.

    :param contenders: the models by role.
    """
    chosen = {role: contenders[role].manifest_hash if role in contenders else None for role in (CANDIDATE, CHAMPION)}
    return {**chosen, **({GOLDEN: contenders[GOLDEN].manifest_hash} if GOLDEN in contenders else {})}


def names_of(value: Any, where: str) -> tuple[str, ...]:
    """Read a list of names that may be empty.

    :param value: what was given.
    :param where: what it is, for the error message.
    :return: the names.
    :raises BadInput: when it is anything else, or names one twice.
    """
    return reading.texts(value, where) if value else ()


def moment(value: Any, where: str) -> str:
    """Read a time.

    :param value: ISO 8601; UTC where it names no zone.
    :param where: what it is, for the error message.
    :return: ISO 8601 in UTC.
    :raises BadInput: when it is anything else.
    """
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadInput(f"{where} must be a time in ISO 8601, not {value!r}.") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def check_comparable(contenders: Contenders) -> None:
    """Refuse models whose scores do not mean the same.

    :param contenders: the models by role.
    :raises BadInput: when their task or their classes differ.
    """
    candidate = contenders[CANDIDATE]
    for role, other in contenders.items():
        for what, ours, theirs in (("task", candidate.task, other.task), ("classes", candidate.classes, other.classes)):
            if ours != theirs:
                raise BadInput(
                    f"The {what} of the {role}, {other.called}, are {theirs}, the candidate's {ours}: their "
                    "scores cannot be compared. Register the candidate under another model name."
                )


def summary_lines(body: Mapping[str, Any]) -> Iterator[str]:
    """Write an evaluation as lines of a log.

    :param body: body of its record.
    :return: who was compared on which rows, then a table of the metrics.
    """
    champion, golden = body[CHAMPION], body.get(GOLDEN)
    against = f"champion {champion['version']}" if champion else "champion (none)"
    against += f" and golden version {golden['version']}" if golden else ""
    positives = f", {body['positives']:,} of them positive" if body.get("task", BINARY) == BINARY else ""
    rows = f"{body['rows']:,} rows of {body['partition_key']}{positives}"
    version = body[CANDIDATE]["version"]
    who = "The candidate (not registered)" if version is None else f"Version {version}"
    yield f"{who} against {against} on {rows}."
    roles = [CANDIDATE, *((CHAMPION, "difference") if champion else ()), *((GOLDEN,) if golden else ())]
    cells = [["metric", *roles]]
    cells += [[name, *(_figure(found.get(role)) for role in roles)] for name, found in body["metrics"].items()]
    yield from _table(cells)
    for name, found in body["metrics"].items():
        if "reason" in found:
            yield f"{name}: {found['reason']}"
    if (leakage := body.get("leakage")) is not None:
        yield _leakage_line(leakage)


def _figure(found: Mapping[str, Any] | None) -> str:
    return f"{found['value']:.4f} [{found['low']:.4f}, {found['high']:.4f}]" if found else "not measured"


def _table(cells: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _leakage_line(leakage: Mapping[str, Any]) -> str:
    parts = [f"{leakage['row_overlap']:,} of {leakage['test_rows']:,} test rows were trained on"]
    if leakage["entity_column"] is not None:
        parts.append(f"{leakage['entity_overlap']:,} values of {leakage['entity_column']} too")
    if leakage["time_ordered"] is not None:
        parts.append(f"training rows are {'' if leakage['time_ordered'] else 'NOT '}all older")
    if (best := leakage["single_feature"]) is not None:
        parts.append(f"best feature alone {best['feature']} with ROC-AUC {best['auc']:.3f}")
    return f"Leakage: {'; '.join(parts)}."
