"""The scores of every test row, kept as Parquet under their hash, so that any policy can be judged without a model.

Columns: ``row_id``, ``label``, one per model (``candidate``, ``champion``, ``golden``), ``weight``, one per altered
rows (``variant:<name>``), and the columns that rules slice, group or cluster by, as text. With several classes a model
has a column per class: ``candidate:<class>``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.canonical import PREFIX
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.evaluation import CANDIDATE, CHAMPION, GOLDEN
from airflow_provider_mlops.core.manifest import BINARY, MULTICLASS
from airflow_provider_mlops.hooks.gone import scores_there_now
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from airflow_provider_mlops.statistics.score_table import ScoreTable

VARIANT = "variant"
_WEIGHT = "weight"
_MODELS = (CANDIDATE, CHAMPION, GOLDEN)
# What score files had before they said their task; every other column of them is a slice.
_FIRST_COLUMNS = ("row_id", "label", CANDIDATE, CHAMPION)
_OWN_COLUMNS = (*_FIRST_COLUMNS, GOLDEN, _WEIGHT)


@dataclass(frozen=True, slots=True)
class ScoredRows:
    """Test rows with the scores of each model.

    :param frame: the columns that are stored.
    :param unlabelled: test rows that were left out because they have no label.
    :param task: ``binary``, ``multiclass`` or ``regression``.
    :param classes: the classes in the order of the scores, None where there is one score per row.
    """

    frame: pd.DataFrame
    unlabelled: int
    task: str = BINARY
    classes: Sequence[Any] | None = None

    def facts(self) -> dict[str, Any]:
        """Return what one must know to read the columns."""
        return {"task": self.task, "classes": None if self.classes is None else list(self.classes)}


def score_columns(name: str, scores: npt.NDArray[Any], classes: Sequence[Any] | None) -> dict[str, Any]:
    """Name the columns of a model's scores.

    :param name: the model's role, or ``variant:`` and the name of the altered rows.
    :param scores: one score per row, or one per row and class.
    :param classes: the classes, None where there is one score per row.
    :return: column by name.
    :raises BadInput: when there is not one score per class.
    """
    if scores.ndim == 1:
        return {name: scores}
    if classes is None or scores.shape[1] != len(classes):
        known = 1 if classes is None else len(classes)
        raise BadInput(f"The model gave {scores.shape[1]} scores a row as {name}; there are {known} classes.")
    return {f"{name}:{label}": scores[:, number].copy() for number, label in enumerate(classes)}


def check_names(names: Sequence[str]) -> None:
    """Refuse columns of the test rows whose names the scores need for themselves.

    :param names: columns to keep as text.
    :raises BadInput: naming the column.
    """
    for name in names:
        if name in _OWN_COLUMNS or name.split(":")[0] in (VARIANT, *_MODELS):
            raise BadInput(
                f"Column {name!r} cannot be kept with the scores, which have a column of that name; rename it in the "
                "source of the dataset."
            )


def store_scores(storage: Storage, model_name: str, scored: ScoredRows, facts: Mapping[str, Any]) -> tuple[str, str]:
    """Keep per-row scores as Parquet under the hash of their content.

    :param storage: where evaluations lie.
    :param model_name: name of the registered model.
    :param scored: the scored rows.
    :param facts: JSON-safe facts for the manifest beside them; task and classes are added.
    :return: id and address of the stored scores.
    """
    from airflow_provider_mlops.backends.parquet import write_snapshot

    with storage.staging() as folder:
        manifest = write_snapshot([scored.frame], folder, {**facts, **scored.facts()})
        return manifest["snapshot_id"], storage.publish(folder, scores_path(model_name, manifest["snapshot_id"]))


def read_score_frame(storage: Storage, model_name: str, scores_id: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read stored scores as they lie there, proved by their hash.

    :param storage: where evaluations lie.
    :param model_name: name of the registered model.
    :param scores_id: id of the stored scores.
    :return: the rows, less those that were lawfully erased since, and the manifest beside them.
    :raises EvidenceBroken: when they are missing or were changed.
    """
    from airflow_provider_mlops.backends.parquet import read_manifest, read_snapshot

    scores_id = scores_there_now(storage, model_name, scores_id)
    with storage.open(scores_path(model_name, scores_id)) as folder:
        return read_snapshot(folder, scores_id).to_pandas(), read_manifest(folder)


def read_scores(
    storage: Storage, model_name: str, scores_id: str, thresholds: Mapping[str, float] | None = None
) -> ScoreTable:
    """Read stored scores, proved by their hash, as the gate judges them.

    :param storage: where evaluations lie.
    :param model_name: name of the registered model.
    :param scores_id: id of the stored scores.
    :param thresholds: operating threshold of each model, as the evaluation's record states them.
    :return: labels, scores and slices.
    :raises EvidenceBroken: when they are missing or were changed.
    :raises BadInput: when a row stands there twice: intervals would be narrower than the rows can say.
    """
    frame, manifest = read_score_frame(storage, model_name, scores_id)
    if (twice := frame["row_id"].duplicated()).any():
        raise BadInput(
            f"Test row {frame['row_id'][twice].iloc[0]!r} stands more than once among the {len(frame):,} scored rows; "
            "make the row ids of the dataset unique."
        )
    return score_table(frame, manifest, thresholds)


def recorded_scores(storage: Storage, model_name: str, body: Mapping[str, Any]) -> ScoreTable:
    """Read the scores that the record of an evaluation cites.

    :param storage: where evaluations lie.
    :param model_name: name of the registered model.
    :param body: body of the record.
    :return: labels, scores and slices, as `read_scores` gives them.
    :raises EvidenceBroken: when they are missing, were changed, or are of another task than the record says.
    :raises BadInput: as `read_scores` does.
    """
    table = read_scores(storage, model_name, body["scores_id"], body.get("thresholds"))
    if table.task != (task := body.get("task", BINARY)):
        raise EvidenceBroken(
            f"The scores {body['scores_id']} say that they are of the task {table.task!r}, the evaluation's record "
            f"says {task!r}: their manifest was changed."
        )
    return table


def score_table(
    frame: pd.DataFrame, facts: Mapping[str, Any] | None = None, thresholds: Mapping[str, float] | None = None
) -> ScoreTable:
    """Turn scored rows into what the gate judges.

    :param frame: as `ScoredRows` holds it.
    :param facts: the manifest beside it; without ``task`` it is one of the first files, which had fewer columns.
    :param thresholds: operating threshold of each model, where one was frozen.
    :return: labels, scores and slices.
    :raises EvidenceBroken: when columns and facts contradict each other.
    """
    from airflow_provider_mlops.statistics.score_table import ScoreTable

    facts = facts or {}
    first = "task" not in facts
    classes = facts.get("classes") if facts.get("task") == MULTICLASS else None
    _check_facts(frame, first=first, classes=classes)
    own = set(_FIRST_COLUMNS if first else _OWN_COLUMNS)
    variants = {} if first else dict.fromkeys(n.split(":")[1] for n in frame.columns if n.startswith(f"{VARIANT}:"))
    models = [role for role in _MODELS if role in own]
    taken = {*own, *(c for n in (*models, *(f"{VARIANT}:{v}" for v in variants)) for c in _names(n, classes))}
    return ScoreTable(
        labels=frame["label"].to_numpy(),
        **{role: _scores(frame, role, classes) for role in models},
        variants={name: _scores(frame, f"{VARIANT}:{name}", classes) for name in variants},
        weights=frame[_WEIGHT].to_numpy() if _WEIGHT in own and _WEIGHT in frame else None,
        slices={name: frame[name].to_numpy() for name in frame.columns if name not in taken},
        task=facts.get("task", BINARY),
        thresholds=dict(thresholds or {}),
    )


def scores_path(model_name: str, scores_id: str) -> str:
    """Return where stored scores lie below the storage root.

    :param model_name: name of the registered model.
    :param scores_id: id of the stored scores.
    """
    return f"evaluations/{model_name}/{scores_id.removeprefix(PREFIX)}"


def _check_facts(frame: pd.DataFrame, *, first: bool, classes: Sequence[Any] | None) -> None:
    """The id of the scores proves the columns, their order and types, but not the manifest that says what they are."""
    scored = [name for name in frame.columns if name == CANDIDATE or name.startswith(f"{CANDIDATE}:")]
    kept = [name for name in frame.columns if name not in _FIRST_COLUMNS]
    # The first files kept nothing but text beside the scores.
    numbers = [name for name in kept if frame[name].dtype.kind == "f"] if first else []
    if scored != _names(CANDIDATE, classes) or numbers:
        raise EvidenceBroken(
            f"The manifest of the scores was changed: the columns {', '.join([*scored, *numbers])} are not those of "
            f"{'the first release' if first else 'its task and classes'}."
        )


def _names(name: str, classes: Sequence[Any] | None) -> list[str]:
    return [name] if classes is None else [f"{name}:{label}" for label in classes]


def _scores(frame: pd.DataFrame, name: str, classes: Sequence[Any] | None) -> Any:
    names = _names(name, classes)
    return (frame[names] if classes is not None else frame[name]).to_numpy() if names[0] in frame else None
